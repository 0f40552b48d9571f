from dataclasses import replace

import pytest
import torch

from a2k_train.windows import Batch, WindowSampler, smooth_keypoints


def fields(batch: Batch) -> tuple[torch.Tensor, ...]:
    return batch.waveform, batch.reference, batch.keypoints, batch.mask


def same(a: Batch, b: Batch) -> bool:
    return all(torch.equal(x, y) for x, y in zip(fields(a), fields(b), strict=True))


class TestWindows:
    def test_shapes(self, clips, tiny):
        batch = WindowSampler(clips, tiny).batch(0)
        assert [tuple(x.shape) for x in fields(batch)] == [(3, 16 * 640), (3, 68, 2), (3, 16, 68, 2), (3, 16)]

    def test_seed_and_step_decide(self, clips, tiny):
        sampler, again = WindowSampler(clips, tiny), WindowSampler(clips, tiny)
        sampler.batch(0)
        assert same(sampler.batch(5), again.batch(5))
        assert not same(sampler.batch(5), sampler.batch(6))
        assert not same(sampler.batch(5), WindowSampler(clips, replace(tiny, seed=1)).batch(5))

    def test_nothing_draws_from_the_global_generator(self, clips, tiny):
        before = torch.random.get_rng_state()
        WindowSampler(clips, tiny).batch(0)
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_sound_and_face_are_of_the_same_moment(self, make, tiny):
        clip = make(0)
        # Sound and points that count: sample s is s / S, and frame t is at t px.
        count = torch.arange(clip.num_frames).float()
        clip = replace(
            clip,
            waveform=torch.arange(len(clip.waveform)) / len(clip.waveform),
            keypoints=count[:, None, None].expand(-1, 68, 2),
        )
        batch = WindowSampler([clip], tiny).batch(3)
        starts = batch.keypoints[:, 0, 0, 0]
        assert len(set(starts.tolist())) > 1
        assert torch.allclose(batch.waveform[:, 0] * len(clip.waveform), starts * 640, atol=1)
        assert torch.equal(batch.keypoints[:, :, 0, 0], starts[:, None] + torch.arange(16))

    def test_every_moment_of_a_clip_is_drawn(self, make, tiny):
        clip = make(0, frames=18)
        clip = replace(clip, keypoints=torch.arange(18.0)[:, None, None].expand(-1, 68, 2))
        sampler = WindowSampler([clip], tiny)
        starts = {int(start) for step in range(20) for start in sampler.batch(step).keypoints[:, 0, 0, 0]}
        assert starts == {0, 1, 2}

    def test_the_reference_is_a_frame_of_the_window(self, clips, tiny):
        sampler = WindowSampler(clips, replace(tiny, random_reference=1.0))
        places = set()
        for step in range(10):
            batch = sampler.batch(step)
            for reference, window, mask in zip(batch.reference, batch.keypoints, batch.mask, strict=True):
                hits = (window == reference).flatten(1).all(dim=1).nonzero().flatten()
                assert len(hits) >= 1
                assert bool(mask[hits[0]])
                places.add(int(hits[0]))
        assert len(places) > 3

    def test_the_reference_may_always_be_the_first_frame(self, clips, tiny):
        batch = WindowSampler(clips, replace(tiny, random_reference=0.0)).batch(0)
        assert torch.equal(batch.reference, batch.keypoints[:, 0])

    def test_a_short_clip_is_padded_and_masked(self, make, tiny):
        clip = make(3, frames=10)
        batch = WindowSampler([clip], tiny).batch(0)
        assert batch.mask.tolist() == 3 * [10 * [True] + 6 * [False]]
        assert torch.equal(batch.keypoints[0, :10], clip.keypoints)
        assert torch.equal(batch.keypoints[0, 10:], clip.keypoints[-1:].expand(6, -1, -1))
        assert torch.equal(batch.waveform[0, :6_400], clip.waveform)
        assert not batch.waveform[0, 6_400:].any()

    def test_frames_without_a_face_are_masked(self, make, tiny):
        clip = make(0, frames=16)
        measured = torch.ones(16, dtype=torch.bool)
        measured[4:7] = False
        batch = WindowSampler([replace(clip, measured=measured)], tiny).batch(0)
        assert torch.equal(batch.mask[0], measured)

    @pytest.mark.parametrize(("balance", "share"), [(0.0, 1 / 2), (1.0, 9 / 10)])
    def test_speakers_are_balanced(self, make, tiny, balance, share):
        # Ada has nine times Bob's footage, in two clips.
        clips = [
            replace(make(seed, frames=frames, speaker=name), keypoints=torch.full((frames, 68, 2), value))
            for seed, frames, name, value in ((0, 100, "ada", 1.0), (1, 80, "ada", 1.0), (2, 20, "bob", 0.0))
        ]
        sampler = WindowSampler(clips, replace(tiny, speaker_balance=balance, batch_size=100))
        drawn = torch.cat([sampler.batch(step).keypoints[:, 0, 0, 0] for step in range(10)])
        assert float(drawn.mean()) == pytest.approx(share, abs=0.05)


class TestSmoothing:
    def test_a_parabola_is_left_as_it_is(self):
        time = torch.arange(20.0)
        track = torch.stack((0.3 * time**2 - 2 * time, 5 - time), dim=1)[:, None]
        for frames in (3, 5, 7):
            edge = frames // 2
            smoothed = smooth_keypoints(track, frames)
            assert torch.allclose(smoothed[edge:-edge], track[edge:-edge], atol=1e-3)

    def test_jitter_shrinks(self):
        jitter = torch.randn(400, 3, 2, generator=torch.Generator().manual_seed(0))
        smoothed = smooth_keypoints(jitter, 7)
        # The variance shrinks by the sum of the squared weights, which is the centre weight: 7/21.
        assert float(smoothed.var() / jitter.var()) == pytest.approx(7 / 21, abs=0.05)

    @pytest.mark.parametrize(("num_frames", "frames"), [(1, 5), (2, 5), (3, 5), (4, 5), (8, 1)])
    def test_any_length_works(self, num_frames, frames):
        track = torch.randn(num_frames, 2, 2, generator=torch.Generator().manual_seed(0))
        before = track.clone()
        assert smooth_keypoints(track, frames).shape == track.shape
        assert torch.equal(track, before)
        if frames == 1:
            assert torch.equal(smooth_keypoints(track, frames), track)

    def test_targets_are_smoothed_and_nothing_else(self, make, tiny):
        clip = make(0, frames=16)
        batch = WindowSampler([clip], replace(tiny, smoothing_frames=5)).batch(0)
        assert torch.allclose(batch.keypoints[0], smooth_keypoints(clip.keypoints, 5))
        assert not torch.equal(batch.keypoints[0], clip.keypoints)
        assert torch.equal(batch.waveform[0], clip.waveform)
