"""Evaluation of predictions against the truth and baselines, as a table."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kp_metrics import functional
from kp_metrics.evaluation.bootstrap import cluster_totals, percentile_interval, resampled_totals
from kp_metrics.evaluation.metric_registry import DEFAULT_METRICS, MetricInfo, find_metrics
from kp_metrics.evaluation.padding import pad_sequences
from kp_metrics.evaluation.results_table import EvaluationTable, Row, Score
from kp_metrics.primitives.checks import check_pair
from kp_metrics.primitives.procrustes import reference_frame, reference_points

HOLD_REFERENCE = "hold reference"
GROUND_TRUTH = "ground truth"

#: One batch `(..., T, K, D)`, or sequences `(T_i, K, D)` of different lengths.
Keypoints = Tensor | Sequence[Tensor]

# Values that are not a mean over sequences, so that single sequences cannot be resampled.
_WHOLE_SET = frozenset({"slcc", "frechet_motion_distance"})

# Metrics that take the conditioning frame.
_WITH_REFERENCE = frozenset({"lip_error", "head_amplitude_ratio", "identity_error"})


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Inputs that all rows share; `inputs` are the arguments of metrics by what they need."""

    target: Tensor
    mask: Tensor | None
    reference: Tensor | None
    inputs: Mapping[str, Mapping[str, Any]]
    options: Mapping[str, Mapping[str, Any]]
    fps: float


