"""Turn one video into rows of a corpus: audio, keypoints, and the checks that they must pass."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from jaxtyping import Float
from torch import Tensor

from kp_io.annotation.annotate import TrackChoice, annotate_video
from kp_io.corpus.shards.schema import SAMPLE_RATE, SCHEMA_VERSION
from kp_io.corpus.sources import VideoEntry
from kp_io.detectors.base import NoFaceFoundError
from kp_io.detectors.precomputed_source import Annotator, MissingPointsError
from kp_io.keypoints.sequence import KeypointSequence, scale_to_height
from kp_io.media.audio import align_audio, encode_flac, read_audio
from kp_io.media.video_reader import probe_video
from kp_io.transforms import split_sequence
from kp_io.transforms.gaps import DEFAULT_MAX_GAP_SECONDS

#: Audio with a peak below this (-80 dB) counts as silent.
_SILENCE = 1e-4


class UnfitClipError(ValueError):
    """A video that cannot become a clip.

    Attributes:
        kind: One of `unreadable`, `broken`, `silent`, `faceless`, `unmeasured`, `short`, `small` or
            `gaps`.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class ClipRules:
    """How a clip is made, and the conditions that it must meet.

    Attributes:
        fps: Frames per second of the keypoints.
        height: Image height in pixels that the keypoints are scaled to, e.g. the paper's 224; None keeps the video's
            pixels. The video itself is annotated at full size.
        min_seconds: Minimum length of a clip.
        min_face_px: Minimum median `face_size`, in the video's pixels.
        max_interpolated: Maximum share of frames in which the face was lost and the points are interpolated.
        max_gap_seconds: A longer gap ends a clip; the next one starts where the face is found again.
        track: Which face is tracked, see `kp_io.annotation.annotate.annotate_video`.

    Raises:
        ValueError: A number is out of its range.
    """

    fps: float = 25.0
    height: int | None = None
    min_seconds: float = 1.0
    min_face_px: float = 0.0
    max_interpolated: float = 0.1
    max_gap_seconds: float = DEFAULT_MAX_GAP_SECONDS
    track: TrackChoice = "largest"

    def __post_init__(self) -> None:
        if not 0 < self.fps < float("inf") or (self.height is not None and self.height < 1):
            raise ValueError(f"expected a positive frame rate and height, got {self.fps=} and {self.height=}")
        if self.min_seconds < 0 or self.min_face_px < 0 or not 0 <= self.max_interpolated <= 1:
            raise ValueError(
                "expected min_seconds and min_face_px of at least 0 and max_interpolated within [0, 1], "
                f"got {self.min_seconds}, {self.min_face_px} and {self.max_interpolated}"
            )
        if self.max_gap_seconds < 0 or self.track not in get_args(TrackChoice):
            raise ValueError(
                f"expected max_gap_seconds of at least 0 and track out of {', '.join(get_args(TrackChoice))}, "
                f"got {self.max_gap_seconds} and {self.track!r}"
            )


def make_rows(root: Path, video: VideoEntry, rules: ClipRules, detector: Annotator) -> list[dict[str, Any]]:
    """Annotate a video and return its rows, which do not depend on the place or time of the run.

    A face that is visible throughout makes one row. At a long gap the parts before and after become separate rows,
    `id#0`, `id#1` …; parts that break a rule or are silent are dropped.

    Args:
        root: Folder that `video.relative` starts from.
        video: The video.
        rules: How clips are made.
        detector: Source of the keypoints.

    Returns:
        At least one row, with a value for every column of `kp_io.corpus.shards.schema.COLUMNS`.

    Raises:
        UnfitClipError: The video is broken, silent or faceless, or every part breaks a rule or is silent.
        OSError: The disk or the network fails, whatever the video.
    """
    path = root / video.relative
    sha256 = _sha256(path)
    try:
        with _unfit("broken"):
            probe_video(path)
        with _unfit("silent"):
            audio = read_audio(path, sample_rate=SAMPLE_RATE, align_to_video=True)
        if _is_silent(audio):
            raise UnfitClipError("silent", f"expected speech, got {len(audio) / SAMPLE_RATE:.2f} s of silence")
        with _unfit("broken"):
            sequence = annotate_video(path, detector=detector, fps=rules.fps, track=rules.track)
        segments = _audible_segments(_checked_segments(sequence, rules), audio, rules)
    except UnfitClipError as error:
        # The videos' folder differs between the machines that build a corpus, so it stays out of the reason.
        raise UnfitClipError(error.kind, str(error).replace(str(path), video.relative)) from error
    common = {
        "speaker": text_of(video.speaker),
        "split": video.split,
        "sample_rate": SAMPLE_RATE,
        "source": text_of(video.relative),
        "sha256": sha256,
        "licence": text_of(video.licence),
        "schema_version": SCHEMA_VERSION,
    }
    name = text_of(video.id)
    return [
        {
            "id": name if len(segments) == 1 else f"{name}#{i}",
            **common,
            **_row_of(segment, sound, rules),
        }
        for i, (segment, sound) in enumerate(segments)
    ]


