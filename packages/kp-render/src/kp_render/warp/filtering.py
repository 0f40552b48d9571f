"""Blur images and maps (kornia)."""

from jaxtyping import Float
from kornia.filters import gaussian_blur2d, guided_blur as _guided_blur
from torch import Tensor


def blur(image: Float[Tensor, "b c h w"], sigma: float) -> Float[Tensor, "b c h w"]:
    """Return images blurred by a Gaussian of a width in pixels; what is outside mirrors what is inside.

    Example:
        >>> import torch
        >>> bool(torch.allclose(blur(torch.ones(1, 1, 9, 9), 2.0), torch.ones(1, 1, 9, 9)))
        True
    """
    limit = 2 * ((min(image.shape[2:]) - 1) // 2) - 1
    size = max(1, min(2 * round(2.5 * sigma) + 1, limit))
    return gaussian_blur2d(image, (size, size), (sigma, sigma))


def guided_blur(
    guide: Float[Tensor, "b c h w"], image: Float[Tensor, "b d h w"], size: int, contrast: float
) -> Float[Tensor, "b d h w"]:
    """Return maps blurred over squares of a size in pixels, but not over edges of a guide above a contrast.

    Example:
        >>> import torch
        >>> step = (torch.arange(9) > 4).float().expand(1, 1, 9, 9)
        >>> bool((guided_blur(step, step, 5, 1e-4) - step).abs().max() < 0.01)
        True
    """
    blurred: Tensor = _guided_blur(guide, image, size, contrast)
    return blurred
