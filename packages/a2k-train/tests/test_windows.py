from dataclasses import replace

import pytest
import torch

from a2k_train.store import ClipStore
from a2k_train.windows import Batch, WindowSampler


def fields(batch: Batch) -> tuple[torch.Tensor, ...]:
    return batch.waveform, batch.reference, batch.keypoints, batch.mask


def same(a: Batch, b: Batch) -> bool:
    return all(torch.equal(x, y) for x, y in zip(fields(a), fields(b), strict=True))


def sample(clips, **options) -> WindowSampler:
    return WindowSampler(ClipStore.from_clips(clips), **({"window_frames": 16, "batch_size": 3} | options))


class TestWindows:
    def test_shapes(self, clips):
        batch = sample(clips).batch(0)
        assert [tuple(x.shape) for x in fields(batch)] == [(3, 16 * 640), (3, 68, 2), (3, 16, 68, 2), (3, 16)]

    def test_seed_and_step_decide(self, clips):
        sampler, again = sample(clips), sample(clips)
        sampler.batch(0)
        assert same(sampler.batch(5), again.batch(5))
        assert not same(sampler.batch(5), sampler.batch(6))
        assert not same(sampler.batch(5), sample(clips, seed=1).batch(5))

    def test_nothing_draws_from_the_global_generator(self, clips):
        before = torch.random.get_rng_state()
        sample(clips).batch(0)
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_sound_and_face_are_of_the_same_moment(self, make):
        clip = make(0)
        # Sound and points that count: sample s is s - 20,000, and frame t is at t px.
        count = torch.arange(clip.num_frames).float()
        clip = replace(
            clip,
            sound=torch.arange(len(clip.sound), dtype=torch.int16) - 20_000,
            keypoints=count[:, None, None].expand(-1, 68, 2),
        )
        batch = sample([clip]).batch(3)
        starts = batch.keypoints[:, 0, 0, 0]
        assert len(set(starts.tolist())) > 1
        assert torch.equal(batch.waveform[:, 0] * 32_768 + 20_000, starts * 640)
        assert torch.equal(batch.keypoints[:, :, 0, 0], starts[:, None] + torch.arange(16))

    def test_every_moment_of_a_clip_is_drawn(self, make):
        clip = make(0, frames=18)
        clip = replace(clip, keypoints=torch.arange(18.0)[:, None, None].expand(-1, 68, 2))
        sampler = sample([clip])
        starts = {int(start) for step in range(20) for start in sampler.batch(step).keypoints[:, 0, 0, 0]}
        assert starts == {0, 1, 2}

    def test_the_reference_is_a_frame_of_the_window(self, clips):
        sampler = sample(clips, random_reference=1.0)
        places = set()
        for step in range(10):
            batch = sampler.batch(step)
            for reference, window, mask in zip(batch.reference, batch.keypoints, batch.mask, strict=True):
                hits = (window == reference).flatten(1).all(dim=1).nonzero().flatten()
                assert len(hits) >= 1
                assert bool(mask[hits[0]])
                places.add(int(hits[0]))
        assert len(places) > 3

    def test_the_reference_may_always_be_the_first_frame(self, clips):
        batch = sample(clips, random_reference=0.0).batch(0)
        assert torch.equal(batch.reference, batch.keypoints[:, 0])

    def test_a_short_clip_is_padded_and_masked(self, make):
        clip = make(3, frames=10)
        batch = sample([clip]).batch(0)
        assert batch.mask.tolist() == 3 * [10 * [True] + 6 * [False]]
        assert torch.equal(batch.keypoints[0, :10], clip.keypoints)
        assert torch.equal(batch.keypoints[0, 10:], clip.keypoints[-1:].expand(6, -1, -1))
        assert torch.equal(batch.waveform[0, :6_400], clip.waveform)
        assert not batch.waveform[0, 6_400:].any()

    def test_frames_without_a_face_are_masked(self, make):
        clip = make(0, frames=16)
        measured = torch.ones(16, dtype=torch.bool)
        measured[4:7] = False
        batch = sample([replace(clip, measured=measured)]).batch(0)
        assert torch.equal(batch.mask[0], measured)

    @pytest.mark.parametrize(("balance", "share"), [(0.0, 1 / 2), (1.0, 9 / 10)])
    def test_speakers_are_balanced(self, make, balance, share):
        # Ada has nine times Bob's footage, in two clips.
        clips = [
            replace(make(seed, frames=frames, speaker=name), keypoints=torch.full((frames, 68, 2), value))
            for seed, frames, name, value in ((0, 100, "ada", 1.0), (1, 80, "ada", 1.0), (2, 20, "bob", 0.0))
        ]
        sampler = sample(clips, speaker_balance=balance, batch_size=100)
        drawn = torch.cat([sampler.batch(step).keypoints[:, 0, 0, 0] for step in range(40)])
        assert float(drawn.mean()) == pytest.approx(share, abs=0.03)
