"""Streams in batches give the keypoints of a `StreamingGenerator` each, whatever is beside them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from a2k_nets.config.head import HeadConfig
from a2k_nets.config.residual import ModelConfig
from a2k_nets.head import HeadNetwork
from a2k_nets.inference.streaming import StreamingGenerator
from a2k_nets.residual.model import Audio2Keypoint
from a2k_nets.server.batching.batched_streams import BatchedStreams, StreamOptions
from a2k_nets.server.batching.frame_noise import FrameNoise
from a2k_nets.server.batching.sample_buffer import SampleBuffer
from kp_io.media.audio import read_audio

SPEECH = Path(__file__).parents[3] / "examples" / "assets" / "sense_and_sensibility_0870.wav"

# The promise is 1e-3 px; float32 pixels of one network in batches of other sizes differ by a few roundings.
CLOSE = {"atol": 1e-3, "rtol": 0}


@pytest.fixture
def speech(speech):
    """A recording in a quiet room: bands without any noise hold float32's rounding, which is another one each time."""
    return speech + 1e-3 * torch.randn(len(speech), generator=torch.Generator().manual_seed(9))


def alone(model, speech, reference, options: StreamOptions):
    generator = StreamingGenerator(
        reference,
        model,
        head_motion=options.head_motion,
        expression=options.expression,
        blink=options.blink,
        turn=options.turn,
        nod=options.nod,
        tilt=options.tilt,
        brow=options.brow,
        neutralize_mouth=options.neutralize_mouth,
        seed=options.seed,
    )
    return torch.cat([generator.push(speech), generator.flush()])


class Stream:
    """One stream in a batch, and the sound that it still gets."""

    def __init__(self, batch, speech, reference, options):
        self.batch, self.speech, self.reference, self.options = batch, speech, reference, options
        self.row = batch.open(reference, options)
        self.sound, self.at, self.frames = SampleBuffer(batch.model.config), 0, []

    def hear(self, size):
        self.sound.push(self.speech[self.at : self.at + size].numpy())
        self.at += size
        if self.at >= len(self.speech) and not self.sound.has_ended:
            self.sound.end()

    def finished(self):
        return self.sound.has_ended and not self.sound.num_ready

    def check(self):
        expected = alone(self.batch.model, self.speech, self.reference, self.options)
        got = torch.cat(self.frames) if self.frames else expected[:0]
        assert got.shape == expected.shape
        assert torch.allclose(got, expected, **CLOSE)


def step(batch, streams, most=8):
    """Move on all streams that have complete frames, together."""
    ready = [stream for stream in streams if stream.sound.num_ready]
    if ready:
        frames = min(most, *(stream.sound.num_ready for stream in ready))
        keypoints = batch.step([stream.row for stream in ready], [stream.sound.take(frames) for stream in ready])
        for stream, points in zip(ready, keypoints, strict=True):
            stream.frames.append(points)
    return bool(ready)


