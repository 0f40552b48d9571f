"""How heads move by themselves: a seeded process with the rhythm and size of real ones."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

_ORDER = 2

# Tracks drawn to learn how much the process moves.
_DRAWS = 200

# What never moves would have a spread of 0, whose logarithm is none.
_LEAST_SPREAD = 1e-4

# Natural logarithms: from a twentieth of the typical head's motion to five times as much.
_SWAY_RANGE = (-3.0, 1.6)


class HeadMotion(nn.Module):
    """A vector autoregression of the head's pose, driven by noise.

    The pose x (shift x, shift y, roll, log scale) follows x_t = A1 x_{t-1} + A2 x_{t-2} + L e_t with standard normal e,
    starting at the reference. Speech tells little of where a head is, so a regression alone holds it still; this gives
    it life, another one for each noise. How lively a speaker is can be heard, so the noise may be louder or softer from
    moment to moment. `fit` finds A and L in real tracks.
    """

    coefficients: Tensor
    noise: Tensor
    typical_sway: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("coefficients", torch.zeros(_ORDER, 4, 4))
        self.register_buffer("noise", torch.zeros(4, 4))
        self.register_buffer("typical_sway", torch.zeros(4))

    def forward(
        self,
        noise: Float[Tensor, "b t 4"],
        *,
        log_sway: Float[Tensor, "b t"] | None = None,
        past: Float[Tensor, "b 2 4"] | None = None,
    ) -> Float[Tensor, "b t 4"]:
        """Return poses `(B, T, 4)`: shift x, shift y (inter-ocular distances), roll (radians), log scale.

        Args:
            noise: Standard normal.
            log_sway: How much more than typical the head is driven at each moment, as a natural logarithm.
            past: The last two poses of a motion that goes on; without it, the motion begins at the reference.
        """
        shocks = (noise.to(self.noise) @ self.noise.T).transpose(0, 1)
        if log_sway is not None:
            shocks = shocks * log_sway.clamp(*_SWAY_RANGE).exp().T[..., None]
        before, last = shocks.new_zeros(2, *shocks.shape[1:]) if past is None else past.unbind(dim=1)
        poses = [last] if past is None else []
        for shock in shocks[len(poses) :]:
            before, last = last, last @ self.coefficients[0].T + before @ self.coefficients[1].T + shock
            poses.append(last)
        return torch.stack(poses, dim=1)

    def relative_sway(
        self, tracks: Float[Tensor, "b t 4"], mask: Bool[Tensor, "b t"] | None = None
    ) -> Float[Tensor, " b"]:
        """Return how much more than typical heads moved in windows, as the mean logarithm over the pose's components.

        Args:
            tracks: Smoothed poses, in the units of `forward`.
            mask: Frames that count.
        """
        valid = tracks.new_ones(tracks.shape[:2]) if mask is None else mask.to(tracks)
        count = valid.sum(dim=1, keepdim=True).clamp(min=1)
        mean = (tracks * valid[..., None]).sum(dim=1, keepdim=True) / count[..., None]
        variance = ((tracks - mean).square() * valid[..., None]).sum(dim=1) / count
        return (variance.sqrt().clamp(min=_LEAST_SPREAD).log() - self.typical_sway).mean(dim=-1)

    def fit(self, tracks: list[Float[Tensor, "_ 4"]], *, window: int = 64) -> None:
        """Fit the process to real pose tracks by least squares, so that it moves as much as the typical one.

        A few heads move ten times as much as most. So every track counts at unit size for the dynamics, and the
        process is scaled until tracks drawn from it, as long as the real ones, have the same geometric mean of their
        standard deviations.

        Args:
            tracks: Poses of clips, each about its own mean; ones of fewer than three frames are passed over.
            window: Frames of the windows that `relative_sway` is to measure.

        Raises:
            ValueError: The tracks hold too few frames or are not finite, or the process they suggest would run away.
        """
        tracks = _long_enough(tracks)
        sized = [track / _spread(track) for track in tracks]
        past = torch.cat([torch.cat((track[1:-1], track[:-2]), dim=1) for track in sized])
        future = torch.cat([track[2:] for track in sized])
        solution = torch.linalg.lstsq(past, future).solution
        first, second = solution[:4].T, solution[4:].T
        companion = torch.cat((torch.cat((first, second), dim=1), torch.eye(8, dtype=torch.float64)[:4]))
        radius = float(torch.linalg.eigvals(companion).abs().max())
        if radius >= 1:
            raise ValueError(f"expected a stationary head motion, got a spectral radius of {radius:.4f}")
        self._set(first, second, future - past @ solution, tracks)
        pieces = [track[i : i + window] for track in tracks for i in range(0, max(1, len(track) - window // 2), window)]
        spreads = [piece.std(dim=0, correction=0).clamp(min=_LEAST_SPREAD).log() for piece in pieces if len(piece) > 1]
        self.typical_sway.copy_(torch.stack(spreads).mean(dim=0))

    def fit_random_walk(self, tracks: list[Float[Tensor, "_ 4"]]) -> None:
        """Fit what the process is compared with: steps that know nothing of each other, as large a motion in all."""
        tracks = _long_enough(tracks)
        steps = torch.cat([(track / _spread(track)).diff(dim=0) for track in tracks])
        still = torch.zeros(4, 4, dtype=torch.float64)
        self._set(torch.eye(4, dtype=torch.float64), still, steps, tracks)

    def _set(self, first: Tensor, second: Tensor, shocks: Tensor, tracks: list[Tensor]) -> None:
        """Take coefficients and the shocks that they leave over, then scale the process to the typical track."""
        self.coefficients.copy_(torch.stack((first, second)))
        covariance = shocks.T @ shocks / len(shocks) + 1e-12 * torch.eye(4).double()
        self.noise.copy_(torch.linalg.cholesky(covariance))
        real = torch.stack([_spread(track).log() for track in tracks]).mean(dim=0)
        noise = torch.randn(_DRAWS, max(map(len, tracks)), 4, generator=torch.Generator().manual_seed(0))
        drawn = self(noise).double()
        drawn_spread = [_spread(drawn[:, : len(track)]).log().mean(dim=0) for track in tracks]
        scale = (real - torch.stack(drawn_spread).mean(dim=0)).exp().to(self.noise)
        self.coefficients.mul_(scale[:, None] / scale)
        self.noise.mul_(scale[:, None])


def _long_enough(tracks: list[Tensor]) -> list[Tensor]:
    tracks = [track.double() for track in tracks if len(track) > _ORDER]
    if sum(len(track) - _ORDER for track in tracks) < 100:
        raise ValueError("expected at least 100 frames of head motion to fit, got fewer")
    if not all(bool(torch.isfinite(track).all()) for track in tracks):
        raise ValueError("expected finite head motion, got NaN or infinity; is a clip's face a single point?")
    return tracks


def _spread(track: Float[Tensor, "... t 4"]) -> Float[Tensor, "... 4"]:
    """Return the standard deviation over time, bounded from below for what never moves."""
    return track.std(dim=-2).clamp(min=_LEAST_SPREAD)
