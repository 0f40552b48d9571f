from dataclasses import replace

import pytest

from a2k_train.training.fit import fit
from a2k_train.training.trainer import Trainer
from a2k_train.training.validator import Validator
from kp_io.media.video_reader import probe_video


@pytest.fixture
def held_out(make):
    return [make(10, frames=40, speaker="dee"), make(11, frames=50, speaker="eve"), make(12, frames=30, speaker="eve")]


def test_a_table_with_baselines_and_a_video(tiny_paper, store, held_out, tmp_path):
    validator = Validator(held_out, store, tmp_path)
    score = validator(Trainer(tiny_paper, store).published(), 7)
    table = (tmp_path / "step-000007" / "table.md").read_text()
    assert all(f"| {row} |" in table for row in ("mean face", "hold reference", "model", "ground truth"))
    assert f"{score:.2f}" in table
    video = probe_video(tmp_path / "step-000007" / "video.mp4")
    # One clip of each speaker: 40 frames of dee and 50 of eve, truth and model side by side.
    assert video.num_frames(25.0) == 90
    assert video.width > 1.5 * video.height


@pytest.mark.parametrize("preset", ["residual", "paper"])
def test_in_a_run(preset, tiny, tiny_paper, store, held_out, tmp_path):
    config = replace(tiny if preset == "residual" else tiny_paper, validate_every=2)
    fit(config, store, tmp_path, validate=Validator(held_out, store, tmp_path / "validation"))
    assert sorted(path.name for path in (tmp_path / "validation").iterdir()) == ["step-000002", "step-000004"]
    assert (tmp_path / "best" / "model.safetensors").is_file()
