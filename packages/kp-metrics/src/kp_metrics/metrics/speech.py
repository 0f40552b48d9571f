"""Metric classes of motion against speech audio."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from kp_metrics import functional
from kp_metrics.functional.speech.intensity import intensities, intensity_correlation
from kp_metrics.metrics.base import FunctionMetric, KeypointMetric, count_non_finite


class SilenceOpening(FunctionMetric, function=functional.silence_opening, higher_is_better=False):
    """Mouth opening in silent stretches, see `kp_metrics.functional.silence_opening`; `update` takes `audio`.

    Example:
        >>> face = torch.zeros(20, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> metric = SilenceOpening(sample_rate=16_000, fps=25.0)
        >>> metric.update(face, audio=torch.zeros(12_800))
        >>> metric.compute()
        tensor(0.)
    """

    def update(self, preds: Tensor, target: Tensor | None = None, mask: Tensor | None = None, *, audio: Tensor) -> None:
        """Add a batch of `preds` `(..., T, K, D)` with its `audio` `(..., S)`."""
        self.accumulate(preds, target, mask, audio=audio)


class BeatAlign(FunctionMetric, function=functional.beat_align, higher_is_better=True):
    """Head-motion beats against audio beats, see `kp_metrics.functional.beat_align`; `update` takes `audio` or `beats`.

    Example:
        >>> face = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)).repeat(20, 1, 1)
        >>> beats = torch.zeros(20, dtype=torch.bool)
        >>> beats[10] = True
        >>> metric = BeatAlign()
        >>> metric.update(face, beats=beats)
        >>> metric.compute()
        tensor(0.)
    """

    def update(
        self,
        preds: Tensor,
        target: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        audio: Tensor | None = None,
        beats: Tensor | None = None,
    ) -> None:
        """Add a batch of `preds` `(..., T, K, D)` with its `audio` `(..., S)` or its `beats` `(..., T)`."""
        self.accumulate(preds, target, mask, audio=audio, beats=beats)


class SLCC(KeypointMetric):
    """Correlation of loudness and lip displacement, see `kp_metrics.functional.slcc`; `update` takes `audio`.

    A correlation over sequences needs all of them at once: the state is a list of three values per sequence.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = (torch.rand(68, 2, generator=generator) * 100).repeat(3, 8, 1, 1)
        >>> loud = torch.tensor([1.0, 2.0, 3.0])
        >>> face[:, 1::2, 48:] += loud[:, None, None, None]
        >>> metric = SLCC()
        >>> metric.update(face, audio=loud[:, None] * torch.ones(3, 5120))
        >>> metric.compute()
        tensor(1.)
    """

    higher_is_better = True
    levels: list[Tensor]
    displacements: list[Tensor]
    groups: list[Tensor]

    def __init__(self, **options: Any) -> None:
        super().__init__(functional.slcc, options)
        for name in ("levels", "displacements", "groups"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(
        self,
        preds: Tensor,
        target: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        audio: Tensor,
        groups: Tensor | None = None,
    ) -> None:
        """Add a batch of `preds` `(..., T, K, D)`, its `audio` `(..., S)`, and speaker numbers `groups` `(...)`.

        Raises:
            ValueError: `groups` is given in some updates only.
        """
        level, displacement, defined = intensities(preds, target, audio=audio, mask=mask, **self.options)
        if self.levels and (groups is None) != (len(self.groups) == 0):
            raise ValueError("expected groups in every update of SLCC or in none, got them in some")
        # NaN marks an undefined sequence, which saves a third list.
        self.levels.append(level.masked_fill(~defined, torch.nan).flatten())
        self.displacements.append(displacement.masked_fill(~defined, torch.nan).flatten())
        if groups is not None:
            self.groups.append(groups.flatten())
        self.faults = self.faults + count_non_finite(mask, preds, target)

    def compute(self) -> Tensor:
        """Return the correlation, NaN with fewer than two sequences; raise `ValueError` if a point was not finite."""
        self.raise_if_non_finite()
        if len(self.levels) == 0:
            return torch.full((), torch.nan, device=self.faults.device)
        level, displacement = dim_zero_cat(self.levels), dim_zero_cat(self.displacements)
        groups = dim_zero_cat(self.groups) if len(self.groups) else None
        defined = ~(level.isnan() | displacement.isnan())
        return intensity_correlation(level, displacement, defined, groups)
