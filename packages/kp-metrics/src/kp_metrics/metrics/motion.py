"""Metric classes of motion: velocity, acceleration, jitter, diversity, motion statistics."""

from typing import Any

import torch
from torch import Tensor

from kp_metrics import functional
from kp_metrics.functional.motion.frechet import MotionFeatures
from kp_metrics.metrics.base import FunctionMetric, KeypointMetric, PairMetric, PredsMetric, count_non_finite
from kp_metrics.primitives.checks import check_pair


class VelocityL1(PairMetric, function=functional.velocity_l1, higher_is_better=False):
    """Mean absolute error of velocities, see `kp_metrics.functional.velocity_l1`.

    Example:
        >>> metric = VelocityL1(fps=10.0)
        >>> metric.update(torch.arange(3.0).reshape(3, 1, 1), torch.zeros(3, 1, 1))
        >>> metric.compute()
        tensor(10.)
    """


class VelocityRatio(PairMetric, function=functional.velocity_ratio, higher_is_better=None):
    """Speed of the predictions over that of the truth, see `kp_metrics.functional.velocity_ratio`.

    Example:
        >>> target = torch.arange(4.0).reshape(4, 1, 1)
        >>> metric = VelocityRatio()
        >>> metric.update(target * 2, target)
        >>> metric.compute()
        tensor(2.)
    """


class Acceleration(PredsMetric, function=functional.acceleration, higher_is_better=None):
    """Mean length of second differences, see `kp_metrics.functional.acceleration`.

    Example:
        >>> metric = Acceleration(fps=1.0, normalizer=1.0)
        >>> metric.update(torch.tensor([0.0, 1.0, 4.0, 9.0]).reshape(4, 1, 1))
        >>> metric.compute()
        tensor(2.)
    """


class Jitter(PredsMetric, function=functional.jitter, higher_is_better=None):
    """Mean length of third differences, see `kp_metrics.functional.jitter`.

    Example:
        >>> metric = Jitter(fps=1.0, normalizer=1.0)
        >>> metric.update(torch.tensor([0.0, 1.0, 0.0, 1.0]).reshape(4, 1, 1))
        >>> metric.compute()
        tensor(4.)
    """


class Diversity(FunctionMetric, function=functional.diversity, higher_is_better=None):
    """Distance between predictions of different seeds, see `kp_metrics.functional.diversity`.

    Example:
        >>> metric = Diversity(normalizer=1.0)
        >>> metric.update(torch.tensor([0.0, 3.0, 6.0]).reshape(3, 1, 1, 1))
        >>> metric.compute()
        tensor(4.)
    """

    def update(self, samples: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch of `samples` `(S, ..., T, K, D)` with an optional `mask` `(..., T, K)`."""
        self.add(functional.diversity(samples, mask=mask, reduction="none", **self.options))
        self.faults = self.faults + count_non_finite(mask, *samples)


class FrechetMotionDistance(KeypointMetric):
    """Fréchet distance of motion features, see `kp_metrics.functional.frechet_motion_distance`.

    Args:
        num_features: Length of a feature vector: 10 for `motion_features` in 2-D, 14 in 3-D.
        options: `features`, and torchmetrics' own.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = torch.rand(68, 2, generator=generator) * 100 + torch.randn(4, 50, 68, 2, generator=generator)
        >>> metric = FrechetMotionDistance()
        >>> metric.update(face, face)
        >>> metric.compute() < 1e-3
        tensor(True)
    """

    higher_is_better = False
    preds_sum: Tensor

    def __init__(self, *, num_features: int = 10, **options: Any) -> None:
        super().__init__(functional.frechet_motion_distance, options)
        self.features: MotionFeatures = self.options.get("features", functional.motion_features)
        self.num_features = num_features
        for side in ("preds", "target"):
            self.add_state(f"{side}_count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
            self.add_state(f"{side}_sum", torch.zeros(num_features, dtype=torch.float64), dist_reduce_fx="sum")
            outer = torch.zeros(num_features, num_features, dtype=torch.float64)
            self.add_state(f"{side}_outer", outer, dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch of `preds` and `target` `(..., T, K, D)` with an optional `mask` `(..., T, K)`."""
        check_pair(preds, target, mask)
        for side, keypoints in (("preds", preds), ("target", target)):
            rows = self.features(keypoints, mask)
            if rows.shape[-1] != self.num_features:
                given = f"{rows.shape[-1]} for {side} of shape {tuple(keypoints.shape)}"
                raise ValueError(f"expected {self.num_features} features (num_features), got {given}")
            defined = ~rows.isnan().any(-1, keepdim=True)
            rows = rows.masked_fill(~defined, 0).to(self.preds_sum.dtype)
            setattr(self, f"{side}_count", getattr(self, f"{side}_count") + defined.sum())
            setattr(self, f"{side}_sum", getattr(self, f"{side}_sum") + rows.sum(0))
            setattr(self, f"{side}_outer", getattr(self, f"{side}_outer") + rows.mT @ rows)
        self.faults = self.faults + count_non_finite(mask, preds, target)

    def compute(self) -> Tensor:
        """Return the distance, NaN with fewer than two windows; raise `ValueError` if a point was not finite."""
        self.raise_if_non_finite()
        gaussians: list[Tensor] = []
        for side in ("preds", "target"):
            count = int(getattr(self, f"{side}_count"))
            if count < 2:
                return torch.full((), torch.nan, device=self.faults.device)
            mean = getattr(self, f"{side}_sum").cpu() / count
            gaussians += [mean, getattr(self, f"{side}_outer").cpu() / count - torch.outer(mean, mean)]
        return functional.frechet_distance(*gaussians).float().to(self.faults.device)
