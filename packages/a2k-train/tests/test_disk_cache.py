import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from a2k_train.data.clip_store import ClipStore
from a2k_train.data.disk_cache import open_cache
from a2k_train.data.window_sampler import WindowSampler


def untouched():
    """Clips that nobody may read."""
    pytest.fail("expected the cache and not the clips to be read")
    yield


def test_the_same_as_in_memory(clips, tmp_path):
    memory, disk = ClipStore.from_clips(clips), open_cache(tmp_path / "new" / "cache", iter(clips))
    assert (disk.ids, disk.speakers, disk.splits) == (memory.ids, memory.speakers, memory.splits)
    for name in ("keypoints", "measured", "sound", "starts", "lengths"):
        assert torch.equal(getattr(disk, name), getattr(memory, name))
    a, b = (WindowSampler(store, window_frames=16, batch_size=3).batch(5) for store in (memory, disk))
    assert torch.equal(a.waveform, b.waveform)
    assert torch.equal(a.keypoints, b.keypoints)
    again = open_cache(tmp_path / "new" / "cache", untouched())
    assert torch.equal(again.sound, memory.sound)


def test_a_reader_that_fails_leaves_nothing(clips, tmp_path):
    def half():
        yield from clips[:2]
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        open_cache(tmp_path / "cache", half())
    assert [path.name for path in tmp_path.iterdir()] == [".cache.lock"]
    with pytest.raises(ValueError, match="at least one clip"):
        open_cache(tmp_path / "cache", [])
    assert len(open_cache(tmp_path / "cache", clips)) == 4


def test_what_a_killed_process_left_is_overwritten(clips, tmp_path):
    (tmp_path / ".cache.part").mkdir()
    (tmp_path / ".cache.part" / "sound.raw").write_bytes(b"half")
    assert open_cache(tmp_path / "cache", clips).num_frames == 220
    assert not (tmp_path / ".cache.part").exists()


def test_one_writes_and_the_others_wait(clips, tmp_path):
    pytest.importorskip("fcntl", reason="locks need POSIX")
    begun, reads = threading.Event(), []

    def slow():
        reads.append(1)
        begun.wait(0.3)
        yield from clips

    with ThreadPoolExecutor(3) as pool:
        stores = list(pool.map(lambda _: open_cache(tmp_path / "cache", slow()), range(3)))
    assert len(reads) == 1
    assert [len(store) for store in stores] == [4, 4, 4]


@pytest.mark.parametrize("damage", ["short", "gone", "index", "format"])
def test_damaged_files(clips, tmp_path, damage):
    cache = tmp_path / "cache"
    open_cache(cache, clips)
    if damage == "short":
        os.truncate(cache / "keypoints.raw", 1_000)
    elif damage == "gone":
        (cache / "measured.raw").unlink()
    else:
        (cache / "index.json").write_text("{" if damage == "index" else '{"format": "another"}')
    with pytest.raises(ValueError, match=r"damaged folder .*cache .*; remove it"):
        open_cache(cache, untouched())


def test_a_folder_that_cannot_be_written(clips, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot write the cache .*choose another cache folder"):
        open_cache(tmp_path / "file" / "cache", clips)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the size of the memory")
def test_a_cache_larger_than_the_memory(clips, tmp_path):
    cache = tmp_path / "cache"
    open_cache(cache, clips[:1])
    frames = 2 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (68 * 2 * 4)
    try:
        for name, width in (("keypoints", 68 * 2 * 4), ("measured", 1), ("sound", 640 * 2)):
            os.truncate(cache / f"{name}.raw", frames * width)  # holes take no room
    except OSError:
        pytest.skip("needs a file system that takes files with holes")
    index = (cache / "index.json").read_text()
    (cache / "index.json").write_text(index.replace('"lengths": [70]', f'"lengths": [{frames}]'))
    store = open_cache(cache, untouched())
    assert store.num_frames == frames
    assert WindowSampler(store, window_frames=16, batch_size=4).batch(0).keypoints.shape == (4, 16, 68, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process's memory")
def test_memory_does_not_grow_with_the_corpus(make, write_corpus, tmp_path):
    program = """
import re, sys
from pathlib import Path
import torch
from a2k_train.data.open_clips import open_clips
from a2k_train.data.window_sampler import WindowSampler

def memory(kind):
    return int(re.search(kind + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

torch.set_num_threads(1)
store = open_clips(sys.argv[1], splits=("train",), cache="disk")
peak = memory("VmHWM")  # and not ru_maxrss, which a process inherits from the one that starts it
sampler = WindowSampler(store, window_frames=64, batch_size=8, sampling="epochs")
for step in range(5):
    sampler.batch(step)
early = memory("RssAnon")
for step in range(5, 5 + 2 * sampler.steps_per_epoch):
    sampler.batch(step)
print(len(store), peak, memory("RssAnon") - early)
"""
    clip = make(0, frames=250)
    peaks = []
    for count in (150, 450):
        ids = iter(range(count))
        corpus = write_corpus(
            tmp_path / str(count), [clip] * count, clips_per_shard=100, id=lambda _, ids=ids: str(next(ids))
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(corpus)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        clips, peak, growth = (int(word) for word in done.stdout.split())
        assert clips == count
        assert growth < 10_000  # kB; an epoch's windows are 70 MB
        peaks.append(peak)
    # 300 clips more are 137 MB more, and twice that where they are loaded.
    assert peaks[1] - peaks[0] < 50_000
