"""Drawing faces: OpenCV and torch beside a matplotlib loop and kornia's draw_line.

    nox -s bench -- benchmarks/bench_raster.py

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
GROUP = f"draw {FRAMES} faces at {SIZE}×{SIZE}"


@pytest.fixture(autouse=True)
def _one_core():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


def report(benchmark, count):
    benchmark.extra_info["frames a second"] = round(count / benchmark.stats.stats.median, 1)


@pytest.mark.benchmark(group=GROUP)
def bench_opencv(benchmark):
    points = faces(FRAMES)
    drawn = benchmark.pedantic(
        lambda: sum(1 for _ in rasterize(points, image_size=(SIZE, SIZE))), rounds=9, warmup_rounds=2
    )
    assert drawn == len(points)
    report(benchmark, len(points))


@pytest.mark.benchmark(group=GROUP)
def bench_torch(benchmark):
    points = faces(FRAMES)
    pictures = benchmark.pedantic(lambda: rasterize_batch(points, image_size=(SIZE, SIZE)), rounds=5, warmup_rounds=1)
    assert float(pictures.amax()) > 0.9
    report(benchmark, len(points))


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("way", ["a call for each line", "a call for each part"])
def bench_kornia(benchmark, way):
    draw_line = pytest.importorskip("kornia.image", reason="needs kornia").draw_line
    points = faces(FRAMES)
    calls = []
    for part in IBUG68.parts:
        edges = torch.tensor(list(part.edges()))
        colour = torch.tensor(part.colour) / 255
        calls += [(group, colour) for group in (edges.split(1) if way == "a call for each line" else [edges])]

    def draw():
        pictures = []
        for face in points:
            picture = torch.zeros(3, SIZE, SIZE)
            for edges, colour in calls:
                picture = draw_line(picture, face[edges[:, 0]], face[edges[:, 1]], colour)
            pictures.append(picture)
        return torch.stack(pictures)

    pictures = benchmark.pedantic(draw, rounds=5, warmup_rounds=1)
    assert float(pictures.amax()) > 0.9
    report(benchmark, len(points))


@pytest.mark.benchmark(group=GROUP)
def bench_matplotlib(benchmark):
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

    pictures = benchmark.pedantic(draw, rounds=3, warmup_rounds=1)
    assert pictures[0].shape == (SIZE, SIZE, 3)
    report(benchmark, len(points))
