"""Chart of the waveform and the mouth opening, as SVG."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.expression_edits import inner_lip_gaps

_LEFT_CORNER, _RIGHT_CORNER = ModelConfig().eye_corners

_WIDTH, _WAVE_HEIGHT, _GAP, _MOUTH_HEIGHT, _AXIS_HEIGHT, _MARGIN = 560, 64, 26, 64, 24, 8
_FLOOR = _WAVE_HEIGHT + _GAP + _MOUTH_HEIGHT
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300, 3600, float("inf"))
_LABEL = 'font-size="13" fill="currentColor"'


def draw_mouth_chart(
    waveform: Float[Tensor, " s"], keypoints: Float[Tensor, "t k d"], *, sample_rate: int, fps: float
) -> str:
    """Draw the waveform and, below it on the same time axis, how far the mouth is open.

    Args:
        waveform: The speech, in [-1, 1].
        keypoints: 68 points per frame, in any pixels.
        sample_rate: Samples per second.
        fps: Frames per second.

    Returns:
        An `<svg>` element; its strokes have the colour of the surrounding text.

    Raises:
        ValueError: There is no sample or no frame.

    Example:
        >>> draw_mouth_chart(torch.zeros(16_000), torch.rand(25, 68, 2), sample_rate=16_000, fps=25.0)[:4]
        '<svg'
    """
    if not len(waveform) or not len(keypoints):
        raise ValueError(f"expected samples and frames, got {len(waveform)} and {len(keypoints)}")
    seconds = max(len(waveform) / sample_rate, len(keypoints) / fps)
    pixels_per_second = (_WIDTH - 2 * _MARGIN) / seconds
    eye_distance = (keypoints[:, _RIGHT_CORNER] - keypoints[:, _LEFT_CORNER]).norm(dim=-1)
    opening = 100 * inner_lip_gaps(keypoints)[:, 1].norm(dim=-1) / eye_distance.clamp(min=1e-6)  # percent
    top = max(10.0, float(opening.max()))
    xs = [_MARGIN + pixels_per_second * (frame + 0.5) / fps for frame in range(len(opening))]
    ys = [_FLOOR - _MOUTH_HEIGHT * value / top for value in opening.tolist()]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    outline = _envelope(waveform, pixels_per_second * len(waveform) / sample_rate)
    return "".join(
        (
            f'<svg viewBox="0 0 {_WIDTH} {_FLOOR + _AXIS_HEIGHT}" xmlns="http://www.w3.org/2000/svg" role="img" '
            f'font-family="system-ui, sans-serif" aria-label="Waveform, and the mouth opening below it">',
            f'<path d="{outline}" fill="currentColor" opacity=".55"/>',
            f'<text x="{_MARGIN}" y="13" {_LABEL}>speech</text>',
            f'<polygon points="{xs[0]:.1f},{_FLOOR} {line} {xs[-1]:.1f},{_FLOOR}" fill="#e8590c" opacity=".3"/>',
            f'<polyline points="{line}" fill="none" stroke="#e8590c" stroke-width="2" stroke-linejoin="round"/>',
            f'<text x="{_MARGIN}" y="{_WAVE_HEIGHT + _GAP - 8}" {_LABEL}>height of the '
            f"open mouth (the peak is {float(opening.max()) / 100:.2f} of the distance between the eyes)</text>",
            *_ticks(seconds, pixels_per_second),
            "</svg>",
        )
    )


def _envelope(waveform: Float[Tensor, " s"], width: float) -> str:
    """Return the outline between the lowest and the highest sample of every pixel column."""
    num_columns = min(max(2, round(width)), len(waveform))
    columns = torch.tensor_split(waveform.detach().cpu(), num_columns)
    peak = max(float(waveform.abs().max()), 1e-3)
    middle, half, step = _WAVE_HEIGHT / 2 + 6, _WAVE_HEIGHT / 2 - 8, width / num_columns
    xs = [f"{_MARGIN + step * (i + 0.5):.1f}" for i in range(num_columns)]
    upper = [f"{x},{middle - half * float(c.max()) / peak:.1f}" for x, c in zip(xs, columns, strict=True)]
    lower = [f"{x},{middle - half * float(c.min()) / peak + 0.6:.1f}" for x, c in zip(xs, columns, strict=True)]
    return f"M{' L'.join(upper + lower[::-1])} Z"


def _ticks(seconds: float, pixels_per_second: float) -> list[str]:
    """Return the time axis, with at most about ten round steps."""
    step = next(step for step in _TICKS if seconds / step <= 10)
    elements = [f'<path d="M{_MARGIN},{_FLOOR} H{_WIDTH - _MARGIN}" stroke="currentColor" opacity=".4"/>']
    for index in range(int(seconds / step) + 1):
        x = _MARGIN + pixels_per_second * step * index
        anchor = "start" if index == 0 else "middle" if x < _WIDTH - 30 else "end"
        elements.append(f'<path d="M{x:.1f},{_FLOOR} v4" stroke="currentColor" opacity=".4"/>')
        elements.append(
            f'<text x="{x:.1f}" y="{_FLOOR + 18}" text-anchor="{anchor}" {_LABEL}>{step * index:g} s</text>'
        )
    return elements
