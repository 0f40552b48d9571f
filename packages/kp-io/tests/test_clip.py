"""One video to one row, with a detector that costs nothing and real files."""

import numpy as np
import pytest
import torch
from corpus_stand_in import NO_FACE, StandIn

import kp_io
from kp_io.corpus.clip import ClipRules, UnfitClipError, make_rows
from kp_io.corpus.shards.schema import COLUMNS
from kp_io.corpus.sources import VideoEntry
from kp_io.media.audio import decode_flac, encode_flac

SPEECH = (0.3 * np.sin(np.arange(24000) / 9)).astype(np.float32)


def grey(count, value=90):
    return [np.full((48, 64, 3), value + i, np.uint8) for i in range(count)]


@pytest.fixture
def row_of(tmp_path):
    def row(name, **rules):
        size = (tmp_path / name).stat().st_size if (tmp_path / name).exists() else 0
        source = VideoEntry(name, "an id", size, "anna", "train", "CC0")
        [row] = make_rows(tmp_path, source, ClipRules(**rules), StandIn())
        return row

    return row


def test_a_row_holds_what_the_video_does(tmp_path, make_video, row_of):
    make_video("a.mkv", pictures=grey(30), audio=SPEECH)
    row = row_of("a.mkv")
    assert set(row) == set(COLUMNS)
    direct = kp_io.annotate_video(tmp_path / "a.mkv", detector=StandIn())
    points = torch.from_numpy(row["keypoints"]).reshape(row["keypoints_shape"])
    torch.testing.assert_close(points, direct.keypoints, rtol=0, atol=0)
    assert row["scores"].tolist() == direct.scores.flatten().tolist()
    assert (row["num_frames"], row["fps"], row["image_height"], row["image_width"]) == (30, 25.0, 48, 64)
    assert (row["speaker"], row["licence"], row["detector"], row["source"]) == ("anna", "CC0", "stand-in-1", "a.mkv")
    sound, rate = decode_flac(row["audio"])
    assert (len(sound), rate, row["sample_rate"]) == (30 * 640, 16000, 16000)
    torch.testing.assert_close(sound, torch.from_numpy(SPEECH[: 30 * 640]), atol=1e-4, rtol=0)
    assert row_of("a.mkv")["audio"] == row["audio"]


def test_height_scales_points_and_size(make_video, row_of):
    make_video("a.mkv", pictures=grey(25), audio=SPEECH)
    full, half = row_of("a.mkv"), row_of("a.mkv", height=24)
    assert (half["image_height"], half["image_width"]) == (24, 32)
    np.testing.assert_allclose(half["keypoints"], (full["keypoints"] + 0.5) / 2 - 0.5, atol=1e-5)
    assert half["face_px"] == full["face_px"], "the face is measured in the video's own pixels"


def test_unfit_videos_say_why(tmp_path, make_video, row_of):
    make_video("mute.mkv", pictures=grey(25))
    make_video("still.mkv", pictures=grey(25), audio=0 * SPEECH)
    make_video("late.mkv", pictures=grey(25), audio=SPEECH, audio_start=4.0)
    make_video("dark.mkv", pictures=[np.zeros((48, 64, 3), np.uint8)] * 25, audio=SPEECH)
    make_video("short ü.mkv", pictures=grey(12), audio=SPEECH)
    lost = [np.full((48, 64, 3), NO_FACE, np.uint8)] * 5
    make_video("gaps.mkv", pictures=grey(10) + lost + grey(10), audio=SPEECH)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no video " * 50)
    for name, kind, rules, words in (
        ("mute.mkv", "silent", {}, "expected an audio stream"),
        ("still.mkv", "silent", {}, "silence"),
        ("late.mkv", "silent", {}, "only after it"),
        ("dark.mkv", "faceless", {}, "no face"),
        ("short ü.mkv", "short", {}, "at least 1 s, got 0.48 s"),
        ("gaps.mkv", "gaps", {}, "20.0%"),
        ("gaps.mkv", "small", {"min_face_px": 40}, "at least 40 px"),
        ("empty.mp4", "broken", {}, "0 bytes"),
        ("text.mp4", "broken", {}, "expected a video"),
        ("vanished.mp4", "unreadable", {}, "No such file"),
    ):
        with pytest.raises(UnfitClipError) as caught:
            row_of(name, **rules)
        assert caught.value.kind == kind, name
        assert words in str(caught.value)
        assert str(tmp_path) not in str(caught.value)
    assert row_of("gaps.mkv", max_interpolated=0.2)["interpolated"] == pytest.approx(0.2)
    assert row_of("short ü.mkv", min_seconds=0)["num_frames"] == 12


