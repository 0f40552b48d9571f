from .layout import IBUG68 as IBUG68, KeypointLayout as KeypointLayout, Part as Part, get_layout as get_layout
from .sequence import KeypointSequence as KeypointSequence, scale_to_height as scale_to_height
from .statistics import KeypointStatistics as KeypointStatistics
