"""Read the clips of a corpus from its Parquet shards."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from kp_io.corpus.shards.schema import COLUMNS, ROWS_PER_GROUP, SCHEMA_VERSION, load_pyarrow
from kp_io.keypoints.layout import get_layout
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.audio import decode_flac


@dataclass(frozen=True, slots=True)
class CorpusClip:
    """One clip of a corpus.

    Attributes:
        id: Its name, unique in the corpus.
        speaker: Who speaks.
        split: The speaker's split.
        sequence: Keypoints `(T, K, 2)` with scores, frame rate and image size.
        waveform: Mono audio in [-1, 1], exactly as long as the keypoints.
        sample_rate: Samples per second.
        sync_offset_ms: How much the audio lags behind the picture, milliseconds; None if not measured.
        sync_confidence: Probability of that offset, in [0, 1]; None if not measured.
    """

    id: str
    speaker: str
    split: str
    sequence: KeypointSequence
    waveform: Float[Tensor, " s"]
    sample_rate: int
    sync_offset_ms: float | None = None
    sync_confidence: float | None = None


def read_clips(corpus: str | os.PathLike[str], *, split: str | Iterable[str] = "train") -> Iterator[CorpusClip]:
    """Yield the clips of one or several splits of a corpus in order; a few dozen are in memory at a time.

    Raises:
        FileNotFoundError: The corpus has no shard of a split.
        ValueError: A shard is damaged, or of another schema version.
        ImportError: pyarrow is not installed.
    """
    for name in (split,) if isinstance(split, str) else split:
        for row in read_rows(corpus, split=name):
            yield to_clip(row)


def read_speakers(corpus: str | os.PathLike[str]) -> dict[str, str]:
    """Return the split of every speaker of a corpus; only these two columns of the shards are read.

    Raises:
        FileNotFoundError: There is no shard.
        ValueError: A speaker is in two splits, or a shard is of another schema version.
        ImportError: pyarrow is not installed.
    """
    split_of: dict[str, str] = {}
    for split in sorted({path.name.rpartition("-")[0] for path in find_shards(corpus)}):
        for row in read_rows(corpus, split=split, columns=("speaker", "split")):
            speaker, before = row["speaker"], split_of.setdefault(row["speaker"], row["split"])
            if before != row["split"]:
                raise ValueError(
                    f"expected every speaker in one split of {corpus}, got {speaker} in {before} and {row['split']}"
                )
    return split_of


def read_rows(
    corpus: str | os.PathLike[str], *, split: str, columns: Iterable[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one split, with NumPy arrays in the list columns.

    Raises:
        FileNotFoundError: The corpus has no shard of that split.
        ValueError: A shard is of another schema version, or damaged.
        ImportError: pyarrow is not installed.
    """
    load_pyarrow()
    shards = sorted(Path(corpus, "data").glob(_pattern(split)))
    if not shards:
        raise FileNotFoundError(f"expected a corpus with the split {split!r} in {corpus}, found no shard of it")
    wanted = None if columns is None else list(columns)
    for shard in shards:
        with open_shard(shard) as file:
            for batch in file.iter_batches(batch_size=ROWS_PER_GROUP, columns=wanted):
                yield from rows_of(batch)


def find_shards(corpus: str | os.PathLike[str]) -> list[Path]:
    """Return the shards of all splits, sorted, or raise `FileNotFoundError` if there are none."""
    folder = Path(corpus, "data")
    if not (shards := sorted(folder.glob(_pattern("*")))):
        raise FileNotFoundError(f"expected a corpus from `kp-io build`, found no shard in {folder}")
    return shards


@contextmanager
def open_shard(path: Path) -> Iterator[Any]:
    """Open a shard as a `ParquetFile`.

    Raises:
        ValueError: It is damaged, also if that shows only while it is read; it is of another schema version; or columns
            are missing.
    """
    arrow = load_pyarrow()
    try:
        with arrow.parquet.ParquetFile(path) as file:
            # The column, not the file's metadata, which is lost when other programs rewrite a shard.
            column = file.read(columns=["schema_version"]).to_pydict().get("schema_version", ["none"])
            if unexpected := set(column) - {SCHEMA_VERSION}:
                raise ValueError(
                    f"expected a shard of schema version {SCHEMA_VERSION}, got {unexpected.pop()} in {path}"
                )
            if missing := set(COLUMNS) - set(file.schema_arrow.names):
                raise ValueError(f"expected all columns of a shard in {path}, missing {', '.join(sorted(missing))}")
            yield file
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"expected a shard of a corpus, got the damaged file {path}: {error}") from error


def rows_of(batch: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a record batch, with NumPy arrays in the list columns."""
    for i in range(batch.num_rows):
        yield {name: _value(batch.column(j)[i]) for j, name in enumerate(batch.schema.names)}


def to_clip(row: dict[str, Any]) -> CorpusClip:
    """Return the clip of a whole row, or raise `ValueError` if a cell is empty or of the wrong type."""
    try:
        waveform, sample_rate = decode_flac(row["audio"])
        points = torch.from_numpy(row["keypoints"].reshape(row["keypoints_shape"]))
        sequence = KeypointSequence(
            points,
            torch.from_numpy(row["scores"].reshape(points.shape[:2])),
            row["fps"],
            image_size=(row["image_height"], row["image_width"]),
            layout=get_layout(row["layout"]),
            detector=row["detector"],
        )
        sync = (row.get("sync_offset_ms"), row.get("sync_confidence"))
        return CorpusClip(row["id"], row["speaker"], row["split"], sequence, waveform, sample_rate, *sync)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"expected a whole clip a row, got {row['id']!r} of {row['split']!r}: {error}") from error


def _pattern(split: str) -> str:
    return f"{split}-[0-9][0-9][0-9][0-9][0-9].parquet"


def _value(scalar: Any) -> Any:
    values = getattr(scalar, "values", None)
    return scalar.as_py() if values is None else values.to_numpy(zero_copy_only=False).copy()  # torch wants it writable
