"""Choose the rows of a file, and find the video frame of each.

kp_io and kp_metrics import nothing of each other and must read a file alike: each has this module, and a test of the
repository fails unless both copies are equal.
"""

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

logger = logging.getLogger(__name__)

#: Columns (of a table) or members (of JSON) that name the clip, picture or face of a row, by option.
LABELS: dict[str, tuple[str, ...]] = {
    "track": (
        "clip", "clip_id", "video", "video_id", "vid", "vid_id", "video_name", "sequence", "sequence_id", "scene",
        "shot", "segment", "segment_id", "utterance", "track", "track_id", "object_id", "instance_id",
    ),
    "image": ("image", "image_id", "image_name", "picture", "file", "file_name", "filename", "path"),
    "face": ("face", "face_id", "face_index", "face_idx", "person", "person_id", "person_idx", "subject", "subject_id"),
}  # fmt: skip

#: Names of the number of a frame.
FRAME_NAMES = ("frame", "frame_id", "frame_number", "frame_index", "frame_idx", "frame_no", "frame_num", "frame_nr")

#: Names of the time of a frame, with their unit in seconds.
TIME_UNITS = {
    "time_seconds": 1.0, "timestamp": 1.0, "time": 1.0, "seconds": 1.0, "time_s": 1.0, "timestamp_s": 1.0, "t": 1.0,
    "time_sec": 1.0, "timestamp_seconds": 1.0, "time_ms": 0.001, "timestamp_ms": 0.001, "milliseconds": 0.001,
}  # fmt: skip

#: Rates to prefer where times are rounded to milliseconds.
_COMMON_RATES = (25.0, 30.0, 30000 / 1001, 24.0, 24000 / 1001, 50.0, 60.0, 60000 / 1001, 15.0)

#: More frames per row than this mean a damaged file, not frames without a face.
_MAX_FRAMES_PER_ROW = 1000

#: A face of a video may have this share of the rows of the longest one and count as a false find of the tracker.
_STRAY_SHARE = 0.25

_NOT_A_NUMBER = re.compile(r"[+-]?(s|q)?nan(\(.*\))?|[+-]?1\.#(ind|qnan|snan)\w*|n/?a|#n/a|null|none|", re.IGNORECASE)


class NothingToChooseError(ValueError):
    """A face, track or image was chosen, but the file does not name any."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which face, track (or clip, or video) and picture of a file to read; None if it holds only one."""

    face: str | int | None = None
    track: str | int | None = None
    image: str | int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """The rows in the order of time, and where they are in the sequence."""

    rows: np.ndarray  # indices of the given rows
    frames: np.ndarray  # the frame of each of `rows`, from 0
    total: int  # frames of the sequence; those that are in no row are to be interpolated
    fps: float


def parse_number(cell: str) -> float:
    """Return a cell as a number: NaN for an empty one and for all spellings of "not a number".

    Raises:
        ValueError: It is something else.

    Example:
        >>> parse_number(" 1.5"), parse_number("-nan(ind)"), parse_number("")
        (1.5, nan, nan)
    """
    return float("nan") if _NOT_A_NUMBER.fullmatch(cell.strip()) else float(cell)


def choose_rows(
    columns: Mapping[str, Sequence[object]], num_rows: int, choice: Choice, *, skip_stray_faces: bool = False
) -> list[int]:
    """Return the rows of the chosen clip, picture and face, in order.

    Args:
        columns: Values by lower-case name; those not in `LABELS` are ignored.
        num_rows: Number of rows.
        choice: What is wanted.
        skip_stray_faces: Read the face with the most rows, with a warning, if each other one has few.

    Raises:
        ValueError: There are several and none is chosen, or the chosen one is not there.

    Example:
        >>> choose_rows({"clip": ["a", "b", "a"]}, 3, Choice(track="a"))
        [0, 2]
        >>> choose_rows({"clip": ["a", "b", "a"]}, 3, Choice())
        Traceback (most recent call last):
        ValueError: expected one clip, got 2: a, b; choose one with track=, or --track
    """
    rows = list(range(num_rows))
    for option, names in LABELS.items():
        wanted = getattr(choice, option)
        known = [name for name in names if name in columns]
        if option == "image" and wanted is None:
            # A different file in each row: these are the frames.
            known = [name for name in known if len({_label(columns[name][row]) for row in rows}) < len(rows)]
        if wanted is not None and not known:
            expected = f"a {' or '.join(names[:2])}"
            raise NothingToChooseError(f"expected {expected} for {option}={wanted!r}, found none in the file")
        several = [name for name in known if len({_label(columns[name][row]) for row in rows}) > 1]
        if wanted is None and not several:
            continue
        labels = {row: "/".join(_label(columns[name][row]) for name in several or known[:1]) for row in rows}
        if wanted is None:
            wanted = _main_label(labels, "/".join(several), option, skip_stray=option == "face" and skip_stray_faces)
        chosen = [row for row in rows if labels[row] == _label(wanted)]
        if not chosen:
            raise ValueError(f"expected a {option} out of {_listed(labels.values())}, got {wanted!r}")
        rows = chosen
    return rows


