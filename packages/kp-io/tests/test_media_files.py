"""What is taken from a folder, and what is passed over and told."""

import logging
import shutil

import numpy as np
import pytest
from corpus_stand_in import StandIn

from kp_io import CorpusOptions, build_corpus, probe_video
from kp_io.annotation.jobs import plan_jobs
from kp_io.annotation.media_files import PassedOver, is_video_file
from kp_io.corpus.estimate import estimate_build
from kp_io.corpus.sources import find_videos
from kp_io.corpus.speakers import Speakers

#: Names that 0.1.0 did not know, with a codec that their container takes; the last ones are known by content only.
NAMES = {
    "a.m2ts": "libx264",
    "b.3g2": "libx264",
    "c.f4v": "libx264",
    "d.asf": "mpeg4",
    "e.VOB": "mpeg2video",
    "f.mxf": "mpeg2video",
    "g.nut": "mpeg4",
    "h.y4m": "rawvideo",
    "i.h264": "libx264",
    "j.wtv": "mpeg2video",
}


@pytest.fixture
def folder(tmp_path, make_video):
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    for name, codec in NAMES.items():
        size = (240, 352) if codec == "mpeg2video" else (48, 64)
        make_video(f"in/{name}", num_frames=10, codec=codec, size=size, options={})
    shutil.copy(make_video("talk.mp4", num_frames=10), tmp_path / "in" / "deeper" / "without suffix")
    for name in ("notes.txt", "deeper/README", "sound.wav", ".hidden.txt"):
        (tmp_path / "in" / name).write_text("This is no video. " * 99)
    (tmp_path / "in" / "empty.xyz").touch()
    return tmp_path / "in"


TAKEN = sorted([*NAMES, "deeper/without suffix"])
OTHERS = ("deeper/README", "empty.xyz", "notes.txt", "sound.wav")


def test_annotate_takes_what_pyav_opens_and_names_the_rest(folder, caplog):
    jobs = plan_jobs([folder], folder.parent / "out")
    assert sorted(job.source.relative_to(folder).as_posix() for job in jobs) == TAKEN
    for job in jobs:
        assert probe_video(job.source).width in (64, 352), job.source
    [warning] = caplog.records
    assert warning.levelno == logging.WARNING
    assert "4 files that are no videos or pictures" in warning.getMessage()
    for name in OTHERS:
        assert name in warning.getMessage()
    assert ".hidden" not in warning.getMessage()


def test_build_takes_the_same_and_names_the_rest(folder, caplog):
    passed_over = PassedOver("videos")
    found = [video.relative for video in find_videos(folder, Speakers(), passed_over=passed_over)]
    assert sorted(found) == TAKEN
    assert str(passed_over).startswith("4 files that are no videos: ")
    assert sum(estimate_build(folder, make_detector=StandIn, num_probed=2).num_videos.values()) == len(TAKEN)
    assert sum("passed over" in record.getMessage() for record in caplog.records) == 1


def test_a_build_names_them_once(make_video, tmp_path, caplog):
    pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
    speech = (0.3 * np.sin(np.arange(24000) / 9)).astype(np.float32)
    grey = [np.full((48, 64, 3), 90 + i, np.uint8) for i in range(26)]
    (tmp_path / "videos").mkdir()
    made = make_video("made.mkv", pictures=grey, audio=speech)
    shutil.copy(made, tmp_path / "videos" / "talk.mk3d")
    (tmp_path / "videos" / "talk.txt").write_text("transcript")
    (tmp_path / "videos" / "more").symlink_to(tmp_path)

    options = CorpusOptions(val=0, test=0)
    summary = build_corpus(tmp_path / "videos", tmp_path / "out", options=options, make_detector=StandIn)
    assert summary.splits["train"]["num_clips"] == 1
    [warning] = [record.getMessage() for record in caplog.records if "passed over" in record.getMessage()]
    assert "2 files" in warning
    assert "talk.txt" in warning
    assert "more/ (a linked folder)" in warning


def test_only_other_files_is_an_error_that_names_them(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "talk.m3u8").write_text("#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n")
    with pytest.raises(ValueError, match=r"found none in .*, only 2 files .*: notes\.txt, talk\.m3u8"):
        plan_jobs([tmp_path], tmp_path / "out")


def test_many_are_counted_by_suffix():
    passed_over = PassedOver("videos")
    assert not passed_over
    for i in range(300):
        passed_over.add(f"{i}.wav")
    passed_over.add("LICENSE")
    assert str(passed_over).endswith("9.wav and 291 more (300 .wav, 1 without a suffix)")


def test_a_file_that_changes_is_looked_at_again(tmp_path, make_video):
    file = tmp_path / "talk.abc"
    file.write_text("not yet" * 100)
    assert not is_video_file(file)
    shutil.copy(make_video("whole.mkv", num_frames=10), file)
    assert is_video_file(file)
    assert not is_video_file(tmp_path / "gone.abc")
