"""A finished corpus with further columns, or with other sound: shard by shard, resumable."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from shutil import copyfile
from typing import Any

from kp_io.corpus.shards.pyarrow_import import load_pyarrow
from kp_io.corpus.shards.reader import OPTIONAL_COLUMNS, CorpusClip, open_shard, rows_of, shard_writer, to_clip
from kp_io.corpus.state import CorpusState
from kp_io.filesystem.atomic import atomic_path

#: What is copied beside the shards; the summary, which says that a corpus is whole, comes last.
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
    """Give every clip of a corpus values for further columns; all else in its rows stays as it is.

    A shard takes its new form in one step. A run that is stopped goes on at the first shard without these columns.

    Args:
        corpus: A corpus from `kp-io build`.
        change: Returns the new values of a clip by column: those of `columns`, and `audio` where the sound changes too.
        columns: The columns that are added, or replaced where they are there: of `kp_io.corpus.shards.reader.OPTIONAL_COLUMNS`.
        out: Folder of the new corpus: new, empty, or begun likewise. By default the columns go into the corpus itself.
        note: With `out`: what its `corpus.json` says beside the settings, so that no build goes on there.
        again: Also shards that have the columns already; not with `out`.

    Returns:
        Number of clips that were changed by this run.

    Raises:
        FileNotFoundError: There is no shard.
        ValueError: A shard is damaged, a column is no optional one, or `out` holds something else.
        OSError: The folder cannot be written, or somebody else is at work in it.
        ImportError: pyarrow is not installed.
    """
    root, target, names = Path(corpus), Path(out or corpus), tuple(columns)
    if strangers := set(names) - set(OPTIONAL_COLUMNS):
        raise ValueError(f"expected columns out of {', '.join(OPTIONAL_COLUMNS)}, got {', '.join(sorted(strangers))}")
    shards = sorted((root / "data").glob("*-[0-9][0-9][0-9][0-9][0-9].parquet"))
    if not shards:
        raise FileNotFoundError(f"expected a corpus from `kp-io build`, found no shard in {root / 'data'}")
    if out is not None and target.resolve() == root.resolve():
        raise ValueError(f"expected another folder than the corpus itself to write, got {out}")
    state = CorpusState(target)
    changed = 0
    with state.locked():
        if out is not None:
            state.begin({**_settings(root), **(note or {})})
        for shard in shards:
            home = target / "data" / shard.name
            if home.is_file() and (out is not None or not again) and _has(home, names):
                continue
            changed += _rewrite(shard, home, change, names)
        for name in _COPIED if out is not None else ():
            if (root / name).is_file():
                with atomic_path(target / name) as temporary:
                    copyfile(root / name, temporary)
    return changed


def _settings(root: Path) -> dict[str, Any]:
    path = root / "corpus.json"
    try:
        return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
    except ValueError as error:
        raise ValueError(f"expected the settings of a corpus in {path}, got no JSON: {error}") from error


def _has(shard: Path, columns: tuple[str, ...]) -> bool:
    arrow = load_pyarrow()
    try:
        with open_shard(arrow, shard) as file:
            return set(columns) <= set(file.schema_arrow.names)
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(f"expected a shard of a corpus, got the damaged file {shard}: {error}") from error


def _rewrite(
    shard: Path, home: Path, change: Callable[[CorpusClip], Mapping[str, Any]], columns: tuple[str, ...]
) -> int:
    arrow = load_pyarrow()
    changed = 0
    with ExitStack() as stack:
        temporary = stack.enter_context(atomic_path(home))
        writer = None
        for batch in _batches(arrow, shard):
            table = arrow.Table.from_batches([batch])
            values = [dict(change(to_clip(row))) for row in rows_of(batch)]
            for name in (*columns, *({"audio"} & values[0].keys())):
                kind = arrow.binary() if name == "audio" else arrow.float32()
                column = arrow.array([value[name] for value in values], type=kind)
                at = table.schema.get_field_index(name)
                field = arrow.field(name, kind) if at < 0 else table.schema.field(at)
                table = table.append_column(field, column) if at < 0 else table.set_column(at, field, column)
            writer = writer or stack.enter_context(shard_writer(temporary, table.schema))
            writer.write_table(table)
            changed += len(values)
        if writer is not None:
            writer.close()
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
    return changed


def _batches(arrow: Any, shard: Path) -> Iterator[Any]:
    """Yield the row groups of a shard, a few dozen clips each."""
    try:
        with open_shard(arrow, shard) as file:
            yield from (batch for batch in file.iter_batches(batch_size=32) if batch.num_rows)
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(f"expected a shard of a corpus, got the damaged file {shard}: {error}") from error