class TestABatchIsItsStreams:
    @settings(max_examples=25)
    @given(data=st.data())
    def test_whatever_is_beside_them(self, data):
        """Streams of any length come and go, hear pieces of any size, and take the rows of others."""
        model, speech, reference = self.case
        batch, streams, done = BatchedStreams(model, capacity=3), [], 0
        total = data.draw(st.integers(3, 6))
        opened = 0
        while done < total:
            if opened < total and batch.num_free and (not streams or data.draw(st.booleans())):
                begin, length = data.draw(st.integers(0, 12_000)), data.draw(st.integers(1, 9_000))
                options = StreamOptions(
                    head_motion=data.draw(st.sampled_from([0.0, 1.0, 2.0])),
                    expression=data.draw(st.sampled_from([0.5, 1.0, 1.7])),
                    blink=data.draw(st.sampled_from([0.0, 1.0])),
                    tilt=data.draw(st.sampled_from([0.5, 1.0])),
                    brow=data.draw(st.sampled_from([0.0, 1.0])),
                    neutralize_mouth=data.draw(st.booleans()),
                    seed=data.draw(st.integers(0, 1_000)),
                )
                face = reference[0] * data.draw(st.sampled_from([0.5, 1.0])) + 3
                streams.append(Stream(batch, speech[begin : begin + length], face, options))
                opened += 1
            for stream in streams:
                if not stream.sound.has_ended:
                    stream.hear(data.draw(st.integers(1, 4_000)))
            step(batch, streams, most=data.draw(st.integers(1, 9)))
            for stream in [stream for stream in streams if stream.finished()]:
                stream.check()
                batch.close(stream.row)
                streams.remove(stream)
                done += 1
        assert batch.num_free == 3

    def test_heads_in_space(self, model_in_space, speech, reference):
        """Streams that begin at other times, one in the row of another."""
        batch, streams, late = BatchedStreams(model_in_space, capacity=2), [], [(400, 9_300), (5_000, 16_000)]
        streams.append(
            Stream(
                batch,
                speech[:7_000],
                reference[0],
                StreamOptions(seed=3, head_motion=1.5, turn=0.5, nod=2.0, tilt=0.0, brow=1.3),
            )
        )
        turn = 0
        while streams:
            for stream in streams:
                stream.hear(700)
            step(batch, streams, most=4)
            for stream in [stream for stream in streams if stream.finished()]:
                stream.check()
                assert len(stream.frames) > 1
                batch.close(stream.row)
                streams.remove(stream)
            turn += 1
            if turn > 5 and late and batch.num_free:
                begin, end = late.pop()
                streams.append(Stream(batch, speech[begin:end], 0.7 * reference[0], StreamOptions(seed=end)))
        assert not late

    def test_a_profile_takes_no_row(self, model_in_space, mean_face):
        batch = BatchedStreams(model_in_space, capacity=1)
        squeezed = 60 * mean_face * torch.tensor([0.25, 1.0]) + torch.tensor([0.0, 0.0])
        squeezed[27:36, 0] -= 25
        with pytest.raises(ValueError, match="turned to a side by at most 60"):
            batch.open(squeezed, StreamOptions())
        assert batch.num_free == 1

    def test_a_head_that_looks_less_far_ahead(self, model_in_space):
        model_in_space.head = HeadNetwork(HeadConfig(width=8, hidden=8, lookahead_hops=0))
        with pytest.raises(ValueError, match="as far ahead as the lips"):
            BatchedStreams(model_in_space, capacity=1)

    @pytest.fixture(autouse=True)
    def _case(self, model, speech, reference):
        model.blinks.fit(torch.tensor([0.2, 0.6, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.1]), per_frame=0.05)
        type(self).case = model, speech, reference

    @pytest.mark.parametrize("lookahead", [0, 1, 5, 12])
    @pytest.mark.parametrize("fade", [0, 5])
    @pytest.mark.parametrize("length", [1, 319, 961, 3_000, 9_921])
    def test_any_look_ahead(self, speech, reference, mean_face, lookahead, fade, length):
        config = ModelConfig(width=8, dilations=(1, 4), lookahead_hops=lookahead, fade_in_frames=fade)
        model = Audio2Keypoint(config).eval()
        torch.nn.init.normal_(
            model.generator.expression_head.weight, std=0.1, generator=torch.Generator().manual_seed(0)
        )
        model.normalizer.set_statistics(mean_face=mean_face, std_expression=torch.full((68, 2), 0.02))
        batch = BatchedStreams(model, capacity=2)
        streams = [Stream(batch, speech[k : k + length], reference[0], StreamOptions(seed=k)) for k in range(2)]
        while not all(stream.finished() for stream in streams):
            for stream in streams:
                stream.hear(100)
            while step(batch, streams, most=3):
                pass
        for stream in streams:
            stream.check()

    def test_a_reading_fifty_times_with_the_embedded_model(self):
        model, speech = Audio2Keypoint.from_pretrained().eval(), read_audio(SPEECH)
        reference = model.normalizer.mean_face_px
        batch = BatchedStreams(model, capacity=50)
        streams = [
            Stream(batch, speech[1_000 * k : 1_000 * k + 40_000], reference, StreamOptions(seed=k)) for k in range(50)
        ]
        while not all(stream.finished() for stream in streams):
            for stream in streams:
                stream.hear(640)
            while step(batch, streams):
                pass
        for stream in streams[::7]:
            stream.check()

    def test_a_frame_is_ready_with_its_right_context(self, model, speech):
        sound = SampleBuffer(model.config)
        needed = round(model.config.right_context_seconds * 16_000)
        sound.push(speech[: needed - 1].numpy())
        assert sound.num_ready == 0
        sound.push(speech[needed - 1 : needed].numpy())
        assert sound.num_ready == 1

    def test_nothing_is_kept_for_long(self, model):
        sound, kept = SampleBuffer(model.config), set()
        for _ in range(50):
            sound.push(np.zeros(6_400, np.float32))
            sound.take(sound.num_ready)
            kept.add(sum(len(piece) for piece in sound._pieces))
        assert max(kept) <= 640 + 1_776

    def test_only_so_many(self, model, reference):
        batch = BatchedStreams(model, capacity=1)
        row = batch.open(reference[0], StreamOptions())
        with pytest.raises(ValueError, match="at most 1 streams"):
            batch.open(reference[0], StreamOptions())
        batch.close(row)
        assert batch.open(reference[0], StreamOptions()) == row

    def test_a_wrong_reference_takes_no_row(self, as_users_run_it, model, reference):
        batch = BatchedStreams(model, capacity=1)
        for face in (reference, reference[0] * float("nan")):
            with pytest.raises(ValueError, match="reference"):
                batch.open(face, StreamOptions())
        assert batch.num_free == 1


@pytest.mark.parametrize("sizes", [[1] * 200, [7, 64, 65, 64], [200]])
def test_the_noise_is_that_of_one_stream(sizes):
    noise, alone = FrameNoise(7), torch.Generator().manual_seed(7)
    expected = torch.cat([torch.randn(1, 5, generator=alone) for _ in range(200)])
    assert torch.equal(torch.cat([noise.take(size) for size in sizes]), expected)
