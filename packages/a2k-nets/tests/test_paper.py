"""The `paper` preset: the layer table, any duration, gradients, what stays put."""

import pytest
import torch
from torch import nn

from a2k_nets.checkpoints.checkpoint import load_checkpoint
from a2k_nets.config.audio import AudioConfig
from a2k_nets.config.paper import VARIANTS, PaperConfig
from a2k_nets.inference.generate import generate_sequence
from a2k_nets.paper.discriminator import MotionDiscriminator
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.pretrained import load_model
from a2k_nets.residual.model import Audio2Keypoint
from kp_io.keypoints.sequence import KeypointSequence

SMALL = 0.1


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def build(**settings) -> PaperAudio2Keypoint:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = PaperAudio2Keypoint(PaperConfig(**{"width": SMALL, **settings}))
    generator = torch.Generator().manual_seed(1)
    shape = (model.config.num_keypoints, model.config.dimensions)
    model.normalizer.set_statistics(
        mean=30 * torch.randn(shape, generator=generator), std=1 + 5 * torch.rand(shape, generator=generator)
    )
    return model.eval()


@pytest.fixture
def face() -> torch.Tensor:
    return 30 * torch.randn(1, 68, 2, generator=torch.Generator().manual_seed(2)) + 112


class TestLayerTable:
    def test_parameters_at_full_width(self):
        model = PaperAudio2Keypoint()
        assert parameters(model.generator) / 1e6 == pytest.approx(9.2, abs=0.05)
        assert parameters(model.piv_encoder) / 1e6 == pytest.approx(0.09, abs=0.005)
        assert parameters(MotionDiscriminator(134)) / 1e6 == pytest.approx(0.2, abs=0.005)
        nearest = PaperAudio2Keypoint(PaperConfig(upsampling="nearest"))
        assert parameters(nearest.generator) / 1e6 == pytest.approx(7.9, abs=0.05)

    def test_shapes_at_full_width(self):
        model = PaperAudio2Keypoint().eval()
        with torch.inference_mode():
            log_mel = model.encode_audio(torch.zeros(1, 40_960))
            assert log_mel.shape == (1, 64, 253)
            stage = model.generator.audio.spectrogram(log_mel.transpose(1, 2)[:, None])
            assert stage.shape[:2] == (1, 256)
            assert abs(stage.shape[2] - 30) <= 1
            assert stage.shape[3] == 1
            levels = model.generator.audio(log_mel, 64)
            assert [tuple(level.shape) for level in levels] == [(1, 256, 64 >> n) for n in range(6)]
            reference = torch.zeros(1, 136)
            assert model.generator.pose_variant(reference).shape == (1, 128)
            assert model.piv_encoder(torch.zeros(1, 136, 64)).shape == (1, 32)
            assert model.generator.bottleneck[0].in_channels == 416
            assert model.predict(log_mel, reference).shape == (1, 136, 64)
        assert MotionDiscriminator(134)(torch.zeros(2, 64, 67, 2)).shape == (2, 13)

    @pytest.mark.parametrize(("variant", "given"), [("audio_only", 256), ("no_piv", 384), ("no_discriminator", 416)])
    def test_what_a_variant_leaves_away(self, variant, given):
        model = PaperAudio2Keypoint(PaperConfig(variant=variant))
        assert model.generator.bottleneck[0].in_channels == given
        assert (model.generator.pose_variant is not None) == model.config.uses_reference == (given > 256)
        assert (model.piv_encoder is not None) == (given == 416)

    def test_every_layer_is_scaled_by_the_width(self):
        model = PaperAudio2Keypoint(PaperConfig(width=0.5))
        assert parameters(model.generator) == pytest.approx(9.2e6 / 4, rel=0.03)

    @pytest.mark.parametrize(
        "settings",
        [
            {"num_keypoints": 20, "base_point": 0, "stable_points": (0, 1, 2)},
            {"audio": AudioConfig(n_mels=40)},
            {"dimensions": 3},
            {"levels": 3},
            {"upsampling": "nearest"},
        ],
    )
    def test_what_is_free(self, settings):
        model = build(**settings)
        points, dimensions = model.config.num_keypoints, model.config.dimensions
        reference = torch.randn(2, points, dimensions, generator=torch.Generator().manual_seed(0))
        assert model(torch.randn(2, 20_000), reference).shape == (2, 31, points, dimensions)


class TestDuration:
    @pytest.mark.parametrize("num_samples", [1, 320, 640, 5_000, 20_480, 20_481, 41_000, 160_000])
    @torch.inference_mode()
    def test_any(self, num_samples, face):
        keypoints = build()(0.1 * torch.randn(1, num_samples), face)
        assert keypoints.shape == (1, max(1, round(num_samples / 640)), 68, 2)
        assert bool(torch.isfinite(keypoints).all())

    @torch.inference_mode()
    def test_ten_minutes(self, face):
        keypoints = build(width=0.05)(torch.zeros(1, 600 * 16_000), face)
        assert keypoints.shape == (1, 15_000, 68, 2)