def test_a_face_that_is_long_gone_splits_the_clip(make_video, tmp_path):
    gone = [np.full((48, 64, 3), NO_FACE, np.uint8)]
    pictures = gone * 3 + grey(30) + gone * 11 + grey(5) + gone * 12 + grey(40) + gone
    sound = np.linspace(-0.5, 0.5, len(pictures) * 640).astype(np.float32)  # tells from when it is
    make_video("a.mkv", pictures=pictures, audio=sound)
    source = VideoEntry("a.mkv", "an id", 1, "anna", "train", "CC0")
    rows = make_rows(tmp_path, source, ClipRules(), StandIn())
    assert [(row["id"], row["num_frames"]) for row in rows] == [("an id#0", 30), ("an id#1", 40)], "5 are too few"
    for row, start in zip(rows, (3, 61), strict=True):
        assert set(row) == set(COLUMNS)
        assert row["interpolated"] == 0
        heard, _ = decode_flac(row["audio"])
        expected = torch.from_numpy(sound[start * 640 :][: len(heard)])
        torch.testing.assert_close(heard, expected, atol=1e-4, rtol=0)
    [whole] = make_rows(tmp_path, source, ClipRules(max_gap_seconds=1, max_interpolated=0.5), StandIn())
    assert (whole["id"], whole["num_frames"]) == ("an id", 98)
    with pytest.raises(UnfitClipError, match=r"got 1\.6 s in a piece, since the face is lost between") as caught:
        make_rows(tmp_path, source, ClipRules(min_seconds=2), StandIn())
    assert caught.value.kind == "gaps"


def test_a_silent_piece_costs_only_itself(make_video, tmp_path):
    gone = [np.full((48, 64, 3), NO_FACE, np.uint8)] * 12
    pictures = grey(30) + gone + grey(35) + gone + grey(40)
    starts = (0, 42, 89)
    source = VideoEntry("a.mkv", "an id", 1, "anna", "train", "CC0")

    def lengths(*audible):
        sound = np.zeros(len(pictures) * 640, np.float32)
        for start, length in zip(starts, (30, 35, 40), strict=True):
            if length in audible:
                sound[start * 640 : (start + length) * 640] = np.resize(SPEECH, length * 640)
        if not audible:
            sound[34 * 640 : 38 * 640] = 0.5  # where nobody is to be seen
        make_video("a.mkv", pictures=pictures, audio=sound)
        rows = make_rows(tmp_path, source, ClipRules(), StandIn())
        return [(row["id"], row["num_frames"]) for row in rows]

    assert lengths(30, 35, 40) == [("an id#0", 30), ("an id#1", 35), ("an id#2", 40)]
    assert lengths(30, 40) == [("an id#0", 30), ("an id#1", 40)]
    assert lengths(40) == [("an id", 40)]
    with pytest.raises(UnfitClipError, match="while the face is visible") as caught:
        lengths()
    assert caught.value.kind == "silent"


def test_a_detector_that_breaks_is_one_clip_lost(make_video, tmp_path):
    class Broken(StandIn):
        def track(self, images, previous):
            raise KeyError("inner")

    make_video("a.mkv", pictures=grey(25), audio=SPEECH)
    with pytest.raises(UnfitClipError, match="KeyError: 'inner'"):
        make_rows(tmp_path, VideoEntry("a.mkv", "a", 1, "anna", "train", ""), ClipRules(), Broken())


@pytest.mark.parametrize(
    "rules",
    [
        {"fps": 0},
        {"height": 0},
        {"max_interpolated": 1.5},
        {"min_seconds": -1},
        {"max_gap_seconds": -1},
        {"track": "x"},
    ],
)
def test_rules_out_of_range(rules, as_users_run_it):
    with pytest.raises(ValueError, match="expected"):
        ClipRules(**rules)


def test_flac_comes_back_and_nothing_else_does():
    wave = torch.linspace(-1, 1, 10_001)
    back, rate = decode_flac(encode_flac(wave, sample_rate=22050))
    assert rate == 22050
    torch.testing.assert_close(back, wave, atol=2**-15, rtol=0)
    assert encode_flac(wave) == encode_flac(wave)
    with pytest.raises(ValueError, match="FLAC"):
        decode_flac(b"RIFF" + bytes(100))
    with pytest.raises(ValueError, match="S of at least 1"):
        encode_flac(torch.zeros(0))
