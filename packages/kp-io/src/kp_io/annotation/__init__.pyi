from .annotate import (
    annotate_frames as annotate_frames,
    annotate_image as annotate_image,
    annotate_video as annotate_video,
    default_detector as default_detector,
)
