"""Measure the error of a landmark detector on labelled faces, and its jitter in video.

python benchmarks/detector_accuracy.py --labelled shared/labelled --videos shared/corpus/clips --match "d1"
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from kp_io import NoFaceFoundError, annotate_video, load_keypoints, read_image
from kp_io.detectors.base import LandmarkDetector
from kp_io.detectors.dlib import DlibDetector
from kp_io.media.video_reader import VIDEO_SUFFIXES

#: Detectors by the name of `--detector`; `dlib-1` uses one box, the reference for the mouth amplitude.
DETECTORS: dict[str, Callable[[], LandmarkDetector]] = {
    "dlib": DlibDetector,
    "dlib-1": lambda: DlibDetector(num_boxes=1),
}

say = Console(highlight=False, soft_wrap=True).print

PARTS = {"all": slice(0, 68), "without jaw": slice(17, 68), "mouth": slice(48, 68)}
OUTER_EYES = (36, 45)
INNER_LIPS = (62, 66)


def labelled_errors(detector: LandmarkDetector, folder: Path) -> dict[str, list[float]]:
    """Return the mean error of every labelled face by part, % of the outer eye corners' distance; print the missed."""
    errors: dict[str, list[float]] = {part: [] for part in PARTS}
    for path in sorted(folder.rglob("*.pts")):
        folders = (path.parent, path.parent.parent / "imgs")
        pictures = [file for parent in folders for file in parent.glob(f"{path.stem}.*") if file.suffix != ".pts"]
        image = read_image(pictures[0])
        truth = load_keypoints(path, image_size=(image.shape[0], image.shape[1])).keypoints[0].numpy()
        eyes = np.linalg.norm(truth[OUTER_EYES[0]] - truth[OUTER_EYES[1]])
        distances = [
            np.linalg.norm(points.numpy()[:, :2] - truth, axis=1) / eyes for points, _ in detector.detect(image)
        ]
        best = min(distances, key=np.mean, default=None)
        if best is None or best.mean() > 1:
            say(f"not found: {path.relative_to(folder)}")
            continue
        say(f"{path.relative_to(folder)}: {100 * best.mean():.2f}")
        for part, points in PARTS.items():
            errors[part].append(100 * float(best[points].mean()))
    return errors


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detector", choices=sorted(DETECTORS), default="dlib")
    parser.add_argument("--labelled", type=Path, help="folder of pictures with .pts files")
    parser.add_argument("--videos", type=Path, help="folder of videos")
    parser.add_argument("--match", default="", help="only videos whose names contain this")
    options = parser.parse_args()
    torch.set_num_threads(1)
    detector = DETECTORS[options.detector]()
    if options.labelled is not None:
        errors = labelled_errors(detector, options.labelled)
        means = " / ".join(f"{np.mean(values):.2f}" for values in errors.values())
        say(f"NME of {len(errors['all'])} faces, {' / '.join(errors)}: {means} %")
    if options.videos is None:
        return
    single = DlibDetector(num_boxes=1)
    squares, ratios, lost = [], [], 0
    for path in sorted(options.videos.rglob("*")):
        if path.suffix not in VIDEO_SUFFIXES or options.match not in path.name:
            continue
        try:
            sequence, other = (annotate_video(path, detector=d) for d in (detector, single))
        except NoFaceFoundError as error:
            say(error)
            continue
        missed = int((sequence.scores.amax(dim=1) == 0).sum())
        square = np.square(second_differences(sequence.keypoints.numpy()))
        ratio = opening(sequence.keypoints.numpy()).std() / opening(other.keypoints.numpy()).std()
        say(f"{path.name}: second difference {100 * square.mean() ** 0.5:.2f} %, mouth {ratio:.2f}, lost {missed}")
        squares.append(square.mean(axis=1))
        ratios.append(ratio)
        lost += missed
    pooled = np.concatenate(squares)
    median = float(np.median([100 * np.mean(square) ** 0.5 for square in squares]))
    say(
        f"{len(squares)} videos: rms second difference {100 * pooled.mean() ** 0.5:.2f} % over all frames, "
        f"{median:.2f} % median; mouth amplitude to a single box {np.median(ratios):.2f} median; {lost} frames lost"
    )


def second_differences(points: np.ndarray) -> np.ndarray:
    """Return the second differences `(T - 2, K)` of the points, in outer eye distances."""
    eyes = np.linalg.norm(points[:, OUTER_EYES[0]] - points[:, OUTER_EYES[1]], axis=1)
    return np.linalg.norm(np.diff(points, n=2, axis=0), axis=-1) / eyes[1:-1, None]


def opening(points: np.ndarray) -> np.ndarray:
    """Return the mouth opening of every frame in outer eye distances, averaged over five frames.

    The average removes jitter, which is larger with a single box and would count as amplitude.
    """
    eyes = np.linalg.norm(points[:, OUTER_EYES[0]] - points[:, OUTER_EYES[1]], axis=1)
    lips = np.linalg.norm(points[:, INNER_LIPS[0]] - points[:, INNER_LIPS[1]], axis=1)
    return np.convolve(lips / eyes, np.full(5, 0.2), mode="valid")


if __name__ == "__main__":
    main()
