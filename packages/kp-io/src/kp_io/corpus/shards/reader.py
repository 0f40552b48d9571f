"""The files of a corpus: spooled clips, Parquet shards, the table of failures (pyarrow)."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from kp_io.corpus.clip import SCHEMA_VERSION
from kp_io.corpus.shards.pyarrow_import import load_pyarrow
from kp_io.filesystem.atomic import atomic_path
from kp_io.keypoints.layout import get_layout
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.audio import decode_flac

#: Columns of a shard and their Arrow types.
COLUMNS = {
    "id": "string",
    "speaker": "string",
    "split": "string",
    "num_frames": "int32",
    "fps": "float64",
    "keypoints": "list<float32>",
    "keypoints_shape": "list<int32>",
    "scores": "list<float32>",
    "layout": "string",
    "image_height": "int32",
    "image_width": "int32",
    "face_px": "float32",
    "interpolated": "float32",
    "audio": "binary",
    "sample_rate": "int32",
    "detector": "string",
    "source": "string",
    "sha256": "string",
    "licence": "string",
    "schema_version": "int32",
}

#: Columns that `a2k sync` adds to a finished shard, see `kp_io.corpus.rewrite`; all of them float32.
OPTIONAL_COLUMNS = ("sync_offset_ms", "sync_confidence", "sync_applied_ms")

#: Columns of `failures.parquet`, all of them text.
FAILURE_COLUMNS = ("source", "speaker", "split", "kind", "reason")

#: Clips in a row group: what a reader, and the writer, hold in memory at a time.
_ROWS_IN_GROUP = 32

#: Columns that repeat their values; coordinates do not, and sort better byte by byte.
_REPEATING = ["speaker", "split", "fps", "scores.list.element", "layout", "detector", "licence", "schema_version"]


@dataclass(frozen=True, slots=True)
class CorpusClip:
    """One clip of a corpus.

    Attributes:
        id: Its name, unique in the corpus.
        speaker: Who speaks.
        split: The split that the speaker is in.
        sequence: Keypoints `(T, K, 2)` and what belongs to them.
        waveform: Mono sound in [-1, 1], exactly as long as the keypoints.
        sample_rate: Samples a second.
        sync_offset_ms: How much the sound lags behind the picture, milliseconds; None where nobody has measured it.
        sync_confidence: How probable that offset is, in [0, 1]; likewise.
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
    """Yield the clips of a split of a corpus, or of several, in order; a few dozen are in memory at a time.

    Raises:
        FileNotFoundError: The corpus has no shard of a split.
        ValueError: A shard is damaged, or of another schema version.
        ImportError: pyarrow is not installed.
    """
    for name in (split,) if isinstance(split, str) else split:
        for row in read_rows(corpus, split=name):
            yield to_clip(row)


def read_speakers(corpus: str | os.PathLike[str]) -> dict[str, str]:
    """Return the split of every speaker of a corpus; of the shards, only these two columns are read.

    Raises:
        FileNotFoundError: There is no shard.
        ValueError: A speaker is in two splits, or a shard is of another schema version.
        ImportError: pyarrow is not installed.
    """
    splits = sorted({path.name.rpartition("-")[0] for path in Path(corpus, "data").glob(_pattern("*"))})
    if not splits:
        raise FileNotFoundError(f"expected a corpus from `kp-io build`, found no shard in {Path(corpus, 'data')}")
    home: dict[str, str] = {}
    for split in splits:
        for row in read_rows(corpus, split=split, columns=("speaker", "split")):
            if home.setdefault(row["speaker"], row["split"]) != row["split"]:
                raise ValueError(
                    f"expected every speaker in one split of {corpus}, got {row['speaker']} in {home[row['speaker']]} "
                    f"and {row['split']}"
                )
    return home


