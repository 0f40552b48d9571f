import json
from pathlib import Path

import pytest
import torch

from kp_io.corpus.rewrite import rewrite_corpus
from kp_io.corpus.shards.reader import read_clips, read_rows
from kp_io.corpus.shards.schema import COLUMNS
from kp_io.corpus.shards.writer import stage_rows, write_shard
from kp_io.media.audio import decode_flac, encode_flac

pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra kp-io[build]")

SYNC = ("sync_offset_ms", "sync_confidence")


def row(number: int, split: str) -> dict:
    generator = torch.Generator().manual_seed(number)
    return {
        "id": f"clip{number}",
        "speaker": f"{split}{number}",
        "split": split,
        "num_frames": 3,
        "fps": 25.0,
        "keypoints": (100 * torch.rand(3 * 68 * 2, generator=generator)).numpy(),
        "keypoints_shape": [3, 68, 2],
        "scores": torch.ones(3 * 68).numpy(),
        "layout": "ibug68",
        "image_height": 224,
        "image_width": 224,
        "face_px": 100.0,
        "interpolated": 0.0,
        "audio": encode_flac(torch.rand(1920, generator=generator) - 0.5),
        "sample_rate": 16_000,
        "detector": "drawn",
        "source": f"clip{number}.mp4",
        "sha256": "",
        "licence": "",
        "schema_version": 1,
    }


@pytest.fixture
def corpus(tmp_path) -> Path:
    """Three shards: 40 clips, more than a row group, and two for training, one for validation."""
    folder = tmp_path / "corpus"
    for name, numbers in (("train-00000", range(40)), ("train-00001", (40, 41)), ("val-00000", (42,))):
        spooled = [tmp_path / "spool" / f"{number}.arrow" for number in numbers]
        for path, number in zip(spooled, numbers, strict=True):
            stage_rows(path, [row(number, name.split("-")[0])])
        write_shard(folder / "data" / f"{name}.parquet", spooled)
    (folder / "corpus.json").write_text('{"fps": 25.0}', "utf-8")
    (folder / "summary.json").write_text('{"num_videos": 43}', "utf-8")
    return folder


def sync(clip) -> dict:
    return {"sync_offset_ms": 10.0 + float(clip.id[4:]), "sync_confidence": 0.5}


def shards(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "data").iterdir())}


def test_columns_are_added_and_all_else_stays(corpus):
    before = {path: pq.read_table(path) for path in sorted(corpus.glob("data/*.parquet"))}
    assert rewrite_corpus(corpus, sync, columns=SYNC) == 43
    for path, old in before.items():
        new = pq.read_table(path)
        assert new.column_names == [*COLUMNS, *SYNC]
        assert new.select(list(COLUMNS)).equals(old, check_metadata=True)
        assert pq.ParquetFile(path).metadata.row_group(0).num_rows == min(32, len(old))
    clips = list(read_clips(corpus, split=("train", "val")))
    assert [(clip.sync_offset_ms, clip.sync_confidence) for clip in clips] == [(10.0 + i, 0.5) for i in range(43)]


def test_a_corpus_without_the_columns_has_no_offsets(corpus):
    (clip,) = read_clips(corpus, split="val")
    assert clip.sync_offset_ms is None
    assert clip.sync_confidence is None


def test_a_stopped_run_goes_on_with_the_shards_that_are_left(corpus):
    before = shards(corpus)

    def stops(clip):
        if clip.id == "clip41":
            raise KeyboardInterrupt
        return sync(clip)

    with pytest.raises(KeyboardInterrupt):
        rewrite_corpus(corpus, stops, columns=SYNC)
    stopped = shards(corpus)
    assert stopped.keys() == before.keys()
    assert [name for name in before if stopped[name] != before[name]] == ["train-00000.parquet"]
    assert rewrite_corpus(corpus, sync, columns=SYNC) == 3
    assert rewrite_corpus(corpus, sync, columns=SYNC) == 0
    finished = shards(corpus)
    assert finished["train-00000.parquet"] == stopped["train-00000.parquet"]
    assert rewrite_corpus(corpus, sync, columns=SYNC, again=True) == 43
    assert shards(corpus) == finished


def test_a_copy_leaves_the_corpus_as_it_is(corpus, tmp_path):
    before, out = shards(corpus), tmp_path / "new" / "copy"

    def quieter(clip):
        return {**sync(clip), "audio": encode_flac(clip.waveform / 2)}

    assert rewrite_corpus(corpus, quieter, columns=SYNC, out=out, note={"sync": 1}) == 43
    assert shards(corpus) == before
    assert json.loads((out / "corpus.json").read_text("utf-8")) == {"fps": 25.0, "sync": 1}
    assert (out / "summary.json").read_bytes() == (corpus / "summary.json").read_bytes()
    for old, new in zip(read_rows(corpus, split="train"), read_rows(out, split="train"), strict=True):
        assert torch.allclose(decode_flac(new["audio"])[0], decode_flac(old["audio"])[0] / 2, atol=1e-4)
        assert (new["keypoints"] == old["keypoints"]).all()
        assert {**new, "audio": 0, "keypoints": 0, "scores": 0, "keypoints_shape": 0} == {
            **old, "audio": 0, "keypoints": 0, "scores": 0, "keypoints_shape": 0,
            "sync_offset_ms": 10.0 + float(old["id"][4:]), "sync_confidence": 0.5,
        }  # fmt: skip
    assert rewrite_corpus(corpus, quieter, columns=SYNC, out=out, note={"sync": 1}) == 0
    with pytest.raises(ValueError, match="got sync 2 instead of 1"):
        rewrite_corpus(corpus, quieter, columns=SYNC, out=out, note={"sync": 2})


def test_what_does_not_fit_is_one_error(corpus, tmp_path):
    with pytest.raises(FileNotFoundError, match="found no shard"):
        rewrite_corpus(tmp_path / "none", sync, columns=SYNC)
    with pytest.raises(ValueError, match="another folder than the corpus itself"):
        rewrite_corpus(corpus, sync, columns=SYNC, out=corpus)
    with pytest.raises(ValueError, match=r"columns out of sync_offset_ms, .*, got speaker"):
        rewrite_corpus(corpus, sync, columns=("speaker",))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(ValueError, match=r"got .*full with thesis.txt"):
        rewrite_corpus(corpus, sync, columns=SYNC, out=tmp_path / "full")
    damaged = corpus / "data" / "val-00000.parquet"
    damaged.write_bytes(damaged.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"damaged file .*val-00000"):
        rewrite_corpus(corpus, sync, columns=SYNC)