def _main_label(labels: Mapping[int, str], name: str, option: str, *, skip_stray: bool) -> str:
    (main, most), *others = Counter(labels.values()).most_common()
    how = f"choose one with {option}=, or --{option}"
    if not skip_stray or others[0][1] > _STRAY_SHARE * most:
        raise ValueError(f"expected one {name}, got {len(others) + 1}: {_listed(labels.values())}; {how}")
    logger.warning("%s %s is read, which has %d of %d rows; %s", name, main, most, len(labels), how)
    return main


def _label(value: object) -> str:
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text


def _listed(values: object) -> str:
    different = list(dict.fromkeys(values))  # type: ignore[call-overload]  # any iterable
    return ", ".join(different[:8]) + (", …" if len(different) > 8 else "")


def place_rows(
    num_rows: int,
    *,
    numbers: np.ndarray | None = None,
    times: np.ndarray | None = None,
    fps: float | None = None,
    first_number: int = 0,
    names: tuple[str, str] = ("frame", "time_seconds"),
) -> Placement:
    """Return the frame of each row, from its number or its time; without both, rows are consecutive frames.

    A row alone is a still. Frames before the first row count, so that a sequence begins when its video does. Numbers
    from 1 begin at 1 unless the times say otherwise. Numbers that count the rows, although times show gaps, give way to
    the times.

    Args:
        num_rows: Number of rows.
        numbers: Number of each row's frame.
        times: Time of each row in seconds; NaN where unknown.
        fps: Frame rate, if the file states it; else it follows from the times, and is 25 without them.
        first_number: Number of a video's first frame.
        names: What errors call numbers and times.

    Raises:
        ValueError: Numbers are not whole or not unique, times repeat or contradict them, gaps are absurdly long, or
            `fps` is not above 0.

    Example:
        >>> place_rows(3, numbers=np.array([5.0, 0, 2])).frames
        array([0, 2, 5])
        >>> place_rows(2, times=np.array([0.5, 0.52])).total
        27
    """
    if fps is not None and not 0 < fps < float("inf"):
        raise ValueError(f"expected a positive number of frames per second, got fps={fps}")
    if num_rows == 1 or (numbers is None and times is None):
        return Placement(np.arange(num_rows), np.arange(num_rows), num_rows, fps or 25.0)
    if numbers is not None:
        _check_numbers(numbers, names[0])
    times = _known_times(numbers, times, names[1])
    keys = times if numbers is None else numbers
    assert keys is not None  # one of both is given
    rows = np.argsort(keys, kind="stable")
    times = None if times is None else times[rows]
    if numbers is not None:
        numbers = numbers[rows]
        _check_length(numbers[-1] - numbers[0] + 1, num_rows)
        if times is not None and fps is None and not times[-1] > times[0]:
            raise ValueError(f"expected {names[1]} that grows from row to row")
    frames, fps = _frames(numbers, times, fps, names)
    frames = frames + _leading_frames(numbers, times, fps, first_number)
    _check_length(frames[-1] + 1, num_rows)
    return Placement(rows, frames.astype(np.int64), int(frames[-1]) + 1, fps)


