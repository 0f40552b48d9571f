"""Ctrl-C, a pipe that nobody reads, a full or read-only disk: a clean end, and nothing half-written."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from corpus_stand_in import StandIn
from typer.testing import CliRunner

import kp_io
from kp_io import KeypointSequence, load_keypoints, save_keypoints
from kp_io.annotation import jobs as batch
from kp_io.cli.app import app

#: `kp-io` with a slow stand-in for the detector, also in the processes that it starts.
SLOW = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import kp_io.detectors.dlib
from corpus_stand_in import StandIn
from kp_io.cli.app import app
kp_io.detectors.dlib.DlibDetector = lambda **_: StandIn(delay_seconds=0.03)
if __name__ == "__main__":
    app()
"""


@pytest.fixture
def quick(monkeypatch):
    """Run `kp-io` here, with a stand-in that costs nothing."""
    monkeypatch.setattr("kp_io.detectors.dlib.DlibDetector", lambda **_: StandIn())
    batch._detector.cache_clear()
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def videos(tmp_path, make_video):
    clip = make_video(
        "clip.mkv", pictures=[np.full((48, 64, 3), 80 + i, np.uint8) for i in range(20)], audio=0.1 * np.ones(12800)
    )
    (tmp_path / "videos").mkdir()
    for number in range(8):
        shutil.copy(clip, tmp_path / "videos" / f"{number}.mkv")
    return tmp_path / "videos"


def interrupted(folder, *arguments, sign):
    """Run `kp-io` slowly, and press Ctrl-C when there is a file like `sign`."""
    (folder / "slow.py").write_text(SLOW)
    command = [sys.executable, "slow.py", *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True) as process:
        limit = time.monotonic() + 60
        while not list(folder.glob(sign)) and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    return process, stdout, stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
@pytest.mark.parametrize("more", [(), ("--workers", "2", "--smooth", "one-euro")], ids=["here", "in two processes"])
def test_ctrl_c_leaves_whole_files_and_the_rest_for_later(videos, tmp_path, quick, more):
    out = tmp_path / "out"
    process, stdout, stderr = interrupted(tmp_path, "annotate", videos, "-o", out, "--wav", *more, sign="out/[!.]*.npz")
    assert (process.returncode, stdout, stderr) == (130, "", "stopped; the same command goes on, or begins again\n")
    done = list(out.glob("*.npz"))
    assert 1 <= len(done) < 8
    assert {path.suffix for path in out.iterdir() if not path.name.startswith(".")} == {".npz", ".wav"}
    assert not list(out.glob(".*"))
    assert {len(load_keypoints(path)) for path in done} == {20}
    result = quick("annotate", videos, "-o", out, "--wav")
    assert result.exit_code == 0, result.output
    rest, were = 8 - len(done), "was" if len(done) == 1 else "were"
    assert f"{rest} file{'s' * (rest != 1)}, {20 * rest} frames, {len(done)} {were} there already" in result.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_while_a_corpus_is_built(videos, tmp_path, quick):
    pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
    command = ("build", videos, tmp_path / "out", "--min-seconds", "0", "--val", "0", "--test", "0")
    sign = "out/.build/spool/*/[!.]*.arrow"
    process, stdout, stderr = interrupted(tmp_path, *command, "--workers", "2", sign=sign)
    assert (process.returncode, stdout, stderr) == (130, "", "stopped; the same command goes on from here\n")
    assert 1 <= len(list(tmp_path.glob(sign))) < 8
    assert not list(tmp_path.glob("out/.build/spool/*/.*"))
    result = quick(*command)
    assert result.exit_code == 0, result.output
    assert "8 videos" in result.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes of Windows end otherwise")
def test_a_pipe_that_nobody_reads_is_no_error_to_talk_about(tmp_path, sequence):
    save_keypoints(tmp_path / "a.npz", sequence)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "kp_io", "info", str(tmp_path / "a.npz")]
    both = [
        subprocess.Popen([*command, *more], stdout=writer, stderr=subprocess.PIPE, text=True)
        for more in ([], ["--json"])
    ]
    os.close(writer)
    for process in both:
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 1


@pytest.fixture(params=["full", "read-only"])
def bad_disk(request, small_disk):
    """A disk that takes nothing more (of the full one, its only page is taken), and the reason that is to be told."""
    for name in ("a.npz", "a.csv", "a.json", "a.png", "a.mp4", "a.mkv", "a.wav"):
        (small_disk / name).write_bytes(b"")
    (small_disk / "a.npz").write_bytes(b"what was there before")
    if request.param == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    return small_disk, "No space left on device; make room" if request.param == "full" else "Read-only file system"


def test_a_disk_that_takes_nothing_more(bad_disk, videos, tmp_path, quick):
    disk, reason = bad_disk
    points = torch.rand(60, 68, 2, generator=torch.Generator().manual_seed(0)) * 250
    keypoints = tmp_path / "points.npz"
    save_keypoints(keypoints, KeypointSequence(points, points.mean(dim=2) / 250, image_size=(256, 256)))
    before = {path.name: path.read_bytes() for path in disk.iterdir()}
    for arguments in (
        ("convert", keypoints, disk / "a.npz", "--fps", "30"),
        ("convert", keypoints, disk / "a.csv"),
        ("convert", keypoints, disk / "a.json"),
        ("render", keypoints, "-o", disk / "a.png"),
        ("render", keypoints, "-o", disk / "a.mp4", "--audio", videos / "0.mkv"),
        ("compare-video", keypoints, keypoints, "-o", disk / "a.png"),
        ("compare-video", keypoints, videos / "0.mkv", "-o", disk / "a.mkv"),
        ("annotate", videos / "0.mkv", "-o", disk / "a.npz"),
        ("annotate", videos / "0.mkv", "-o", disk / "a.npz", "--wav"),
        ("annotate", videos / "0.mkv", "-o", disk / "a.npz", "--smooth", "one-euro"),
    ):
        result = quick(*arguments)
        assert result.exit_code == 1, arguments
        assert result.stderr.startswith(f"error: cannot write {disk}/"), result.stderr
        assert reason in result.stderr
        assert result.stderr.count("\n") == 1
        assert {path.name: path.read_bytes() for path in disk.iterdir()} == before, arguments


def test_a_folder_onto_a_full_disk_stops_at_the_first_file(bad_disk, videos, quick):
    disk, reason = bad_disk
    result = quick("annotate", videos, "-o", disk / "new")
    assert result.exit_code == 1
    if "Read-only" in reason:  # a file may be writable where its neighbour is not: every one is tried
        assert result.stderr.count("\n") == 8
    else:
        assert result.stderr.count("\n") == 1
        assert not list((disk / "new").iterdir())
    assert reason in result.stderr


def test_a_corpus_onto_such_a_disk(bad_disk, videos, quick):
    pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
    disk, reason = bad_disk
    result = quick("build", videos, disk / "corpus")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert reason.partition(";")[0] in result.stderr
    assert not (disk / "corpus" / "data").exists()


def test_written_sound_on_such_a_disk(bad_disk):
    disk, reason = bad_disk
    for name in ("a.wav", "b.flac"):
        with pytest.raises(OSError, match=f"cannot write .*{name}.*{reason}"):
            kp_io.write_audio(disk / name, torch.rand(80000, generator=torch.Generator().manual_seed(0)) - 0.5)
    assert (disk / "a.wav").read_bytes() == b""
    assert not (disk / "b.flac").exists()
