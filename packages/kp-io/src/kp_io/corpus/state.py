"""What a corpus remembers of its making: the options it was begun with, and which shards are complete."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

from kp_io.corpus.sources import PlannedShard
from kp_io.filesystem.atomic import atomic_path
from kp_io.filesystem.lock import file_lock


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """A shard that is complete.

    Attributes:
        digest: Digest of the videos that it was planned for.
        num_videos: How many these were.
        num_clips: Rows of the shard; without any there is no file.
        num_frames: Frames of all clips.
        seconds: Length of all clips.
        num_bytes: Size of the file.
        speakers: Speakers of the clips, sorted.
        failures: Rows of `failures.parquet`, in order.
    """

    digest: str
    num_videos: int
    num_clips: int = 0
    num_frames: int = 0
    seconds: float = 0.0
    num_bytes: int = 0
    speakers: list[str] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)


class CorpusState:
    """The files by which a stopped build goes on.

    Beside the shards in `data/`, a corpus has `corpus.json` with its options, and in the hidden folder `.build` the
    spool of finished clips of shards in work and one small record a complete shard.

    Args:
        out: Folder of the corpus.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.records = out / ".build" / "shards"
        self.spool = out / ".build" / "spool"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from building into the same folder; a build that is killed leaves no lock behind.

        Raises:
            OSError: The folder cannot be written, or another build is at work in it.
        """
        self.records.mkdir(parents=True, exist_ok=True)
        busy = f"expected to be alone in {self.out}, but another build is at work there"
        with file_lock(self.out / ".build" / "lock", busy=busy):
            yield

    def begin(self, settings: dict[str, Any]) -> None:
        """Write the settings into a new corpus, or compare them with those that it was begun with.

        Raises:
            ValueError: They differ, or the folder holds something else than a corpus.
        """
        path = self.out / "corpus.json"
        if path.is_file():
            try:
                before = json.loads(path.read_text("utf-8"))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"expected the settings of a corpus in {path}, got no JSON: {error}") from error
            if not isinstance(before, dict):
                raise ValueError(f"expected the settings of a corpus in {path}, got {str(before)[:40]}")
            differences = [
                f"{name} {settings.get(name)!r} instead of {before.get(name)!r}"
                for name in sorted({*settings, *before})
                if settings.get(name) != before.get(name)
            ]
            if differences:
                raise ValueError(
                    f"expected to go on with {self.out} as it was begun, got {', '.join(differences)}; "
                    "build into another folder, or with what it was begun with"
                )
            return
        strangers = [entry.name for entry in self.out.iterdir() if entry.name != ".build"]
        if strangers:
            raise ValueError(f"expected a new or empty folder or a corpus, got {self.out} with {sorted(strangers)[0]}")
        self.write_json(path, settings)

    def record_path(self, name: str) -> Path:
        """Return where the record of a shard lies."""
        return self.records / f"{name}.json"

    def shard_path(self, name: str) -> Path:
        """Return where a shard lies."""
        return self.out / "data" / f"{name}.parquet"

    def is_complete(self, shard: PlannedShard) -> bool:
        """Return whether a shard is complete.

        Raises:
            ValueError: It is, but for other videos; or its file is gone.
        """
        if not self.record_path(shard.name).is_file():
            return False
        record = self.record(shard.name)
        if record.digest != shard.digest:
            raise ValueError(
                f"expected the videos that {shard.name} of {self.out} was built from, but some of "
                f"{shard.sources[0].relative} … {shard.sources[-1].relative} were added, removed or changed, or their "
                "table was; build into another folder"
            )
        if record.num_clips and not self.shard_path(shard.name).is_file():
            raise ValueError(
                f"expected the finished shard {self.shard_path(shard.name)}, found no file; to build it again, remove "
                f"{self.record_path(shard.name)}, summary.json, statistics.json and failures.parquet"
            )
        return True

    def record(self, name: str) -> ShardRecord:
        """Return the record of a complete shard.

        Raises:
            ValueError: The file is damaged.
        """
        path = self.record_path(name)
        try:
            return ShardRecord(**json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"expected the record of a finished shard, got the damaged file {path}: {error}; remove it, and the "
                "shard is built again"
            ) from error

    def complete(self, shard: PlannedShard, record: ShardRecord) -> None:
        """Write the record of a shard whose file is in place, and clear its spool."""
        self.write_json(self.record_path(shard.name), asdict(record))
        self.clear_spool(shard)

    def clear_spool(self, shard: PlannedShard) -> None:
        """Remove what a shard's clips were collected in."""
        rmtree(self.spool / shard.name, ignore_errors=True)

    def names(self) -> list[str]:
        """Return the names of all complete shards, sorted."""
        return sorted(path.stem for path in self.records.glob("[!.]*.json"))

    def write_json(self, path: Path, content: dict[str, Any]) -> None:
        """Write JSON, whole or not at all; the same content gives the same bytes."""
        with atomic_path(path) as temporary:
            temporary.write_text(f"{json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)}\n", "utf-8")
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
