"""The plots show the numbers of the functions."""

import pytest
import torch

import kp_metrics as kpm

pytest.importorskip("matplotlib", reason="needs kp-metrics[plots]")

from kp_metrics.evaluation import plots


def test_pck_curve(pair, tmp_path):
    preds, target, mask = pair
    axes = plots.plot_pck_curve({"ours": preds, "truth": target}, target, mask=mask, alpha_max=0.2)
    assert [line.get_label() for line in axes.lines] == ["ours", "truth"]
    heights = axes.lines[0].get_ydata()
    assert heights[-1] == pytest.approx(kpm.pck(preds, target, alpha=0.2, mask=mask).item())
    assert list(axes.lines[1].get_ydata()) == [1] * 50
    axes.figure.savefig(tmp_path / "pck.png")
    assert (tmp_path / "pck.png").stat().st_size > 5000


def test_keypoint_error(pair):
    preds, target, mask = pair
    axes = plots.plot_keypoint_error(preds, target, mask=mask)
    errors = kpm.nme(preds, target, mask=mask, reduction="none").flatten(0, 1).nanmean(0) * 100
    assert torch.allclose(torch.tensor(axes.collections[0].get_array()), errors.double(), rtol=1e-4)
    assert axes.yaxis_inverted()


def test_mouth_opening(pair):
    preds, target, _ = pair
    axes = plots.plot_mouth_opening(preds[0], target[0], fps=50.0)
    assert [line.get_label() for line in axes.lines] == ["truth", "prediction"]
    assert axes.lines[1].get_xdata()[-1] == pytest.approx(25 / 50)
    assert axes.lines[1].get_ydata()[3] == pytest.approx(kpm.mouth_opening(preds[0])[3].item())
    again = plots.plot_mouth_opening({"b": preds[1]}, target[1], axes=axes)
    assert again is axes
