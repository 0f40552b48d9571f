"""Ears that learn to predict a speech encoder's features from sound, and trainings that begin with them."""

from dataclasses import replace

import pytest
import torch

from a2k_nets.config.residual import ModelConfig
from a2k_nets.pretrained import load_model
from a2k_train.config.toml_file import config_from_toml, config_to_toml
from a2k_train.config.train_config import LossWeights, TrainConfig, defaults
from a2k_train.data.speech.speech_folder import open_speech
from a2k_train.data.speech_features import add_features
from a2k_train.recipes.prepare_store import prepare_store
from a2k_train.training.fit import fit
from a2k_train.training.trainer import Trainer
from kp_io.media.audio import write_audio

MODEL = ModelConfig(width=8, dilations=(1, 2), lookahead_hops=2)


@pytest.fixture
def settings():
    weights = LossWeights(features=1.0)
    return TrainConfig(model=MODEL, losses=weights, steps=4, batch_size=3, window_frames=16, checkpoint_every=2)


@pytest.fixture
def speech(tmp_path, make):
    folder = tmp_path / "speech"
    (folder / "talks").mkdir(parents=True)
    for seed in range(3):
        write_audio(folder / "talks" / f"{seed}.wav", make(seed, frames=40 + seed).waveform, sample_rate=16_000)
    write_audio(folder / "short.wav", make(3, frames=5).waveform, sample_rate=16_000)
    (folder / "manifest.csv").write_text("id,speaker\n0,ada\n1,bob\n2,\n", encoding="utf-8")
    return folder


def levels(waveform):
    """Two features per half of a video frame: its loudness, and a constant."""
    level = waveform.reshape(1, -1, 320).square().mean(dim=2).add(1e-6).log()
    return torch.stack((level, torch.ones_like(level)), dim=2)


class TestSpeechFolder:
    def test_recordings_become_clips_without_faces(self, speech, make):
        store = open_speech(speech)
        assert store.ids == ("talks/0.wav", "talks/1.wav", "talks/2.wav")
        assert store.speakers == ("ada", "bob", "talks/")
        assert store.lengths.tolist() == [40, 41, 42]
        assert not store.measured.any()
        assert torch.equal(store.clip(1).sound, make(1, frames=41).sound)

    def test_refused(self, speech, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(FileNotFoundError, match="expected recordings of speech"):
            open_speech(tmp_path / "empty")
        with pytest.raises(ValueError, match="at least 4 s"):
            open_speech(speech, min_frames=100)
        (speech / "manifest.csv").write_text("name\n0\n", encoding="utf-8")
        with pytest.raises(ValueError, match="columns id and speaker"):
            open_speech(speech)


class TestEars:
    def test_the_encoder_hears_clean_sound(self, settings, speech):
        store = prepare_store(settings, open_speech(speech))
        assert store.features.shape == (1, 123, 768)

    def test_a_network_learns_the_features(self, settings, store, tmp_path):
        heard = add_features(store, levels, name="levels")
        losses = []
        longer = replace(settings, steps=120, augment=False, learning_rate=1e-2, schedule="constant")
        fit(longer, heard, tmp_path, on_step=lambda step, values: losses.append(values["features"]))
        # Constant features have no variance to explain.
        assert sum(losses[-10:]) < 0.5 * sum(losses[:10])

    def test_frames_past_the_end_do_not_count(self, settings, make):
        from a2k_train.data.clip_store import ClipStore

        store = add_features(ClipStore.from_clips([make(0, frames=20)]), levels, name="levels")
        settings = replace(settings, augment=False, window_frames=40, model=replace(MODEL, dropout=0.0))
        trainer = Trainer(settings, store)
        batch = trainer.sampler.batch(0)
        loud = batch.waveform.clone()
        loud[:, 24 * 640 :] = 0.5  # heard by no frame of the clip
        same = trainer.train_step(batch)["features"]
        trainer = Trainer(settings, store)
        assert float(trainer.train_step(replace(batch, waveform=loud))["features"]) == pytest.approx(float(same))

    def test_only_the_ears_change(self, settings, store):
        trainer = Trainer(settings, add_features(store, levels, name="levels"))
        before = {name: value.clone() for name, value in trainer.model.generator.state_dict().items()}
        trainer.train_step()
        changed = {
            name.split(".")[0]
            for name, value in trainer.model.generator.state_dict().items()
            if not torch.equal(value, before[name])
        }
        assert changed == {"stem", "blocks", "norm"}

    def test_a_training_begins_with_them(self, settings, store, tmp_path):
        fit(settings, add_features(store, levels, name="levels"), tmp_path / "ears")
        ears = load_model(tmp_path / "ears").generator
        lips = TrainConfig(model=MODEL, ears=str(tmp_path / "ears"), seed=1, steps=4, batch_size=3, window_frames=16)
        network = Trainer(lips, store).model.generator
        assert torch.equal(network.blocks[1].conv.weight, ears.blocks[1].conv.weight)
        assert torch.equal(network.stem[0].weight, ears.stem[0].weight)
        assert not torch.equal(network.reference[0].weight, ears.reference[0].weight)

    def test_other_sizes_are_refused(self, settings, store, tmp_path):
        fit(settings, add_features(store, levels, name="levels"), tmp_path / "ears")
        other = TrainConfig(model=replace(MODEL, width=16), ears=str(tmp_path / "ears"))
        with pytest.raises(ValueError, match=r"expected ears with model\.width 16, got 8"):
            Trainer(other, store)

    def test_a_model_of_another_preset_has_no_such_ears(self, store):
        with pytest.raises(ValueError, match="expected ears of the preset residual"):
            Trainer(TrainConfig(model=MODEL, ears="listener"), store)

    @pytest.mark.parametrize("changes", [{"ears": "small"}, {"losses": LossWeights(features=1.0)}])
    def test_listener_has_ears_already(self, changes):
        with pytest.raises(ValueError, match="only with the preset residual"):
            replace(defaults("listener"), **changes)

    def test_settings_as_toml(self, settings):
        settings = replace(settings, ears="somewhere")
        assert config_from_toml(config_to_toml(settings)) == settings
