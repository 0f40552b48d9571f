import csv
import math

import pytest
import torch

from a2k_train.evaluation.predictions import GROUND_TRUTH, Prediction
from a2k_train.evaluation.velocity_spectra import PARTS, Spectra, spectral_distance, write_spectra


@pytest.fixture
def spectra(make):
    found = Spectra(fps=25.0)
    for seed in range(3):
        clip = make(seed)
        centre = clip.keypoints.mean(0)
        found.add(Prediction(GROUND_TRUTH, clip, clip.keypoints))
        found.add(Prediction("half", clip, centre + 0.5 * (clip.keypoints - centre)))
        tremble = torch.randn(70, 68, 2, generator=torch.Generator().manual_seed(seed))
        found.add(Prediction("trembling", clip, clip.keypoints + tremble))
    return found


def test_half_the_movement_has_a_quarter_of_the_power(spectra):
    ratio = spectra.mean("half", "base point") / spectra.mean(GROUND_TRUTH, "base point")
    assert torch.allclose(ratio, torch.full_like(ratio, 0.25), rtol=1e-3)
    assert spectral_distance(spectra, "half", "base point") == pytest.approx(10 * math.log10(4), abs=0.01)
    assert spectral_distance(spectra, GROUND_TRUTH, "lips") == 0


def test_trembling_shows_at_high_rates(spectra):
    ratio = spectra.mean("trembling", "lips") / spectra.mean(GROUND_TRUTH, "lips")
    assert ratio[-3:].mean() > 5 * ratio[:3].mean()


def test_where_the_mouth_opens_at_is_where_the_power_is(make):
    clip = make(3)  # syllables at 2.4 Hz
    found = Spectra(fps=25.0)
    found.add(Prediction("truth", clip, clip.keypoints))
    assert found.frequencies[found.mean("truth", "lips").argmax()].item() == pytest.approx(2.4, abs=0.8)


def test_short_clips_are_left_out(make):
    found = Spectra(fps=25.0)
    found.add(Prediction("model", make(0, frames=20), make(0, frames=20).keypoints))
    assert found.rows == []


def test_the_file(spectra, tmp_path):
    write_spectra(tmp_path / "spectra.csv", spectra)
    with (tmp_path / "spectra.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(PARTS) * len(spectra.frequencies)
    ratios = [float(row["over_truth"]) for row in rows if (row["row"], row["part"]) == ("half", "base point")]
    assert ratios == pytest.approx([0.25] * len(ratios), rel=1e-3)
