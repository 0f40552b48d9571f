"""Drawing faces: OpenCV and torch beside a matplotlib loop and kornia's draw_line.

    nox -s bench -- benchmarks/speed/bench_raster.py

One core, 68 points at 256×256, the same faces in every row. kornia draws lines of one pixel, not anti-aliased, of one
colour a call and on one picture; matplotlib is the loop that many scripts are made of.
"""

import math

import numpy as np
import pytest
import torch

from kp_io import IBUG68, rasterize, rasterize_batch

SIZE = 256
FRAMES = 32  # in every row, so that the medians compare
NOTE = {"against": "matplotlib, a figure a face", "amount": FRAMES, "unit": "frames"}

pytestmark = pytest.mark.benchmark(group=f"draw {FRAMES} faces at {SIZE}×{SIZE}")


def faces(count):
    """Return faces drawn by hand, `(count, 68, 2)`, each a little elsewhere."""
    face = torch.zeros(68, 2)
    for part, (x, y, width, height) in {
        "jaw": (128, 120, 80, -95),
        "right_brow": (92, 88, 24, 12),
        "left_brow": (164, 88, 24, 12),
        "nose_bridge": (128, 120, 2, 30),
        "nose_base": (128, 148, 18, -6),
        "right_eye": (92, 104, 14, 7),
        "left_eye": (164, 104, 14, 7),
        "outer_lip": (128, 178, 32, 16),
        "inner_lip": (128, 178, 22, 7),
    }.items():
        indices = IBUG68.part(part).indices
        turn = 2 * math.pi if IBUG68.part(part).closed else math.pi
        angle = torch.arange(len(indices)) / (len(indices) - (turn < 4)) * turn
        face[list(indices)] = torch.stack((x - width * angle.cos(), y - height * angle.sin()), dim=1)
    return face + torch.linspace(-8, 8, count)[:, None, None]


def bench_opencv(measure):
    points = faces(FRAMES)
    drawn = measure(
        lambda: sum(1 for _ in rasterize(points, image_size=(SIZE, SIZE))), row="rasterize (OpenCV)", **NOTE
    )
    assert drawn == len(points)


def bench_torch(measure, device):
    points = faces(FRAMES).to(device)
    pictures = measure(lambda: rasterize_batch(points, image_size=(SIZE, SIZE)), row="rasterize_batch (torch)", **NOTE)
    assert float(pictures.amax()) > 0.9


@pytest.mark.parametrize("way", ["a call for each line", "a call for each part"])
def bench_kornia(measure, device, way):
    draw_line = pytest.importorskip("kornia.image", reason="needs kornia").draw_line
    points = faces(FRAMES).to(device)
    calls = []
    for part in IBUG68.parts:
        edges = torch.tensor(list(part.edges()), device=device)
        colour = torch.tensor(part.colour, device=device) / 255
        calls += [(group, colour) for group in (edges.split(1) if way == "a call for each line" else [edges])]

    def draw():
        pictures = []
        for face in points:
            picture = torch.zeros(3, SIZE, SIZE, device=device)
            for edges, colour in calls:
                picture = draw_line(picture, face[edges[:, 0]], face[edges[:, 1]], colour)
            pictures.append(picture)
        return torch.stack(pictures)

    pictures = measure(draw, row=f"kornia's draw_line, {way}", **NOTE)
    assert float(pictures.amax()) > 0.9


def bench_matplotlib(measure):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    points = faces(FRAMES).numpy()

    def draw():
        pictures = []
        for face in points:
            figure = Figure(figsize=(SIZE / 100, SIZE / 100), dpi=100, facecolor="black")
            canvas = FigureCanvasAgg(figure)
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set(xlim=(-0.5, SIZE - 0.5), ylim=(SIZE - 0.5, -0.5))
            axes.set_axis_off()
            for part in IBUG68.parts:
                line = face[[*part.indices, *([part.start] if part.closed else [])]]
                axes.plot(line[:, 0], line[:, 1], color=np.array(part.colour) / 255, linewidth=1)
            canvas.draw()
            pictures.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
        return pictures

    pictures = measure(draw, row=NOTE["against"], **NOTE | {"against": None})
    assert pictures[0].shape == (SIZE, SIZE, 3)
