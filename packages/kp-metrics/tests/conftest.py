"""Faces that move, and a way to meet the errors that users meet."""

from collections.abc import Iterator

import jaxtyping
import pytest
import torch
from torch import Tensor


def make_pair(sequences: int = 3, frames: int = 26, dimensions: int = 2, seed: int = 0, scattered: bool = True):
    """A moving face with a talking mouth, a noisy prediction of it, and a mask of scattered points and a short clip."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    face = torch.rand(sequences, 1, 68, dimensions, generator=generator) * 100
    time = torch.arange(frames).reshape(1, frames, 1, 1)
    zoom = 1 + 0.1 * torch.sin(time / 9 + noise(sequences, 1, 1, 1))
    target = face * zoom + 5 * torch.sin(time / 5 + noise(sequences, 1, 1, dimensions))
    target = target + 0.5 * noise(sequences, frames, 68, dimensions)
    target[..., 66, :] += 20 * torch.sin(time[..., 0] / 3 + noise(sequences, 1, 1))
    preds = target + 2 * noise(sequences, frames, 68, dimensions)
    mask = torch.rand(sequences, frames, 68, generator=generator) > (0.05 if scattered else -1)
    mask[:, :5] = True
    mask[-1, frames - frames // 4 :] = False
    return preds, target, mask


@pytest.fixture(name="make_pair", scope="session")
def _make_pair():
    return make_pair


@pytest.fixture
def pair() -> tuple[Tensor, Tensor, Tensor]:
    return make_pair()


@pytest.fixture
def without_shape_checks() -> Iterator[None]:
    """Users have no hook that checks annotations: their bad input reaches our own checks."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
