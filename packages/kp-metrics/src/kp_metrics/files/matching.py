"""Which prediction belongs to which truth: files by name, COCO objects by image."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from kp_metrics.files.readers import READERS, KeypointFile, read_keypoints


@dataclass(frozen=True, slots=True, eq=False)
class MatchedPair:
    """A prediction and its truth, of one shape.

    Attributes:
        name: What to call it.
        preds: `(T, K, D)`.
        target: `(T, K, D)`.
        mask: `(T, K)`: the truth's valid points. What a prediction says of its own must not choose where it is judged.
        area: `(T,)` or None.
        fps: Frames a second as the files say, or None.
        layout: Layout as the files say, or empty.
    """

    name: str
    preds: Tensor
    target: Tensor
    mask: Tensor
    area: Tensor | None
    fps: float | None
    layout: str


def match_paths(preds: Path, target: Path) -> list[MatchedPair]:
    """Read two files, or two folders whose files are matched by name without suffix.

    Raises:
        ValueError: One is a file and the other a folder, names have no partner, or the contents do not fit together.
        FileNotFoundError: There is no such path.
    """
    for path in (preds, target):
        if not path.exists():
            raise FileNotFoundError(f"expected a file or folder, but there is no {path}")
    if preds.is_dir() != target.is_dir():
        raise ValueError(f"expected two files or two folders, got {preds} and {target}")
    if not preds.is_dir():
        return [match_files(target.stem, read_keypoints(preds), read_keypoints(target))]
    ours, theirs = _by_name(preds), _by_name(target)
    if ours.keys() != theirs.keys() or not ours:
        lonely = sorted(ours.keys() ^ theirs.keys())
        detail = f"without a partner: {', '.join(lonely[:5])}" if lonely else "there are none"
        raise ValueError(f"expected files of the same names in {preds} and {target}; {detail}")
    return [match_files(name, read_keypoints(ours[name]), read_keypoints(theirs[name])) for name in sorted(ours)]


def _by_name(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in READERS and path.is_file():
            if path.stem in files:
                both = f"{files[path.stem].name} and {path.name}"
                raise ValueError(f"expected one keypoint file a name in {folder}, got {both}")
            files[path.stem] = path
    return files


def match_files(name: str, preds: KeypointFile, target: KeypointFile) -> MatchedPair:
    """Put a prediction and its truth together.

    Raises:
        ValueError: Shapes, frames a second or layouts differ.
    """
    if preds.layout and target.layout and preds.layout != target.layout:
        raise ValueError(f"{name}: expected one layout, got {preds.layout} in preds and {target.layout} in target")
    if preds.keys is not None and target.keys is not None:
        return match_objects(name, preds, target)
    if preds.keypoints.shape != target.keypoints.shape:
        raise ValueError(
            f"{name}: expected preds and target of one shape, got preds {tuple(preds.keypoints.shape)} and target "
            f"{tuple(target.keypoints.shape)}"
        )
    if preds.fps is not None and target.fps is not None and abs(preds.fps - target.fps) > 0.01:
        raise ValueError(
            f"{name}: expected one frame rate, got {preds.fps:g} fps in preds and {target.fps:g} in target"
        )
    return MatchedPair(
        name,
        preds.keypoints,
        target.keypoints,
        target.valid,
        target.area,
        target.fps or preds.fps,
        target.layout or preds.layout,
    )


def match_objects(name: str, preds: KeypointFile, target: KeypointFile) -> MatchedPair:
    """Give each true object the nearest free prediction of its image, the most confident predictions choosing first.

    Raises:
        ValueError: The numbers of keypoints differ, or an object has no prediction: errors over found objects alone
            would reward missing the difficult ones.
    """
    assert preds.keys is not None  # objects always carry keys
    assert target.keys is not None
    if preds.keypoints.shape[1] != target.keypoints.shape[1]:
        raise ValueError(
            f"{name}: expected one number of keypoints, got preds {tuple(preds.keypoints.shape)} and target "
            f"{tuple(target.keypoints.shape)}"
        )
    confidence = torch.ones(len(preds.keys)) if preds.scores is None else preds.scores
    partner: dict[int, int] = {}
    for ours in confidence.argsort(descending=True, stable=True).tolist():
        free = [i for i, key in enumerate(target.keys) if key == preds.keys[ours] and i not in partner]
        if free:
            partner[min(free, key=lambda i: _distance(preds, ours, target, i))] = ours
    missed = [target.keys[i] for i in range(len(target.keys)) if i not in partner]
    if missed:
        raise ValueError(
            f"{name}: expected a prediction for each of the {len(target.keys)} objects, got none for {len(missed)}, "
            f"such as one of image {missed[0]}"
        )
    order = [partner[i] for i in range(len(target.keys))]
    return MatchedPair(name, preds.keypoints[order], target.keypoints, target.valid, target.area, None, "")


def _distance(preds: KeypointFile, ours: int, target: KeypointFile, theirs: int) -> float:
    gap = (preds.keypoints[ours] - target.keypoints[theirs]).norm(dim=-1)
    return float(gap[target.valid[theirs]].mean())
