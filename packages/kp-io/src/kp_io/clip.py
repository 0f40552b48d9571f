"""One video to one row of a corpus: sound, keypoints, and whether they are fit for it."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from kp_io.annotate import annotate_video
from kp_io.audio import align_audio, encode_flac, read_audio
from kp_io.detector import NoFaceFoundError
from kp_io.point_source import Annotator, MissingPointsError
from kp_io.sequence import KeypointSequence
from kp_io.sources import Source
from kp_io.video import probe_video

__all__ = ["SAMPLE_RATE", "SCHEMA_VERSION", "ClipRules", "UnfitClipError", "face_size", "make_row", "scale_to_height"]

#: Version of the columns; it rises when one is changed, renamed or removed.
SCHEMA_VERSION = 1

#: Samples a second of every clip's sound.
SAMPLE_RATE = 16000

#: Sound that never gets louder than this (-80 dB) is none.
_SILENCE = 1e-4

#: Bytes of a video that are hashed at a time.
_BLOCK = 1 << 20


class UnfitClipError(ValueError):
    """A video does not become a clip.

    Attributes:
        kind: One word for tables: `unreadable`, `broken`, `silent`, `faceless`, `unmeasured`, `short`, `small` or
            `gaps`.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class ClipRules:
    """How a clip is made, and what it takes to be one.

    Attributes:
        fps: Frames a second of the keypoints.
        height: Height in pixels of the picture that the keypoints are scaled to, e.g. the paper's 224; None leaves
            them in the video's pixels. The video itself is annotated as it is.
        min_seconds: Least length of a clip.
        min_face_px: Least median `face_size`, in the video's pixels.
        max_interpolated: Greatest share of frames in which the face was lost and the points are interpolated.

    Raises:
        ValueError: A number is out of its range.
    """

    fps: float = 25.0
    height: int | None = None
    min_seconds: float = 1.0
    min_face_px: float = 0.0
    max_interpolated: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.fps < float("inf") or (self.height is not None and self.height < 1):
            raise ValueError(f"expected a positive frame rate and height, got {self.fps=} and {self.height=}")
        if self.min_seconds < 0 or self.min_face_px < 0 or not 0 <= self.max_interpolated <= 1:
            raise ValueError(
                "expected min_seconds and min_face_px of at least 0 and max_interpolated within [0, 1], "
                f"got {self.min_seconds}, {self.min_face_px} and {self.max_interpolated}"
            )


def make_row(root: Path, source: Source, rules: ClipRules, detector: Annotator) -> dict[str, Any]:
    """Annotate a video and return its row; nothing is written, and nothing in it tells where or when it was made.

    Args:
        root: The folder that `source.relative` starts from.
        source: The video.
        rules: How to make it, and what to ask of it.
        detector: What finds the points, or knows them.

    Returns:
        A value for every column of `kp_io.shards.COLUMNS`.

    Raises:
        UnfitClipError: The video is broken, silent, faceless, or breaks a rule.
        OSError: The disk or the network fails, which says nothing about the video.
    """
    path = root / source.relative
    sha256 = _sha256(path)
    try:
        with _unfit("broken"):
            probe_video(path)
        with _unfit("silent"):
            sound = read_audio(path, sample_rate=SAMPLE_RATE, align_to_video=True)
        if float(sound.abs().max()) < _SILENCE:
            raise UnfitClipError("silent", f"expected speech, got {len(sound) / SAMPLE_RATE:.2f} s of silence")
        with _unfit("broken"):
            sequence = annotate_video(path, detector=detector, fps=rules.fps)
        face_px, interpolated = _checked(sequence, rules)
    except UnfitClipError as error:
        # Where the videos lie is of no concern to the corpus, and differs between the machines that build it.
        raise UnfitClipError(error.kind, str(error).replace(str(path), source.relative)) from error
    if rules.height is not None:
        sequence = scale_to_height(sequence, rules.height)
    sound = align_audio(sound, num_frames=len(sequence), fps=sequence.fps, sample_rate=SAMPLE_RATE)
    return {
        "id": text_of(source.id),
        "speaker": text_of(source.speaker),
        "split": source.split,
        "num_frames": len(sequence),
        "fps": sequence.fps,
        "keypoints": sequence.keypoints.flatten().numpy(),
        "keypoints_shape": list(sequence.keypoints.shape),
        "scores": sequence.scores.flatten().numpy(),
        "layout": sequence.layout.name,
        "image_height": sequence.image_size[0],
        "image_width": sequence.image_size[1],
        "face_px": face_px,
        "interpolated": interpolated,
        "audio": encode_flac(sound, sample_rate=SAMPLE_RATE),
        "sample_rate": SAMPLE_RATE,
        "detector": sequence.detector,
        "source": text_of(source.relative),
        "sha256": sha256,
        "licence": text_of(source.licence),
        "schema_version": SCHEMA_VERSION,
    }


