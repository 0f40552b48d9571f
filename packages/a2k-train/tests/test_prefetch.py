import threading

import pytest

from a2k_train.data.clip_store import ClipStore
from a2k_train.data.prefetch import prefetch
from a2k_train.data.window_sampler import WindowSampler


@pytest.fixture
def batch(clips):
    return WindowSampler(ClipStore.from_clips(clips), window_frames=16, batch_size=3).batch


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_batches_come_in_order(batch):
    with prefetch(batch, start=2, stop=6) as batches:
        got = list(batches)
    assert [float(made.keypoints.sum()) for made in got] == [float(batch(step).keypoints.sum()) for step in range(2, 6)]
    assert not threads()


def test_nothing_to_do(batch):
    with prefetch(batch, start=6, stop=6) as batches:
        assert list(batches) == []


def test_the_next_batch_is_made_meanwhile(batch):
    made = {step: threading.Event() for step in range(3)}

    def watched(step):
        made[step].set()
        return batch(step)

    with prefetch(watched, start=0, stop=3) as batches:
        next(batches)
        assert made[1].wait(10)
        assert not made[2].wait(0.2)  # one ahead, and no more: memory holds two batches


def test_what_goes_wrong_is_told_in_its_step(batch):
    def broken(step):
        if step == 1:
            raise FileNotFoundError("the disk is gone")
        return batch(step)

    with prefetch(broken, start=0, stop=3) as batches:
        next(batches)
        with pytest.raises(FileNotFoundError, match="the disk is gone"):
            next(batches)
    assert not threads()


def test_an_interrupt_ends_the_thread(batch):
    def step(made):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), prefetch(batch, start=0, stop=1_000) as batches:
        step(next(batches))
    assert not threads()