class TestBasePoint:
    @torch.inference_mode()
    def test_it_stays_where_the_reference_has_it(self, face):
        keypoints = build()(0.1 * torch.randn(1, 32_000), face)
        base = PaperConfig().base_point
        assert torch.equal(keypoints[:, :, base], face[:, [base]].expand(-1, 50, -1))
        assert float(keypoints[:, :, base + 1].std()) > 0

    def test_the_normalizer_brings_back_all_but_its_movement(self, face):
        normalizer = build().normalizer
        moved = face[:, None] + torch.arange(5.0)[None, :, None, None]
        back = normalizer.decode(normalizer.encode(moved), face[:, [27]])
        assert torch.allclose(back, face[:, None].expand_as(moved), atol=1e-3)


class TestPoseInvariantCode:
    @pytest.mark.parametrize("training", [False, True])
    def test_one_frame_and_the_same_frame_repeated(self, training):
        encoder = build().piv_encoder.train(training)
        face = torch.randn(4, 136, 1, generator=torch.Generator().manual_seed(0))
        assert torch.allclose(encoder(face), encoder(face.expand(-1, -1, 7)), atol=1e-5)

    def test_the_generator_hears_it(self, face):
        model = build()
        log_mel, reference = model.encode_audio(torch.zeros(1, 20_480)), model.normalizer.encode(face[:, None])[..., 0]
        code = model.piv_encoder(reference[..., None])
        with torch.inference_mode():
            assert not torch.allclose(
                model.generator(log_mel, reference, code, 32), model.generator(log_mel, reference, code + 1, 32)
            )


class TestGains:
    @torch.inference_mode()
    def test_none_holds_the_reference(self, face):
        keypoints = build()(0.1 * torch.randn(1, 16_000), face, head_motion=0.0, expression=0.0)
        assert torch.allclose(keypoints, face[:, None].expand_as(keypoints), atol=1e-3)


class TestPictures:
    def test_pixels_of_any_picture(self, face):
        """A picture twice as high holds the same face twice as large: so is what comes out."""
        model = build()
        small = KeypointSequence(face, image_size=(224, 224))
        large = KeypointSequence(2 * face, image_size=(448, 448))
        speech = 0.1 * torch.randn(16_000, generator=torch.Generator().manual_seed(0))
        one, two = (generate_sequence(still, speech, model=model) for still in (small, large))
        assert torch.allclose(2 * one.keypoints, two.keypoints, atol=1e-2)
        assert (two.detector, two.image_size) == ("a2k-paper", (448, 448))

    def test_points_in_space(self, face):
        deep = torch.cat((face, torch.zeros_like(face[..., :1])), dim=-1)
        speech = torch.zeros(6_400)
        made = generate_sequence(KeypointSequence(deep, image_size=(224, 224)), speech, model=build(dimensions=3))
        assert made.keypoints.shape == (10, 68, 3)
        with pytest.raises(ValueError, match=r"68, 3\)"):
            generate_sequence(KeypointSequence(face, image_size=(224, 224)), speech, model=build(dimensions=3))

    def test_faces_of_any_size(self, face):
        """With `face_size`, a small face in the same picture moves as a large one does."""
        model = build(face_size=140.0)
        speech = 0.1 * torch.randn(16_000, generator=torch.Generator().manual_seed(0))
        one, two = (
            generate_sequence(KeypointSequence(size * face, image_size=(224, 224)), speech, model=model)
            for size in (1.0, 0.5)
        )
        assert torch.allclose(0.5 * one.keypoints, two.keypoints, atol=1e-2)


class TestCheckpoint:
    @pytest.mark.parametrize("variant", VARIANTS)
    @torch.inference_mode()
    def test_it_comes_back_as_it_was(self, variant, face, tmp_path):
        model = build(variant=variant)
        path = model.save_pretrained(tmp_path)
        loaded = load_model(path)
        assert isinstance(loaded, PaperAudio2Keypoint)
        assert loaded.config == model.config == load_checkpoint(path)[1]
        speech = 0.1 * torch.randn(1, 10_000)
        assert torch.equal(loaded(speech, face), model(speech, face))

    def test_each_preset_refuses_the_other(self, tmp_path):
        build().save_pretrained(tmp_path / "paper")
        Audio2Keypoint.from_pretrained().save_pretrained(tmp_path / "residual")
        with pytest.raises(ValueError, match="expected a checkpoint of the preset listener, residual"):
            Audio2Keypoint.from_pretrained(tmp_path / "paper")
        with pytest.raises(ValueError, match="expected a checkpoint of the preset paper"):
            PaperAudio2Keypoint.from_pretrained(tmp_path / "residual")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"audio": AudioConfig(n_mels=30)}, "multiple of 8"),
        ({"variant": "everything"}, "expected variant to be one of audio_only"),
        ({"upsampling": "cubic"}, "one of transposed, nearest"),
        ({"dimensions": 4}, "2 or 3 dimensions"),
        ({"width": 0.0}, "width"),
        ({"base_point": 68}, "point indices"),
        ({"levels": 1}, "24 spectrogram frames"),
        ({"fps": 26}, "whole number of samples"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        PaperConfig(**settings)
