"""Every command on files that are not what they say: one line that tells what is wrong, and nothing written."""

import random
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from corpus_stand_in import StandIn
from typer.testing import CliRunner

import kp_io
from kp_io import save_keypoints
from kp_io.annotation import jobs as batch
from kp_io.cli.app import app

runner = CliRunner()

KEYPOINTS = (".npz", ".csv", ".openface.csv", ".json", ".frames.json", ".pts")
MEDIA = (".mp4", ".mkv", ".ts", ".wav", ".flac", ".png", ".jpg")
KINDS = ("random", "random behind a true beginning", "half", "empty", "folder", "missing")


@pytest.fixture(autouse=True)
def _no_models(monkeypatch):
    """Nothing here is about faces: the detector is one that costs nothing."""
    monkeypatch.setattr("kp_io.detectors.dlib.DlibDetector", lambda **_: StandIn())
    batch._detector.cache_clear()


@pytest.fixture
def good(tmp_path, make_video, sequence):
    """A good file of every kind, in a folder of its own."""
    folder = tmp_path / "good"
    folder.mkdir()
    for suffix in KEYPOINTS:
        save_keypoints(folder / f"a{suffix}", sequence if suffix != ".pts" else sequence.frames(0, 1))
    noise = list(np.random.default_rng(0).integers(0, 255, (10, 48, 64, 3), np.uint8))
    sound = torch.rand(25600, generator=torch.Generator().manual_seed(0)) - 0.5
    kp_io.write_video(folder / "a.mkv", noise, audio=sound)
    # The index last, as cameras write it: half of such a file is no video.
    make_video("good/a.mp4", pictures=noise, audio=sound.numpy(), audio_codec="aac")
    make_video("good/a.ts", pictures=noise, audio=sound.numpy(), audio_codec="aac")
    for suffix in (".wav", ".flac"):
        kp_io.write_audio(folder / f"a{suffix}", sound)
    for suffix in (".png", ".jpg"):
        kp_io.write_image(folder / f"a{suffix}", noise[0])
    return folder


def spoil(whole, kind, path):
    """Make what `kind` says out of a good file's bytes."""
    chance = random.Random(f"{path.name} {kind}")
    path.parent.mkdir(exist_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        content = {
            "random": chance.randbytes(3000),
            "random behind a true beginning": whole[:16] + chance.randbytes(3000),
            "half": whole[: len(whole) // 2],
            "empty": b"",
        }
        path.write_bytes(content[kind])
    return path


def invoke(*arguments):
    return runner.invoke(app, list(map(str, arguments)))


def assert_one_line(result, *words):
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.stderr.startswith("error: "), result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize(("suffix", "kind"), list(product(KEYPOINTS, KINDS)))
def test_malformed_keypoints(suffix, kind, good, tmp_path):
    bad = spoil((good / f"a{suffix}").read_bytes(), kind, tmp_path / "bad" / f"b{suffix}")
    out = tmp_path / "out"
    for arguments in (
        ("info", bad),
        ("info", bad, "--json"),
        ("convert", bad, out / "c.npz", "--size", "256x256"),
        ("render", bad, "-o", out / "c.mp4"),
        ("render", bad, "-o", out / "c.png"),
        ("compare-video", good / "a.npz", bad, "-o", out / "c.mp4"),
    ):
        assert_one_line(invoke(*arguments), bad.name)
    assert not out.exists()


@pytest.mark.parametrize(("suffix", "kind"), list(product(MEDIA, KINDS)))
def test_malformed_media(suffix, kind, good, tmp_path):
    bad = spoil((good / f"a{suffix}").read_bytes(), kind, tmp_path / "bad" / f"b{suffix}")
    out = tmp_path / "out"
    commands = {
        "sound": ("render", good / "a.npz", "-o", out / "c.mp4", "--audio", bad),
        "ground": ("render", good / "a.npz", "-o", out / "c.mp4", "--over", bad),
        "compared": ("compare-video", good / "a.npz", "-o", out / "c.mp4", "--over", bad),
        "annotated": ("annotate", bad, "-o", out / "c.npz"),
        "annotated with sound": ("annotate", bad, "-o", out / "c.npz", "--wav"),
    }
    if kind == "half" and suffix in (".mkv", ".ts", ".wav", ".flac"):
        # What is left can be read; over it, the keypoints of another picture cannot be drawn.
        fine = ("sound", "annotated", "annotated with sound") if suffix in (".mkv", ".ts") else ("sound",)
        for use in fine:
            assert invoke(*commands.pop(use)).exit_code == 0, use
        for made in out.iterdir() if out.exists() else ():
            made.unlink()
    for use, arguments in commands.items():
        assert_one_line(invoke(*arguments), "" if use in ("ground", "compared") else bad.name)
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_malformed_tables_and_settings_of_a_corpus(kind, good, tmp_path):
    pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
    videos, out = tmp_path / "videos", tmp_path / "corpus"
    videos.mkdir()
    (videos / "a.mkv").write_bytes((good / "a.mkv").read_bytes())
    table = spoil(b"file,speaker\na.mkv,anna\n", kind, tmp_path / "bad" / "table.csv")
    assert_one_line(invoke("build", videos, out, "--manifest", table), "table.csv")
    assert not out.exists() or not (out / "data").exists()
    assert_one_line(invoke("build", tmp_path / "bad" / "table.csv" / "none", tmp_path / "new"))
    if kind != "missing":
        settings = spoil(b'{"fps": 25}', kind, out / "corpus.json")
        assert_one_line(invoke("build", videos, out), settings.name)


@pytest.mark.parametrize("kind", ["random", "half", "empty", "missing"])
@pytest.mark.parametrize("what", ["data/train-00000.parquet", ".build/shards/train-00000.json", "summary.json"])
def test_malformed_shards_and_records_of_a_corpus(what, kind, good, tmp_path):
    pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
    videos, out = tmp_path / "videos", tmp_path / "corpus"
    videos.mkdir()
    (videos / "a.mkv").write_bytes((good / "a.mkv").read_bytes())
    command = ("build", videos, out, "--min-seconds", "0", "--val", "0", "--test", "0")
    result = invoke(*command)
    assert result.exit_code == 0, result.output
    whole = (out / what).read_bytes()
    for file in {what, "summary.json", "statistics.json"}:
        (out / file).unlink()
    spoil(whole, kind, out / what)
    if what.endswith(".json") and kind == "missing":
        assert invoke(*command).exit_code == 0, "it is made again"
    else:
        assert_one_line(invoke(*command), Path(what).name)
    if what.endswith(".parquet") and kind != "missing":
        with pytest.raises(ValueError, match="train-00000"):
            list(kp_io.read_clips(out, split="train"))


def test_a_thousand_files_of_zero_bytes(tmp_path):
    (tmp_path / "videos").mkdir()
    for number in range(1000):
        (tmp_path / "videos" / f"{number}.mp4").touch()
    result = invoke("annotate", tmp_path / "videos", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "0 files, 0 frames, 1000 failed" in result.stdout
    lines = result.stderr.splitlines()
    assert len(lines) == 1000
    assert all(line.startswith("error: ") and "empty (0 bytes)" in line for line in lines)
    assert not (tmp_path / "out").exists()
