import math

import pytest
import torch

from a2k_nets.blocks.similarity import apply_similarity
from a2k_nets.config.presets import config_from_dict, config_to_json
from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.model import Audio2Keypoint


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def test_before_training_it_holds_the_reference(speech, reference, mean_face):
    model = Audio2Keypoint(ModelConfig(width=16, dilations=(1, 2))).eval()
    model.normalizer.set_statistics(mean_face=mean_face)
    held = model(speech[None], reference)
    assert torch.allclose(held, reference[:, None].expand_as(held), atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("num_samples", [1, 319, 320, 321, 640, 959, 961, 1_599, 12_345, 16_000, 57_600, 960_000])
def test_length_is_duration_times_fps(model, reference, num_samples):
    keypoints = model(torch.zeros(1, num_samples), reference, generator=seeded(0))
    expected = max(1, round(num_samples / 16_000 * 25))
    assert keypoints.shape == (1, expected, 68, 2)
    assert bool(torch.isfinite(keypoints).all())


class TestWhatAFrameHears:
    """Frame t is shown at t / fps; nothing later than the stated right context may move it."""

    FRAME = 20

    def later_than(self, model: Audio2Keypoint, seconds: float) -> int:
        stamp = self.FRAME / model.config.fps
        return math.ceil(round((stamp + seconds) * model.config.audio.sample_rate, 6))

    @torch.no_grad()
    def test_sound_after_the_right_context_changes_nothing(self, model, speech, reference):
        other = speech.clone()
        start = self.later_than(model, model.config.right_context_seconds)
        other[start:] = torch.randn(len(other) - start, generator=seeded(0))
        a, b = model(speech[None], reference), model(other[None], reference)
        stop = self.FRAME + 1
        assert torch.equal(a[:, :stop], b[:, :stop])
        assert not torch.equal(a[:, stop:], b[:, stop:])

    @torch.no_grad()
    def test_sound_within_the_right_context_counts(self, model, speech, reference):
        other = speech.clone()
        stop = self.later_than(model, model.config.right_context_seconds)
        other[stop - 320 : stop] += torch.randn(320, generator=seeded(0))
        a, b = model(speech[None], reference), model(other[None], reference)
        assert not torch.equal(a[:, self.FRAME], b[:, self.FRAME])

    @torch.no_grad()
    def test_the_past_counts(self, model, speech, reference):
        other = speech.clone()
        now = self.later_than(model, 0)
        other[now - 640 : now] += torch.randn(640, generator=seeded(0))
        a, b = model(speech[None], reference), model(other[None], reference)
        assert not torch.equal(a[:, self.FRAME], b[:, self.FRAME])

    @pytest.mark.parametrize("lookahead", [0, 3, 6])
    def test_the_stated_right_context_follows_the_lookahead(self, lookahead):
        config = ModelConfig(lookahead_hops=lookahead)
        assert config.right_context_seconds == pytest.approx(0.051 + 0.010 * lookahead)

    def test_the_default_network_streams(self):
        assert ModelConfig().right_context_seconds <= 0.120


@torch.no_grad()
def test_items_of_a_batch_do_not_meet(model, speech, reference):
    voices = torch.stack((speech, speech.flip(0), torch.zeros_like(speech)))
    faces = torch.cat((reference, 1.5 * reference + 3, reference + 0.01 * reference.square()))
    together = model(voices, faces)
    for i in range(3):
        alone = model(voices[i : i + 1], faces[i : i + 1])
        assert torch.allclose(together[i], alone[0], atol=1e-3, rtol=0)


@torch.no_grad()
def test_a_picture_scaled_turned_and_moved_gives_the_same_motion(model, speech, reference):
    model, speech, reference = model.double(), speech.double(), reference.double()
    picture = torch.tensor([1.8, 0.4, -70.0, 35.0], dtype=torch.float64)
    here = model(speech[None], reference, generator=seeded(5))
    there = model(speech[None], apply_similarity(picture, reference), generator=seeded(5))
    assert torch.allclose(apply_similarity(picture, here), there, atol=1e-6)


class TestGainsAndSeeds:
    @torch.no_grad()
    def test_the_same_seed_gives_the_same_motion(self, model, speech, reference):
        a = model(speech[None], reference, generator=seeded(7))
        assert torch.equal(a, model(speech[None], reference, generator=seeded(7)))

    @torch.no_grad()
    def test_another_seed_moves_the_head_and_not_the_mouth(self, model, speech, reference):
        a, b = (model(speech[None], reference, generator=seeded(seed)) for seed in (0, 1))
        assert float((a - b).abs().max()) > 0.5
        (mouth_a, head_a), (mouth_b, head_b) = (model.normalizer.encode_motion(x, reference) for x in (a, b))
        assert torch.allclose(mouth_a, mouth_b, atol=5e-3)
        assert not torch.allclose(head_a, head_b, atol=0.1)

    @torch.no_grad()
    def test_without_gains_it_holds_the_reference(self, model, speech, reference):
        held = model(speech[None], reference, head_motion=0.0, expression=0.0, generator=seeded(0))
        assert torch.allclose(held, reference[:, None].expand_as(held), atol=1e-4, rtol=0)

    @torch.no_grad()
    def test_each_gain_moves_its_own_part(self, model, speech, reference):
        def encode(**gains):
            return model.normalizer.encode_motion(
                model(speech[None], reference, generator=seeded(0), **gains), reference
            )

        # Without expression only the head moves, and by its gain.
        face, pose = encode(expression=0.0)
        assert torch.allclose(face, torch.zeros_like(face), atol=5e-3)
        assert float(pose.abs().mean()) > 0.1
        assert torch.allclose(encode(expression=0.0, head_motion=2.0)[1], 2 * pose, atol=1e-2)
        # Without head motion the face is drawn in the reference's own pose, so doubling doubles every displacement.
        once, twice = (
            model(speech[None], reference, head_motion=0.0, expression=gain) - reference[:, None] for gain in (1.0, 2.0)
        )
        assert float(once.abs().mean()) > 0.1
        assert torch.allclose(twice, 2 * once, atol=1e-2)

    @torch.no_grad()
    def test_nothing_draws_from_the_global_generator(self, model, speech, reference):
        before = torch.random.get_rng_state()
        model(speech[None], reference, generator=seeded(0))
        assert torch.equal(torch.random.get_rng_state(), before)


class TestWhatIsRefused:
    @pytest.mark.parametrize("shape", [(1, 0), (640,), (1, 1, 640)])
    def test_a_waveform_of_another_shape(self, as_users_run_it, model, reference, shape):
        with pytest.raises(ValueError, match="S of at least 1"):
            model(torch.zeros(shape), reference)

    @pytest.mark.parametrize("shape", [(1, 67, 2), (1, 68, 3), (2, 68, 2), (68, 2)])
    def test_a_reference_of_another_shape(self, as_users_run_it, model, shape):
        with pytest.raises(ValueError, match=r"a reference of shape \(1, 68, 2\)"):
            model(torch.zeros(1, 640), torch.zeros(shape))

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    @pytest.mark.parametrize("where", ["waveform", "reference"])
    def test_values_that_are_not_finite(self, model, reference, where, value):
        waveform = torch.zeros(1, 640)
        (waveform if where == "waveform" else reference).view(-1)[7] = value
        with pytest.raises(ValueError, match=f"finite {where}"):
            model(waveform, reference)


class TestConfig:
    def test_json_brings_it_back(self):
        import json

        config = ModelConfig(width=24, dilations=(1, 3), lookahead_hops=2)
        assert config_from_dict(json.loads(config_to_json(config))) == config

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"widht": 1}, "did you mean 'width'"),
            ({"audio": {"n_mel": 64}}, "'n_mel' of AudioConfig; did you mean 'n_mels'"),
        ],
    )
    def test_an_unknown_name_is_refused_with_the_nearest(self, values, message):
        with pytest.raises(ValueError, match=message):
            config_from_dict(values)

    @pytest.mark.parametrize(
        "settings",
        [
            {"fps": 30},
            {"fps": 50},
            {"width": 0},
            {"dilations": ()},
            {"lookahead_hops": -1},
            {"base_point": 68},
            {"num_keypoints": 60},
        ],
    )
    def test_settings_that_do_not_fit_are_refused(self, settings):
        with pytest.raises(ValueError, match="expected"):
            ModelConfig(**settings)
