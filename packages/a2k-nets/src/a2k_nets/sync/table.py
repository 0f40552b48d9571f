"""The offsets of clips as a table: printed, CSV or JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2k_nets.checkpoints.atomic import write_bytes
from a2k_nets.sync.offset import CONFIDENT, SyncOffset

#: Offset that the summary counts as out of sync: 1.5 frames, more than the measurement error.
_OUT_OF_SYNC_MS = 60.0

_TABLE_WIDTH = 140


@dataclass(frozen=True, slots=True)
class ClipOffset:
    """A row of the table.

    Attributes:
        id: The clip's id, or the video's path.
        speaker: The clip's speaker; empty for a video.
        split: The clip's split; empty for a video.
        seconds: The clip's duration.
        offset: The measured offset.
        applied_ms: By how much the audio of the corrected copy was moved earlier.
    """

    id: str
    speaker: str
    split: str
    seconds: float
    offset: SyncOffset
    applied_ms: float = 0.0

    def values(self) -> dict[str, Any]:
        """Return the row's columns, numbers rounded to their accuracy."""
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
    """Write the rows as `.csv` or `.json`, atomically.

    Raises:
        OSError: The file cannot be written.
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
    """Print the rows, and a summary of several."""
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
        # Text, because rich would interpret `[…]` in a name as markup.
        table.add_row(
            Text(row.id),
            f"{row.seconds:.1f} s",
            "–" if offset.note else f"{offset.milliseconds:+.0f} ms",
            f"{offset.confidence:.2f}",
            Text(offset.note or ("corrected" if row.applied_ms else "")),
            style=None if offset.is_confident else "dim",
        )
    # A row stays on one line in a narrow terminal, so that it can be grepped.
    console = Console(width=max(Console().width, _TABLE_WIDTH))
    console.print(table)
    if len(rows) > 1:
        confident = [row.offset for row in rows if row.offset.is_confident]
        out_of_sync = sum(abs(offset.milliseconds) > _OUT_OF_SYNC_MS for offset in confident)
        corrected = sum(row.applied_ms != 0 for row in rows)
        console.print(
            f"{len(rows)} clips; {len(confident)} with confidence ≥ {CONFIDENT:g}, of which {out_of_sync} off by more "
            f"than {_OUT_OF_SYNC_MS:g} ms" + (f"; {corrected} corrected" if corrected else ""),
            highlight=False,
        )
