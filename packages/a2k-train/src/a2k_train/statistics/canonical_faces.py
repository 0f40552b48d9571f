"""Deviation of faces that are aligned to a mean face, which is only known after all of them were seen."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

# Frames of one step: bounds the memory of long clips.
_FRAMES = 1_000


class CanonicalFaces:
    """The standard deviation of faces after each is aligned to a mean face by its stable points.

    The alignment of a face z, as complex numbers, is z ↦ Σ_j g_j t_j with the stable points t of the mean face and
    g_j = (z - z̄) s̄_j / Σ |s|², s the centred stable points of the face. It is linear in t. So sums and products
    of g over all frames are enough to know mean and deviation for any mean face.

    Args:
        stable_points: Points that define the alignment.
    """

    def __init__(self, stable_points: tuple[int, ...]) -> None:
        self._stable = list(stable_points)
        self._count = 0
        self._sums: Tensor = torch.zeros((), dtype=torch.float64)
        self._products: Tensor = torch.zeros((), dtype=torch.float64)

    def add(self, faces: Float[Tensor, "n k 2"]) -> None:
        """Add faces, in any pixels."""
        for part in torch.split(faces.cpu().double(), _FRAMES):
            points = torch.view_as_complex(part.contiguous())
            stable = points[:, self._stable]
            centre = stable.mean(dim=1, keepdim=True)
            stable = stable - centre
            energy = stable.abs().square().sum(dim=1, keepdim=True).clamp(min=1e-12)
            weights = (points - centre)[:, :, None] * (stable.conj() / energy)[:, None]
            # The real part of Σ g t is this row times the real and imaginary parts of t.
            rows = torch.cat((weights.real, -weights.imag), dim=2).transpose(0, 1)
            self._sums = self._sums + rows.sum(dim=1)
            self._products = self._products + rows.mT @ rows
            self._count += len(part)

    def std(self, mean_face: Float[Tensor, "k 2"]) -> Float64[Tensor, "k 2"]:
        """Return the deviation of every coordinate of the aligned faces, divided by N - 1."""
        target = mean_face.cpu().double()[self._stable]
        x, y = (target - target.mean(dim=0)).unbind(dim=1)
        deviations = []
        for vector in (torch.cat((x, y)), torch.cat((y, -x))):
            squares = vector @ self._products @ vector - (self._sums @ vector).square() / self._count
            deviations.append((squares.clamp(min=0) / (self._count - 1 or torch.nan)).sqrt())
        return torch.stack(deviations, dim=1)
