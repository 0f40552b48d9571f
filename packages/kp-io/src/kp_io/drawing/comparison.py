"""Compare systems side by side: keypoint files are drawn, videos are shown as they are."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kp_io.drawing.background import open_background
from kp_io.drawing.montage import method_sheet, side_by_side
from kp_io.drawing.rasterize import Background, face_box, rasterize
from kp_io.drawing.style import BLACK
from kp_io.formats.registry import load_keypoints
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.image import RGBImage
from kp_io.media.video_reader import VIDEO_SUFFIXES, probe_video, read_video
from kp_io.transforms.resample import resample_fps


@dataclass(frozen=True, slots=True)
class Run:
    """RGB frames of one system, in order, and their number; a still (1 frame) is held as long as the others last."""

    frames: Iterator[RGBImage]
    num_frames: int


def open_runs(
    paths: Sequence[str | os.PathLike[str]],
    *,
    over: str | os.PathLike[str] | None = None,
    height: int = 384,
    zoom: bool = False,
) -> tuple[list[Run], float]:
    """Open the files to compare, all at the frame rate of the first keypoint file (25 fps without one).

    Args:
        paths: Keypoint files, which are drawn, and videos of any system, which are shown as they are.
        over: Video to draw over, or picture, which moves with each head, instead of black.
        height: Height of the drawn frames, pixels.
        zoom: Crop to the face.

    Returns:
        The runs, in order, and their frame rate.

    Raises:
        FileNotFoundError: A file does not exist.
        ValueError: A file is neither, or `over` and the keypoints' image differ in proportions.
    """
    files = [Path(path) for path in paths]
    tracks = {path: load_keypoints(path) for path in files if path.suffix.lower() not in VIDEO_SUFFIXES}
    fps = next((track.fps for track in tracks.values() if len(track) > 1), 25.0)
    runs = []
    for path in files:
        if path in tracks:
            track = tracks[path] if len(tracks[path]) == 1 else resample_fps(tracks[path], fps)
            runs.append(Run(_drawn(track, over=over, height=height, zoom=zoom), len(track)))
        else:
            stated = probe_video(path).num_frames(fps)
            # Some containers state no duration; count their frames.
            count = sum(1 for _ in read_video(path, fps=fps)) if stated is None else stated
            runs.append(Run(read_video(path, fps=fps), count))
    return runs, fps


def compare_as_video(runs: Sequence[Run], *, labels: Sequence[str], height: int = 384) -> Iterator[RGBImage]:
    """Yield the runs side by side, as long as the longest; the others hold their last frame.

    Raises:
        ValueError: The number of labels differs, or a run is empty.
    """
    return side_by_side([run.frames for run in runs], labels=labels, height=height)


def compare_as_sheet(runs: Sequence[Run], *, labels: Sequence[str], columns: int = 8, height: int = 160) -> RGBImage:
    """Return one image as in the paper's Figures 3 and 4: a row for each system, a column for each time.

    The times are spread evenly over the shortest run, first and last frame included, so that no row shows a held frame.

    Raises:
        ValueError: The number of labels differs, or a run has no frame.
    """
    if columns < 1 or len(labels) != len(runs):
        given = f"{columns} and {len(labels)}"
        raise ValueError(f"expected a column, and a label for each of {len(runs)} runs, got {given}")
    last = min((run.num_frames for run in runs if run.num_frames > 1), default=1) - 1
    times = [round(i * last / max(1, columns - 1)) for i in range(columns)]
    rows = []
    for run, label in zip(runs, labels, strict=True):
        chosen = [min(time, run.num_frames - 1) for time in times]
        row: list[RGBImage] = []
        for index, frame in enumerate(run.frames):
            row += [frame] * chosen.count(index)
            if index >= chosen[-1]:
                break
        if not row:
            raise ValueError(f"expected at least one frame of {label}, got none")
        # A damaged video may end before its stated length.
        rows.append(row + row[-1:] * (columns - len(row)))
    return method_sheet(rows, labels=labels, height=height)


def _drawn(
    track: KeypointSequence, *, over: str | os.PathLike[str] | None, height: int, zoom: bool
) -> Iterator[RGBImage]:
    background: Background = BLACK if over is None else open_background(over, track)
    return rasterize(track, crop=face_box(track) if zoom else None, height=height, background=background)
