import json
import logging
import sys

import numpy as np
import pytest
import torch

from a2k_train.experiments.ablation_report import write_report
from a2k_train.experiments.figure3 import draw_figure3
from a2k_train.experiments.paper_claims import VARIANTS
from a2k_train.reports.evaluation_report import evaluate_fully, write_evaluation
from a2k_train.statistics.faces import face_statistics
from kp_io.media.image import read_image

TABLES = {"clips.csv", "table.md", "table.csv", "table.tex", "table.json"}
PLOTS = {"correlation.png", "mouth.png", "spectra.png"}


@pytest.fixture(scope="module")
def evaluation(variants, clips):
    return evaluate_fully(variants, clips, statistics=face_statistics(clips), derangements=1)


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def folder(evaluation, tmp_path_factory):
    pytest.importorskip("matplotlib", reason="needs a2k-train[plots]")
    folder = tmp_path_factory.mktemp("report") / "new"
    write_report(folder, evaluation)
    return folder


class TestReport:
    def test_files(self, folder):
        assert names(folder) == TABLES | PLOTS | {"spectra.csv", "claims.md", "claims.json", "figure3.png"}

    def test_pictures_show_something(self, folder):
        for name in (*PLOTS, "figure3.png"):
            picture = read_image(folder / name)
            assert min(picture.shape[:2]) > 300
            assert picture.std() > 5

    def test_models_that_are_as_the_paper_says(self, folder):
        verdicts = {claim["name"]: claim["verdict"] for claim in json.loads((folder / "claims.json").read_text())}
        assert verdicts["Audio alone gives a generic face"] == "holds"
        assert verdicts["Without the PIV encoder the first frame and the identity drift"] == "holds"
        assert verdicts["The movement goes with the speech"] == "holds"

    def test_json_has_no_nan(self, folder):
        refuse = pytest.fail
        for name in ("table.json", "claims.json"):
            json.loads((folder / name).read_text(), parse_constant=refuse)

    def test_the_same_again(self, folder, evaluation, tmp_path):
        write_report(tmp_path, evaluation)
        for name in ("clips.csv", "table.tex", "spectra.csv", "claims.md", "figure3.png"):
            assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


class TestEvaluationReport:
    def test_the_usual_clip_is_first_and_every_row_is_there(self, evaluation, clips):
        title, rows = next(iter(evaluation.examples.items()))
        assert title.startswith("usual clip, r = ")
        assert list(rows) == ["mean face", "hold reference", *VARIANTS, "ground truth"]
        assert len(rows["final"]) in {clip.num_frames for clip in clips}

    def test_without_matplotlib_the_tables_are_there(self, evaluation, tmp_path, monkeypatch, caplog):
        for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
            monkeypatch.setitem(sys.modules, name, None)
        with caplog.at_level(logging.WARNING):
            write_evaluation(tmp_path, evaluation)
        assert names(tmp_path) == TABLES | {"spectra.csv"}
        assert "a2k-train[plots]" in caplog.text

    def test_clips_too_short_for_spectra(self, variants, make, tmp_path, caplog):
        short = [make(0, frames=20), make(1, frames=20)]
        evaluation = evaluate_fully(variants, short, statistics=face_statistics(short), derangements=1)
        write_report(tmp_path, evaluation)
        assert "spectra" in caplog.text
        assert "spectra.csv" not in names(tmp_path)
        assert "claims.md" in names(tmp_path)


class TestStrips:
    def test_a_row_for_each_and_a_column_for_each(self):
        faces = 60 * torch.rand(30, 68, 2, generator=torch.Generator().manual_seed(0)) + 100
        two = draw_figure3({"truth": faces, "final": faces}, fps=25.0, columns=4, height=100)
        three = draw_figure3({"truth": faces, "no_piv": faces, "final": faces}, fps=25.0, columns=4, height=100)
        wide = draw_figure3({"truth": faces, "final": faces}, fps=25.0, columns=6, height=100)
        assert three.shape[0] - two.shape[0] == pytest.approx(100, abs=3)
        assert wide.shape[1] > two.shape[1]

    def test_all_rows_share_one_frame(self):
        small = 20 * torch.rand(9, 68, 2, generator=torch.Generator().manual_seed(0))
        picture = draw_figure3({"small": small, "large": 4 * small}, fps=25.0, columns=2, height=200)
        half = len(picture) // 2
        above, below = (part[:, 260:].max(axis=2) > 60 for part in (picture[:half], picture[half:]))
        assert np.ptp(above.nonzero()[1]) < np.ptp(below.nonzero()[1])

    def test_rows_of_other_lengths(self):
        with pytest.raises(ValueError, match="one length"):
            draw_figure3({"a": torch.rand(5, 68, 2), "b": torch.rand(6, 68, 2)}, fps=25.0)