def _audible_segments(
    segments: list[tuple[int, KeypointSequence]], audio: Float[Tensor, " s"], rules: ClipRules
) -> list[tuple[KeypointSequence, Float[Tensor, " _"]]]:
    """Return the segments that have sound, each with its own; if none has, raise the reason."""
    audible = []
    for start, segment in segments:
        rest = audio[round(start / rules.fps * SAMPLE_RATE) :]
        sound = align_audio(rest, num_frames=len(segment), fps=segment.fps, sample_rate=SAMPLE_RATE)
        if not _is_silent(sound):
            audible.append((segment, sound))
    if not audible:
        raise UnfitClipError("silent", "expected speech while the face is visible, got sound only after it")
    return audible


def _is_silent(audio: Float[Tensor, " s"]) -> bool:
    return audio.numel() == 0 or float(audio.abs().max()) < _SILENCE


def _row_of(sequence: KeypointSequence, audio: Float[Tensor, " s"], rules: ClipRules) -> dict[str, Any]:
    """Return the columns that depend on the segment and its sound."""
    face_px, interpolated = face_size(sequence), _share_interpolated(sequence)
    if rules.height is not None:
        sequence = scale_to_height(sequence, rules.height)
    return {
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
        "audio": encode_flac(audio, sample_rate=SAMPLE_RATE),
        "detector": sequence.detector,
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


def text_of(name: str) -> str:
    r"""Return a file name as valid UTF-8 text: undecodable bytes become `\xNN`.

    Example:
        >>> print(text_of("ü\udcff.mp4"))
        ü\xff.mp4
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _checked_segments(sequence: KeypointSequence, rules: ClipRules) -> list[tuple[int, KeypointSequence]]:
    """Return the segments that meet the rules, with their first frames; if none does, raise the reason."""
    segments = split_sequence(sequence, max_gap_seconds=rules.max_gap_seconds)
    problems = [_problem(segment, rules) for _, segment in segments]
    good = [segment for segment, problem in zip(segments, problems, strict=True) if problem is None]
    if not good:
        # The problem of the longest segment, unless only the gaps made it short.
        problem = problems[max(range(len(segments)), key=lambda i: len(segments[i][1]))]
        if problem is not None and problem.kind == "short" and sequence.duration_seconds >= rules.min_seconds:
            problem = UnfitClipError("gaps", f"{problem} in a piece, since the face is lost between")
        assert problem is not None, "no segment is good"
        raise problem
    return good


def _problem(sequence: KeypointSequence, rules: ClipRules) -> UnfitClipError | None:
    """Return the rule that a segment breaks; None if it breaks none."""
    face_px, interpolated = face_size(sequence), _share_interpolated(sequence)
    seconds = sequence.duration_seconds
    if seconds < rules.min_seconds:
        return UnfitClipError("short", f"expected at least {rules.min_seconds:g} s, got {seconds:g} s")
    if face_px < rules.min_face_px:
        return UnfitClipError("small", f"expected a face of at least {rules.min_face_px:g} px, got {face_px:.1f} px")
    if interpolated > rules.max_interpolated:
        return UnfitClipError(
            "gaps", f"expected at most {rules.max_interpolated:.0%} interpolated frames, got {interpolated:.1%}"
        )
    return None


def _share_interpolated(sequence: KeypointSequence) -> float:
    return float((sequence.scores.amax(dim=1) == 0).double().mean())


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, PermissionError) as error:
        # Other read errors come from the disk or the network and stop the run: they would affect every video.
        raise UnfitClipError("unreadable", f"expected a file that can be read, got: {error.strerror}") from error


@contextmanager
def _unfit(kind: str) -> Iterator[None]:
    """Turn any problem with a single video into an `UnfitClipError`."""
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
