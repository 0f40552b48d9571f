"""A whole corpus in one process: what is in it, stopping and going on, and everything that can be wrong."""

import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from corpus_stand_in import StandIn

from kp_io import ClipRules, CorpusOptions, build_corpus, read_clips, read_speakers
from kp_io.corpus.estimate import estimate_build

parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra kp-io[build]")

RULES = ClipRules(min_seconds=0.5)
OPTIONS = CorpusOptions(RULES, val=0.4, test=0.0, clips_per_shard=3)
SPEECH = (0.3 * np.sin(np.arange(24000) / 9)).astype(np.float32)


def bytes_of(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture
def videos(tmp_path, make_video):
    """Nine clips of four speakers, and three videos that become none, under names of all kinds."""
    root = tmp_path / "videos"
    made = [
        make_video(
            f"{n}.mkv", pictures=[np.full((48, 64, 3), 80 + 30 * n + i, np.uint8) for i in range(13)], audio=SPEECH
        )
        for n in range(3)
    ]
    for speaker in ("anna b", "cem", "dörte", "eve"):
        (root / speaker / "talk 1").mkdir(parents=True)
        for n, video in enumerate(made if speaker != "eve" else []):
            shutil.copy(video, root / speaker / "talk 1" / f"clip {n}.mkv")
        for video in made:
            video.touch()
    (root / "cem" / "empty.mp4").touch()
    (root / "dörte" / "text.mp4").write_text("no video " * 99)
    shutil.copy(make_video("mute.mkv", num_frames=13), root / "eve" / "mute.mkv")
    (root / "notes.txt").write_text("no video either")
    for video in tmp_path.glob("*.mkv"):
        video.unlink()
    return root


def build(videos, out, options=OPTIONS, **more):
    return build_corpus(videos, out, options=options, make_detector=StandIn, **more)


def test_what_a_corpus_holds(videos, tmp_path):
    out = tmp_path / "corpus"
    seen = []
    summary = build(videos, out, on_progress=seen.append)
    assert {path.name for path in out.iterdir()} == {
        ".build", "corpus.json", "data", "failures.parquet", "statistics.json", "summary.json"
    }  # fmt: skip
    assert not (out / ".build" / "spool").exists()
    assert summary.num_videos == 12
    assert summary.failures == {"broken": 2, "silent": 1}
    assert sum(counts["num_clips"] for counts in summary.splits.values()) == 9
    assert set(summary.splits) == {"train", "val"}

    clips = {split: list(read_clips(out, split=split)) for split in summary.splits}
    assert {clip.speaker for clip in clips["train"]}.isdisjoint(clip.speaker for clip in clips["val"])
    for split, counts in summary.splits.items():
        assert counts["num_frames"] == sum(len(clip.sequence) for clip in clips[split]) == 13 * counts["num_clips"]
        assert counts["seconds"] == pytest.approx(counts["num_frames"] / 25)
        assert counts["num_bytes"] == sum(path.stat().st_size for path in (out / "data").glob(f"{split}-*"))
    clip = next(clip for clip in clips["train"] + clips["val"] if clip.id == "anna b/talk 1/clip 0")
    assert len(clip.waveform) == 13 * 640
    assert clip.sequence.image_size == (48, 64)

    failures = parquet.read_table(out / "failures.parquet").to_pylist()
    assert sorted((failure["source"], failure["kind"]) for failure in failures) == [
        ("cem/empty.mp4", "broken"), ("dörte/text.mp4", "broken"), ("eve/mute.mkv", "silent")
    ]  # fmt: skip
    assert all(failure["reason"] for failure in failures)

    assert seen[-1].num_done == seen[-1].num_videos == 12
    assert seen[-1].num_frames == 9 * 13
    for name, content in bytes_of(out).items():
        assert str(tmp_path).encode() not in content, name


def test_statistics_are_those_of_the_training_frames(videos, tmp_path):
    build(videos, tmp_path / "corpus")
    told = json.loads((tmp_path / "corpus" / "statistics.json").read_text())
    points = torch.cat([clip.sequence.keypoints.double() for clip in read_clips(tmp_path / "corpus")])
    centred = points - points[:, 27:28]
    torch.testing.assert_close(torch.tensor(told["mean"]).double(), centred.mean(dim=0), atol=1e-4, rtol=1e-6)
    torch.testing.assert_close(torch.tensor(told["std"]).double(), centred.std(dim=0, correction=0), atol=1e-4, rtol=0)
    assert told["num_frames"] == len(points)


def test_only_the_first_sequences_count(videos, tmp_path, monkeypatch):
    monkeypatch.setattr("kp_io.corpus.summary._STATISTICS_SEQUENCES", 2)
    build(videos, tmp_path / "corpus")
    assert json.loads((tmp_path / "corpus" / "statistics.json").read_text())["num_sequences"] == 2


def test_pyarrow_and_datasets_open_it(videos, tmp_path):
    build(videos, tmp_path / "corpus")
    table = parquet.read_table(tmp_path / "corpus" / "data")
    assert table.num_rows == 9
    assert str(table.schema.field("keypoints").type) == "list<element: float>"
    assert table.schema.metadata[b"kp_io.schema_version"] == b"1"
    datasets = pytest.importorskip("datasets", reason="needs Hugging Face datasets")
    files = {split: str(tmp_path / "corpus" / "data" / f"{split}-*.parquet") for split in ("train", "val")}
    opened = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert opened["train"].num_rows + opened["val"].num_rows == 9
    row = opened["train"][0]
    assert np.asarray(row["keypoints"]).reshape(row["keypoints_shape"]).shape == (13, 68, 2)
    assert row["audio"][:4] == b"fLaC"
    streamed = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)
    assert next(iter(streamed))["id"] == row["id"]


