"""The head that hears speech: the same motion in pieces as at once, from no later sound than that of the lips."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings, strategies as st

from a2k_nets.checkpoints import read_tensors, write_tensors
from a2k_nets.config import HeadConfig, ModelConfig, config_from_dict
from a2k_nets.config.presets import config_to_dict
from a2k_nets.head import (
    SAMPLES_PER_FRAME,
    WINDOW,
    HeadNetwork,
    HeadSteps,
    HeadStream,
    SpeechFeatures,
    load_head,
    save_head,
)
from a2k_nets.residual.model import Audio2Keypoint

FRAMES = 50


@pytest.fixture(scope="module")
def network():
    """A network of random weights, whose motion follows the sound."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = HeadNetwork(HeadConfig(width=16, hidden=24, mixtures=4, styles=5)).eval()
        for parameter in network.parameters():
            parameter.data.mul_(2)
        network.coefficients.copy_(torch.stack((1.4 * torch.eye(9), -0.5 * torch.eye(9))))
        network.noise.copy_(0.2 * torch.eye(9))
        network.styles.copy_(torch.randn(5, 3))
        network.pause_gain.fill_(0.5)
        network.features.typical_bands.fill_(0.5)
    return network


@pytest.fixture(scope="module")
def sound():
    time = torch.arange(FRAMES * SAMPLES_PER_FRAME) / 16_000
    voice = sum(torch.sin(2 * torch.pi * 130 * k * time) / k for k in range(1, 12))
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(2))
    return (0.1 * voice * torch.sin(2 * torch.pi * 1.7 * time).clamp(min=0) + 1e-3 * noise)[None]


@pytest.fixture(scope="module")
def noise():
    return torch.randn(1, FRAMES, 10, generator=torch.Generator().manual_seed(3))


def motion(network, sound, noise, **options):
    stream = HeadStream(network, len(sound), **options)
    stream.push(sound, end=True)
    return stream.take(noise.shape[1], noise)


class TestHeadStream:
    @settings(max_examples=15, deadline=None)
    @given(data=st.data())
    def test_pieces_give_the_whole(self, data):
        network, sound, noise = self.case
        stream, at, found = HeadStream(network, 1), 0, []
        while at < sound.shape[1]:
            size = data.draw(st.integers(300, 6_000))
            stream.push(sound[:, at : at + size], end=at + size >= sound.shape[1])
            at += size
            done = sum(map(len, found))
            ready = stream.num_ready if at < sound.shape[1] else FRAMES - done
            ready = data.draw(st.integers(0, ready)) if at < sound.shape[1] else ready
            if ready:
                found.append(stream.take(ready, noise[:, done : done + ready])[0])
        assert torch.equal(torch.cat(found), motion(network, sound, noise)[0])

    @pytest.fixture(autouse=True)
    def _case(self, network, sound, noise):
        type(self).case = network, sound, noise

    def test_others_beside_it_change_nothing(self, network, sound, noise):
        batch = torch.cat((sound.flip(1), sound, 0 * sound))
        beside = motion(network, batch, torch.cat((noise.flip(1), noise, 0 * noise)))
        assert torch.equal(beside[1], motion(network, sound, noise)[0])

    @pytest.mark.parametrize("frame", [1, 7, 30])
    def test_a_frame_hears_71_ms_and_no_more(self, network, sound, noise, frame):
        end = frame * SAMPLES_PER_FRAME + round(0.071 * 16_000)
        later, now = sound.clone(), sound.clone()
        later[:, end:] = 0.3
        now[:, end - 200 : end] = 0.3
        plain = motion(network, sound, noise)[:, : frame + 1]
        assert torch.equal(motion(network, later, noise)[:, : frame + 1], plain)
        assert not torch.equal(motion(network, now, noise)[:, frame], plain[:, frame])

    def test_it_begins_at_rest_in_a_style_that_the_first_noise_draws(self, network, sound, noise):
        first, second = noise.clone(), noise.clone()
        first[:, 0, 9], second[:, 0, 9] = -3.0, 3.0
        moved = [motion(network, sound, each) for each in (first, second)]
        assert not moved[0][:, 0].any()
        given = [motion(network, sound, noise, log_gains=network.styles[row]) for row in (0, -1)]
        for ours, expected in zip(moved, given, strict=True):
            assert torch.equal(ours, expected)
        assert not torch.equal(*moved)

    def test_it_comes_to_rest_in_pauses(self, network, noise):
        sound = 0.1 * torch.randn(1, FRAMES * SAMPLES_PER_FRAME, generator=torch.Generator().manual_seed(4))
        sound[:, 25 * SAMPLES_PER_FRAME :] *= 1e-3
        still, restless = copy.deepcopy(network), copy.deepcopy(network)
        still.pause_gain.fill_(0.0)
        restless.pause_gain.fill_(1.0)
        style = torch.zeros(3)
        (ours,), (theirs,) = (motion(net, sound, noise, log_gains=style) for net in (still, restless))
        assert torch.equal(ours[:22], theirs[:22])
        speed = ours[:, :6].diff(dim=0).abs().mean(dim=1)
        assert speed[-15:].mean() < 0.1 * speed[:20].mean()  # it returns to where it rests
        assert ours[-15:, 6:].diff(dim=0).abs().mean() > 0.5 * theirs[-15:, 6:].diff(dim=0).abs().mean()

    def test_the_size_of_the_state_does_not_grow(self, network):
        stream, sizes = HeadStream(network, 1), set()
        for _ in range(20):
            stream.push(torch.zeros(1, 6_400))
            stream.take(stream.num_ready, torch.zeros(1, stream.num_ready, 10))
            sizes.add(stream._sound.shape[1])
        assert max(sizes) <= WINDOW

    def test_sound_that_has_not_come(self, network):
        stream = HeadStream(network, 1)
        stream.push(torch.zeros(1, 1_000))
        with pytest.raises(ValueError, match="at most 0 frames"):
            stream.take(1, torch.zeros(1, 1, 10))

    def test_a_row_begins_anew(self, network, sound, noise):
        steps = HeadSteps(network, 3)
        samples = sound[:, network.features.offset :][:, : 9 * SAMPLES_PER_FRAME + WINDOW]
        first = steps.advance(samples, noise[:, :10], [2])
        steps.advance(samples, noise[:, 10:20], [2])
        steps.clear(2)
        assert torch.equal(steps.advance(samples, noise[:, :10], [2]), first)

    def test_guidance_of_one_is_the_network_s_own_distribution(self, network, sound):
        """One step by the network's modules, in torch, gives the same innovation."""
        plain = HeadNetwork(network.config).eval()
        plain.load_state_dict(network.state_dict())
        plain.guidance.copy_(torch.tensor([1.0, 0.0]))
        quiet = torch.zeros(1, 2, 10)
        quiet[:, 1, 9] = -8.0  # the first component
        got = motion(plain, sound, quiet, log_gains=torch.zeros(3))[0, 1]
        samples = sound[:, plain.features.offset :][:, : SAMPLES_PER_FRAME + WINDOW]
        with torch.no_grad():
            hidden = plain.hear(plain.normalize(plain.features(samples, plain.features.begin(1))))
            rest = torch.zeros(1, 2, 9)
            mixture = plain(hidden, rest, rest, torch.zeros(1, 3))
        expected = plain.unit * (plain.noise @ mixture.mean[0, 1, 0])
        assert torch.allclose(got, expected, atol=1e-5)


