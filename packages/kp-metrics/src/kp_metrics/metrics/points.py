"""Metric classes of point positions: L1, PCK, NME, OKS, MPJPE, LMD, LVE, lip error."""

from typing import Any

import torch
from torch import Tensor

from kp_metrics import functional
from kp_metrics.functional.points.pck import count_hits
from kp_metrics.metrics.base import FunctionMetric, PairMetric, ReferenceMetric, count_non_finite


class KeypointL1(PairMetric, function=functional.keypoint_l1, higher_is_better=False):
    """Mean absolute coordinate error, see `kp_metrics.functional.keypoint_l1`.

    Example:
        >>> metric = KeypointL1()
        >>> metric.update(torch.full((1, 2, 2), 3.0), torch.zeros(1, 2, 2))
        >>> metric.compute()
        tensor(3.)
    """


class PCK(PairMetric, function=functional.pck, higher_is_better=True):
    """Percentage of correct keypoints, see `kp_metrics.functional.pck`.

    With `average="keypoints"` the sums are kept per keypoint, which needs `num_keypoints`.

    Raises:
        ValueError: `average` is `"keypoints"` without `num_keypoints`.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [100.0, 50.0]]])
        >>> metric = PCK(alpha=0.02)
        >>> metric.update(target + torch.tensor([[[2.0, 0.0], [0.0, 2.5]]]), target)
        >>> metric.compute()
        tensor(0.5000)
    """

    def __init__(self, *, num_keypoints: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.counting = {name: value for name, value in self.options.items() if name != "average"}
        self.by_keypoint = self.options.get("average") == "keypoints"
        if self.by_keypoint:
            if num_keypoints is None:
                raise ValueError("expected num_keypoints with average='keypoints', got None")
            kept = num_keypoints - len(set(self.options.get("drop", ())))
            self.add_state("total", torch.zeros(kept, dtype=torch.float64), dist_reduce_fx="sum")
            self.add_state("count", torch.zeros(kept, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch of `preds` and `target` `(..., T, K, D)` with an optional `mask` `(..., T, K)`."""
        if self.by_keypoint:
            values = functional.pck(preds, target, mask=mask, reduction="none", **self.counting).flatten(0, -2)
            kept, points = values.shape[-1], preds.shape[-2]
            if kept != self.count.shape[-1]:
                dropped = f" after dropping {points - kept}" if kept != points else ""
                expected = f"{self.count.shape[-1]} keypoints{dropped} (num_keypoints)"
                raise ValueError(f"expected {expected}, got {kept} in preds of shape {tuple(preds.shape)}")
            defined = ~values.isnan()
            hits, count = values.masked_fill(~defined, 0).to(self.total.dtype).sum(0), defined.sum(0)
        else:
            # Counting needs no value per point, which `accumulate` would compute.
            hits, count, _ = count_hits(preds, target, mask, **self.counting)
        self.total, self.count = self.total + hits, self.count + count
        self.faults = self.faults + count_non_finite(mask, preds, target)

    def compute(self) -> Tensor:
        """Return the share of hits, NaN where nothing was valid; raise `ValueError` if a valid point was not finite."""
        if not self.by_keypoint:
            return super().compute()
        self.raise_if_non_finite()
        return (self.total / self.count).nanmean().float()


class PCKAUC(PairMetric, function=functional.pck_auc, higher_is_better=True):
    """Area under the PCK curve, see `kp_metrics.functional.pck_auc`.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [100.0, 50.0]]])
        >>> metric = PCKAUC(alpha_max=0.1)
        >>> metric.update(target + torch.tensor([5.0, 0.0]), target)
        >>> metric.compute()
        tensor(0.5000)
    """


class NME(PairMetric, function=functional.nme, higher_is_better=False):
    """Normalized mean error, see `kp_metrics.functional.nme`.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [100.0, 50.0]]])
        >>> metric = NME(normalizer="bbox_frame")
        >>> metric.update(target + torch.tensor([3.0, 4.0]), target)
        >>> metric.compute()
        tensor(0.0500)
    """


class OKS(FunctionMetric, function=functional.oks, higher_is_better=True):
    """Object keypoint similarity, see `kp_metrics.functional.oks`; `update` takes the objects' `area` too.

    Example:
        >>> body = torch.zeros(1, 17, 2)
        >>> metric = OKS()
        >>> metric.update(body, body, area=torch.tensor([400.0]))
        >>> metric.compute()
        tensor(1.)
    """

    def update(self, preds: Tensor, target: Tensor, mask: Tensor | None = None, *, area: Tensor | float) -> None:
        """Add a batch of `preds` and `target` `(..., T, K, D)`, with `area` `(..., T)` or `(...)`."""
        self.accumulate(preds, target, mask, area=area)


class MPJPE(PairMetric, function=functional.mpjpe, higher_is_better=False):
    """Mean per-joint position error, see `kp_metrics.functional.mpjpe`.

    Example:
        >>> metric = MPJPE()
        >>> metric.update(torch.tensor([[[1.0, 2.0, 2.0]]]), torch.zeros(1, 1, 3))
        >>> metric.compute()
        tensor(3.)
    """


class PAMPJPE(PairMetric, function=functional.pa_mpjpe, higher_is_better=False):
    """Mean per-joint position error after Procrustes alignment, see `kp_metrics.functional.pa_mpjpe`.

    Example:
        >>> target = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
        >>> metric = PAMPJPE()
        >>> metric.update(target * 2 + 5, target)
        >>> metric.compute() < 1e-6
        tensor(True)
    """


class LMD(PairMetric, function=functional.lmd, higher_is_better=False):
    """Landmark distance, see `kp_metrics.functional.lmd`.

    Example:
        >>> metric = LMD(centre=False)
        >>> metric.update(torch.full((1, 4, 2), 1.0), torch.tensor([[[1.0, 3.0]] * 4]))
        >>> metric.compute()
        tensor(2.)
    """


class LVE(PairMetric, function=functional.lve, higher_is_better=False):
    """Lip vertex error, see `kp_metrics.functional.lve`.

    Example:
        >>> metric = LVE(mouth=(0, 1))
        >>> metric.update(torch.tensor([[[3.0, 4.0], [1.0, 0.0]]]), torch.zeros(1, 2, 2))
        >>> metric.compute()
        tensor(5.)
    """


class LipError(ReferenceMetric, function=functional.lip_error, higher_is_better=False):
    """Lip error without head pose, see `kp_metrics.functional.lip_error`; `update` takes a `reference` too.

    Example:
        >>> face = torch.rand(5, 68, 2, generator=torch.Generator().manual_seed(0))
        >>> metric = LipError()
        >>> metric.update(face * 2, face)
        >>> metric.compute() < 1e-5
        tensor(True)
    """