def test_stopped_anywhere_it_ends_in_the_same_bytes(videos, tmp_path):
    build(videos, tmp_path / "whole")
    whole = bytes_of(tmp_path / "whole")

    class Stop(BaseException):
        pass

    for stop_at in (1, 5, 12):

        def stop(progress, at=stop_at):
            shards = list((tmp_path / "stopped" / "data").glob("*"))
            assert all(bytes_of(tmp_path / "whole")[f"data/{shard.name}"] == shard.read_bytes() for shard in shards)
            if progress.num_done - progress.num_resumed >= at:
                raise Stop

        shutil.rmtree(tmp_path / "stopped", ignore_errors=True)
        rounds = 0
        while True:
            try:
                summary = build(videos, tmp_path / "stopped", on_progress=stop)
            except Stop:
                rounds += 1
                continue
            break
        assert rounds >= 12 // stop_at
        assert bytes_of(tmp_path / "stopped") == whole
        assert summary.num_videos == 12


def test_a_finished_corpus_is_left_alone(videos, tmp_path):
    first = build(videos, tmp_path / "corpus")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "corpus" / "data").iterdir()}
    assert build(videos, tmp_path / "corpus") == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "corpus" / "data").iterdir()} == times


def test_a_damaged_spool_is_made_anew(videos, tmp_path):
    def stop(progress):
        if progress.num_done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(videos, tmp_path / "corpus", on_progress=stop)
    spooled = sorted((tmp_path / "corpus" / ".build" / "spool").rglob("*.arrow"))
    spooled[0].write_bytes(spooled[0].read_bytes()[:100])
    with pytest.raises(OSError, match="run again"):
        build(videos, tmp_path / "corpus")
    build(videos, tmp_path / "corpus")
    build(videos, tmp_path / "whole")
    assert bytes_of(tmp_path / "corpus") == bytes_of(tmp_path / "whole")


def test_other_options_other_videos_and_other_folders_are_refused(videos, tmp_path):
    out = tmp_path / "corpus"
    build(videos, out)
    before = bytes_of(out)
    with pytest.raises(ValueError, match="height 224 instead of None"):
        build(videos, out, replace(OPTIONS, rules=ClipRules(height=224)))
    for name in ("anna b/talk 1/a new one.mkv", "zoe/new.mkv"):
        (videos / name).parent.mkdir(exist_ok=True)
        shutil.copy(videos / "anna b" / "talk 1" / "clip 0.mkv", videos / name)
        with pytest.raises(ValueError, match="were added, removed or changed"):
            build(videos, out)
        (videos / name).unlink()
    shutil.move(videos / "cem", tmp_path / "cem")
    with pytest.raises(ValueError, match="another folder"):
        build(videos, out)
    shutil.move(tmp_path / "cem", videos / "cem")
    assert bytes_of(out) == before

    (out / "corpus.json").write_text(
        (out / "corpus.json").read_text().replace('"schema_version": 1', '"schema_version": 0')
    )
    with pytest.raises(ValueError, match="schema_version 1 instead of 0"):
        build(videos, out)
    with pytest.raises(ValueError, match="new or empty folder"):
        build(videos, videos)
    with pytest.raises(ValueError, match="local or ray"):
        build(videos, tmp_path / "other", engine="spark")
    with pytest.raises(ValueError, match="worker"):
        build(videos, tmp_path / "other", workers=0)
    assert not (tmp_path / "other").exists()


def test_a_lost_shard_is_missed(videos, tmp_path):
    build(videos, tmp_path / "corpus")
    next((tmp_path / "corpus" / "data").glob("train-*")).unlink()
    with pytest.raises(ValueError, match="expected the finished shard"):
        build(videos, tmp_path / "corpus")


def test_two_builds_at_once(videos, tmp_path):
    pytest.importorskip("fcntl", reason="locks need POSIX")

    def again(progress):
        with pytest.raises(OSError, match="another build"):
            build(videos, tmp_path / "corpus")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(videos, tmp_path / "corpus", on_progress=again)


