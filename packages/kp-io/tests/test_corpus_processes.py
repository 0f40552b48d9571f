"""Corpora built by several processes, some of which are killed; real faces with the default detector."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from corpus_stand_in import DEADLY, SlowStandIn, StandIn, Unloadable

from kp_io import ClipRules, CorpusOptions, build_corpus, face_box, read_clips, write_video
from kp_io.annotation.annotate import default_detector

parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra kp-io[build]")

OPTIONS = CorpusOptions(val=0.3, test=0.0, clips_per_shard=4)
SPEECH = (0.3 * np.sin(np.arange(24000) / 9)).astype(np.float32)

#: A build in a process of its own, to be killed.
SCRIPT = """
import sys
from kp_io import CorpusOptions, build_corpus
sys.path.insert(0, {tests!r})
from corpus_stand_in import SlowStandIn
if __name__ == "__main__":
    options = CorpusOptions(val=0.3, test=0.0, clips_per_shard=4)
    build_corpus(sys.argv[1], sys.argv[2], options=options, make_detector=SlowStandIn, workers=int(sys.argv[3]))
"""


def bytes_of(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture
def videos(tmp_path, make_video):
    root = tmp_path / "videos"
    made = [
        make_video(
            f"{n}.mkv", pictures=[np.full((48, 64, 3), 80 + 30 * n + i, np.uint8) for i in range(26)], audio=SPEECH
        )
        for n in range(3)
    ]
    for i in range(12):
        (root / f"speaker {i % 4}").mkdir(parents=True, exist_ok=True)
        shutil.copy(made[i % 3], root / f"speaker {i % 4}" / f"{i}.mkv")
    (root / "speaker 1" / "broken.mp4").write_text("no video")
    return root


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs SIGKILL and /proc")
def test_killed_at_random_times_it_ends_in_the_same_bytes(videos, tmp_path):
    script = tmp_path / "build.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent)))
    build_corpus(videos, tmp_path / "whole", options=OPTIONS, make_detector=SlowStandIn)
    whole = bytes_of(tmp_path / "whole")
    out = tmp_path / "killed"
    chance = random.Random(time.time_ns())
    survived = 0
    # Once as soon as there is anything, processes still starting perhaps, and once when a clip is done.
    for workers, sign in (("2", "*.*"), ("1", "*.arrow")):
        before = sorted(path.name for path in out.rglob(sign))
        command = [sys.executable, str(script), str(videos), str(out), workers]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Something new has to be there, so that every round gets on; then the blow falls whenever it likes.
        while process.poll() is None and sorted(path.name for path in out.rglob(sign)) == before:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.4))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        orphans = children.read_text().split() if children.is_file() else []
        process.send_signal(signal.SIGKILL)
        process.wait()
        survived += len(list(out.rglob("*.arrow"))) + len(list(out.rglob("*.parquet")))
        for shard in (out / "data").glob("*"):
            assert shard.read_bytes() == whole[f"data/{shard.name}"], "a shard is there whole or not at all"
        deadline = time.monotonic() + 60
        while any(_is_python(pid) for pid in orphans) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(_is_python(pid) for pid in orphans), "no worker outlives its parent"
    assert survived, "the kills have to find something to interrupt"
    build_corpus(videos, out, options=OPTIONS, make_detector=SlowStandIn)
    assert bytes_of(out) == whole


def _is_python(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_four_workers_make_the_same_bytes_and_a_deadly_video_ends_only_itself(videos, tmp_path, make_video):
    deadly = make_video("deadly.mkv", pictures=[np.full((48, 64, 3), DEADLY, np.uint8)] * 26, audio=SPEECH)
    shutil.copy(deadly, videos / "speaker 2" / "deadly.mkv")
    summary = build_corpus(videos, tmp_path / "four", options=OPTIONS, make_detector=StandIn, workers=4)
    assert summary.failures == {"broken": 1, "crashed": 1}
    failures = parquet.read_table(tmp_path / "four" / "failures.parquet").to_pylist()
    [crashed] = [failure for failure in failures if failure["kind"] == "crashed"]
    assert crashed["source"] == "speaker 2/deadly.mkv"
    assert "died twice" in crashed["reason"]

    # One process, which the video would take with it, on the same videos but for this one.
    (videos / "speaker 2" / "deadly.mkv").write_bytes(bytes(deadly.stat().st_size))
    build_corpus(videos, tmp_path / "one", options=OPTIONS, make_detector=StandIn)
    one, four = bytes_of(tmp_path / "one"), bytes_of(tmp_path / "four")
    assert {name for name in one if one[name] != four[name]} <= {
        "failures.parquet", "summary.json", *(name for name in one if b'"crashed"' in four[name])
    }  # fmt: skip
    assert {name for name in one if name.startswith("data/")}
    assert all(one[name] == four[name] for name in one if name.startswith("data/"))


def test_processes_that_do_not_start_are_no_fault_of_the_videos(videos, tmp_path):
    with pytest.raises(ChildProcessError, match="__main__"):
        build_corpus(videos, tmp_path / "out", options=OPTIONS, make_detector=Unloadable(), workers=2)
    assert not [path for path in (tmp_path / "out").rglob("*.json") if path.name != "corpus.json"]


def test_real_faces_with_the_default_detector(tmp_path):
    pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
    skimage = pytest.importorskip("skimage.data", reason="needs scikit-image")
    portrait = skimage.astronaut()[:400, 30:430]
    speech = torch.from_numpy(SPEECH)
    frames = [np.roll(portrait, (t, 2 * t), axis=(0, 1)) for t in range(10)]
    write_video(tmp_path / "videos" / "eileen" / "talk.mp4", frames, audio=speech)
    write_video(tmp_path / "videos" / "wall" / "noise.mp4", [np.full((400, 400, 3), 90, np.uint8)] * 10, audio=speech)
    options = CorpusOptions(ClipRules(height=224, min_seconds=0.2), val=0, test=0)
    summary = build_corpus(tmp_path / "videos", tmp_path / "corpus", options=options)
    assert summary.failures == {"faceless": 1}
    [clip] = read_clips(tmp_path / "corpus")
    assert clip.sequence.image_size == (224, 224)
    assert clip.sequence.detector == default_detector().name
    moved = clip.sequence.keypoints[9].mean(dim=0) - clip.sequence.keypoints[0].mean(dim=0)
    torch.testing.assert_close(moved, torch.tensor([18.0, 9.0]) * 224 / 400, atol=1.0, rtol=0)


@pytest.mark.corpus
def test_real_clips_of_the_corpus(corpus, tmp_path):
    pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
    (tmp_path / "videos").mkdir()
    for clip in sorted(corpus.glob("*.mp4"), key=lambda path: path.stat().st_size)[:2]:
        shutil.copy(clip, tmp_path / "videos")
    options = CorpusOptions(ClipRules(height=224), val=0, test=0)
    summary = build_corpus(tmp_path / "videos", tmp_path / "corpus", options=options)
    assert summary.splits["train"]["num_clips"] == 2, summary.failures
    for clip in read_clips(tmp_path / "corpus"):
        left, top, right, bottom = face_box(clip.sequence)
        assert bottom - top > 0.2 * 224
        assert right - left > 0.2 * 224
        assert float(clip.waveform.abs().max()) > 0.01
        assert len(clip.waveform) == len(clip.sequence) * 640
