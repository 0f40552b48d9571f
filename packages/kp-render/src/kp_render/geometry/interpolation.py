"""Smooth interpolation of what is known at some points, as a matrix that is computed once."""

import torch
from jaxtyping import Float
from torch import Tensor


def interpolation_matrix(
    places: Float[Tensor, "n 2"],
    points: Float[Tensor, "k 2"],
    *,
    length: float,
    noise: Float[Tensor, " k"],
) -> Float[Tensor, "n k"]:
    """Return the matrix that maps values at points to values at places; far from all points they become 0.

    It is the mean of a Gaussian process with Matérn's kernel (ν = 5/2; Rasmussen and Williams 2006, equations 2.25
    and 4.17). A thin-plate spline would be as smooth, but grows without bound away from the points.

    Args:
        places: `(N, 2)` where values are wanted.
        points: `(K, 2)` where they are given.
        length: Distance over which values are alike, in the unit of the points.
        noise: `(K,)` variance of the values at the points, with 1 as that of the process. 0 meets a point exactly.

    Example:
        >>> corners, places = torch.tensor([[0.0, 0.0], [4.0, 0.0]]), torch.tensor([[0.0, 0.0], [90.0, 0.0]])
        >>> matrix = interpolation_matrix(places, corners, length=2, noise=torch.zeros(2))
        >>> (matrix @ torch.tensor([3.0, 7.0])).round(decimals=3)
        tensor([3., 0.])
    """
    own = _matern(torch.cdist(points.double(), points.double()) / length)
    # Points may coincide, as the corners of closed lips nearly do.
    own = own + torch.diag(noise.double() + 1e-6)
    across = _matern(torch.cdist(places.double(), points.double()) / length)
    matrix: Tensor = torch.linalg.solve(own, across.mT).mT
    return matrix.to(points)


def _matern(distance: Tensor) -> Tensor:
    scaled = 5**0.5 * distance
    return (1 + scaled + scaled.square() / 3) * torch.exp(-scaled)
