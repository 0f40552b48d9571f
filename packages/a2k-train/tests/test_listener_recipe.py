"""Training of the `listener` preset on features that its encoder computes once."""

from dataclasses import replace

import pytest
import torch

from a2k_nets import Audio2Keypoint
from a2k_nets.checkpoints.checkpoint import read_tensors
from a2k_nets.config import ListenerConfig
from a2k_nets.pretrained import load_model
from a2k_train.config.toml_file import config_from_toml, config_to_toml
from a2k_train.config.train_config import defaults
from a2k_train.data.speech_features import add_features
from a2k_train.data.window_sampler import WindowSampler
from a2k_train.experiments.crossval import cross_validate
from a2k_train.recipes.augmentation import augment_features
from a2k_train.recipes.prepare_store import prepare_store
from a2k_train.statistics.features import fit_feature_statistics
from a2k_train.training.fit import fit
from a2k_train.training.trainer import Trainer


@pytest.fixture(scope="module")
def settings():
    return replace(
        defaults("listener"),
        model=ListenerConfig(width=8, dilations=(1, 2), window_hop=20, window_overlap=5),
        steps=4,
        batch_size=3,
        window_frames=16,
        checkpoint_every=2,
        sound_variants=2,
    )


def count_up(waveform):
    """Two feature vectors per video frame: the mean level of its halves, and ones."""
    level = waveform.reshape(1, -1, 320).mean(dim=2)
    return torch.stack((level, torch.ones_like(level)), dim=2)


def louder(waveform, generator):
    return 2 * waveform + torch.rand(1, generator=generator)


class TestFeatures:
    def test_rows_are_those_of_the_frames(self, store):
        heard = add_features(store, count_up, name="levels", augment=louder, variants=3)
        assert heard.features.shape == (3, store.num_frames, 4)
        clip, start = store.clip(1), int(store.starts[1])
        expected = clip.waveform.reshape(-1, 2, 320).mean(dim=2).half()
        assert torch.equal(heard.features[0, start : start + clip.num_frames, ::2], expected)
        assert not torch.equal(heard.features[1], heard.features[2])
        # The same for some of the clips, whose rows stay where they are.
        assert heard.select([1]).features is heard.features

    def test_they_are_computed_once(self, store, tmp_path):
        calls = []

        def count(waveform):
            calls.append(1)
            return count_up(waveform)

        first = add_features(store, count, name="levels", cache_folder=tmp_path / "cache")
        again = add_features(store, count, name="levels", cache_folder=tmp_path / "cache")
        assert len(calls) == len(store)
        assert torch.equal(first.features, again.features)
        add_features(store, count, name="other", cache_folder=tmp_path / "cache")
        assert len(calls) == 2 * len(store)

    def test_a_damaged_cache_is_named(self, store, tmp_path):
        add_features(store, count_up, name="levels", cache_folder=tmp_path)
        (file,) = tmp_path.glob("features-*.safetensors")
        file.write_bytes(b"damaged")
        with pytest.raises(ValueError, match="damaged file"):
            add_features(store, count_up, name="levels", cache_folder=tmp_path)

    def test_windows_have_the_features_of_their_frames(self, store):
        heard = add_features(store, count_up, name="levels", augment=lambda x, _: 2 * x, variants=2)
        batch = WindowSampler(heard, window_frames=16, batch_size=8).batch(0)
        level = batch.waveform.reshape(8, 16, 2, 320).mean(dim=3)
        factor = batch.features[..., 0] / level[..., 0]
        factor = factor.nan_to_num(1.0).flatten(1).median(dim=1).values.round()
        assert set(factor.tolist()) == {1.0, 2.0}
        torch.testing.assert_close(batch.features[..., 0], factor[:, None] * level[..., 0], atol=1e-3, rtol=1e-2)


class TestAugmentation:
    def test_channels_and_stretches_are_masked_under_noise(self):
        clean = torch.full((4, 200, 64), 5.0)
        augmented = augment_features(clean, generator=torch.Generator().manual_seed(0))
        masked = augmented.abs() < 1
        # A tenth of the channels over the whole window, without which others take their share of the variance.
        channels = masked.float().mean(dim=2) > 0.9
        assert channels.float().mean() == pytest.approx(0.1, abs=0.03)
        frames = masked.float().mean(dim=1) > 0.9
        assert 0 < frames.sum(dim=1).max() <= 14
        kept = augmented[~masked]
        assert kept.mean() == pytest.approx(5 / 0.9, abs=0.01)
        assert kept.std() == pytest.approx(0.1, abs=0.01)

    def test_the_seed_decides(self):
        x = torch.randn(2, 6, 16, generator=torch.Generator().manual_seed(1))
        one, two, three = (augment_features(x, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
        assert torch.equal(one, two)
        assert not torch.equal(one, three)


class TestRecipe:
    def test_features_are_needed_for_their_statistics(self, settings, store):
        with pytest.raises(ValueError, match="expected clips with the features of the encoder, got none"):
            fit_feature_statistics(Audio2Keypoint(settings.model), store)

    def test_the_width_has_a_loss_of_its_own(self, settings, store):
        losses = Trainer(settings, prepare_store(settings, store)).train_step()
        assert 0 < float(losses["width_correlation"]) <= 2
        without = replace(settings, losses=replace(settings.losses, width_correlation=0.0))
        assert "width_correlation" not in Trainer(without, prepare_store(without, store)).train_step()

    def test_a_run_resumes_to_the_same_weights(self, settings, store, tmp_path):
        fit(settings, store, tmp_path / "whole")
        trainer = Trainer(settings, prepare_store(settings, store))
        for _ in range(2):
            trainer.train_step()
        trainer.save(tmp_path / "state.safetensors")
        (tmp_path / "resumed").mkdir()
        (tmp_path / "state.safetensors").rename(tmp_path / "resumed" / "state.safetensors")
        fit(settings, store, tmp_path / "resumed")
        weights = [read_tensors(tmp_path / name / "model.safetensors")[0] for name in ("whole", "resumed")]
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
        assert load_model(tmp_path / "whole").config == settings.model
        assert not any(name.startswith("encoder") for name in weights[0])

    def test_losses_fall(self, settings, store, tmp_path):
        losses = []
        longer = replace(settings, steps=80, augment=False, learning_rate=1e-2, schedule="constant")
        fit(longer, store, tmp_path, on_step=lambda step, values: losses.append(values["expression"]))
        assert sum(losses[-10:]) < 0.9 * sum(losses[:10])

    def test_the_normalized_features_have_unit_variance(self, settings, store):
        trainer = Trainer(settings, prepare_store(settings, store))
        network, features = trainer.model.generator, trainer.sampler.store.features[0].float()
        scored = network.normalize(features.reshape(1, -1, network.num_features))
        assert scored.std(dim=-1).mean() == pytest.approx(1, abs=0.1)

    def test_cross_validation_shares_the_features(self, settings, make, tmp_path):
        from a2k_train.data.clip_store import ClipStore

        clips = [make(seed, frames=60, speaker=f"speaker{seed}") for seed in range(4)]
        table = cross_validate(settings, ClipStore.from_clips(clips), tmp_path, folds=2)
        assert set(table.values) >= {"model", "hold reference", "shuffled audio"}

    def test_settings_as_toml(self, settings):
        assert config_from_toml(config_to_toml(settings)) == settings
        assert config_from_toml('preset = "listener"\nlosses.closure = 0.5').losses.width_correlation > 0
