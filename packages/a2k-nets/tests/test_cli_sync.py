import csv
import json
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from a2k_nets.cli.app import app
from a2k_nets.residual.model import Audio2Keypoint
from kp_io.corpus.build import CorpusOptions, build_corpus
from kp_io.corpus.shards.reader import read_clips, read_rows
from kp_io.detectors.registry import DetectorChoice
from kp_io.formats.registry import load_keypoints, save_keypoints
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.audio import read_audio
from kp_io.media.video_writer import write_video

SPEECH = Path(__file__).parents[3] / "examples" / "assets" / "sense_and_sensibility_0870.wav"
BLACK = [np.zeros((224, 224, 3), np.uint8)] * 100


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    """Four seconds each, keypoints beside them: ada's sound is 120 ms late, bob's is right, cyd's mouth is still."""
    folder = tmp_path_factory.mktemp("videos")
    with wave.open(str(SPEECH)) as file:
        speech = torch.from_numpy(np.frombuffer(file.readframes(64_000), np.int16) / 32768).float()
    model = Audio2Keypoint.from_pretrained("listener")
    generator = torch.Generator().manual_seed(0)
    reference = model.normalizer.mean_face_px[None]
    with torch.inference_mode():
        points = model(speech[None], reference, generator=generator)[0]
    points = points + 0.3 * torch.randn(points.shape, generator=generator)
    late = torch.nn.functional.pad(speech, (1920, -1920))
    for name, face, sound in (
        ("ada", points, late),
        ("bob", points, speech),
        ("cyd", points[:1].expand(100, -1, -1), speech),
    ):
        save_keypoints(folder / f"{name}.npz", KeypointSequence(face, image_size=(224, 224)))
        write_video(folder / f"{name}.mp4", BLACK, audio=sound)
    return folder


@pytest.fixture
def corpus(videos, tmp_path) -> Path:
    pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
    options = CorpusOptions(val=0.0, test=0.0, clips_per_shard=2)
    build_corpus(videos, tmp_path / "corpus", options=options, make_detector=DetectorChoice("precomputed"))
    return tmp_path / "corpus"


@pytest.fixture
def known_face(monkeypatch):
    """Let the keypoints beside a video be what is found in it."""
    monkeypatch.setattr("kp_io.annotate_video", lambda path, **_: load_keypoints(Path(path).with_suffix(".npz")))


def sync(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["sync", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def error_of(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["sync", *map(str, arguments)])
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("error: "))
    return line


def test_a_video_is_measured_and_its_copy_corrected(videos, known_face, tmp_path):
    before, copy = (videos / "ada.mp4").read_bytes(), tmp_path / "copy.mp4"
    (row,) = json.loads(sync(videos / "ada.mp4", "--apply", copy, "--json"))
    assert row["offset_ms"] == pytest.approx(120, abs=20)
    assert row["applied_ms"] == row["offset_ms"]
    assert row["confidence"] > 0.9
    assert (videos / "ada.mp4").read_bytes() == before
    save_keypoints(copy.with_suffix(".npz"), load_keypoints(videos / "ada.npz"))
    (row,) = json.loads(sync(copy, "--json"))
    assert row["offset_ms"] == pytest.approx(0, abs=20)


def test_the_table_says_what_it_means(videos, known_face):
    said = " ".join(sync(videos / "cyd.mp4").split())
    assert "sound late by" in said
    assert "– 0.00 the mouth does not move" in said


def test_a_corpus_gets_its_columns_once(corpus, tmp_path):
    table = tmp_path / "new" / "table.csv"
    said = sync(corpus, "-o", table)
    assert "3 clips; 2 with confidence ≥ 0.9, of which 1 off by more than 60 ms" in " ".join(said.split())
    with table.open(newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert float(rows["ada"]["offset_ms"]) == pytest.approx(120, abs=20)
    assert float(rows["bob"]["offset_ms"]) == pytest.approx(0, abs=20)
    assert rows["cyd"]["note"] == "the mouth does not move"
    ada, bob, cyd = read_clips(corpus, split="train")
    assert ada.sync_offset_ms == pytest.approx(float(rows["ada"]["offset_ms"]), abs=0.1)
    assert (cyd.sync_offset_ms, cyd.sync_confidence) == (0, 0)
    assert bob.sync_confidence is not None
    before = {path: path.stat().st_mtime_ns for path in corpus.glob("data/*")}
    again = json.loads(sync(corpus, "--json"))
    assert {path: path.stat().st_mtime_ns for path in corpus.glob("data/*")} == before
    assert [row["offset_ms"] for row in again] == [float(rows[row["id"]]["offset_ms"]) for row in again]


def test_a_dry_run_writes_nothing(corpus):
    before = {path: path.read_bytes() for path in corpus.rglob("*") if path.is_file()}
    rows = json.loads(sync(corpus, "--dry-run", "--json"))
    assert [row["id"] for row in rows] == ["ada", "bob", "cyd"]
    assert {path: path.read_bytes() for path in corpus.rglob("*") if path.is_file()} == before


def test_the_corrected_corpus_is_another_one(corpus, tmp_path):
    before, out = {path: path.read_bytes() for path in corpus.glob("data/*")}, tmp_path / "copy"
    rows = {row["id"]: row for row in json.loads(sync(corpus, "--apply", out, "--json"))}
    assert {path: path.read_bytes() for path in corpus.glob("data/*")} == before
    assert rows["ada"]["applied_ms"] == pytest.approx(120, abs=20)
    assert rows["cyd"]["applied_ms"] == 0
    old, new = (next(iter(read_clips(folder, split="train"))) for folder in (corpus, out))
    samples = round(16 * next(iter(read_rows(out, split="train")))["sync_applied_ms"])
    size = len(old.waveform) - samples
    assert torch.allclose(new.waveform[:size], old.waveform[samples:], atol=1e-4)
    assert torch.equal(new.sequence.keypoints, old.sequence.keypoints)
    assert new.sync_offset_ms == 0
    assert rows == {row["id"]: row for row in json.loads(sync(corpus, "--apply", out, "--json"))} | {"cyd": rows["cyd"]}


def test_bad_input_is_one_line(videos, known_face, tmp_path):
    write_video(tmp_path / "mute.mp4", BLACK[:30])
    assert "expected an audio stream" in error_of(tmp_path / "mute.mp4")
    assert "no file" in error_of(tmp_path / "none.mp4")
    assert "found no shard" in error_of(tmp_path)
    short = KeypointSequence(load_keypoints(videos / "bob.npz").keypoints[:20], image_size=(224, 224))
    save_keypoints(tmp_path / "short.npz", short)
    write_video(tmp_path / "short.mp4", BLACK[:20], audio=read_audio(SPEECH)[:12_800])
    assert "at least 1 s of sound and face to compare, got 0.80 s" in error_of(tmp_path / "short.mp4")
    assert "ending in .csv or .json" in error_of(videos / "bob.mp4", "-o", tmp_path / "table.txt")
    assert "another file than the video itself" in error_of(videos / "bob.mp4", "--apply", videos / "bob.mp4")
    said = error_of(videos / "cyd.mp4", "--apply", tmp_path / "copy.mp4")
    assert "confidence of at least 0.9 to correct, got +0 ms with 0.00 (the mouth does not move)" in said
    assert not (tmp_path / "copy.mp4").exists()


def test_no_face_is_one_line(tmp_path):
    pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
    write_video(tmp_path / "black.mp4", [frame[:64, :64] for frame in BLACK[:2]], audio=read_audio(SPEECH)[:1_280])
    assert "no face" in error_of(tmp_path / "black.mp4").lower()
