"""The offsets of clips as a table: for people, CSV, JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2k_nets.checkpoints.atomic import write_bytes
from a2k_nets.sync.offset import CONFIDENT, SyncOffset

#: What the summary counts as out of sync, milliseconds: a frame and a half, more than the measurement is unsure by.
_OFF_MS = 60.0

_TABLE_WIDTH = 140


@dataclass(frozen=True, slots=True)
class ClipOffset:
    """A row of the table.

    Attributes:
        id: The clip, or the video's path.
        speaker: Who speaks, where that is known.
        split: The clip's split, likewise.
        seconds: How long it is.
        offset: How late the sound was found.
        applied_ms: How much earlier it lies in the corrected copy.
    """

    id: str
    speaker: str
    split: str
    seconds: float
    offset: SyncOffset
    applied_ms: float = 0.0

    def values(self) -> dict[str, Any]:
        """Return the row's columns; the numbers as exact as they are sure."""
        return {
            "id": self.id,
            "speaker": self.speaker,
            "split": self.split,
            "seconds": round(self.seconds, 3),
            "offset_ms": round(self.offset.milliseconds, 1),
            "confidence": round(self.offset.confidence, 4),
            "applied_ms": round(self.applied_ms, 1),
            "note": self.offset.note,
        }


def to_json(rows: Sequence[ClipOffset]) -> str:
    """Return the rows as a JSON list of objects.

    Example:
        >>> to_json([ClipOffset("talk.mp4", "", "", 2.0, SyncOffset(80.0, 0.97))])[:33]
        '[{"id": "talk.mp4", "speaker": ""'
    """
    return json.dumps([row.values() for row in rows], ensure_ascii=False)


def write_table(path: Path, rows: Sequence[ClipOffset]) -> None:
    """Write the rows as `.csv` or `.json`, whole or not at all.

    Raises:
        OSError: The folder cannot be written.
    """
    text = to_json(rows) + "\n"
    if path.suffix.lower() == ".csv":
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, list(rows[0].values()))
        writer.writeheader()
        writer.writerows(row.values() for row in rows)
        text = table.getvalue()
    write_bytes(path, text.encode("utf-8"))


def print_table(rows: Sequence[ClipOffset]) -> None:
    """Print the rows and, of several, what they come to."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("clip", no_wrap=True)
    for title in ("length", "sound late by", "confidence"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in rows:
        offset = row.offset
        # Text, because rich would take `[…]` in a name for markup.
        table.add_row(
            Text(row.id),
            f"{row.seconds:.1f} s",
            "–" if offset.note else f"{offset.milliseconds:+.0f} ms",
            f"{offset.confidence:.2f}",
            Text(offset.note or ("corrected" if row.applied_ms else "")),
            style=None if offset.is_confident else "dim",
        )
    # Names and numbers stay on one line, whatever the terminal's width, for whoever greps them.
    console = Console(width=max(Console().width, _TABLE_WIDTH))
    console.print(table)
    if len(rows) > 1:
        sure = [row.offset for row in rows if row.offset.is_confident]
        off = sum(abs(offset.milliseconds) > _OFF_MS for offset in sure)
        moved = sum(row.applied_ms != 0 for row in rows)
        console.print(
            f"{len(rows)} clips; sure (confidence ≥ {CONFIDENT:g}) of {len(sure)}; of these {off} off by more than "
            f"{_OFF_MS:g} ms" + (f"; {moved} corrected" if moved else ""),
            highlight=False,
        )