def test_a_corpus_of_another_schema_is_not_misread(videos, tmp_path, monkeypatch):
    build(videos, tmp_path / "corpus")
    monkeypatch.setattr("kp_io.corpus.shards.reader.SCHEMA_VERSION", 2)
    with pytest.raises(ValueError, match=r"schema version 2, got 1 in .*train-00000\.parquet"):
        next(read_clips(tmp_path / "corpus"))
    with pytest.raises(FileNotFoundError, match="split 'none'"):
        next(read_clips(tmp_path / "corpus", split="none"))


def test_speakers_and_several_splits(videos, tmp_path):
    summary = build(videos, tmp_path / "corpus")
    assert set(summary.splits) == {"train", "val"}
    clips = list(read_clips(tmp_path / "corpus", split=("val", "train")))
    parts = [clip for split in ("val", "train") for clip in read_clips(tmp_path / "corpus", split=split)]
    assert [clip.id for clip in clips] == [clip.id for clip in parts]
    assert read_speakers(tmp_path / "corpus") == {clip.speaker: clip.split for clip in clips}
    with pytest.raises(FileNotFoundError, match="found no shard in"):
        read_speakers(videos)


def test_a_speaker_in_two_splits_of_a_tampered_corpus(videos, tmp_path):
    build(videos, tmp_path / "corpus")
    train, val = (next((tmp_path / "corpus" / "data").glob(f"{split}-*")) for split in ("train", "val"))
    table = parquet.read_table(train)
    splits = ["val"] * table.num_rows
    parquet.write_table(table.set_column(table.schema.get_field_index("split"), "split", [splits]), val)
    with pytest.raises(ValueError, match=r"every speaker in one split .* in train and val"):
        read_speakers(tmp_path / "corpus")


def test_a_shard_cut_short(videos, tmp_path):
    build(videos, tmp_path / "corpus")
    shard = next((tmp_path / "corpus" / "data").glob("train-*"))
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"damaged file .*train-00000\.parquet"):
        next(read_clips(tmp_path / "corpus"))


def test_a_thousand_empty_files(tmp_path):
    (tmp_path / "videos").mkdir()
    for i in range(1000):
        (tmp_path / "videos" / f"{i:04d}.mp4").touch()
    summary = build(tmp_path / "videos", tmp_path / "corpus", CorpusOptions())
    assert summary.failures == {"broken": 1000}
    table = parquet.read_table(tmp_path / "corpus" / "failures.parquet")
    assert table.num_rows == 1000
    assert not (tmp_path / "corpus" / "data").exists()
    assert not (tmp_path / "corpus" / "statistics.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse file names that are no text")
def test_a_name_that_is_no_text(videos, tmp_path):
    strange = os.fsdecode(bytes(videos) + b"/anna b/\xff.mkv")
    shutil.copy(videos / "anna b" / "talk 1" / "clip 0.mkv", strange)
    shutil.copy(videos / "cem" / "empty.mp4", strange.replace("mkv", "mp4"))
    summary = build(videos, tmp_path / "corpus")
    assert summary.num_videos == 14
    ids = {clip.id for split in summary.splits for clip in read_clips(tmp_path / "corpus", split=split)}
    assert r"anna b/\xff.mkv" in ids


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_the_run_and_loses_nothing(videos, small_disk, tmp_path):
    out = small_disk / "corpus"
    with pytest.raises(OSError, match="No space left"):
        build(videos, out)
    finished = [path for path in out.rglob("*.arrow") if not path.name.startswith(".")]
    assert finished
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    again = []
    build(videos, out, on_progress=again.append)
    assert again[-1].num_resumed >= len(finished)
    build(videos, tmp_path / "whole")
    assert bytes_of(out) == bytes_of(tmp_path / "whole")


def test_memory_does_not_grow_with_the_number_of_clips(videos, tmp_path):
    clip = videos / "cem" / "talk 1" / "clip 0.mkv"
    peaks = []
    for count in (6, 6, 24):  # the first one pays for what is loaded once
        many = tmp_path / f"{len(peaks)}"
        many.mkdir()
        for i in range(count):
            os.link(clip, many / f"{i:03d}.mkv")
        tracemalloc.start()
        build(many, many / "out", CorpusOptions(RULES, val=0, test=0, clips_per_shard=3))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A clip's keypoints alone are 14 kB, its sound 30 kB: 18 clips more would be seen.
    assert peaks[2] < peaks[1] + 200_000


def test_an_estimate_counts_and_writes_nothing(videos):
    before = bytes_of(videos)
    estimate = estimate_build(videos, options=OPTIONS, make_detector=StandIn, workers=2, num_probed=4)
    assert sum(estimate.num_videos.values()) == 12
    assert sum(estimate.num_speakers.values()) == 4
    assert estimate.num_bytes == sum(len(content) for name, content in before.items() if name != "notes.txt")
    assert 4 <= estimate.num_probed < 8
    assert estimate.frames_per_second > 0
    assert estimate.work_seconds == pytest.approx(estimate.seconds * 25 / estimate.frames_per_second / 2)
    assert bytes_of(videos) == before
