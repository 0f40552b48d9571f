"""Comparison of two files or folders of keypoints, as on the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kp_metrics.evaluation.evaluate import evaluate
from kp_metrics.evaluation.metric_registry import DEFAULT_METRICS, find_metrics
from kp_metrics.evaluation.padding import pad_sequences
from kp_metrics.evaluation.results_table import EvaluationTable
from kp_metrics.files.frame_placement import Choice
from kp_metrics.files.matching import MatchedPair, match_paths

_FACE_POINTS = 68
_GENERAL_METRICS = ("keypoint_l1", "pck", "pck_auc")
_DEFAULT_FPS = 25.0
#: Metrics that do not change when one sequence is moved and scaled as a whole: it may be of another picture.
_SIZE_FREE_METRICS = ("mouth_correlation", "mouth_amplitude_ratio", "closure_f1", "lip_error", "lip_error_over_hold")


def compare_paths(
    preds: Path,
    target: Path,
    *,
    metrics: Sequence[str] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    fps: float | None = None,
    resamples: int = 1000,
    seed: int = 0,
    face: str | int | None = None,
    track: str | int | None = None,
    image: str | int | None = None,
) -> EvaluationTable:
    """Score a file or folder of predicted keypoints against the true ones.

    Args:
        preds: A keypoint file, or a folder of them.
        target: The same, matched by name; COCO objects are matched within each image.
        metrics: Names of metrics. By default the usual ones for a face of 68 points, else general ones, with OKS for
            COCO's 17 points with areas.
        options: Options of metrics by name.
        fps: Frames per second; by default that of the files, else 25.
        resamples: Bootstrap samples over files, or over the objects of a COCO file.
        seed: Seed of the bootstrap.
        face: Which face to read of a file that holds several, see `read_keypoints`.
        track: Which track, clip or video to read of a file that holds several.
        image: Which picture to read of a file that holds several.

    Returns:
        The table, with `hold reference` for sequences.

    Raises:
        ValueError: The files do not match, or a metric does not apply to them.
        OSError: A file cannot be read.
    """
    find_metrics(list(metrics))
    pairs = match_paths(preds, target, Choice(face, track, image))
    stills = all(pair.area is not None for pair in pairs)
    predicted, true, mask, area = _stack(pairs)
    rates = {pair.fps for pair in pairs if pair.fps is not None}
    if fps is None and len(rates) > 1:
        found = ", ".join(f"{rate:g}" for rate in sorted(rates))
        raise ValueError(f"expected files of one frame rate, got {found} fps")
    names = list(metrics) or _default_metrics(true, pairs, area)
    _check_sizes(pairs, names)
    if stills and any(info.has_fps for info in find_metrics(names)):
        raise ValueError("expected metrics of single frames for COCO objects, which are no sequence in time")
    return evaluate(
        {preds.stem if preds.stem != target.stem else "preds": predicted},
        true,
        metrics=names,
        mask=mask,
        area=area,
        fps=fps or next(iter(rates), _DEFAULT_FPS),
        options=options,
        resamples=resamples,
        seed=seed,
    )


def _check_sizes(pairs: list[MatchedPair], names: list[str]) -> None:
    """Raise `ValueError` where pixels of pictures of different sizes would be compared."""
    affected = [name for name in names if name not in _SIZE_FREE_METRICS]
    for pair in pairs:
        if affected and len(set(pair.sizes)) > 1:
            given = "{}×{} in preds and {}×{} in target (height × width)".format(*pair.sizes[0], *pair.sizes[1])
            raise ValueError(
                f"{pair.name}: expected pictures of one size for {', '.join(affected)}, got {given}; use a frame of "
                f"the video as the face, or metrics that need no common picture: -m {','.join(_SIZE_FREE_METRICS)}"
            )


def _default_metrics(target: Tensor, pairs: list[MatchedPair], area: Tensor | None) -> list[str]:
    points, frames = target.shape[-2], target.shape[-3]
    if points == _FACE_POINTS and all(pair.layout in ("", "ibug68") for pair in pairs):
        return list(DEFAULT_METRICS) if frames > 1 else ["keypoint_l1", "pck", "nme"]
    return [*_GENERAL_METRICS, "oks"] if points == 17 and area is not None else list(_GENERAL_METRICS)


def _stack(pairs: list[MatchedPair]) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Return preds, target, mask and area of all pairs as a batch; each COCO object is a sequence of one frame."""
    if all(pair.area is not None for pair in pairs):
        names = ("preds", "target", "mask", "area")
        points, true, mask, area = (torch.cat([getattr(pair, name) for pair in pairs]).unsqueeze(1) for name in names)
        return points, true, mask, area
    predicted, inside = pad_sequences([pair.preds for pair in pairs])
    true, _ = pad_sequences([pair.target for pair in pairs])
    valid = torch.zeros_like(inside)
    for row, pair in zip(valid, pairs, strict=True):
        row[: len(pair.mask)] = pair.mask
    return predicted, true, valid, None
