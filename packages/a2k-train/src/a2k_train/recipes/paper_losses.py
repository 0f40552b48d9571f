"""Losses of the paper (section 4.4) as pure functions, named after their weights."""

from jaxtyping import Bool, Float
from torch import Tensor


def discriminator(real: Float[Tensor, "b p"], fake: Float[Tensor, "b p"]) -> Float[Tensor, ""]:
    """Return the discriminator's loss ‖1 - D(y)‖² + ‖D(ŷ)‖², means over patches.

    Example:
        >>> discriminator(torch.ones(2, 13), torch.zeros(2, 13))
        tensor(0.)
    """
    return (1 - real).square().mean() + fake.square().mean()


def adversarial(fake: Float[Tensor, "b p"]) -> Float[Tensor, ""]:
    """Return the adversarial loss ‖1 - D(ŷ)‖², the mean over patches.

    Example:
        >>> adversarial(torch.zeros(2, 13))
        tensor(1.)
    """
    return (1 - fake).square().mean()


def regression(
    preds: Float[Tensor, "b c t"], target: Float[Tensor, "b c t"], mask: Bool[Tensor, "b t"], count: Tensor
) -> Float[Tensor, ""]:
    """Return the L1 of normalized keypoints over valid frames.

    `count` is the number of valid frames to divide by: this batch's, or the mean over processes.

    Example:
        >>> mask = torch.tensor([[True, False]])
        >>> regression(torch.zeros(1, 4, 2), torch.full((1, 4, 2), 3.0), mask, mask.sum())
        tensor(3.)
    """
    error = (preds - target).abs().mean(dim=1)
    return (error * mask).sum() / count.clamp(min=1)


def piv(reference: Float[Tensor, "b e"], generated: Float[Tensor, "b e"]) -> Float[Tensor, ""]:
    """Return the pose-invariance loss ‖e(k) - mean_t e(ŷ_t)‖₂, the mean over the batch.

    Example:
        >>> piv(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor(5.)
    """
    # The constant avoids the infinite slope of the root at 0, where the codes agree.
    return (reference - generated).square().sum(dim=1).add(1e-12).sqrt().mean()


def triplet(
    reference: Float[Tensor, "b e"], real: Float[Tensor, "b e"], generated: Float[Tensor, "b e"], *, margin: float
) -> Float[Tensor, ""]:
    """Return max(0, d(e(k), e(y)) - d(e(k), e(ŷ)) + margin), d the root mean square; the mean over the batch.

    As the paper's text says, the code of real motion is pulled towards the reference's code, and the code of generated
    motion is pushed away from it.

    Example:
        >>> a, b = torch.zeros(1, 4), torch.ones(1, 4)
        >>> triplet(a, a, b, margin=0.5), triplet(a, b, a, margin=0.5)
        (tensor(0.), tensor(1.5000))
    """
    return (_distance(reference, real) - _distance(reference, generated) + margin).clamp(min=0).mean()


def literal_triplet(
    reference: Float[Tensor, "b e"], real: Float[Tensor, "b e"], generated: Float[Tensor, "b e"], *, margin: float
) -> Float[Tensor, ""]:
    """Return ‖k - y‖ + ‖k - ŷ‖ + ε as printed in the paper, for study: it pulls all codes together.

    Example:
        >>> literal_triplet(torch.zeros(1, 4), torch.ones(1, 4), torch.ones(1, 4), margin=0.5)
        tensor(2.5000)
    """
    return (_distance(reference, real) + _distance(reference, generated) + margin).mean()


def _distance(a: Float[Tensor, "b e"], b: Float[Tensor, "b e"]) -> Float[Tensor, " b"]:
    # The constant avoids the infinite slope of the root at 0.
    return (a - b).square().mean(dim=1).add(1e-12).sqrt()