def evaluate(
    preds: Keypoints | Mapping[str, Keypoints],
    target: Keypoints,
    audio: Tensor | None = None,
    *,
    baselines: Mapping[str, Keypoints | tuple[Keypoints, ...]] | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    mask: Tensor | None = None,
    reference: Tensor | None = None,
    area: Tensor | None = None,
    groups: Sequence[Hashable] | None = None,
    fps: float = 25.0,
    sample_rate: int = 16_000,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> EvaluationTable:
    """Score predictions against the truth, beside baselines, with bootstrap intervals.

    The rows are the given baselines, `hold reference` (computed here if sequences have more than one frame), the
    predictions, and the ground truth for metrics that are not an error. Name the predictions of the mean face
    `"mean face"`, and those for other speakers' audio (see `derangements`) `"shuffled audio"`; a tuple of several is
    averaged.

    Args:
        preds: Predicted keypoints `(..., T, K, D)`, or sequences `(T_i, K, D)`; or several by name.
        target: True keypoints of the same shape.
        audio: Waveforms `(..., S)`, for metrics that need audio.
        baselines: Further predictions by name, printed first.
        metrics: Names from `kp_metrics.METRIC_REGISTRY`.
        mask: `(..., T, K)`, True where a point is valid; computed for sequences of different lengths.
        reference: `(..., K, D)`: the conditioning frame; by default the target's first complete frame.
        area: Areas of the objects `(..., T)`, for OKS.
        groups: The speaker of each sequence, so that the bootstrap resamples speakers.
        fps: Frames per second.
        sample_rate: Samples per second.
        options: Options of metrics by name: `{"pck": {"alpha": 0.05}}`.
        resamples: Bootstrap samples; 0 for no intervals.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        An `EvaluationTable`. Metrics over a whole set (`slcc`, `frechet_motion_distance`) have no interval.

    Raises:
        ValueError: A metric is unknown or lacks its input, shapes do not match, or a valid point is not finite.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> target = torch.rand(68, 2, generator=generator) * 100 + torch.randn(4, 20, 68, 2, generator=generator)
        >>> table = evaluate({"model": target + 1.0}, target, metrics=["keypoint_l1", "mouth_correlation"])
        >>> [row.name for row in table.rows]
        ['hold reference', 'model', 'ground truth']
        >>> round(table.score("model", "keypoint_l1").value, 3)
        1.0
    """
    infos = find_metrics(list(metrics))
    _check_inputs(infos, audio, area)
    target, mask = _batch(target, mask)
    data = _Data(
        target=target,
        mask=mask,
        reference=None if reference is None else reference_points(reference, target)[None].flatten(0, -3),
        inputs={
            "audio": {} if audio is None else {"audio": audio.reshape(-1, audio.shape[-1]), "sample_rate": sample_rate},
            "area": {} if area is None else {"area": area.reshape(target.shape[0], -1)},
        },
        options=options or {},
        fps=fps,
    )
    rows: dict[str, tuple[Keypoints, ...]] = {
        name: given if isinstance(given, tuple) else (given,) for name, given in (baselines or {}).items()
    }
    if target.shape[1] > 1 and HOLD_REFERENCE not in rows:
        rows = _with_hold_reference(rows, data)
    models = preds if isinstance(preds, Mapping) else {"model": preds}
    rows |= {name: (given,) for name, given in models.items()}
    sums = {name: _row_sums(name, given, infos, data) for name, given in rows.items()}
    truth = [None if info.is_error else _sums(info, target, data) for info in infos]
    if any(entry is not None for entry in truth):
        sums[GROUND_TRUTH] = truth

    hold = sums.get(HOLD_REFERENCE)
    scored = []
    for name, entries in sums.items():
        scores: list[Score | None] = []
        for column, (info, entry) in enumerate(zip(infos, entries, strict=True)):
            if info.needs == "hold" and entry is not None:
                base = None if hold is None else hold[column]
                entry = None if base is None else torch.cat([entry, base])
            scores.append(None if entry is None else _score(info, entry, groups, resamples, confidence, seed))
        scored.append(Row(name, tuple(scores)))
    return EvaluationTable(infos, tuple(scored), confidence, "sequences" if groups is None else "groups")


def _check_inputs(infos: Sequence[MetricInfo], audio: Tensor | None, area: Tensor | None) -> None:
    given = {"audio": audio is not None, "area": area is not None, "samples": False}
    for info in infos:
        if not given.get(info.needs, True):
            hint = "; use kp_metrics.diversity" if info.needs == "samples" else ""
            raise ValueError(f"expected {info.needs} for the metric {info.name!r}, got none{hint}")


def _batch(keypoints: Keypoints, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Return keypoints as `(N, T, K, D)` and their mask as `(N, T, K)`."""
    if not isinstance(keypoints, Tensor):
        if mask is not None:
            raise ValueError("expected no mask with sequences of different lengths; pad them and mask the batch")
        padded, inside = pad_sequences(keypoints)
        return padded, None if bool(inside.all()) else inside
    check_pair(keypoints, keypoints, mask)
    flat = keypoints.reshape(-1, *keypoints.shape[-3:])
    return flat, None if mask is None else mask.reshape(flat.shape[:-1])


def _with_hold_reference(rows: dict[str, tuple[Keypoints, ...]], data: _Data) -> dict[str, tuple[Keypoints, ...]]:
    frame = data.reference
    if frame is None:
        frame, _ = reference_frame(data.target, data.mask)
    held = frame.unsqueeze(1).expand_as(data.target)
    # The usual order of such tables: mean face, hold reference, shuffled audio.
    first = {name: given for name, given in rows.items() if name == "mean face"}
    return first | {HOLD_REFERENCE: (held,)} | {name: given for name, given in rows.items() if name not in first}


def _row_sums(name: str, given: tuple[Keypoints, ...], infos: Sequence[MetricInfo], data: _Data) -> list[Tensor | None]:
    batches = [_batch(keypoints)[0] for keypoints in given]
    for batch in batches:
        check_pair(batch, data.target, data.mask)
        non_finite = ~torch.isfinite(batch + data.target).all(-1)
        if bool((non_finite if data.mask is None else non_finite & data.mask).any()):
            raise ValueError(
                f"expected finite coordinates wherever mask is True, got NaN or infinity in {name!r} or target"
            )
    return [torch.stack([_sums(info, batch, data) for batch in batches]).mean(0) for info in infos]


def _sums(info: MetricInfo, preds: Tensor, data: _Data) -> Tensor:
    """Return each sequence's sum and number of values, `(2, N)`; for a whole set `(2, 1)`."""
    function = getattr(functional, info.function_name)
    keywords: dict[str, Any] = {**info.options, **data.options.get(info.name, {}), **data.inputs.get(info.needs, {})}
    keywords["mask"] = data.mask
    if info.has_fps:
        keywords["fps"] = data.fps
    if data.reference is not None and info.function_name in _WITH_REFERENCE:
        keywords["reference"] = data.reference
    if info.function_name in _WHOLE_SET:
        value = function(preds, data.target, **keywords).reshape(1)
    else:
        value = function(preds, data.target, reduction="none", **keywords)
    value = value.reshape(value.shape[0], -1).double()
    defined = ~value.isnan()
    return torch.stack([value.masked_fill(~defined, 0).sum(-1), defined.sum(-1).double()]).cpu()


def _mean(sums: Tensor) -> Tensor:
    """Return the mean of rows (sum, count), or the ratio of two means of rows (sum, count, sum, count)."""
    mean = sums[0] / sums[1]
    return mean if sums.shape[0] == 2 else mean / (sums[2] / sums[3])


def _score(
    info: MetricInfo, sums: Tensor, groups: Sequence[Hashable] | None, resamples: int, confidence: float, seed: int
) -> Score:
    value = float(_mean(sums.sum(-1)))
    low = high = torch.nan
    totals = cluster_totals(sums, groups) if resamples and info.function_name not in _WHOLE_SET else None
    # One clip or speaker carries no information on the variation between them.
    if totals is not None and int((totals[1] > 0).sum()) > 1:
        draws = torch.cat([_mean(draw) for draw in resampled_totals(totals, resamples=resamples, seed=seed)])
        low, high = percentile_interval(draws, confidence)
    return Score(value, low, high, int((sums[1] > 0).sum()))