def _check_numbers(numbers: np.ndarray, name: str) -> None:
    if not np.isfinite(numbers).all() or (numbers != numbers.round()).any():
        raise ValueError(f"expected whole numbers in {name} that grow from row to row")
    different, count = np.unique(numbers, return_counts=True)
    if len(different) < len(numbers):
        again = f"{different[count > 1][0]:g} {count.max()} times"
        hint = "are there several faces or clips without a column that tells them apart?"
        raise ValueError(f"expected numbers in {name} that grow from row to row, got {again}; {hint}")


def _check_length(total: float, num_rows: int) -> None:
    if not total <= num_rows * _MAX_FRAMES_PER_ROW:
        given = f"frame numbers over {total:.0f} frames in {num_rows} rows"
        raise ValueError(f"expected about as many frames as rows, got {given}")


def _known_times(numbers: np.ndarray | None, times: np.ndarray | None, name: str) -> np.ndarray | None:
    """Return the times, with those that are NaN interpolated by the frame numbers; None if hardly any is known."""
    known = None if times is None else np.isfinite(times)
    if times is None or known is None or known.all():
        return times
    if numbers is None:
        raise ValueError(f"expected a time for each row in {name}")
    order = np.argsort(numbers[known])
    filled: np.ndarray = np.interp(numbers, numbers[known][order], times[known][order]) if known.any() else times
    return filled if known.sum() > 1 else None


def _frames(
    numbers: np.ndarray | None, times: np.ndarray | None, fps: float | None, names: tuple[str, str]
) -> tuple[np.ndarray, float]:
    """Return the frame of each row after the first, which is 0, and the frame rate."""
    if numbers is None:
        assert times is not None  # one of both is given
        return _frames_at(times, fps, names[1])
    frames = numbers - numbers[0]
    if times is None:
        return frames, fps or 25.0
    rate = fps or _rate(frames, times - times[0])
    off = float(np.abs((times - times[0]) - frames / rate).max())
    if off <= 0.5 / rate + 0.0015 or (fps is not None and not (np.diff(times) > 0).all()):
        return frames, rate
    if (np.diff(frames) == 1).all():
        return _frames_at(times, fps, names[1])
    if off > 2 / rate:
        raise ValueError(f"expected {names[0]} and {names[1]} to agree, they differ by up to {off:.2f} s")
    return frames, rate


def _frames_at(times: np.ndarray, fps: float | None, name: str) -> tuple[np.ndarray, float]:
    steps = np.diff(times)
    if (steps <= 0).any():
        raise ValueError(f"expected a column {name} that grows from row to row")
    if fps is None:
        # Most rows follow each other; the mean of their distances is free of rounding, unlike the median.
        near = steps[steps < 1.5 * np.median(steps)]
        spacing = near.mean()
        fps = _rate(np.concatenate([[0], np.maximum(1, (steps / spacing).round()).cumsum()]), times - times[0])
    wanted = ((times - times[0]) * fps).round()
    count = np.arange(len(times))
    # Times of a camera waver: two rows at one frame are neighbours.
    frames = np.maximum.accumulate(wanted - count) + count
    if (frames - wanted).max() > 1:
        raise ValueError(f"expected rows at least a frame apart in {name}, at {fps:g} fps")
    return frames, fps


def _rate(frames: np.ndarray, seconds: np.ndarray) -> float:
    """Return the frame rate of which `frames` were at `seconds`, both from 0."""
    computed = round(float(frames[-1] / seconds[-1]), 3)
    if np.abs(seconds * 1000 - (seconds * 1000).round()).max() > 1e-3:
        return computed
    errors = {rate: np.abs(frames / rate - seconds) for rate in _COMMON_RATES}
    fitting = [rate for rate in errors if errors[rate].max() <= 0.001]
    return min(fitting, key=lambda rate: float(errors[rate].mean()), default=computed)


def _leading_frames(numbers: np.ndarray | None, times: np.ndarray | None, fps: float, first_number: int) -> int:
    """Return how many frames of the video come before the first row."""
    at_time = None if times is None else max(0, round(float(times[0]) * fps))
    if numbers is None:
        return at_time or 0
    before = max(0, int(numbers[0]) - first_number)
    if at_time is not None:
        return min(before, at_time)
    return 0 if numbers[0] == 1 else before
