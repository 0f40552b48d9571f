"""What the detector reads from frames, compared with the keypoints that they should show."""

from functools import cache

import numpy as np
from rendering.crops import Image
from rendering.turns import ahead

from kp_io import make_detector

__all__ = ["COUNTS", "annotated_again", "f1_of_closures"]

#: Closed: the lips are less than this apart, relative to the distance of the outer corners of the eyes.
_CLOSED = 0.02
#: Numbers of frames in which lips should be closed, are read as closed, and both.
COUNTS = ("closed, meant", "closed, seen", "closed, both")


@cache
def detector() -> object:
    """Return the detector that annotated the footage."""
    return make_detector("dlib")


def opening(points: np.ndarray) -> float:
    """Return the opening of the lips, relative to the distance of the outer corners of the eyes."""
    gap = np.linalg.norm(points[[61, 62, 63]] - points[[67, 66, 65]], axis=1).mean()
    return float(gap / np.linalg.norm(points[45] - points[36]))


def annotated_again(frames: list[Image], driving: np.ndarray) -> dict[str, float]:
    """Return how near the detector's keypoints of frames are to those that they should show."""
    seen, wanted, distances, fronts = [], [], [], []
    for frame, true, front in zip(frames, driving, ahead(driving), strict=True):
        if found := detector().detect(frame):
            best = np.asarray(found[0][0])[:, :2]
            seen.append(opening(best))
            wanted.append(opening(true))
            eyes = np.linalg.norm(true[45] - true[36])
            distances.append(float(np.linalg.norm(best[60:] - true[60:], axis=1).mean() / eyes))
            fronts.append(front)
    scores = {"found": len(seen) / len(frames)}
    if seen:
        scores["NME inner lips"] = float(np.mean(distances))
        if any(fronts):
            scores["NME inner lips, yaw below 20 degrees"] = float(np.mean(np.array(distances)[fronts]))
        closed, meant = (np.array(values) < _CLOSED for values in (seen, wanted))
        scores |= {
            name: float(found.sum()) for name, found in zip(COUNTS, (meant, closed, closed & meant), strict=True)
        }
    if len(seen) > 3 and np.std(wanted) > 0.01:
        scores["mouth r"] = float(np.corrcoef(seen, wanted)[0, 1])
    return scores


def f1_of_closures(meant: np.ndarray, seen: np.ndarray, both: np.ndarray) -> np.ndarray:
    """Return the F1 score of closed lips from sums of `COUNTS`."""
    return 2 * both / np.maximum(meant + seen, 1)