class TestSpeechFeatures:
    @pytest.mark.parametrize("gain", [0.2, 3.0])
    def test_the_gain_of_a_recording_does_not_matter(self, sound, gain):
        features = SpeechFeatures(HeadConfig())
        length = 40 * SAMPLES_PER_FRAME + WINDOW
        first, second = (features((g * sound)[:, :length], features.begin(1)) for g in (1.0, gain))
        assert torch.allclose(first[:, 20:], second[:, 20:], atol=0.05)

    def test_pitch(self):
        features = SpeechFeatures(HeadConfig())
        time = torch.arange(WINDOW) / 16_000
        for hertz in (80.0, 130.0, 310.0):
            tone = sum(torch.sin(2 * torch.pi * hertz * k * time) / k for k in range(1, 5))
            pitch, periodic = features._pitch(tone[None, None].double())
            assert 2 ** float(pitch) == pytest.approx(hertz, rel=0.02)
            assert float(periodic) > 0.8

    def test_silence_is_finite_and_unvoiced(self):
        features = SpeechFeatures(HeadConfig())
        found = features(torch.zeros(1, SAMPLES_PER_FRAME + WINDOW), features.begin(1))
        assert bool(found.isfinite().all())
        assert not found[..., -2:].any()


class TestFiles:
    def test_a_head_is_read_as_it_was_written(self, network, tmp_path):
        save_head(tmp_path / "head.safetensors", network, {"held_out": "[]"})
        read, about = load_head(tmp_path / "head.safetensors")
        assert about["held_out"] == "[]"
        assert all(torch.equal(read.state_dict()[name], value) for name, value in network.state_dict().items())

    def test_something_else(self, tmp_path):
        write_tensors(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, {})
        with pytest.raises(ValueError, match="expected a network of the head"):
            load_head(tmp_path / "other.safetensors")

    def test_a_model_with_a_head_is_read_as_it_was_written(self, model_in_space, tmp_path):
        path = model_in_space.save_pretrained(tmp_path)
        read = Audio2Keypoint.from_pretrained(path)
        assert read.config == model_in_space.config
        names = {name for name in read.state_dict() if name.startswith("head.")}
        assert names
        assert all(torch.equal(read.state_dict()[name], model_in_space.state_dict()[name]) for name in names)

    def test_a_checkpoint_of_before_has_its_head_in_the_plane(self, model, tmp_path):
        path = model.save_pretrained(tmp_path)
        tensors, metadata = read_tensors(path)
        settings = json.loads(metadata["config"])
        del settings["head"]
        write_tensors(path, tensors, metadata | {"config": json.dumps(settings)})
        assert Audio2Keypoint.from_pretrained(path).head is None

    def test_a_checkpoint_whose_head_is_missing(self, model_in_space, tmp_path):
        path = model_in_space.save_pretrained(tmp_path)
        tensors, metadata = read_tensors(path)
        write_tensors(path, {name: t for name, t in tensors.items() if not name.startswith("head.")}, metadata)
        with pytest.raises(ValueError, match=r"missing: \['head\."):
            Audio2Keypoint.from_pretrained(path)


class TestConfig:
    def test_round_trip(self):
        config = ModelConfig(lookahead_hops=2, head=HeadConfig(dilations=(1, 3)))
        assert config_from_dict(json.loads(json.dumps(config_to_dict(config)))) == config

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"head": {"hiden": 3}}, "did you mean 'hidden'"),
            ({"head": {"hidden": 0}}, "of at least 1"),
            ({"head": 3}, "settings"),
        ],
    )
    def test_wrong_settings(self, as_users_run_it, values, message):
        with pytest.raises(ValueError, match=message):
            config_from_dict(values)

    def test_a_head_that_looks_further_ahead_than_the_lips(self):
        with pytest.raises(ValueError, match="no further ahead"):
            ModelConfig(lookahead_hops=1, head=HeadConfig(lookahead_hops=2))

    def test_another_frame_rate(self):
        with pytest.raises(ValueError, match="25 fps"):
            replace(ModelConfig(), fps=50, head=HeadConfig())
