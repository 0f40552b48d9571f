"""Random head motion: a seeded process with the spectrum and size of real head motion."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.blocks.exact_linear import exact_linear

_ORDER = 2

# Frames up to which the process is followed frame by frame.
_FEW_FRAMES = 4

# Tracks simulated to measure the size of the process.
_SIMULATIONS = 200

# Bounds the standard deviation of components that never move, whose logarithm is needed.
_MIN_STD = 1e-4

# Natural logarithms: from a twentieth of the typical motion to five times as much.
_LOG_GAIN_RANGE = (-3.0, 1.6)


class HeadMotion(nn.Module):
    """A vector autoregression of the head pose.

    The pose x (shift x, shift y, roll, log scale) follows x_t = A1 x_{t-1} + A2 x_{t-2} + L e_t with standard normal e,
    starting at the reference. Speech hardly determines the head pose, so a regression alone predicts a still head; this
    process adds natural motion, different for each noise. Speech does correlate with the amount of motion, so a gain
    may scale the noise over time. `fit` estimates A and L from real tracks.
    """

    coefficients: Tensor
    noise: Tensor
    typical_log_std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("coefficients", torch.zeros(_ORDER, 4, 4))
        self.register_buffer("noise", torch.zeros(4, 4))
        self.register_buffer("typical_log_std", torch.zeros(4))

    def forward(
        self,
        noise: Float[Tensor, "b t 4"],
        *,
        log_motion_gain: Float[Tensor, "b t"] | None = None,
        past: Float[Tensor, "b 2 4"] | None = None,
    ) -> Float[Tensor, "b t 4"]:
        """Return poses `(B, T, 4)`: shift x, shift y (inter-ocular distances), roll (radians), log scale.

        Args:
            noise: Standard normal.
            log_motion_gain: Natural logarithm of the gain of the noise over time; 0 is typical motion.
            past: The last two poses of the motion to continue; without it, the motion begins at the reference.
        """
        shocks = exact_linear(noise.to(self.noise), self.noise)
        if log_motion_gain is not None:
            shocks = shocks * log_motion_gain.clamp(*_LOG_GAIN_RANGE).exp()[..., None]
        if past is None:
            return F.pad(self._continue(shocks.new_zeros(len(shocks), _ORDER, 4), shocks[:, 1:]), (0, 0, 1, 0))
        return self._continue(past, shocks)

    def _continue(self, past: Float[Tensor, "b 2 4"], shocks: Float[Tensor, "b t 4"]) -> Float[Tensor, "b t 4"]:
        """Return the poses after the past ones."""
        # In double precision, so that chunks give the numbers of the whole.
        last, coefficients = _double(past).flip(1).flatten(1), _double(self.coefficients)
        solve = _step_by_step if shocks.shape[1] <= _FEW_FRAMES else _all_at_once
        poses = solve(coefficients, last, _double(shocks))
        return poses.to(shocks.dtype).to(shocks)

    def measure_log_gain(
        self, tracks: Float[Tensor, "b t 4"], mask: Bool[Tensor, "b t"] | None = None
    ) -> Float[Tensor, " b"]:
        """Return the log gain of head motion in windows, relative to the typical head, averaged over pose components.

        Args:
            tracks: Smoothed poses, in the units of `forward`.
            mask: Valid frames.
        """
        valid = tracks.new_ones(tracks.shape[:2]) if mask is None else mask.to(tracks)
        count = valid.sum(dim=1, keepdim=True).clamp(min=1)
        mean = (tracks * valid[..., None]).sum(dim=1, keepdim=True) / count[..., None]
        variance = ((tracks - mean).square() * valid[..., None]).sum(dim=1) / count
        return (variance.sqrt().clamp(min=_MIN_STD).log() - self.typical_log_std).mean(dim=-1)

    def fit(self, tracks: list[Float[Tensor, "_ 4"]], *, window: int = 64) -> None:
        """Fit the process to real pose tracks by least squares, and scale it to the typical track.

        A few heads move ten times as much as most. So every track is scaled to unit variance for the dynamics, and the
        process is scaled so that simulated tracks of the real lengths have the same geometric mean of standard
        deviations.

        Args:
            tracks: Poses of clips, each with its mean subtracted; tracks of fewer than three frames are ignored.
            window: Frames of the windows that `measure_log_gain` will measure.

        Raises:
            ValueError: The tracks hold too few frames or are not finite, or the fitted process is not stationary.
        """
        tracks = _usable(tracks)
        scaled = [track / _std(track) for track in tracks]
        past = torch.cat([torch.cat((track[1:-1], track[:-2]), dim=1) for track in scaled])
        future = torch.cat([track[2:] for track in scaled])
        solution = torch.linalg.lstsq(past, future).solution
        first, second = solution[:4].T, solution[4:].T
        companion = torch.cat((torch.cat((first, second), dim=1), torch.eye(8, dtype=torch.float64)[:4]))
        radius = float(torch.linalg.eigvals(companion).abs().max())
        if radius >= 1:
            raise ValueError(f"expected a stationary head motion, got a spectral radius of {radius:.4f}")
        self._set(first, second, future - past @ solution, tracks)
        pieces = [track[i : i + window] for track in tracks for i in range(0, max(1, len(track) - window // 2), window)]
        log_stds = [piece.std(dim=0, correction=0).clamp(min=_MIN_STD).log() for piece in pieces if len(piece) > 1]
        self.typical_log_std.copy_(torch.stack(log_stds).mean(dim=0).to(self.typical_log_std.dtype))

    def fit_random_walk(self, tracks: list[Float[Tensor, "_ 4"]]) -> None:
        """Fit a random walk as a baseline: independent steps, scaled to the same total motion."""
        tracks = _usable(tracks)
        steps = torch.cat([(track / _std(track)).diff(dim=0) for track in tracks])
        still = torch.zeros(4, 4, dtype=torch.float64)
        self._set(torch.eye(4, dtype=torch.float64), still, steps, tracks)

    def _set(self, first: Tensor, second: Tensor, residuals: Tensor, tracks: list[Tensor]) -> None:
        """Set coefficients and the covariance of their residuals, then scale the process to the typical track."""
        self.coefficients.copy_(torch.stack((first, second)).to(self.coefficients.dtype))
        covariance = residuals.T @ residuals / len(residuals) + 1e-12 * torch.eye(4).double()
        self.noise.copy_(torch.linalg.cholesky(covariance).to(self.noise.dtype))
        real = torch.stack([_std(track).log() for track in tracks]).mean(dim=0)
        noise = torch.randn(_SIMULATIONS, max(map(len, tracks)), 4, generator=torch.Generator().manual_seed(0))
        simulated = self(noise).cpu().double()
        lengths = [len(track) for track in tracks]
        by_length = {length: _std(simulated[:, :length]).log().mean(dim=0) for length in set(lengths)}
        simulated_log_std = [by_length[length] for length in lengths]
        scale = (real - torch.stack(simulated_log_std).mean(dim=0)).exp().to(self.noise.dtype).to(self.noise.device)
        self.coefficients.mul_(scale[:, None] / scale)
        self.noise.mul_(scale[:, None])


def _double(x: Tensor) -> Tensor:
    """Return x in double precision, on the CPU if its device has none, as Apple's GPUs."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def _step_by_step(
    coefficients: Float[Tensor, "2 4 4"], last: Float[Tensor, "b 8"], shocks: Float[Tensor, "b t 4"]
) -> Float[Tensor, "b t 4"]:
    """Return the poses x_t after `last`, which is (x_{-1}, x_{-2}), frame by frame."""
    matrix = coefficients.transpose(1, 2).flatten(0, 1)
    poses = [last[:, :4]]
    for shock in shocks.unbind(dim=1):
        poses.append(torch.addmm(shock, last, matrix))
        last = torch.cat((poses[-1], last[:, :4]), dim=1)
    return torch.stack(poses, dim=1)[:, 1:]


