"""Baselines of head motion that do not hear: an autoregression and a random walk in nine components."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor

_MIN_STD = 1e-4

# Motions drawn to measure the size of a process.
_SIMULATIONS = 100

_GROUPS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Process:
    """A linear process of second order that begins at rest, as large as typical training clips.

    Attributes:
        transition: `(18, 9)`: the next values are (x_t, x_{t-1}) @ transition + noise.
        noise: `(9, 9)`, factor of standard normal numbers.
        size: `(9,)`, unit of each component.
        log_gains: `(C, 3)`, natural logarithms: how much more than is typical the rotation, the shift and the brows of
            each training clip move.
    """

    transition: Float64[Tensor, "18 9"]
    noise: Float64[Tensor, "9 9"]
    size: Float64[Tensor, " 9"]
    log_gains: Float64[Tensor, "c 3"]

    def draw(
        self, count: int, frames: int, generator: torch.Generator, *, vary_size: bool = False
    ) -> Float[Tensor, "s t 9"]:
        """Return motions that begin at 0; with `vary_size` each as large as a random training clip is."""
        motion = _simulate(self.transition, self.noise, count, frames, generator) * self.size
        if vary_size:
            chosen = torch.randint(len(self.log_gains), (count,), generator=generator)
            motion = motion * self.log_gains[chosen].repeat_interleave(_GROUPS, dim=1).exp()[:, None]
        return motion.float()


def fit_baseline(
    tracks: Sequence[Float[Tensor, "_ 9"]], kind: Literal["autoregression", "random walk"], *, seed: int = 0
) -> Process:
    """Fit a baseline by least squares to tracks in their deviations, and scale it to the typical track.

    As in `HeadMotion.fit`, simulated tracks of the real lengths get the same geometric mean of standard deviations.

    Args:
        tracks: Motion of training clips, of at least ten frames each.
        kind: A vector autoregression of second order, or independent steps.
        seed: Seed of the simulation.

    Raises:
        ValueError: The tracks hold fewer than 100 frames.
    """
    usable = [track.double() for track in tracks if len(track) >= 10]
    if sum(map(len, usable)) < 100:
        raise ValueError("expected tracks of at least 100 frames to fit a baseline, got fewer")
    real = torch.stack([_log_std(track) for track in usable])
    scaled = [track / log_std.exp() for track, log_std in zip(usable, real, strict=True)]
    past = torch.cat([torch.cat((x[1:-1], x[:-2]), dim=1) for x in scaled])
    future = torch.cat([x[2:] for x in scaled])
    if kind == "autoregression":
        transition = torch.linalg.lstsq(past, future).solution
    else:
        transition = torch.eye(18, dtype=torch.float64)[:, :9]
    rest = future - past @ transition
    noise = torch.linalg.cholesky(rest.T @ rest / len(rest) + 1e-12 * torch.eye(9).double()).T
    generator = torch.Generator().manual_seed(seed)
    drawn = _simulate(transition, noise, _SIMULATIONS, max(map(len, usable)), generator)
    by_length = {len(track): _log_std(drawn[:, : len(track)]).mean(dim=0) for track in usable}
    log_size = (real - torch.stack([by_length[len(track)] for track in usable])).mean(dim=0)
    groups = (real - real.mean(dim=0)).reshape(len(real), _GROUPS, -1).mean(dim=-1)
    return Process(transition, noise, log_size.exp(), groups)


def _simulate(
    transition: Tensor, noise: Tensor, count: int, frames: int, generator: torch.Generator
) -> Float64[Tensor, "s t 9"]:
    shocks = torch.randn(count, frames, 9, generator=generator).double() @ noise
    state = shocks.new_zeros(count, 18)
    motion = [state[:, :9]]
    for shock in shocks[:, 1:].unbind(dim=1):
        state = torch.cat((state @ transition + shock, state[:, :9]), dim=1)
        motion.append(state[:, :9])
    return torch.stack(motion, dim=1)


def _log_std(tracks: Float64[Tensor, "*s t 9"]) -> Float64[Tensor, "*s 9"]:
    return tracks.std(dim=-2).clamp(min=_MIN_STD).log()
