"""The mouth-opening track under the waveform, as a picture (SVG) that needs no library and is sharp at any size."""

import torch
from jaxtyping import Float
from torch import Tensor

# iBUG 300-W: the middle of the inner lips, and the outer corners of the eyes.
_UPPER_LIP, _LOWER_LIP, _EYES = 62, 66, (36, 45)

_WIDTH, _WAVE, _GAP, _MOUTH, _AXIS, _LEFT = 560, 64, 26, 64, 24, 8
_HEIGHT = _WAVE + _GAP + _MOUTH + _AXIS


def mouth_opening_percent(keypoints: Float[Tensor, "t k d"]) -> Float[Tensor, " t"]:
    """Return how far the inner lips are apart, in percent of the distance of the outer eye corners.

    Example:
        >>> face = torch.zeros(1, 68, 2)
        >>> face[0, 45, 0], face[0, 66, 1] = 100, 12
        >>> mouth_opening_percent(face)
        tensor([12.])
    """
    gap = (keypoints[:, _LOWER_LIP] - keypoints[:, _UPPER_LIP]).norm(dim=-1)
    eyes = (keypoints[:, _EYES[1]] - keypoints[:, _EYES[0]]).norm(dim=-1)
    percent: Tensor = 100 * gap / eyes.clamp(min=1e-6)
    return percent


def track_svg(waveform: Float[Tensor, " s"], keypoints: Float[Tensor, "t k d"], *, sample_rate: int, fps: float) -> str:
    """Draw the waveform and, under it on the same time line, how far the mouth is open.

    Args:
        waveform: The speech, in [-1, 1].
        keypoints: 68 points a frame, any pixels.
        sample_rate: Samples a second.
        fps: Frames a second.

    Returns:
        An `<svg>` element; its strokes take the colour of the text around them.

    Raises:
        ValueError: There is no sample or no frame.

    Example:
        >>> track_svg(torch.zeros(16_000), torch.rand(25, 68, 2), sample_rate=16_000, fps=25.0)[:4]
        '<svg'
    """
    if not len(waveform) or not len(keypoints):
        raise ValueError(f"expected samples and frames, got {len(waveform)} and {len(keypoints)}")
    seconds = max(len(waveform) / sample_rate, len(keypoints) / fps)
    scale = (_WIDTH - 2 * _LEFT) / seconds
    opening = mouth_opening_percent(keypoints)
    top = max(10.0, float(opening.max()))
    floor = _WAVE + _GAP + _MOUTH
    times = [_LEFT + scale * (frame + 0.5) / fps for frame in range(len(opening))]
    heights = [floor - _MOUTH * value / top for value in opening.tolist()]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(times, heights, strict=True))
    widest = float(opening.max())
    label = 'font-size="13" fill="currentColor"'
    return "".join(
        (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" xmlns="http://www.w3.org/2000/svg" role="img" '
            f'font-family="system-ui, sans-serif" aria-label="Waveform, and the mouth opening below it">',
            f'<path d="{_envelope(waveform, scale * len(waveform) / sample_rate)}" fill="currentColor" opacity=".55"/>',
            f'<text x="{_LEFT}" y="13" {label}>speech</text>',
            f'<polygon points="{times[0]:.1f},{floor} {line} {times[-1]:.1f},{floor}" fill="#e8590c" opacity=".3"/>',
            f'<polyline points="{line}" fill="none" stroke="#e8590c" stroke-width="2" stroke-linejoin="round"/>',
            f'<text x="{_LEFT}" y="{_WAVE + _GAP - 8}" {label}>mouth opening, '
            f"up to {widest:.0f} % of the distance of the eyes</text>",
            *_ticks(seconds, scale, floor, label),
            "</svg>",
        )
    )


def _envelope(waveform: Float[Tensor, " s"], width: float) -> str:
    """Return the outline between the lowest and the highest sample of every pixel."""
    columns = min(max(2, round(width)), len(waveform))
    parts = torch.tensor_split(waveform.detach().cpu(), columns)
    loudest = max(float(waveform.abs().max()), 1e-3)
    middle, half, step = _WAVE / 2 + 6, _WAVE / 2 - 8, width / columns
    upper = [
        f"{_LEFT + step * (i + 0.5):.1f},{middle - half * float(p.max()) / loudest:.1f}" for i, p in enumerate(parts)
    ]
    lower = [
        f"{_LEFT + step * (i + 0.5):.1f},{middle - half * float(p.min()) / loudest + 0.6:.1f}"
        for i, p in enumerate(parts)
    ]
    return f"M{' L'.join(upper + lower[::-1])} Z"


def _ticks(seconds: float, scale: float, floor: float, label: str) -> list[str]:
    """Return the time axis: about eight round steps of a second or more."""
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300, 3600, float("inf")) if seconds / step <= 10)
    drawn = [f'<path d="M{_LEFT},{floor} H{_WIDTH - _LEFT}" stroke="currentColor" opacity=".4"/>']
    for index in range(int(seconds / step) + 1):
        x = _LEFT + scale * step * index
        anchor = "start" if index == 0 else "middle" if x < _WIDTH - 30 else "end"
        drawn.append(f'<path d="M{x:.1f},{floor} v4" stroke="currentColor" opacity=".4"/>')
        drawn.append(f'<text x="{x:.1f}" y="{floor + 18}" text-anchor="{anchor}" {label}>{step * index:g} s</text>')
    return drawn