def _all_at_once(
    coefficients: Float[Tensor, "2 4 4"], last: Float[Tensor, "b 8"], shocks: Float[Tensor, "b t 4"]
) -> Float[Tensor, "b t 4"]:
    """Return the same poses in a few operations, for any number of frames."""
    first, second = coefficients
    # The state (x_t, x_{t-1}) follows s_t = C s_{t-1} + (L e_t, 0); the first state of the sum below is the last one.
    transition = torch.cat((torch.cat((first, second), dim=1), first.new_zeros(4, 8).fill_diagonal_(1)))
    states = torch.cat((last[:, None], F.pad(shocks, (0, 4))), dim=1)
    # s_t is the sum of C^k u_{t-k} over all k; each step doubles the number of terms that are summed.
    reach = 1
    while reach < states.shape[1]:
        states = torch.cat((states[:, :reach], states[:, reach:] + states[:, :-reach] @ transition.T), dim=1)
        transition, reach = transition @ transition, 2 * reach
    return states[:, 1:, :4]


def _usable(tracks: list[Tensor]) -> list[Tensor]:
    """Return the tracks long enough to fit, in double precision; refuse too few frames and values not finite."""
    # On the CPU: not every device has double precision.
    tracks = [track.cpu().double() for track in tracks if len(track) > _ORDER]
    if sum(len(track) - _ORDER for track in tracks) < 100:
        raise ValueError("expected at least 100 frames of head motion to fit, got fewer")
    if not all(bool(torch.isfinite(track).all()) for track in tracks):
        raise ValueError("expected finite head motion, got NaN or infinity; is a clip's face a single point?")
    return tracks


def _std(track: Float[Tensor, "... t 4"]) -> Float[Tensor, "... 4"]:
    """Return the standard deviation over time, bounded from below."""
    return track.std(dim=-2).clamp(min=_MIN_STD)
