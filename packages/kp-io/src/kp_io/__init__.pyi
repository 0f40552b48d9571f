from .annotation.annotate import (
    annotate_frames as annotate_frames,
    annotate_image as annotate_image,
    annotate_video as annotate_video,
)
from .corpus.build import build_corpus as build_corpus
from .corpus.clip import ClipRules as ClipRules
from .corpus.options import CorpusOptions as CorpusOptions
from .corpus.shards.reader import CorpusClip as CorpusClip, read_clips as read_clips, read_speakers as read_speakers
from .corpus.summary import CorpusSummary as CorpusSummary
from .detectors.base import (
    Detection as Detection,
    LandmarkDetector as LandmarkDetector,
    NoFaceFoundError as NoFaceFoundError,
)
from .detectors.precomputed_source import (
    MissingPointsError as MissingPointsError,
    PointSource as PointSource,
    PrecomputedSource as PrecomputedSource,
)
from .detectors.registry import DetectorChoice as DetectorChoice, make_detector as make_detector
from .drawing.background import open_background as open_background
from .drawing.comparison import (
    compare_as_sheet as compare_as_sheet,
    compare_as_video as compare_as_video,
    open_runs as open_runs,
)
from .drawing.image_warp import follow_head as follow_head, warp_image_to_head as warp_image_to_head
from .drawing.montage import contact_sheet as contact_sheet, method_sheet as method_sheet, side_by_side as side_by_side
from .drawing.rasterize import draw_keypoints as draw_keypoints, face_box as face_box, rasterize as rasterize
from .drawing.rasterize_torch import rasterize_batch as rasterize_batch
from .drawing.style import BLACK as BLACK, WHITE as WHITE
from .formats.coco import read_coco as read_coco
from .formats.registry import load_keypoints as load_keypoints, save_keypoints as save_keypoints
from .keypoints.layout import IBUG68 as IBUG68, KeypointLayout as KeypointLayout, Part as Part, get_layout as get_layout
from .keypoints.sequence import KeypointSequence as KeypointSequence
from .media.animation import write_animation as write_animation
from .media.audio import (
    align_audio as align_audio,
    num_samples as num_samples,
    read_audio as read_audio,
    resample_audio as resample_audio,
    write_audio as write_audio,
)
from .media.image import read_image as read_image, write_image as write_image
from .media.still import read_still as read_still
from .media.video_reader import VideoInfo as VideoInfo, probe_video as probe_video, read_video as read_video
from .media.video_writer import write_video as write_video
from .rigs import ARKIT_NAMES as ARKIT_NAMES, derive_blend_shapes as derive_blend_shapes, save_rig as save_rig
from .transforms import (
    HeadPose as HeadPose,
    centre_on_base_point as centre_on_base_point,
    compose_head_pose as compose_head_pose,
    interpolate_missing as interpolate_missing,
    mirror as mirror,
    mirror_keypoints as mirror_keypoints,
    one_euro as one_euro,
    resample_fps as resample_fps,
    restore_base_point as restore_base_point,
    savitzky_golay as savitzky_golay,
    smooth as smooth,
    split_at_gaps as split_at_gaps,
    split_head_pose as split_head_pose,
    split_sequence as split_sequence,
)
from .tts.synthesis import speech_voices as speech_voices, synthesize_speech as synthesize_speech
