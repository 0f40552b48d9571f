"""Tables, settings and clips that hold what makes no sense: one ValueError that names the file."""

import json

import numpy as np
import pytest
import torch

from a2k_train.config.toml_file import read_config
from a2k_train.data.open_clips import open_clips
from a2k_train.experiments.held_out_models import load_held_out_models
from a2k_train.statistics.faces import read_face_statistics
from kp_io import KeypointSequence, save_keypoints, write_audio


@pytest.mark.parametrize("text", [b"steps = 1\nseed = \xff", b"\xff\xfe", b"steps = " + b"[" * 3000])
def test_settings_that_are_no_text(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=r"config\.toml") as caught:
        read_config(path)
    assert "expected settings in TOML" in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"[]",
        b"1",
        b"[" * 100_000,
        *(
            json.dumps({"std": [[1.0, 1.0]] * 2, "mean": mean}).encode()
            for mean in (None, 1, [], [[1.0]] * 2, [[1.0, None]] * 2, [[10**400, 1]] * 2, "x", [[1, float("nan")]] * 2)
        ),
    ],
)
def test_statistics_of_a_corpus(tmp_path, content):
    path = tmp_path / "statistics.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"expected the statistics of a corpus in .*statistics\.json"):
        read_face_statistics(path)


@pytest.mark.parametrize(
    "table", [b"\xff", b"row,fold\nmodel,1\n", b"clip,fold\na,\n", b"clip,fold\na\n", b"clip,fold\na,0.5\n"]
)
def test_the_table_of_a_cross_validation(tmp_path, store, table):
    for fold in ("fold-0", "fold-1"):
        (tmp_path / fold).mkdir()
        (tmp_path / fold / "config.toml").write_text("steps = 1")
    (tmp_path / "clips.csv").write_bytes(table)
    with pytest.raises(ValueError, match=r"expected a table with the columns clip and fold in .*clips\.csv"):
        load_held_out_models(tmp_path, store)


def test_points_far_outside_any_picture_are_not_trained_on(tmp_path):
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(30, 68, 2))).float()
    points[3, 5] = 1e30
    save_keypoints(tmp_path / "far.npz", KeypointSequence(points, image_size=(64, 64)))
    write_audio(tmp_path / "far.wav", torch.zeros(30 * 640))
    (tmp_path / "manifest.csv").write_text("id,speaker,split\nfar,ada,train\n")
    with pytest.raises(ValueError, match="expected keypoints within 1e\\+06 px of the picture, got others in far"):
        open_clips(tmp_path, splits=("train",))
