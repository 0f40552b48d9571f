"""How a sequence leaves the reference with which it begins."""

import torch
from jaxtyping import Float
from torch import Tensor


def ease_in(start: int, stop: int | torch.SymInt, *, frames: int) -> Float[Tensor, " t"]:
    """Return the gains of the frames from `start` to `stop`: they rise smoothly from 0 to 1 over the first `frames`.

    So a sequence begins with its reference (paper, section 4.1); 0 frames begin at once.

    Example:
        >>> ease_in(0, 4, frames=2)
        tensor([0.0000, 0.5000, 1.0000, 1.0000])
    """
    time = torch.arange(start, stop)  # type: ignore[arg-type]  # its stubs know no symbols
    rise = (time / max(1, frames)).clamp(max=1)
    return rise * rise * (3 - 2 * rise) if frames else torch.ones_like(rise)
