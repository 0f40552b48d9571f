"""The paper's losses (section 4.4) as pure functions; the names are those of their weights."""

from jaxtyping import Bool, Float
from torch import Tensor


def discriminator(real: Float[Tensor, "b p"], fake: Float[Tensor, "b p"]) -> Float[Tensor, ""]:
    """Return ‖1 - D(y)‖² + ‖D(ŷ)‖², means over patches.

    Example:
        >>> discriminator(torch.ones(2, 13), torch.zeros(2, 13))
        tensor(0.)
    """
    return (1 - real).square().mean() + fake.square().mean()


def adversarial(fake: Float[Tensor, "b p"]) -> Float[Tensor, ""]:
    """Return ‖1 - D(ŷ)‖², the mean over patches.

    Example:
        >>> adversarial(torch.zeros(2, 13))
        tensor(1.)
    """
    return (1 - fake).square().mean()


def regression(
    preds: Float[Tensor, "b c t"], target: Float[Tensor, "b c t"], mask: Bool[Tensor, "b t"], count: Tensor
) -> Float[Tensor, ""]:
    """Return the L1 of normalised keypoints over valid frames.

    Args:
        preds: ŷ.
        target: y.
        mask: Valid frames.
        count: How many valid frames to divide by: this batch's, or the mean over processes.

    Example:
        >>> mask = torch.tensor([[True, False]])
        >>> regression(torch.zeros(1, 4, 2), torch.full((1, 4, 2), 3.0), mask, mask.sum())
        tensor(3.)
    """
    error = (preds - target).abs().mean(dim=1)
    return (error * mask).sum() / count.clamp(min=1)


def piv(reference: Float[Tensor, "b e"], generated: Float[Tensor, "b e"]) -> Float[Tensor, ""]:
    """Return ‖e(k) - mean_t e(ŷ_t)‖₂, the mean over the batch.

    Example:
        >>> piv(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor(5.)
    """
    # The square root has no slope at 0, where the codes agree.
    return (reference - generated).square().sum(dim=1).add(1e-12).sqrt().mean()


def triplet(
    reference: Float[Tensor, "b e"], real: Float[Tensor, "b e"], generated: Float[Tensor, "b e"], *, margin: float
) -> Float[Tensor, ""]:
    """Return max(0, d(e(k), e(y)) - d(e(k), e(ŷ)) + margin), d the root mean square; the mean over the batch.

    The code of the person's real motion is drawn to that of the reference, the code of generated motion is pushed away
    from it, as the paper's text says.

    Example:
        >>> a, b = torch.zeros(1, 4), torch.ones(1, 4)
        >>> triplet(a, a, b, margin=0.5), triplet(a, b, a, margin=0.5)
        (tensor(0.), tensor(1.5000))
    """
    return (_distance(reference, real) - _distance(reference, generated) + margin).clamp(min=0).mean()


def literal_triplet(
    reference: Float[Tensor, "b e"], real: Float[Tensor, "b e"], generated: Float[Tensor, "b e"], *, margin: float
) -> Float[Tensor, ""]:
    """Return ‖k - y‖ + ‖k - ŷ‖ + ε as the paper prints it, for study: it draws all codes together.

    Example:
        >>> literal_triplet(torch.zeros(1, 4), torch.ones(1, 4), torch.ones(1, 4), margin=0.5)
        tensor(2.5000)
    """
    return (_distance(reference, real) + _distance(reference, generated) + margin).mean()


def _distance(a: Float[Tensor, "b e"], b: Float[Tensor, "b e"]) -> Float[Tensor, " b"]:
    # The root has no slope at 0, where the codes agree.
    return (a - b).square().mean(dim=1).add(1e-12).sqrt()
