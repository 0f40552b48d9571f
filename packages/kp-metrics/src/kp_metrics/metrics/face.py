"""Metric classes of faces: mouth, eyelids, head, identity."""

from torch import Tensor

from kp_metrics import functional
from kp_metrics.metrics.base import PairMetric, PredsMetric, ReferenceMetric


class MouthOpening(PredsMetric, function=functional.mouth_opening, higher_is_better=None):
    """Mean mouth opening over all frames of the predictions, see `kp_metrics.functional.mouth_opening`.

    Example:
        >>> face = torch.zeros(2, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[1, 66, 1] = 20.0
        >>> metric = MouthOpening()
        >>> metric.update(face)
        >>> metric.compute()
        tensor(0.1000)
    """


class MouthCorrelation(PairMetric, function=functional.mouth_correlation, higher_is_better=True):
    """Correlation of predicted and true mouth opening, see `kp_metrics.functional.mouth_correlation`.

    Example:
        >>> face = torch.zeros(3, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([0.0, 10.0, 20.0])
        >>> metric = MouthCorrelation()
        >>> metric.update(face.flip(0), face)
        >>> metric.compute()
        tensor(-1.)
    """


class MouthAmplitudeRatio(PairMetric, function=functional.mouth_amplitude_ratio, higher_is_better=None):
    """Standard deviation of predicted over true mouth opening, see `kp_metrics.functional.mouth_amplitude_ratio`.

    Example:
        >>> face = torch.zeros(3, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([0.0, 10.0, 20.0])
        >>> metric = MouthAmplitudeRatio()
        >>> metric.update(face[[1, 1, 1]], face)
        >>> metric.compute()
        tensor(0.)
    """


class HeadAmplitudeRatio(ReferenceMetric, function=functional.head_amplitude_ratio, higher_is_better=None):
    """Standard deviation of predicted over true head pose, see `kp_metrics.functional.head_amplitude_ratio`.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = torch.rand(68, 2, generator=generator) * 100
        >>> motion = torch.randn(16, 1, 2, generator=generator)
        >>> metric = HeadAmplitudeRatio(component="ty")
        >>> metric.update(face + 2 * motion, face + motion)
        >>> metric.compute()
        tensor(2.0000)
    """


class IdentityError(PairMetric, function=functional.identity_error, higher_is_better=False):
    """Distance of the mean face from the reference, see `kp_metrics.functional.identity_error`.

    Example:
        >>> face = torch.rand(1, 68, 2, generator=torch.Generator().manual_seed(0))
        >>> metric = IdentityError()
        >>> metric.update(face * 60 + 112, face)
        >>> metric.compute() < 1e-5
        tensor(True)
    """

    def update(
        self, preds: Tensor, target: Tensor | None = None, mask: Tensor | None = None, reference: Tensor | None = None
    ) -> None:
        """Add a batch of `preds` `(..., T, K, D)`; `reference` `(..., K, D)`, else the first frame of `target`."""
        self.accumulate(preds, target, mask, reference=reference)


class ClosureF1(PairMetric, function=functional.closure_f1, higher_is_better=True):
    """F1 of the frames with a closed mouth, see `kp_metrics.functional.closure_f1`.

    Example:
        >>> face = torch.zeros(3, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([0.0, 10.0, 20.0])
        >>> metric = ClosureF1()
        >>> metric.update(face, face)
        >>> metric.compute()
        tensor(1.)
    """


class MTM(PairMetric, function=functional.mtm, higher_is_better=False):
    """Mean temporal misalignment in milliseconds, see `kp_metrics.functional.mtm`.

    Example:
        >>> face = torch.zeros(40, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = 10 + 10 * torch.sin(torch.arange(40.0) / 4)
        >>> metric = MTM(fps=25.0)
        >>> metric.update(face, face)
        >>> metric.compute()
        tensor(0.)
    """


class BlinkRate(PredsMetric, function=functional.blink_rate, higher_is_better=None):
    """Blinks per minute, see `kp_metrics.functional.blink_rate`.

    Example:
        >>> eye = torch.tensor([[0.0, 0.0], [1.0, -1.0], [3.0, -1.0], [4.0, 0.0], [3.0, 1.0], [1.0, 1.0]])
        >>> metric = BlinkRate(right_eye=tuple(range(6)), left_eye=tuple(range(6, 12)))
        >>> metric.update(torch.cat([eye, eye]).repeat(25, 1, 1))
        >>> metric.compute()
        tensor(0.)
    """
