"""Shards that are whole Parquet files, and rows of them that make no sense; settings that are no object."""

import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from corpus_stand_in import StandIn

from kp_io import (
    CorpusOptions,
    KeypointSequence,
    build_corpus,
    rasterize,
    read_audio,
    read_clips,
    read_speakers,
    resample_fps,
    write_audio,
)
from kp_io.corpus.clip import ClipRules
from kp_io.media.audio_resampler import Resampler

pa = pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
parquet = pytest.importorskip("pyarrow.parquet")

OPTIONS = CorpusOptions(ClipRules(min_seconds=0.0), val=0.0, test=0.0)


@pytest.fixture
def corpus(tmp_path, make_video):
    (tmp_path / "videos").mkdir()
    make_video(
        "videos/a.mkv", pictures=[np.full((48, 64, 3), 80 + i, np.uint8) for i in range(20)], audio=0.1 * np.ones(12800)
    )
    build_corpus(tmp_path / "videos", tmp_path / "corpus", options=OPTIONS, make_detector=StandIn)
    return tmp_path / "corpus"


def put(corpus, column, values):
    """Replace a column of the only shard."""
    path = corpus / "data" / "train-00000.parquet"
    table = parquet.read_table(path)
    parquet.write_table(table.set_column(table.schema.get_field_index(column), column, values), path)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        *(
            (name, pa.array([None]))
            for name in ("fps", "keypoints", "keypoints_shape", "image_width", "audio", "layout")
        ),
        ("keypoints", pa.array([1])),
        ("keypoints", pa.array([[1.0, 2.0]])),
        ("keypoints_shape", pa.array([[-1, -1, -1]])),
        ("image_height", pa.array(["x"])),
        ("image_height", pa.array([2**62])),
        ("fps", pa.array([float("nan")])),
        ("layout", pa.array(["another"])),
        ("audio", pa.array([b"no sound"])),
    ],
)
def test_a_row_that_makes_no_sense(corpus, column, values):
    put(corpus, column, values)
    with pytest.raises(ValueError, match=r"expected a whole clip a row, got 'a' of 'train'"):
        list(read_clips(corpus))


def test_a_text_that_is_no_text(corpus):
    put(corpus, "speaker", pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff\xfe"]).buffers()))
    for read in (read_speakers, lambda folder: list(read_clips(folder))):
        with pytest.raises(
            ValueError, match=r"expected a shard of a corpus, got the damaged file .*train-00000\.parquet"
        ):
            read(corpus)


@pytest.mark.parametrize("settings", ["1", "[]", "null", "[" * 100_000])
def test_settings_that_are_no_object(corpus, tmp_path, settings):
    (corpus / "corpus.json").write_text(settings)
    with pytest.raises(ValueError, match=r"expected the settings of a corpus in .*corpus\.json"):
        build_corpus(tmp_path / "videos", corpus, options=OPTIONS, make_detector=StandIn)


@pytest.mark.parametrize("size", [10**400, 2**63, -1, 0])
def test_pictures_of_no_possible_size(sequence, size):
    with pytest.raises(ValueError, match="expected a positive image_size"):
        KeypointSequence(sequence.keypoints, image_size=(size, 10))


def test_more_frames_or_pixels_than_memory_holds(sequence):
    slow = replace(sequence, fps=1e-6)
    with pytest.raises(ValueError, match=r"expected at most 10,000,000 frames of keypoints, got .* at 1e-06 fps"):
        resample_fps(slow, 30.0)
    wide = replace(sequence, image_size=(1, 1_000_000))
    with pytest.raises(ValueError, match="expected frames of at most 268,435,456 px, got 512×512000000"):
        rasterize(wide, height=512)


@pytest.mark.parametrize("rate", [1, 100, 0x7FFFFFFF])
def test_a_wav_whose_rate_is_no_sound(tmp_path, rate):
    write_audio(tmp_path / "a.wav", torch.zeros(400_000))
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[:24] + struct.pack("<I", rate) + data[28:])
    with pytest.raises(ValueError, match=r"expected from 1000 to 768000 Hz in .*a\.wav, got"):
        read_audio(tmp_path / "a.wav")


def test_rates_that_no_resampler_holds():
    with pytest.raises(ValueError, match="expected positive sample rates, got 4294967296"):
        Resampler(from_rate=1 << 32, to_rate=16_000)