def face_size(sequence: KeypointSequence) -> float:
    """Return the median over frames of the longer side of the keypoints' bounding box, pixels.

    Example:
        >>> square = torch.zeros(1, 68, 2)
        >>> square[0, 0] = torch.tensor([30.0, 40.0])
        >>> face_size(KeypointSequence(square, image_size=(100, 100)))
        40.0
    """
    points = sequence.keypoints[..., :2]
    return float((points.amax(dim=1) - points.amin(dim=1)).amax(dim=1).median())


def scale_to_height(sequence: KeypointSequence, height: int) -> KeypointSequence:
    """Return the keypoints as they would lie in the same pictures scaled to another height.

    Whole numbers are pixel centres, so a point at `x` comes to `(x + ½) · s - ½`. Depth is scaled without the shift.

    Example:
        >>> large = KeypointSequence(torch.full((1, 68, 2), 99.5), image_size=(400, 300))
        >>> small = scale_to_height(large, 200)
        >>> small.image_size, small.keypoints[0, 0]
        ((200, 150), tensor([49.5000, 49.5000]))
    """
    scale = height / sequence.image_size[0]
    shift = torch.zeros(sequence.keypoints.shape[-1])
    shift[:2] = 0.5
    return KeypointSequence(
        (sequence.keypoints + shift) * scale - shift,
        sequence.scores,
        sequence.fps,
        image_size=(height, max(1, round(sequence.image_size[1] * scale))),
        layout=sequence.layout,
        detector=sequence.detector,
    )


def text_of(name: str) -> str:
    r"""Return a name from the file system as text that UTF-8 can hold: a byte that is no text becomes `\xNN`.

    Example:
        >>> print(text_of("ü\udcff.mp4"))
        ü\xff.mp4
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _checked(sequence: KeypointSequence, rules: ClipRules) -> tuple[float, float]:
    """Return the face's size and the share of interpolated frames, or raise what they break."""
    face_px = face_size(sequence)
    interpolated = float((sequence.scores.amax(dim=1) == 0).double().mean())
    if sequence.duration_seconds < rules.min_seconds:
        raise UnfitClipError("short", f"expected at least {rules.min_seconds:g} s, got {sequence.duration_seconds:g} s")
    if face_px < rules.min_face_px:
        raise UnfitClipError("small", f"expected a face of at least {rules.min_face_px:g} px, got {face_px:.1f} px")
    if interpolated > rules.max_interpolated:
        raise UnfitClipError(
            "gaps", f"expected at most {rules.max_interpolated:.0%} interpolated frames, got {interpolated:.1%}"
        )
    return face_px, interpolated


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except (FileNotFoundError, PermissionError) as error:
        # Any other failure to read is the disk's or the network's and stops the run: it would befall every video.
        raise UnfitClipError("unreadable", f"expected a file that can be read, got: {error.strerror}") from error
    return digest.hexdigest()


@contextmanager
def _unfit(kind: str) -> Iterator[None]:
    """Turn whatever is wrong with one video of thousands into an `UnfitClipError`."""
    try:
        yield
    except (UnfitClipError, MemoryError):
        raise
    except NoFaceFoundError as error:
        raise UnfitClipError("faceless", str(error)) from error
    except MissingPointsError as error:
        raise UnfitClipError("unmeasured", str(error)) from error
    except Exception as error:
        expected = isinstance(error, ValueError | OSError)
        raise UnfitClipError(kind, str(error) if expected else f"{type(error).__name__}: {error}") from error
