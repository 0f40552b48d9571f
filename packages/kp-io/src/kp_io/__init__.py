"""Facial keypoints in and out of files, videos and pictures.

The public names are loaded when they are first used, so that `import kp_io` and `kp-io --help` stay quick.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

__version__ = version("kp-io")

if TYPE_CHECKING:
    from kp_io.annotate import annotate_frames, annotate_image, annotate_video
    from kp_io.audio import align_audio, num_samples, read_audio, resample_audio, write_audio
    from kp_io.clip import ClipRules
    from kp_io.coco_format import read_coco
    from kp_io.compare import compare_as_sheet, compare_as_video, open_runs
    from kp_io.corpus import CorpusOptions, CorpusSummary, build_corpus
    from kp_io.detector import Detection, LandmarkDetector, NoFaceFoundError
    from kp_io.detectors.registry import DetectorChoice, make_detector
    from kp_io.follow import follow_head
    from kp_io.formats import load_keypoints, save_keypoints
    from kp_io.image import read_image, write_image
    from kp_io.layout import IBUG68, KeypointLayout, Part, get_layout
    from kp_io.montage import contact_sheet, method_sheet, side_by_side
    from kp_io.point_source import MissingPointsError, PointSource
    from kp_io.raster import BLACK, WHITE, draw_keypoints, face_box, rasterize
    from kp_io.raster_batch import rasterize_batch
    from kp_io.sequence import KeypointSequence
    from kp_io.shards import CorpusClip, read_clips, read_speakers
    from kp_io.speech import speech_voices, synthesize_speech
    from kp_io.transforms import (
        HeadPose,
        centre_on_base_point,
        compose_head_pose,
        interpolate_missing,
        mirror,
        mirror_keypoints,
        one_euro,
        resample_fps,
        restore_base_point,
        savitzky_golay,
        smooth,
        split_at_gaps,
        split_head_pose,
        split_sequence,
    )
    from kp_io.video import VideoInfo, probe_video, read_video
    from kp_io.video_writer import write_video

__all__ = [
    "BLACK",
    "IBUG68",
    "WHITE",
    "ClipRules",
    "CorpusClip",
    "CorpusOptions",
    "CorpusSummary",
    "Detection",
    "DetectorChoice",
    "HeadPose",
    "KeypointLayout",
    "KeypointSequence",
    "LandmarkDetector",
    "MissingPointsError",
    "NoFaceFoundError",
    "Part",
    "PointSource",
    "VideoInfo",
    "align_audio",
    "annotate_frames",
    "annotate_image",
    "annotate_video",
    "build_corpus",
    "centre_on_base_point",
    "compare_as_sheet",
    "compare_as_video",
    "compose_head_pose",
    "contact_sheet",
    "draw_keypoints",
    "face_box",
    "follow_head",
    "get_layout",
    "interpolate_missing",
    "load_keypoints",
    "make_detector",
    "method_sheet",
    "mirror",
    "mirror_keypoints",
    "num_samples",
    "one_euro",
    "open_runs",
    "probe_video",
    "rasterize",
    "rasterize_batch",
    "read_audio",
    "read_clips",
    "read_coco",
    "read_image",
    "read_speakers",
    "read_video",
    "resample_audio",
    "resample_fps",
    "restore_base_point",
    "save_keypoints",
    "savitzky_golay",
    "side_by_side",
    "smooth",
    "speech_voices",
    "split_at_gaps",
    "split_head_pose",
    "split_sequence",
    "synthesize_speech",
    "write_audio",
    "write_image",
    "write_video",
]

#: Public name to the module that holds it; the imports above tell type checkers the same.
_HOMES = {
    "annotate": ("annotate_frames", "annotate_image", "annotate_video"),
    "audio": ("align_audio", "num_samples", "read_audio", "resample_audio", "write_audio"),
    "clip": ("ClipRules",),
    "coco_format": ("read_coco",),
    "compare": ("compare_as_sheet", "compare_as_video", "open_runs"),
    "corpus": ("CorpusOptions", "CorpusSummary", "build_corpus"),
    "detector": ("Detection", "LandmarkDetector", "NoFaceFoundError"),
    "detectors.registry": ("DetectorChoice", "make_detector"),
    "follow": ("follow_head",),
    "formats": ("load_keypoints", "save_keypoints"),
    "image": ("read_image", "write_image"),
    "layout": ("IBUG68", "KeypointLayout", "Part", "get_layout"),
    "montage": ("contact_sheet", "method_sheet", "side_by_side"),
    "point_source": ("MissingPointsError", "PointSource"),
    "raster": ("BLACK", "WHITE", "draw_keypoints", "face_box", "rasterize"),
    "raster_batch": ("rasterize_batch",),
    "sequence": ("KeypointSequence",),
    "shards": ("CorpusClip", "read_clips", "read_speakers"),
    "speech": ("speech_voices", "synthesize_speech"),
    "transforms": (
        "HeadPose",
        "centre_on_base_point",
        "compose_head_pose",
        "interpolate_missing",
        "mirror",
        "mirror_keypoints",
        "one_euro",
        "resample_fps",
        "restore_base_point",
        "savitzky_golay",
        "smooth",
        "split_at_gaps",
        "split_head_pose",
        "split_sequence",
    ),
    "video": ("VideoInfo", "probe_video", "read_video"),
    "video_writer": ("write_video",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
