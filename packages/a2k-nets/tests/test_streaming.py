from pathlib import Path

import pytest
import torch
from hypothesis import given, settings, strategies as st

import a2k_nets.residual.model
from a2k_nets.config.residual import ModelConfig
from a2k_nets.inference.streaming import StreamingGenerator
from a2k_nets.residual.model import Audio2Keypoint
from kp_io.media.audio import read_audio

SPEECH = Path(__file__).parents[3] / "examples" / "assets" / "sense_and_sensibility_0870.wav"

# Numbers in one go and in pieces may differ by a few roundings of float32 pixels.
CLOSE = {"atol": 1e-4, "rtol": 0}


@pytest.fixture
def speech(speech):
    """A recording in a quiet room: bands without any noise hold float32's rounding, which is another one each time."""
    return speech + 1e-3 * torch.randn(len(speech), generator=seeded(9))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@torch.inference_mode()
def in_one_go(model, speech, reference, *, seed=0, **options):
    return model(speech[None], reference, generator=seeded(seed), **options)[0]


def stream(model, pieces, reference, **options):
    generator = StreamingGenerator(reference[0], model, **options)
    return torch.cat([*(generator.push(piece) for piece in pieces), generator.flush()])


class TestPiecesAreTheWhole:
    @pytest.mark.parametrize("size", [1, 159, 640, 4_001, 32_000])
    def test_pieces_of_a_size(self, model, speech, reference, size):
        speech = speech[:6_500] if size == 1 else speech
        whole = in_one_go(model, speech, reference, seed=3)
        assert torch.allclose(stream(model, speech.split(size), reference, seed=3), whole, **CLOSE)

    @settings(max_examples=40)
    @given(data=st.data())
    def test_any_pieces_of_any_length(self, data):
        model, speech, reference = self.case
        length = data.draw(st.integers(1, 9_000))
        cuts = sorted(data.draw(st.lists(st.integers(0, length), max_size=12)))
        pieces = [speech[a:b] for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
        whole = in_one_go(model, speech[:length], reference)
        assert torch.allclose(stream(model, pieces, reference), whole, **CLOSE)

    @pytest.fixture(autouse=True)
    def _case(self, model, speech, reference):
        type(self).case = model, speech[2_000:], reference

    @pytest.mark.parametrize("lookahead", [0, 1, 5, 12])
    @pytest.mark.parametrize("length", [1, 319, 959, 961, 1_599, 3_000, 9_919, 9_921])
    def test_any_look_ahead(self, speech, reference, mean_face, lookahead, length):
        model = Audio2Keypoint(ModelConfig(width=8, dilations=(1, 4), lookahead_hops=lookahead)).eval()
        torch.nn.init.normal_(model.generator.expression_head.weight, std=0.1, generator=seeded(0))
        model.normalizer.set_statistics(mean_face=mean_face, std_expression=torch.full((68, 2), 0.02))
        whole = in_one_go(model, speech[:length], reference)
        assert len(whole) == model.config.num_frames(length)
        assert torch.allclose(stream(model, speech[:length].split(100), reference), whole, **CLOSE)

    @pytest.mark.parametrize(
        "options", [{"head_motion": 0.3}, {"expression": 1.7}, {"neutralize_mouth": True}, {"seed": 5}]
    )
    def test_the_options_are_the_same(self, model, speech, reference, options):
        whole = in_one_go(model, speech[:8_000], reference, **options)
        assert torch.allclose(stream(model, speech[:8_000].split(500), reference, **options), whole, **CLOSE)
        assert not torch.allclose(stream(model, [speech[:8_000]], reference), whole, atol=1e-2)


@pytest.mark.parametrize("size", [320, 5_000])
def test_a_reading_with_the_embedded_model(size):
    speech = read_audio(SPEECH)
    model = Audio2Keypoint.from_pretrained()
    reference = model.normalizer.mean_face_px[None]
    whole = in_one_go(model, speech, reference)
    assert torch.allclose(stream(model, speech.split(size), reference), whole, **CLOSE)


@pytest.mark.parametrize("drawn_before", [0, 3])
def test_the_noise_is_that_of_frame_by_frame_draws(model, speech, reference, monkeypatch, drawn_before):
    """A seed gives the motion that it gave when each frame was drawn alone."""
    seen = []
    forward = model.head_motion.forward

    def spy(noise, **others):
        seen.append(noise)
        return forward(noise, **others)

    monkeypatch.setattr(model.head_motion, "forward", spy)
    ours, alone = seeded(7), seeded(7)
    torch.randn(drawn_before, generator=ours), torch.randn(drawn_before, generator=alone)
    with torch.inference_mode():
        model(torch.stack((speech, speech)), reference.repeat(2, 1, 1), generator=ours)
    expected = torch.stack([torch.randn(2, 5, generator=alone) for _ in range(50)], dim=1)
    assert torch.equal(torch.cat(seen, dim=1), expected[..., :4])
    assert torch.equal(ours.get_state(), alone.get_state())


class TestLongSpeech:
    """What exceeds a minute goes through in pieces; here, what exceeds a second."""

    @pytest.fixture
    def pieces(self, model, monkeypatch):
        """Lengths of what the network saw, in video frames."""
        seen = []
        hear = model.generator.hear

        def spy(log_mel, *others):
            seen.append(log_mel.shape[-1] // 4)
            return hear(log_mel, *others)

        monkeypatch.setattr(model.generator, "hear", spy)
        return seen

    def test_pieces_have_no_seams(self, model, speech, reference, pieces, monkeypatch):
        speech = speech.repeat(3)[:-300]
        voices, faces = torch.stack((speech, speech.flip(0))), reference.repeat(2, 1, 1)
        with torch.inference_mode():
            whole = model(voices, faces, generator=seeded(1), neutralize_mouth=True)
            monkeypatch.setattr(a2k_nets.residual.model, "_CHUNK_SECONDS", 1)
            cut = model(voices, faces, generator=seeded(1), neutralize_mouth=True)
        assert cut.shape == whole.shape == (2, 150, 68, 2)
        assert torch.allclose(cut, whole, **CLOSE)
        assert pieces[0] == 150
        assert len(pieces) == 7
        assert max(pieces[1:]) <= 28

    def test_a_minute_is_the_most_at_once(self, model, reference, pieces):
        with torch.inference_mode():
            assert model(torch.zeros(1, 16_000 * 150), reference).shape[1] == 3_750
        assert max(pieces) <= 60 * 25 + 3


class TestLatency:
    def test_a_frame_comes_with_the_right_context(self, model, speech, reference):
        generator = StreamingGenerator(reference[0], model)
        needed = round(model.config.right_context_seconds * 16_000)
        assert needed <= 0.120 * 16_000
        assert len(generator.push(speech[: needed - 1])) == 0
        at = needed - 1
        for _ in range(20):
            assert len(generator.push(speech[at : at + 1])) == 1
            assert len(generator.push(speech[at + 1 : at + 640])) == 0
            at += 640

    def test_nothing_is_kept_for_long(self, model, reference):
        generator = StreamingGenerator(reference[0], model)
        kept = set()
        for _ in range(50):
            generator.push(torch.zeros(6_400))
            kept.add(sum(piece.untyped_storage().nbytes() for piece in generator._stream._source._pending))
        assert max(kept) <= 4 * (640 + 1_776 + 176)


class TestThePieces:
    def test_nothing(self, model, reference):
        generator = StreamingGenerator(reference[0], model)
        assert generator.push(torch.zeros(0)).shape == (0, 68, 2)
        assert generator.flush().shape == (0, 68, 2)

    def test_what_was_pushed_may_change(self, model, speech, reference):
        generator, buffer, made = StreamingGenerator(reference[0], model), torch.zeros(320), []
        for piece in speech[:8_000].split(320):
            buffer.copy_(piece)
            made.append(generator.push(buffer))
        made.append(generator.flush())
        assert torch.allclose(torch.cat(made), in_one_go(model, speech[:8_000], reference), **CLOSE)

    def test_after_the_end(self, model, speech, reference):
        generator = StreamingGenerator(reference[0], model)
        generator.push(speech)
        generator.flush()
        with pytest.raises(ValueError, match="make another"):
            generator.push(speech)
        with pytest.raises(ValueError, match="make another"):
            generator.flush()

    def test_what_is_refused(self, as_users_run_it, model, reference):
        with pytest.raises(ValueError, match=r"reference of shape \(1, 68, 2\)"):
            StreamingGenerator(reference, model)
        with pytest.raises(ValueError, match="finite reference"):
            StreamingGenerator(reference[0] * float("nan"), model)
        generator = StreamingGenerator(reference[0], model)
        with pytest.raises(ValueError, match="mono samples"):
            generator.push(torch.zeros(1, 640))
        with pytest.raises(ValueError, match="NaN"):
            generator.push(torch.full((640,), float("nan")))
