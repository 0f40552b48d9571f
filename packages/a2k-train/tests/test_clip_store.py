import pytest
import torch

from a2k_train.data.clip import Clip
from a2k_train.data.clip_store import ClipStore


def test_clips_come_back_as_views(clips):
    store = ClipStore.from_clips(clips)
    assert (len(store), store.num_frames, store.samples_per_frame) == (4, 220, 640)
    for before, after in zip(clips, store.clips(), strict=True):
        assert (before.id, before.speaker, before.split) == (after.id, after.speaker, after.split)
        for name in ("sound", "keypoints", "measured"):
            assert torch.equal(getattr(before, name), getattr(after, name))
    last = store.clip(3)
    assert last.keypoints.data_ptr() == store.keypoints[210].data_ptr()
    assert last.sound.data_ptr() == store.sound[210].data_ptr()


def test_a_selection_copies_no_frame(clips):
    store = ClipStore.from_clips(clips)
    some = store.select([3, 1])
    assert some.keypoints is store.keypoints
    assert some.sound is store.sound
    assert (some.ids, some.speakers, some.num_frames) == (("clip3", "clip1"), ("cyd", "ada"), 80)
    assert torch.equal(some.clip(0).keypoints, clips[3].keypoints)
    assert torch.equal(some.select([1]).clip(0).sound, clips[1].sound)


def test_another_device(clips):
    store = ClipStore.from_clips(clips).to("meta")
    assert store.device.type == "meta"
    assert store.starts.device.type == "cpu"
    assert store.num_frames == 220


@pytest.mark.parametrize("what", ["store", "selection"])
def test_without_clips_there_is_none(clips, what):
    with pytest.raises(ValueError, match="at least one clip, got none"):
        ClipStore.from_clips([]) if what == "store" else ClipStore.from_clips(clips).select([])


@pytest.mark.parametrize(("samples", "points"), [(1_279, (68, 2)), (1_280, (68, 3)), (1_280, (5, 2))])
def test_clips_of_another_kind_are_refused(clips, samples, points):
    sound, measured = torch.zeros(samples, dtype=torch.int16), torch.ones(2, dtype=torch.bool)
    other = Clip("other", "bob", "train", sound, torch.zeros(2, *points), measured)
    with pytest.raises(ValueError, match=r"expected .* other"):
        ClipStore.from_clips([*clips, other])
