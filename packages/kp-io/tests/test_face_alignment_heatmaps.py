"""Points between the cells of heatmaps, on drawn Gaussians whose places are known."""

import pytest
import torch

from kp_io.detectors.face_alignment.heatmaps import find_peaks, predict_heatmaps
from kp_io.keypoints.layout import IBUG68


def gaussians(places, *, deviation, stretch=1.0, lean=0.0, height=0.8):
    """Draw a Gaussian at each place; `stretch` makes it an ellipse, which `lean` turns."""
    steps = torch.arange(64.0)
    x = steps - places[..., 0, None, None]
    y = steps[:, None] - places[..., 1, None, None]
    along = (x + lean * y) / deviation
    across = (y - lean * x) / (deviation * stretch)
    return height * torch.exp(-(along**2 + across**2) / 2)


@pytest.fixture
def places():
    return 8 + 47 * torch.rand(4, 68, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("deviation", [0.7, 1.0, 1.5, 3.25])
@pytest.mark.parametrize(("stretch", "lean"), [(1.0, 0.0), (1.5, 0.0), (1.5, 0.4)])
def test_gaussians_of_any_width_and_shape(places, deviation, stretch, lean):
    points, scores = find_peaks(gaussians(places, deviation=deviation, stretch=stretch, lean=lean))
    # A narrow Gaussian that stands between two cells is cut at the floor, hence not exact to the last digit.
    assert (points - places).abs().max() < 0.02
    assert scores.max() <= 0.8
    assert scores.min() > 0.4


def test_coarse_numbers_of_a_gpu_cost_little(places):
    points, _ = find_peaks(gaussians(places, deviation=1.5).bfloat16().float())
    assert (points - places).abs().max() < 0.02


def test_noise_costs_less_than_the_library_s_quarter_cells(places):
    noise = 0.01 * torch.randn(4, 68, 64, 64, generator=torch.Generator().manual_seed(1))
    points, _ = find_peaks(gaussians(places, deviation=1.5) + noise)
    assert (points - places).pow(2).mean().sqrt() < 0.05


@pytest.mark.parametrize("edge", [(0.0, 30.3), (63.0, 30.3), (30.3, 0.2), (30.3, 62.8), (0.3, 0.3)])
def test_gaussians_at_an_edge(edge):
    place = torch.tensor(edge)
    points, _ = find_peaks(gaussians(place[None, None], deviation=1.5))
    torch.testing.assert_close(points[0, 0], place, atol=0.02, rtol=0)


@pytest.mark.parametrize("value", [0.0, -1.0, 0.7])
def test_flat_heatmaps_give_a_finite_point(value):
    points, scores = find_peaks(torch.full((1, 68, 64, 64), value))
    assert points.isfinite().all()
    assert (scores == value).all()


def test_mirrored_crops_are_averaged_with_left_and_right_exchanged():
    shades = torch.rand(68, generator=torch.Generator().manual_seed(0))

    class Shades(torch.nn.Module):
        """Answers each point with its own shade of the crop."""

        def forward(self, crops):
            return [None, crops[:, :1, ::4, ::4] * shades[:, None, None]]

    crops = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    small = crops[:, :1, ::4, ::4]
    back = crops.flip(-1)[:, :1, ::4, ::4].flip(-1)
    expected = (small * shades[:, None, None] + back * shades[list(IBUG68.mirror)][:, None, None]) / 2
    torch.testing.assert_close(predict_heatmaps(Shades(), crops, flip=True), expected)
    torch.testing.assert_close(predict_heatmaps(Shades(), crops, flip=False), small * shades[:, None, None])
