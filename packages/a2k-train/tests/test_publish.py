import hashlib
from dataclasses import replace

import pytest
import torch

from a2k_nets.pretrained import load_model
from a2k_train.config.toml_file import read_config
from a2k_train.experiments.publish import publish
from a2k_train.training.fit import fit


@pytest.mark.parametrize("preset", ["residual", "paper"])
class TestLast:
    @pytest.fixture
    def config(self, preset, tiny, tiny_paper):
        return tiny if preset == "residual" else tiny_paper

    def test_what_is_published_is_what_was_trained(self, config, store, tmp_path):
        model = fit(config, store, tmp_path / "run")
        path = publish(tmp_path / "run", tmp_path / "out")
        loaded = load_model(tmp_path / "out")
        assert loaded.config == config.model
        for name, tensor in model.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], tensor), name
        digest, file = (tmp_path / "out" / "SHA256SUMS").read_text().split()
        assert (hashlib.sha256(path.read_bytes()).hexdigest(), path.name) == (digest, file)
        assert read_config(tmp_path / "out" / "config.toml") == config
        card = (tmp_path / "out" / "README.md").read_text()
        assert "must not be used" in card
        assert digest in card

    def test_a_run_that_goes_on(self, config, store, tmp_path):
        def stop(step, losses):
            if step == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit(config, store, tmp_path / "run", on_step=stop)
        publish(tmp_path / "run", tmp_path / "out")
        assert "Trained for 2 steps" in (tmp_path / "out" / "README.md").read_text()


def test_the_best(tiny_paper, store, tmp_path):
    scores = iter([0.1, 0.9])
    config = replace(tiny_paper, validate_every=2)
    fit(config, store, tmp_path / "run", validate=lambda model, step: next(scores))
    publish(tmp_path / "run", tmp_path / "best", which="best")
    publish(tmp_path / "run", tmp_path / "last")
    best, last = (load_model(tmp_path / name).state_dict() for name in ("best", "last"))
    assert any(not torch.equal(best[name], last[name]) for name in best)


def test_a_card_that_somebody_wrote_stays(tiny, store, tmp_path):
    fit(tiny, store, tmp_path / "run")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "README.md").write_text("mine")
    publish(tmp_path / "run", tmp_path / "out")
    assert (tmp_path / "out" / "README.md").read_text() == "mine"


def test_what_is_no_run(tmp_path, tiny, store):
    with pytest.raises(FileNotFoundError, match=r"no config\.toml"):
        publish(tmp_path, tmp_path / "out")
    fit(tiny, store, tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="validate_every"):
        publish(tmp_path / "run", tmp_path / "out", which="best")
    with pytest.raises(ValueError, match="last or best"):
        publish(tmp_path / "run", tmp_path / "out", which="first")
