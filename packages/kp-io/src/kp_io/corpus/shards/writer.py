"""Write the staged clips of single videos, Parquet shards, and the table of failures."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kp_io.corpus.shards.schema import COLUMNS, FAILURE_COLUMNS, ROWS_PER_GROUP, arrow_schema, load_pyarrow
from kp_io.filesystem.atomic import atomic_path, sync_file

#: Columns whose values repeat, stored with a dictionary; coordinates compress better byte by byte.
_REPEATING = ["speaker", "split", "fps", "scores.list.element", "layout", "detector", "licence", "schema_version"]


def stage_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the finished clips of one video atomically to a file of their own, until their shard is complete.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    arrow = load_pyarrow()
    table = arrow.Table.from_pylist(rows, schema=arrow_schema())
    with atomic_path(path) as temporary, arrow.ipc.new_file(str(temporary), table.schema) as writer:
        writer.write_table(table)


def write_shard(path: Path, staged: Iterable[Path]) -> dict[str, Any]:
    """Write staged clips as one Parquet file; the same clips in the same order give the same bytes.

    The file is written beside the staged clips and then moved, so that it is never incomplete. Only one row group is
    in memory.

    Returns:
        What the shard holds: `num_clips`, `num_frames`, `seconds`, and its `speakers`, sorted.

    Raises:
        OSError: The disk is full, or a staged clip is damaged (it is removed, so that the next run repeats it).
    """
    arrow = load_pyarrow()
    files = list(staged)
    frames: list[int] = []
    seconds: list[float] = []
    speakers: set[str] = set()
    temporary = files[0].with_name("shard.parquet")
    with shard_writer(temporary, arrow_schema()) as writer:
        for start in range(0, len(files), ROWS_PER_GROUP):
            group = arrow.concat_tables([_read_staged(file) for file in files[start : start + ROWS_PER_GROUP]])
            writer.write_table(group.combine_chunks(), row_group_size=ROWS_PER_GROUP)
            counts = group.column("num_frames").to_pylist()
            frames += counts
            seconds += [count / fps for count, fps in zip(counts, group.column("fps").to_pylist(), strict=True)]
            speakers.update(group.column("speaker").to_pylist())
    sync_file(temporary)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(path)
    totals = {"num_clips": len(frames), "num_frames": sum(frames), "seconds": sum(seconds)}
    return {**totals, "speakers": sorted(speakers)}


def shard_writer(path: Path, schema: Any) -> Any:
    """Return a Parquet writer for the columns of a shard, including optional ones."""

    def leaf(column: str) -> str:
        return f"{column}.list.element" if COLUMNS.get(column, "").startswith("list") else column

    return load_pyarrow().parquet.ParquetWriter(
        str(path),
        schema,
        compression={leaf(name): "none" if name == "audio" else "zstd" for name in schema.names},  # FLAC is compressed
        use_dictionary=_REPEATING,
        use_byte_stream_split=["keypoints.list.element"],
    )


def write_failures(path: Path, failures: Iterable[dict[str, str]]) -> None:
    """Write the table of videos that gave no clip, atomically."""
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


def _read_staged(path: Path) -> Any:
    arrow = load_pyarrow()
    try:
        with arrow.OSFile(str(path)) as file:
            return arrow.ipc.open_file(file).read_all()
    except arrow.ArrowInvalid as error:
        path.unlink()
        raise OSError(f"expected a finished clip, got the damaged file {path}; run again to rebuild it") from error
