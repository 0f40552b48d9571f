"""Temporal smoothing: a non-causal filter (Savitzky-Golay) and a causal one (1€)."""

import math
from itertools import pairwise
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from kp_io.keypoints.sequence import KeypointSequence

SmoothingMethod = Literal["savitzky-golay", "one-euro"]

#: Window of the Savitzky-Golay filter in `smooth`, rounded to an odd number of frames: 5 at 25 fps. Longer windows
#: flatten lip closures, which last two or three frames.
_WINDOW_SECONDS = 0.2


def smooth(sequence: KeypointSequence, method: SmoothingMethod = "savitzky-golay") -> KeypointSequence:
    """Return the sequence with less frame-to-frame noise; scores are unchanged.

    `savitzky-golay` uses 0.1 s of past and future and adds no delay; `one-euro` is causal, for live video, and lags by
    about a frame. Both also remove some fast lip movement, so nothing is smoothed by default.

    Raises:
        ValueError: The method is unknown.

    Example:
        >>> shaky = KeypointSequence(torch.randn(50, 68, 2), image_size=(64, 64))
        >>> bool(smooth(shaky).keypoints.std() < shaky.keypoints.std())
        True
    """
    if method == "savitzky-golay":
        frames = max(3, 2 * round(_WINDOW_SECONDS * sequence.fps / 2 - 0.01) + 1)
        return sequence.with_keypoints(savitzky_golay(sequence.keypoints, frames=frames))
    if method == "one-euro":
        return sequence.with_keypoints(one_euro(sequence.keypoints, fps=sequence.fps, unit_px=_face_size(sequence)))
    raise ValueError(f"expected a smoothing method out of {', '.join(get_args(SmoothingMethod))}, got {method!r}")


def savitzky_golay(keypoints: Float[Tensor, "t k d"], *, frames: int = 5, order: int = 2) -> Float[Tensor, "t k d"]:
    """Smooth with a polynomial fitted to a window around every frame (Savitzky and Golay, 1964).

    At both ends, the polynomial of the first and last `frames` is evaluated off centre, so a steady movement is
    unchanged up to the last frame.

    Args:
        keypoints: `(T, K, D)`.
        frames: Window length, odd; if T is shorter, the longest odd length that fits.
        order: Degree of the polynomial, below `frames`: movements of that degree pass unchanged.

    Returns:
        New keypoints of the same shape and dtype; an unchanged copy if T is too short for the degree.

    Raises:
        ValueError: `frames` is even or not positive, or `order` is not within [0, frames).

    Example:
        >>> parabola = (torch.arange(9.0) ** 2)[:, None, None]
        >>> torch.allclose(savitzky_golay(parabola, frames=5), parabola, atol=1e-4)
        True
    """
    if frames < 1 or frames % 2 == 0 or not 0 <= order < frames:
        raise ValueError(f"expected an odd number of frames and an order from 0 below it, got {frames=}, {order=}")
    frames = min(frames, len(keypoints) - 1 + len(keypoints) % 2)
    if frames <= order + 1:
        return keypoints.clone()
    half = frames // 2
    time = torch.arange(-half, half + 1, dtype=torch.float64, device=keypoints.device) / max(1, half)
    powers = torch.stack([time**degree for degree in range(order + 1)], dim=1)
    # Row i of the projection gives the fitted value at frame i of the window.
    projection = powers @ torch.linalg.pinv(powers)
    track = keypoints.double()
    middle = torch.einsum("t k d f, f -> t k d", track.unfold(0, frames, 1), projection[half])
    start = torch.einsum("h f, f k d -> h k d", projection[:half], track[:frames])
    end = torch.einsum("h f, f k d -> h k d", projection[half + 1 :], track[-frames:])
    return torch.cat((start, middle, end)).to(keypoints.dtype)


def one_euro(
    keypoints: Float[Tensor, "t k d"],
    *,
    fps: float,
    min_cutoff_hz: float = 4.0,
    beta: float = 2.0,
    speed_cutoff_hz: float = 4.0,
    unit_px: float = 1.0,
) -> Float[Tensor, "t k d"]:
    """Smooth slow movement strongly and fast movement little, causally (the 1€ filter, Casiez et al., 2012).

    Every point is low-pass filtered at `min_cutoff_hz + beta * speed`; its speed, in `unit_px` per second, is low-pass
    filtered too. All coordinates of a point share one cutoff, so the result does not depend on head rotation.

    Args:
        keypoints: `(T, K, D)`.
        fps: Frames per second.
        min_cutoff_hz: Cutoff for a point at rest; lower is smoother with more lag.
        beta: Increase of the cutoff per unit of speed; higher follows faster.
        speed_cutoff_hz: Cutoff for the speed.
        unit_px: Unit of length for speeds, pixels; with the face size, one `beta` fits every image size.

    Returns:
        New keypoints of the same shape and dtype; the first frame is unchanged.

    Raises:
        ValueError: A number is not positive (`beta` may be 0).

    Example:
        >>> still = torch.ones(5, 3, 2)
        >>> torch.equal(one_euro(still, fps=25.0), still)
        True
    """
    if not (fps > 0 and min_cutoff_hz > 0 and speed_cutoff_hz > 0 and unit_px > 0 and beta >= 0):
        given = f"{fps=}, {min_cutoff_hz=}, {beta=}, {speed_cutoff_hz=}, {unit_px=}"
        raise ValueError(f"expected positive numbers, got {given}")
    track = keypoints.double()
    value, speed = track[0], torch.zeros_like(track[0])
    alpha = 1 - math.exp(-2 * math.pi * speed_cutoff_hz / fps)
    smoothed = [value]
    for previous, current in pairwise(track):
        speed = speed + alpha * ((current - previous) * fps / unit_px - speed)
        cutoff = min_cutoff_hz + beta * speed.norm(dim=-1, keepdim=True)
        value = value + (1 - torch.exp(-2 * math.pi * cutoff / fps)) * (current - value)
        smoothed.append(value)
    return torch.stack(smoothed).to(keypoints.dtype)


def _face_size(sequence: KeypointSequence) -> float:
    """Return the median distance between the outer eye corners, pixels, at least 1."""
    layout = sequence.layout
    corners = sequence.keypoints[:, layout.left_eye_corner] - sequence.keypoints[:, layout.right_eye_corner]
    return max(1.0, float(corners.norm(dim=-1).median()))
