"""One video to the rows of a corpus: sound, keypoints, and whether they are fit for it."""

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
from kp_io.corpus.sources import Source
from kp_io.detectors.base import NoFaceFoundError
from kp_io.detectors.point_source import Annotator, MissingPointsError
from kp_io.keypoints.sequence import KeypointSequence, scale_to_height
from kp_io.media.audio import align_audio, encode_flac, read_audio
from kp_io.media.video_reader import probe_video
from kp_io.transforms import split_sequence
from kp_io.transforms.gaps import DEFAULT_MAX_GAP_SECONDS

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
        max_gap_seconds: A face that is lost for longer ends a clip; the next one begins where it is found again.
        track: Whose face is followed, see `kp_io.annotation.annotate.annotate_video`.

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


def make_rows(root: Path, source: Source, rules: ClipRules, detector: Annotator) -> list[dict[str, Any]]:
    """Annotate a video and return its rows; nothing is written, and nothing in them tells where or when they were made.

    A face that is in sight throughout makes one row. Where it is lost for long, what is before and what is after become
    rows of their own, `id#0`, `id#1` …; those that break a rule are dropped.

    Args:
        root: The folder that `source.relative` starts from.
        source: The video.
        rules: How to make it, and what to ask of it.
        detector: What finds the points, or knows them.

    Returns:
        At least one row, with a value for every column of `kp_io.corpus.shards.reader.COLUMNS`.

    Raises:
        UnfitClipError: The video is broken, silent or faceless, or all that is in it breaks a rule.
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
            sequence = annotate_video(path, detector=detector, fps=rules.fps, track=rules.track)
        pieces = _checked_pieces(sequence, rules)
    except UnfitClipError as error:
        # Where the videos lie is of no concern to the corpus, and differs between the machines that build it.
        raise UnfitClipError(error.kind, str(error).replace(str(path), source.relative)) from error
    facts = {
        "speaker": text_of(source.speaker),
        "split": source.split,
        "sample_rate": SAMPLE_RATE,
        "source": text_of(source.relative),
        "sha256": sha256,
        "licence": text_of(source.licence),
        "schema_version": SCHEMA_VERSION,
    }
    names = [text_of(source.id)] if len(pieces) == 1 else [f"{text_of(source.id)}#{i}" for i in range(len(pieces))]
    return [
        {"id": name, **facts, **_row_of(piece, sound[round(start / rules.fps * SAMPLE_RATE) :], rules)}
        for name, (start, piece) in zip(names, pieces, strict=True)
    ]


def _row_of(sequence: KeypointSequence, sound: Float[Tensor, " s"], rules: ClipRules) -> dict[str, Any]:
    """Return what a row says of its piece of the video, whose sound begins with it."""
    face_px, interpolated = face_size(sequence), _share_interpolated(sequence)
    if rules.height is not None:
        sequence = scale_to_height(sequence, rules.height)
    sound = align_audio(sound, num_frames=len(sequence), fps=sequence.fps, sample_rate=SAMPLE_RATE)
    if float(sound.abs().max()) < _SILENCE:
        raise UnfitClipError("silent", "expected speech while the face is shown, got sound only after it")
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
        "audio": encode_flac(sound, sample_rate=SAMPLE_RATE),
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
    r"""Return a name from the file system as text that UTF-8 can hold: a byte that is no text becomes `\xNN`.

    Example:
        >>> print(text_of("ü\udcff.mp4"))
        ü\xff.mp4
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _checked_pieces(sequence: KeypointSequence, rules: ClipRules) -> list[tuple[int, KeypointSequence]]:
    """Return the pieces that the rules allow, with their first frames; where there is none, raise what is wrong."""
    pieces = split_sequence(sequence, max_gap_seconds=rules.max_gap_seconds)
    problems = [_problem(piece, rules) for _, piece in pieces]
    good = [piece for piece, problem in zip(pieces, problems, strict=True) if problem is None]
    if not good:
        # What is wrong with the longest piece, unless nothing but the gaps has made it short.
        problem = problems[max(range(len(pieces)), key=lambda i: len(pieces[i][1]))]
        if problem is not None and problem.kind == "short" and sequence.duration_seconds >= rules.min_seconds:
            problem = UnfitClipError("gaps", f"{problem} in a piece, since the face is lost between")
        assert problem is not None, "no piece is good"
        raise problem
    return good


def _problem(sequence: KeypointSequence, rules: ClipRules) -> UnfitClipError | None:
    """Return which rule a piece breaks; None where it breaks none."""
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
