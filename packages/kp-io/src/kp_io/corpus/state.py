"""The build state of a corpus: the options it was begun with, and the shards that are complete."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

from filelock import FileLock, Timeout

from kp_io.corpus.sources import PlannedShard
from kp_io.filesystem.atomic import atomic_path, sync_file


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """A complete shard.

    Attributes:
        digest: Hash of its planned videos.
        num_videos: Number of planned videos.
        num_clips: Rows of the shard; without rows there is no file.
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
    """The files from which a stopped build resumes.

    Beside the shards in `data/`, a corpus has `corpus.json` with its options. The hidden folder `.build` holds the
    staged clips of incomplete shards, and a small record of each complete shard.

    Args:
        out: Folder of the corpus.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.records = out / ".build" / "shards"
        self.staging = out / ".build" / "spool"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Prevent other builds into the same folder; a killed build leaves no lock behind.

        Raises:
            OSError: The folder cannot be written, or another build is writing to it.
        """
        self.records.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.out / ".build" / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise OSError(f"expected to be alone in {self.out}, but another build is at work there") from None
        try:
            yield
        finally:
            lock.release()

    def begin(self, settings: dict[str, Any]) -> None:
        """Write the settings of a new corpus, or compare them with those of a begun one.

        Raises:
            ValueError: They differ, or the folder holds something else.
        """
        self.check({"detector": None, **settings})
        if self.settings() is None:
            self.write_json(self.out / "corpus.json", settings)

    def check(self, settings: dict[str, Any]) -> None:
        """Compare settings with those of a begun corpus; an unknown detector, one without an entry, is left out.

        Raises:
            ValueError: They differ, or the folder holds something else.
        """
        before = self.settings()
        if before is None:
            if unexpected := sorted(entry.name for entry in self.out.iterdir() if entry.name != ".build"):
                raise ValueError(f"expected a new or empty folder or a corpus, got {self.out} with {unexpected[0]}")
        elif differences := [
            f"{name} {settings.get(name)!r} instead of {before.get(name)!r}"
            for name in sorted({*settings, *before} - ({"detector"} - settings.keys()))
            if settings.get(name) != before.get(name)
        ]:
            raise ValueError(
                f"expected to go on with {self.out} as it was begun, got {', '.join(differences)}; "
                "build into another folder, or with the same options"
            )

    def settings(self) -> dict[str, Any] | None:
        """Return the settings of the corpus; None if it is new.

        Raises:
            ValueError: The file is damaged.
        """
        path = self.out / "corpus.json"
        if not path.is_file():
            return None
        try:
            settings = json.loads(path.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"expected the settings of a corpus in {path}, got no JSON: {error}") from error
        if not isinstance(settings, dict):
            raise ValueError(f"expected the settings of a corpus in {path}, got {str(settings)[:40]}")
        return settings

    def record_path(self, name: str) -> Path:
        """Return the path of a shard's record."""
        return self.records / f"{name}.json"

    def shard_path(self, name: str) -> Path:
        """Return the path of a shard."""
        return self.out / "data" / f"{name}.parquet"

    def is_complete(self, shard: PlannedShard) -> bool:
        """Return whether a shard is complete.

        Raises:
            ValueError: It was built from other videos, or its file is missing.
        """
        if not self.record_path(shard.name).is_file():
            return False
        record = self.record(shard.name)
        if record.digest != shard.digest:
            raise ValueError(
                f"expected the videos that {shard.name} of {self.out} was built from, but some of "
                f"{shard.videos[0].relative} … {shard.videos[-1].relative} were added, removed or changed, or their "
                "manifest was; build into another folder"
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
                f"expected the record of a finished shard, got the damaged file {path}: {error}; remove it to "
                "build the shard again"
            ) from error

    def complete(self, shard: PlannedShard, record: ShardRecord) -> None:
        """Write the record of a shard whose file is in place, and remove its staged clips."""
        self.write_json(self.record_path(shard.name), asdict(record))
        self.clear_staging(shard)

    def clear_staging(self, shard: PlannedShard) -> None:
        """Remove the staged clips of a shard."""
        rmtree(self.staging / shard.name, ignore_errors=True)

    def names(self) -> list[str]:
        """Return the names of all complete shards, sorted."""
        return sorted(path.stem for path in self.records.glob("[!.]*.json"))

    def write_json(self, path: Path, content: dict[str, Any]) -> None:
        """Write JSON atomically; the same content gives the same bytes."""
        with atomic_path(path) as temporary:
            temporary.write_text(f"{json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)}\n", "utf-8")
            sync_file(temporary)
