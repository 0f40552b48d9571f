from dataclasses import replace

import pytest
import torch

from a2k_train.data.clip_store import ClipStore
from a2k_train.data.window_sampler import Batch, WindowSampler


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

    def test_a_window_never_leaves_its_clip(self, make):
        clips = [replace(make(i, frames=17), keypoints=torch.full((17, 68, 2), float(i))) for i in range(5)]
        batch = sample(clips, batch_size=50).batch(0)
        assert torch.equal(batch.keypoints, batch.keypoints[:, :1].expand_as(batch.keypoints))
        assert len(batch.keypoints[:, 0, 0, 0].unique()) == 5

    def test_a_selection_draws_from_nothing_else(self, clips):
        store = ClipStore.from_clips(clips).select([2, 3])
        drawn = WindowSampler(store, window_frames=10, batch_size=30).batch(0)
        theirs = torch.cat([clips[2].keypoints, clips[3].keypoints])
        assert all(bool((theirs == points).flatten(1).all(dim=1).any()) for points in drawn.keypoints[:, 0])


class TestReference:
    @pytest.fixture
    def counted(self, make):
        """A clip whose frame t lies at t px, some of them not measured."""
        keypoints = torch.arange(16.0)[:, None, None].expand(-1, 68, 2)
        measured = torch.ones(16, dtype=torch.bool)
        measured[[0, 1, 5, 15]] = False
        return replace(make(0, frames=16), keypoints=keypoints, measured=measured)

    def test_it_is_the_first_measured_frame(self, counted):
        assert sample([counted], random_reference=0.0).batch(0).reference[:, 0, 0].tolist() == [2, 2, 2]

    def test_or_any_measured_one(self, counted):
        drawn = sample([counted], random_reference=1.0, batch_size=500).batch(0).reference[:, 0, 0]
        assert drawn.unique().tolist() == [2, 3, 4, *range(6, 15)]

    def test_a_share_of_them_is_drawn(self, counted):
        drawn = sample([counted], random_reference=0.4, batch_size=2_000).batch(0).reference[:, 0, 0]
        assert float((drawn == 2).float().mean()) == pytest.approx(0.6 + 0.4 / 12, abs=0.04)

    @pytest.mark.parametrize("share", [0.0, 1.0])
    def test_a_window_without_a_face_still_has_one(self, counted, share):
        lost = replace(counted, measured=torch.zeros(16, dtype=torch.bool))
        batch = sample([lost], random_reference=share).batch(0)
        assert batch.reference[:, 0, 0].tolist() == [0, 0, 0]
        assert not batch.mask.any()


class TestEpochs:
    @pytest.fixture
    def seven(self, make):
        """Seven clips; the points of clip i lie at 100 i px and move right a pixel a frame."""
        moves = torch.arange(60.0)[:, None, None].expand(-1, 68, 2)
        return [replace(make(i, frames=60), keypoints=100 * i + moves) for i in range(7)]

    @pytest.mark.parametrize("batch_size", [1, 3, 7, 20])
    def test_every_clip_once_an_epoch(self, seven, batch_size):
        sampler = sample(seven, sampling="epochs", batch_size=batch_size)
        drawn = torch.cat([sampler.batch(step).keypoints[:, 0, 0, 0] for step in range(-(-35 // batch_size))])
        epochs = (drawn[:35] // 100).long().reshape(5, 7)
        assert (epochs.sort(dim=1).values == torch.arange(7)).all()
        assert len(epochs.unique(dim=0)) > 3  # in another order each time
        starts = (drawn[:35] % 100)[epochs.flatten() == 2]
        assert len(starts.unique()) > 2  # and at other moments
        assert sampler.steps_per_epoch == -(-7 // batch_size)

    def test_any_step_can_be_the_first(self, seven):
        run, resumed = (sample(seven, sampling="epochs") for _ in range(2))
        batches = [run.batch(step) for step in range(8)]
        assert same(resumed.batch(6), batches[6])
        assert same(resumed.batch(2), batches[2])
        assert not same(sample(seven, sampling="epochs", seed=1).batch(2), batches[2])


class TestRanks:
    @pytest.mark.parametrize("sampling", ["balanced", "epochs"])
    def test_they_share_a_batch(self, clips, sampling):
        whole = sample(clips, sampling=sampling, batch_size=12).batch(3)
        for rank in range(4):
            share = sample(clips, sampling=sampling, batch_size=12, rank=rank, world_size=4).batch(3)
            for mine, all_of_them in zip(fields(share), fields(whole), strict=True):
                assert torch.equal(mine, all_of_them[rank::4])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"batch_size": 3, "world_size": 2}, "a batch that 2 processes can share evenly, got 3"),
            ({"rank": 2, "world_size": 2, "batch_size": 4}, "rank from 0 to 1, got 2"),
            ({"rank": -1}, "rank from 0 to 0, got -1"),
            ({"sampling": "all"}, "balanced or epochs, got 'all'"),
            ({"batch_size": 0}, "positive window and batch"),
            ({"window_frames": 0}, "positive window and batch"),
            ({"random_reference": 1.5}, "random_reference within"),
        ],
    )
    def test_what_is_refused(self, clips, options, message):
        with pytest.raises(ValueError, match=message):
            sample(clips, **options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_the_windows_are_the_same(clips):
    store = ClipStore.from_clips(clips)
    here, there = (WindowSampler(place, window_frames=16).batch(4) for place in (store, store.to("cuda")))
    assert there.waveform.is_cuda
    assert all(torch.equal(a, b.cpu()) for a, b in zip(fields(here), fields(there), strict=True))
    assert all(torch.equal(a, b.cpu()) for a, b in zip(fields(here), fields(here.pin_memory().to("cuda")), strict=True))
