import pytest
import torch

from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.model import Audio2Keypoint
from a2k_train.evaluation.predictions import Prediction
from a2k_train.evaluation.velocity_spectra import Spectra, spectral_distance
from a2k_train.reports.head_report import HeadReport, with_random_walk
from a2k_train.statistics.residual import fit_statistics


@pytest.fixture(scope="module")
def model(clips):
    model = Audio2Keypoint(ModelConfig(width=8, dilations=(1,)))
    fit_statistics(model, clips)
    return model.eval()


def test_a_random_walk_leaves_the_model_alone(model, clips):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    walker = with_random_walk(model, clips)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(walker.head_motion.coefficients[1], torch.zeros(4, 4))
    assert torch.allclose(walker.head_motion.coefficients[0], torch.eye(4), atol=1e-6)


def test_the_report_names_both_rows(model, clips, make, tmp_path):
    report = HeadReport(Spectra(fps=25.0))
    report.evaluate_heads(model, clips, [make(7, frames=90), make(8, frames=90)])
    report.write(tmp_path / "heads.md")
    lines = (tmp_path / "heads.md").read_text(encoding="utf-8").splitlines()
    assert [line.split("|")[1].strip() for line in lines] == ["", "---", "model", "random walk"]
    distances = report.distances()
    assert set(distances) == {"model", "random walk"}
    for value, low, high in distances.values():
        assert 0 < low <= high
        assert value > 0


def test_the_truth_is_no_distance_from_itself(model, clips, make):
    held_out = [make(7, frames=90), make(8, frames=90)]
    report = HeadReport(Spectra(fps=25.0))
    report.evaluate_heads(model, clips, held_out)
    report.features["model"] = report.features["ground truth"]
    assert report.distances()["model"][0] == pytest.approx(0, abs=1e-6)


def test_every_voice_moves_its_head_the_same_twice(model, clips, make):
    tables = []
    for _ in range(2):
        report = HeadReport(Spectra(fps=25.0))
        report.evaluate_heads(model, clips, [make(7, frames=90), make(8, frames=90)], seed=3)
        tables.append(report.markdown())
    assert tables[0] == tables[1]


def test_the_spectrum_up_to_5_hz_leaves_out_what_trembles(make):
    steady, trembling = make(7, frames=90, jitter_px=0.0), make(7, frames=90, jitter_px=0.0)
    spectra = Spectra(fps=25.0)
    spectra.add(Prediction("ground truth", steady, steady.keypoints))
    alternating = (torch.arange(90) % 2)[:, None, None]
    spectra.add(Prediction("model", trembling, trembling.keypoints + alternating))
    everywhere = spectral_distance(spectra, "model", "base point")
    assert spectral_distance(spectra, "model", "base point", up_to_hz=5.0) < 0.2 * everywhere
