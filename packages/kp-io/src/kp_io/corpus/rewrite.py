"""Add columns to a finished corpus or replace its audio: shard by shard, resumable."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from shutil import copyfile
from typing import Any

from kp_io.corpus.shards.reader import CorpusClip, find_shards, open_shard, rows_of, to_clip
from kp_io.corpus.shards.schema import OPTIONAL_COLUMNS, ROWS_PER_GROUP, load_pyarrow
from kp_io.corpus.shards.writer import shard_writer
from kp_io.corpus.state import CorpusState
from kp_io.filesystem.atomic import atomic_path, sync_file

#: Files that are copied beside the shards; the summary marks a corpus as complete, so it comes last.
_COPIED = ("failures.parquet", "statistics.json", "summary.json")


def rewrite_corpus(
    corpus: str | os.PathLike[str],
    change: Callable[[CorpusClip], Mapping[str, Any]],
    *,
    columns: Iterable[str],
    out: str | os.PathLike[str] | None = None,
    note: Mapping[str, Any] | None = None,
    again: bool = False,
) -> int:
    """Set optional columns of every clip of a corpus, and its audio if wanted; other columns stay unchanged.

    Each shard is replaced atomically. A stopped run resumes at the first shard without these columns.

    Args:
        corpus: A corpus from `kp-io build`.
        change: Returns the new values of a clip by column: those of `columns`, and `audio` if the audio changes too.
        columns: Columns to add or replace, out of `kp_io.corpus.shards.schema.OPTIONAL_COLUMNS`.
        out: Folder of the new corpus: new, empty, or begun by the same call. By default the corpus itself is changed.
        note: With `out`: extra entries of its `corpus.json`, which prevent a build from resuming there.
        again: Also rewrite shards that have the columns already; not with `out`.

    Returns:
        Number of clips that this run changed.

    Raises:
        FileNotFoundError: There is no shard.
        ValueError: A shard is damaged, a column is not optional, or `out` holds something else.
        OSError: The folder cannot be written, or another process is writing to it.
        ImportError: pyarrow is not installed.
    """
    root, target, names = Path(corpus), Path(out or corpus), tuple(columns)
    if unexpected := set(names) - set(OPTIONAL_COLUMNS):
        raise ValueError(f"expected columns out of {', '.join(OPTIONAL_COLUMNS)}, got {', '.join(sorted(unexpected))}")
    shards = find_shards(root)
    if out is not None and target.resolve() == root.resolve():
        raise ValueError(f"expected another folder than the corpus itself to write, got {out}")
    state = CorpusState(target)
    num_changed = 0
    with state.locked():
        if out is not None:
            state.begin({**(CorpusState(root).settings() or {}), **(note or {})})
        for shard in shards:
            new = target / "data" / shard.name
            if new.is_file() and (out is not None or not again) and _has(new, names):
                continue
            num_changed += _rewrite(shard, new, change, names)
        for name in _COPIED if out is not None else ():
            if (root / name).is_file():
                with atomic_path(target / name) as temporary:
                    copyfile(root / name, temporary)
    return num_changed


def _has(shard: Path, columns: tuple[str, ...]) -> bool:
    with open_shard(shard) as file:
        return set(columns) <= set(file.schema_arrow.names)


def _rewrite(
    shard: Path, new: Path, change: Callable[[CorpusClip], Mapping[str, Any]], columns: tuple[str, ...]
) -> int:
    arrow = load_pyarrow()
    num_changed = 0
    with ExitStack() as stack:
        temporary = stack.enter_context(atomic_path(new))
        writer = None
        for batch in _batches(shard):
            table = arrow.Table.from_batches([batch])
            values = [dict(change(to_clip(row))) for row in rows_of(batch)]
            for name in (*columns, *({"audio"} & values[0].keys())):
                kind = arrow.binary() if name == "audio" else arrow.float32()
                column = arrow.array([value[name] for value in values], type=kind)
                index = table.schema.get_field_index(name)
                field = arrow.field(name, kind) if index < 0 else table.schema.field(index)
                table = table.append_column(field, column) if index < 0 else table.set_column(index, field, column)
            writer = writer or stack.enter_context(shard_writer(temporary, table.schema))
            writer.write_table(table)
            num_changed += len(values)
        if writer is not None:
            writer.close()
        sync_file(temporary)
    return num_changed


def _batches(shard: Path) -> Iterator[Any]:
    """Yield the row groups of a shard, a few dozen clips each."""
    with open_shard(shard) as file:
        yield from (batch for batch in file.iter_batches(batch_size=ROWS_PER_GROUP) if batch.num_rows)
