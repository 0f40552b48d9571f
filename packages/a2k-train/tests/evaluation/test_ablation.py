from dataclasses import replace

import pytest

from a2k_nets.config.paper import PaperConfig
from a2k_train.config.toml_file import read_config
from a2k_train.config.train_config import TrainConfig, defaults
from a2k_train.data.clip_store import ClipStore
from a2k_train.experiments.ablation import ablate, train_variant, variant_configs
from a2k_train.experiments.paper_claims import VARIANTS


@pytest.fixture(scope="module")
def tiny() -> TrainConfig:
    return replace(
        defaults("paper"),
        model=PaperConfig(width=0.03),
        epochs=0,
        steps=2,
        batch_size=2,
        window_frames=32,
        checkpoint_every=1,
    )


@pytest.fixture(scope="module")
def store(clips):
    return ClipStore.from_clips(clips)


@pytest.fixture
def val(make):
    return [make(seed, split="val") for seed in (7, 8)]


def test_variants_differ_in_nothing_else(tiny):
    configs = variant_configs(tiny)
    assert tuple(configs) == VARIANTS
    for name, config in configs.items():
        assert config.model.variant == name
        assert replace(config, model=replace(config.model, variant="final")) == tiny


def test_it_goes_on_where_it_was_stopped(tiny, store, val, tmp_path):
    done = []

    def stop(name, step, losses):
        done.append((name, step))
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ablate(tiny, store, val, tmp_path, derangements=1, on_step=stop)
    scored = []
    on = {"on_step": lambda name, step, losses: done.append((name, step)), "on_clip": scored.append}
    table = ablate(tiny, store, val, tmp_path, derangements=1, **on)
    # The interrupted step had not been saved; every other is done once.
    assert done == [(name, step) for name in VARIANTS for step in (1, 2)][:3] + [
        (name, step) for name in VARIANTS[1:] for step in (1, 2)
    ]
    assert scored == [1, 2]
    shuffled = [f"shuffled audio, {name}" for name in VARIANTS]
    assert list(table.values) == ["mean face", "hold reference", *shuffled, *VARIANTS, "ground truth"]
    settings = [read_config(tmp_path / name / "config.toml") for name in VARIANTS]
    assert settings == list(variant_configs(tiny).values())
    written = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert {"claims.md", "claims.json", "figure3.png", "table.tex"} <= {path.name for path in tmp_path.iterdir()}
    done.clear()
    ablate(tiny, store, val, tmp_path, derangements=1, **on)
    assert done == []
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == written


def test_one_variant_alone_is_found_done(tiny, store, val, tmp_path):
    train_variant(tiny, "no_piv", store, tmp_path)
    done = []
    ablate(tiny, store, val, tmp_path, derangements=1, on_step=lambda name, step, losses: done.append(name))
    assert "no_piv" not in done
    with pytest.raises(ValueError, match="variant out of"):
        train_variant(tiny, "no_d", store, tmp_path)


def test_what_is_refused_before_hours_of_training(tiny, store, val, clips, make, tmp_path):
    with pytest.raises(ValueError, match="no speaker in both"):
        ablate(tiny, store, clips[:2], tmp_path)
    with pytest.raises(ValueError, match="at least two speakers"):
        ablate(tiny, store, [make(9), make(9)], tmp_path)
    with pytest.raises(ValueError, match="paper preset"):
        ablate(TrainConfig(), store, val, tmp_path)
    assert list(tmp_path.iterdir()) == []
