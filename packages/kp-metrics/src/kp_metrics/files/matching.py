"""Matching of predictions to targets: files by name, COCO objects by image."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from kp_metrics.files.frame_placement import Choice, NothingToChooseError
from kp_metrics.files.readers import READERS, KeypointFile, read_keypoints

_ONLY_ONE = Choice()


@dataclass(frozen=True, slots=True, eq=False)
class MatchedPair:
    """A prediction and its target, of the same shape."""

    name: str  # of the target's file
    preds: Tensor  # `(T, K, D)`, as `target`
    target: Tensor
    mask: Tensor  # `(T, K)`: the target's valid points; a prediction must not choose the points on which it is scored
    area: Tensor | None  # `(T,)`
    fps: float | None  # frames per second of the files
    layout: str  # of the files, or empty
    sizes: tuple[tuple[int, int], ...] = ()  # heights and widths of the pictures of preds and target, if both are known


def match_paths(preds: Path, target: Path, choice: Choice = _ONLY_ONE) -> list[MatchedPair]:
    """Read and match two files, or the files of two folders by name without suffix.

    Raises:
        ValueError: One is a file and the other a folder, a file has no partner, or the contents do not match.
        FileNotFoundError: A path does not exist.
    """
    for path in (preds, target):
        if not path.exists():
            raise FileNotFoundError(f"expected a file or folder, but there is no {path}")
    if preds.is_dir() != target.is_dir():
        raise ValueError(f"expected two files or two folders, got {preds} and {target}")
    if not preds.is_dir():
        return [match_files(target.stem, *_read_pair(preds, target, choice))]
    predicted, true = _by_name(preds), _by_name(target)
    if predicted.keys() != true.keys() or not predicted:
        unmatched = sorted(predicted.keys() ^ true.keys())
        detail = f"without a partner: {', '.join(unmatched[:5])}" if unmatched else "there are none"
        raise ValueError(f"expected files of the same names in {preds} and {target}; {detail}")
    return [match_files(name, *_read_pair(predicted[name], true[name], choice)) for name in sorted(true)]


def _read_pair(preds: Path, target: Path, choice: Choice) -> tuple[KeypointFile, KeypointFile]:
    """Read both files; the choice is for those that hold several faces, tracks or images."""
    refused: list[NothingToChooseError] = []
    files = []
    for path in (preds, target):
        try:
            files.append(read_keypoints(path, face=choice.face, track=choice.track, image=choice.image))
        except NothingToChooseError as error:
            refused.append(error)
            files.append(read_keypoints(path))
    if len(refused) == len(files):
        raise refused[0]
    return files[0], files[1]


def _by_name(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in READERS and path.is_file():
            # Names of macOS and of Linux may differ in their Unicode form alone.
            stem = unicodedata.normalize("NFC", path.stem)
            if stem in files:
                both = f"{files[stem].name} and {path.name}"
                raise ValueError(f"expected one keypoint file per name in {folder}, got {both}")
            files[stem] = path
    return files


def match_files(name: str, preds: KeypointFile, target: KeypointFile) -> MatchedPair:
    """Return a prediction and its target as a pair.

    Raises:
        ValueError: Shapes, frame rates or layouts differ.
    """
    if preds.layout and target.layout and preds.layout != target.layout:
        raise ValueError(f"{name}: expected one layout, got {preds.layout} in preds and {target.layout} in target")
    objects = [file if file.keys is not None else file.objects for file in (preds, target)]
    is_sequence = preds.keys is None and target.keys is None
    if not is_sequence and objects[0] is not None and objects[1] is not None:
        return match_objects(name, objects[0], objects[1])
    if preds.keypoints.shape != target.keypoints.shape:
        help_text = ""
        if preds.keypoints.shape[1:] == target.keypoints.shape[1:]:
            help_text = "; generate from the sound that `kp-io annotate --wav` writes, which is as long as the frames"
        raise ValueError(f"{name}: expected preds and target of one shape, got {_shapes(preds, target)}{help_text}")
    if preds.fps is not None and target.fps is not None and abs(preds.fps - target.fps) > 0.01:
        given = f"{preds.fps:g} fps in preds and {target.fps:g} in target"
        raise ValueError(f"{name}: expected one frame rate, got {given}")
    fps, layout = target.fps or preds.fps, target.layout or preds.layout
    known = (preds.image_size, target.image_size)
    sizes = tuple(size for size in known if size is not None) if None not in known else ()
    return MatchedPair(name, preds.keypoints, target.keypoints, target.valid, target.area, fps, layout, sizes)


def match_objects(name: str, preds: KeypointFile, target: KeypointFile) -> MatchedPair:
    """Match each true object to the nearest free prediction of its image, in order of the predictions' confidence.

    Raises:
        ValueError: The numbers of keypoints differ, or an object has no prediction: errors over detected objects alone
            would reward missing the difficult ones.
    """
    assert preds.keys is not None  # objects always carry keys
    assert target.keys is not None
    if preds.keypoints.shape[1] != target.keypoints.shape[1]:
        raise ValueError(f"{name}: expected one number of keypoints, got {_shapes(preds, target)}")
    images = [key if key in target.keys else _image_of(key, target.image_names) for key in preds.keys]
    kinds = (preds.categories, target.categories)
    confidence = torch.ones(len(preds.keys)) if preds.scores is None else preds.scores
    partner: dict[int, int] = {}
    for index in confidence.argsort(descending=True, stable=True).tolist():
        free = [i for i, key in enumerate(target.keys) if key == images[index] and i not in partner]
        if kinds[0] is not None and kinds[1] is not None:
            free = [i for i in free if kinds[0][index] == kinds[1][i]]
        if free:
            partner[min(free, key=lambda i: _mean_distance(preds, index, target, i))] = index
    missed = [target.keys[i] for i in range(len(target.keys)) if i not in partner]
    if missed:
        given = f"none for {len(missed)}, such as one of image {missed[0]}"
        raise ValueError(f"{name}: expected a prediction for each of the {len(target.keys)} objects, got {given}")
    order = [partner[i] for i in range(len(target.keys))]
    return MatchedPair(name, preds.keypoints[order], target.keypoints, target.valid, target.area, None, "")


def _image_of(name: str, images: Mapping[str, str]) -> str:
    """Return the id of the image of this file name, whose folder may be left out; else the name."""
    found = [image for file, image in images.items() if file == name or file.endswith(f"/{name}")]
    return found[0] if len(found) == 1 else name


def _shapes(preds: KeypointFile, target: KeypointFile) -> str:
    return f"preds {tuple(preds.keypoints.shape)} and target {tuple(target.keypoints.shape)}"


def _mean_distance(preds: KeypointFile, index: int, target: KeypointFile, target_index: int) -> float:
    distance = (preds.keypoints[index] - target.keypoints[target_index]).norm(dim=-1)
    return float(distance[target.valid[target_index]].mean())
