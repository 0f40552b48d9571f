"""How a face moves against how it should, as metric classes."""

from torch import Tensor

from kp_metrics import functional
from kp_metrics.metrics.base import PairMetric


class MouthOpening(PairMetric):
    """Mean mouth opening over all frames of the predictions, see `kp_metrics.functional.mouth_opening`.

    Example:
        >>> import torch
        >>> face = torch.zeros(2, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[1, 66, 1] = 20.0
        >>> metric = MouthOpening()
        >>> metric.update(face)
        >>> metric.compute()
        tensor(0.1000)
    """

    function = staticmethod(functional.mouth_opening)
    higher_is_better = None

    def update(self, preds: Tensor, target: Tensor | None = None, mask: Tensor | None = None) -> None:
        """Add a batch of `preds` `(..., T, K, D)`; of `target` only the shape counts."""
        self.accumulate(preds, target, mask)


class MouthCorrelation(PairMetric):
    """Correlation of predicted and true mouth opening, see `kp_metrics.functional.mouth_correlation`.

    Example:
        >>> import torch
        >>> face = torch.zeros(3, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([0.0, 10.0, 20.0])
        >>> metric = MouthCorrelation()
        >>> metric.update(face.flip(0), face)
        >>> metric.compute()
        tensor(-1.)
    """

    function = staticmethod(functional.mouth_correlation)
    higher_is_better = True


class MouthAmplitudeRatio(PairMetric):
    """Spread of predicted over true mouth opening, see `kp_metrics.functional.mouth_amplitude_ratio`.

    Example:
        >>> import torch
        >>> face = torch.zeros(3, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([0.0, 10.0, 20.0])
        >>> metric = MouthAmplitudeRatio()
        >>> metric.update(face[[1, 1, 1]], face)
        >>> metric.compute()
        tensor(0.)
    """

    function = staticmethod(functional.mouth_amplitude_ratio)
    # Nearest 1 is best.
    higher_is_better = None


class HeadAmplitudeRatio(PairMetric):
    """Spread of predicted over true head pose, see `kp_metrics.functional.head_amplitude_ratio`.

    Example:
        >>> import torch
        >>> generator = torch.Generator().manual_seed(0)
        >>> face = torch.rand(68, 2, generator=generator) * 100
        >>> sway = torch.randn(16, 1, 2, generator=generator)
        >>> metric = HeadAmplitudeRatio(component="ty")
        >>> metric.update(face + 2 * sway, face + sway)
        >>> metric.compute()
        tensor(2.0000)
    """

    function = staticmethod(functional.head_amplitude_ratio)
    higher_is_better = None

    def update(
        self, preds: Tensor, target: Tensor, mask: Tensor | None = None, reference: Tensor | None = None
    ) -> None:
        """Add a batch of `preds` and `target` `(..., T, K, D)`; `reference` `(..., K, D)`, else the first frame."""
        self.accumulate(preds, target, mask, reference=reference)


class IdentityError(PairMetric):
    """How far the mean face is from the reference, see `kp_metrics.functional.identity_error`.

    Example:
        >>> import torch
        >>> face = torch.rand(1, 68, 2, generator=torch.Generator().manual_seed(0))
        >>> metric = IdentityError()
        >>> metric.update(face * 60 + 112, face)
        >>> metric.compute() < 1e-5
        tensor(True)
    """

    function = staticmethod(functional.identity_error)
    higher_is_better = False

    def update(
        self,
        preds: Tensor,
        target: Tensor | None = None,
        mask: Tensor | None = None,
        reference: Tensor | None = None,
    ) -> None:
        """Add a batch of `preds` `(..., T, K, D)`; `reference` `(..., K, D)`, else the first frame of `target`."""
        self.accumulate(preds, target, mask, reference=reference)


class ClosureF1(PairMetric):
    """F1 of the frames with a closed mouth, see `kp_metrics.functional.closure_f1`.

    Example:
        >>> import torch
        >>> face = torch.zeros(3, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = torch.tensor([0.0, 10.0, 20.0])
        >>> metric = ClosureF1()
        >>> metric.update(face, face)
        >>> metric.compute()
        tensor(1.)
    """

    function = staticmethod(functional.closure_f1)
    higher_is_better = True


class MTM(PairMetric):
    """Mean temporal misalignment in milliseconds, see `kp_metrics.functional.mtm`.

    Example:
        >>> import torch
        >>> face = torch.zeros(40, 68, 2)
        >>> face[:, 45, 0] = 100.0
        >>> face[:, 66, 1] = 10 + 10 * torch.sin(torch.arange(40.0) / 4)
        >>> metric = MTM(fps=25.0)
        >>> metric.update(face, face)
        >>> metric.compute()
        tensor(0.)
    """

    function = staticmethod(functional.mtm)
    higher_is_better = False


class BlinkRate(PairMetric):
    """Blinks a minute, see `kp_metrics.functional.blink_rate`.

    Example:
        >>> import torch
        >>> eye = torch.tensor([[0.0, 0.0], [1.0, -1.0], [3.0, -1.0], [4.0, 0.0], [3.0, 1.0], [1.0, 1.0]])
        >>> metric = BlinkRate(right_eye=tuple(range(6)), left_eye=tuple(range(6, 12)))
        >>> metric.update(torch.cat([eye, eye]).repeat(25, 1, 1))
        >>> metric.compute()
        tensor(0.)
    """

    function = staticmethod(functional.blink_rate)
    higher_is_better = None

    def update(self, preds: Tensor, target: Tensor | None = None, mask: Tensor | None = None) -> None:
        """Add a batch of `preds` `(..., T, K, D)`; of `target` only the shape counts."""
        self.accumulate(preds, target, mask)