def read_rows(
    corpus: str | os.PathLike[str], *, split: str, columns: Iterable[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one split, with NumPy arrays in the list columns.

    Raises:
        FileNotFoundError: The corpus has no shard of that split.
        ValueError: A shard is of another schema version, or damaged.
        ImportError: pyarrow is not installed.
    """
    arrow = load_pyarrow()
    files = sorted(Path(corpus, "data").glob(_pattern(split)))
    if not files:
        raise FileNotFoundError(f"expected a corpus with the split {split!r} in {corpus}, found no shard of it")
    wanted = None if columns is None else list(columns)
    for path in files:
        try:
            with open_shard(arrow, path) as file:
                for batch in file.iter_batches(batch_size=_ROWS_IN_GROUP, columns=wanted):
                    yield from rows_of(batch)
        except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise ValueError(f"expected a shard of a corpus, got the damaged file {path}: {error}") from error


def rows_of(batch: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a record batch, with NumPy arrays in the list columns."""
    for i in range(batch.num_rows):
        yield {name: _value(batch.column(j)[i]) for j, name in enumerate(batch.schema.names)}


def open_shard(arrow: Any, path: Path) -> Any:
    """Return an open `ParquetFile`; a `ValueError` tells of another schema version, or of columns that are missing."""
    file = arrow.parquet.ParquetFile(path)
    # The column and not the file's metadata, which does not outlive other programs that rewrite a shard.
    column = file.read(columns=["schema_version"]).to_pydict().get("schema_version", ["none"])
    if strangers := set(column) - {SCHEMA_VERSION}:
        file.close()
        raise ValueError(f"expected a shard of schema version {SCHEMA_VERSION}, got {strangers.pop()} in {path}")
    if missing := set(COLUMNS) - set(file.schema_arrow.names):
        file.close()
        raise ValueError(f"expected all columns of a shard in {path}, missing {', '.join(sorted(missing))}")
    return file


def _pattern(split: str) -> str:
    return f"{split}-[0-9][0-9][0-9][0-9][0-9].parquet"


def to_clip(row: dict[str, Any]) -> CorpusClip:
    """Return the clip that a whole row describes, or raise `ValueError` where a cell is empty or of another kind."""
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


def spool_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the finished clips of one video to a file of their own, whole or not at all, until their shard is complete.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    arrow = load_pyarrow()
    table = arrow.Table.from_pylist(rows, schema=_schema())
    with atomic_path(path) as temporary, arrow.ipc.new_file(str(temporary), table.schema) as writer:
        writer.write_table(table)


def write_shard(path: Path, spooled: Iterable[Path]) -> dict[str, Any]:
    """Write spooled clips as one Parquet file; the same clips in the same order give the same bytes.

    The file is written beside the spooled clips and then moved, so that it is never there in part. Only one group of
    rows is in memory.

    Returns:
        What the shard holds: `num_clips`, `num_frames`, `seconds`, and its `speakers`, sorted.

    Raises:
        OSError: The disk is full, or a spooled clip is damaged (it is removed, so that it is made again).
    """
    arrow = load_pyarrow()
    files = list(spooled)
    frames: list[int] = []
    seconds: list[float] = []
    speakers: set[str] = set()
    temporary = files[0].with_name("shard.parquet")
    with shard_writer(temporary, _schema()) as writer:
        for start in range(0, len(files), _ROWS_IN_GROUP):
            group = arrow.concat_tables([_read_spooled(file) for file in files[start : start + _ROWS_IN_GROUP]])
            writer.write_table(group.combine_chunks(), row_group_size=_ROWS_IN_GROUP)
            counts = group.column("num_frames").to_pylist()
            frames += counts
            seconds += [count / fps for count, fps in zip(counts, group.column("fps").to_pylist(), strict=True)]
            speakers.update(group.column("speaker").to_pylist())
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(path)
    return {
        "num_clips": len(frames),
        "num_frames": sum(frames),
        "seconds": sum(seconds),
        "speakers": sorted(speakers),
    }


def shard_writer(path: Path, schema: Any) -> Any:
    """Return a Parquet writer for the columns of a shard, optional ones included."""
    compression = {_leaf(name): "none" if name == "audio" else "zstd" for name in schema.names}  # FLAC is compressed
    return load_pyarrow().parquet.ParquetWriter(
        str(path),
        schema,
        compression=compression,
        use_dictionary=_REPEATING,
        use_byte_stream_split=["keypoints.list.element"],
    )


def write_failures(path: Path, failures: Iterable[dict[str, str]]) -> None:
    """Write the table of videos that became no clip, whole or not at all."""
    arrow = load_pyarrow()
    schema = arrow.schema([(name, arrow.string()) for name in FAILURE_COLUMNS])
    with atomic_path(path) as temporary, arrow.parquet.ParquetWriter(str(temporary), schema) as writer:
        group: list[dict[str, str]] = []
        for failure in failures:
            group.append(failure)
            if len(group) == 1000:
                writer.write_table(arrow.Table.from_pylist(group, schema=schema))
                group.clear()
        writer.write_table(arrow.Table.from_pylist(group, schema=schema))


def _read_spooled(path: Path) -> Any:
    arrow = load_pyarrow()
    try:
        with arrow.OSFile(str(path)) as file:
            return arrow.ipc.open_file(file).read_all()
    except arrow.ArrowInvalid as error:
        path.unlink()
        raise OSError(f"expected a finished clip, got the damaged file {path}; run again to make it anew") from error


def _schema() -> Any:
    arrow = load_pyarrow()
    types = {"list<float32>": arrow.list_(arrow.float32()), "list<int32>": arrow.list_(arrow.int32())}
    fields = [(name, types.get(kind) or arrow.type_for_alias(kind)) for name, kind in COLUMNS.items()]
    return arrow.schema(fields, metadata={"kp_io.schema_version": str(SCHEMA_VERSION)})


def _leaf(column: str) -> str:
    return f"{column}.list.element" if COLUMNS.get(column, "").startswith("list") else column


def _value(scalar: Any) -> Any:
    values = getattr(scalar, "values", None)
    return scalar.as_py() if values is None else values.to_numpy(zero_copy_only=False).copy()  # torch wants it writable
