"""Matrix products in full precision, whatever precision PyTorch is set to."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name


def exact_linear(x: Float[Tensor, "... n"], weight: Float[Tensor, "m n"]) -> Float[Tensor, "... m"]:
    """Return x · weightᵀ in the precision of x, even where TF32 is allowed.

    `torch.set_float32_matmul_precision("high")` lets NVIDIA's GPUs round float32 to 10 bits (TF32). That is harmless
    in a network, but not before a logarithm. On these GPUs the product is computed in double precision.

    Example:
        >>> exact_linear(torch.ones(3, 2), torch.tensor([[1.0, 2.0]])).flatten()
        tensor([3., 3., 3.])
    """
    if x.device.type != "cuda":
        return F.linear(x, weight)
    return F.linear(x.double(), weight.double()).to(x.dtype)
