"""How heads move by themselves: a seeded process with the rhythm and size of real ones."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["HeadMotion"]

_ORDER = 2

# Tracks drawn to learn how much the process moves.
_DRAWS = 200


class HeadMotion(nn.Module):
    """A vector autoregression of the head's pose, driven by noise.

    The pose x (shift x, shift y, roll, log scale) follows x_t = A1 x_{t-1} + A2 x_{t-2} + L e_t with standard normal e,
    starting at the reference. Speech tells little of where a head is, so a regression alone holds it still; this gives
    it life, another one for each seed. `fit` finds A and L in real tracks.
    """

    coefficients: Tensor
    noise: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("coefficients", torch.zeros(_ORDER, 4, 4))
        self.register_buffer("noise", torch.zeros(4, 4))

    def forward(
        self, batch: int, num_frames: int, *, generator: torch.Generator, past: Float[Tensor, "b 2 4"] | None = None
    ) -> Float[Tensor, "b t 4"]:
        """Return poses `(B, T, 4)`: shift x, shift y (inter-ocular distances), roll (radians), log scale.

        Args:
            batch: Number of heads.
            num_frames: T.
            generator: Source of the noise.
            past: The last two poses of a motion that goes on, drawn from the same generator; without it, the motion
                begins at the reference.
        """
        # Drawn frame by frame on the CPU: the same seed gives the same motion on every device and for every length.
        draws = [torch.randn(batch, 4, generator=generator) for _ in range(num_frames)]
        shocks = torch.stack(draws).to(self.noise) @ self.noise.T
        before, last = shocks.new_zeros(2, batch, 4) if past is None else past.unbind(dim=1)
        poses = [last] if past is None else []
        for shock in shocks[len(poses) :]:
            before, last = last, last @ self.coefficients[0].T + before @ self.coefficients[1].T + shock
            poses.append(last)
        return torch.stack(poses, dim=1)

    def fit(self, tracks: list[Float[Tensor, "_ 4"]]) -> None:
        """Fit the process to real pose tracks by least squares, so that it moves as much as the typical one.

        A few heads move ten times as much as most. So every track counts at unit size for the dynamics, and the
        process is scaled until tracks drawn from it, as long as the real ones, have the same geometric mean of their
        standard deviations.

        Args:
            tracks: Poses of clips, each about its own mean; ones of fewer than three frames are passed over.

        Raises:
            ValueError: The tracks hold too few frames, or the process they suggest would run away.
        """
        tracks = [track.double() for track in tracks if len(track) > _ORDER]
        if sum(len(track) - _ORDER for track in tracks) < 100:
            raise ValueError("expected at least 100 frames of head motion to fit, got fewer")
        sized = [track / _spread(track) for track in tracks]
        past = torch.cat([torch.cat((track[1:-1], track[:-2]), dim=1) for track in sized])
        future = torch.cat([track[2:] for track in sized])
        solution = torch.linalg.lstsq(past, future).solution
        residual = future - past @ solution
        first, second = solution[:4].T, solution[4:].T
        companion = torch.cat((torch.cat((first, second), dim=1), torch.eye(8, dtype=torch.float64)[:4]))
        radius = float(torch.linalg.eigvals(companion).abs().max())
        if radius >= 1:
            raise ValueError(f"expected a stationary head motion, got a spectral radius of {radius:.4f}")
        self.coefficients.copy_(torch.stack((first, second)))
        self.noise.copy_(torch.linalg.cholesky(residual.T @ residual / len(residual) + 1e-12 * torch.eye(4).double()))
        real = torch.stack([_spread(track).log() for track in tracks]).mean(dim=0)
        drawn = self(_DRAWS, max(len(track) for track in tracks), generator=torch.Generator().manual_seed(0)).double()
        drawn_spread = [_spread(drawn[:, : len(track)]).log().mean(dim=0) for track in tracks]
        scale = (real - torch.stack(drawn_spread).mean(dim=0)).exp().to(self.noise)
        self.coefficients.mul_(scale[:, None] / scale)
        self.noise.mul_(scale[:, None])


def _spread(track: Float[Tensor, "... t 4"]) -> Float[Tensor, "... 4"]:
    """Return the standard deviation over time, bounded from below for what never moves."""
    return track.std(dim=-2).clamp(min=1e-4)
