"""What is done for one clip of a corpus, wherever it runs: in this process, in another one, on another machine."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kp_io.corpus.clip import ClipRules, UnfitClipError, make_rows, text_of
from kp_io.corpus.shards.reader import spool_rows
from kp_io.corpus.sources import Source
from kp_io.detectors.point_source import Annotator
from kp_io.filesystem.atomic import atomic_path


@dataclass(frozen=True, slots=True)
class ClipTask:
    """One video to do.

    Attributes:
        source: The video.
        spool: Folder for the result; it belongs to the video's shard.
        index: Place within the shard.
    """

    source: Source
    spool: Path
    index: int

    @property
    def stem(self) -> Path:
        """Path of the result without its suffix; another video in the same place has another one."""
        return self.spool / f"{self.index:06d}-{self.source.key}"


@dataclass(frozen=True, slots=True)
class ClipResult:
    """How one video ended; the result itself is in the spool.

    Attributes:
        num_frames: Frames of its clips; 0 where there are none.
        kind: Kind of failure; None where there are clips.
    """

    num_frames: int = 0
    kind: str | None = None


@dataclass
class ClipWorker:
    """Turns tasks into spooled clips or failures. It is sent to every process once, and loads its detector there once.

    Args:
        root: Folder of the videos.
        rules: How clips are made.
        make_detector: Returns a detector; where processes are involved, it has to be importable there.
    """

    root: Path
    rules: ClipRules
    make_detector: Callable[[], Annotator]
    _detector: Annotator | None = field(default=None, init=False, repr=False)

    @property
    def detector(self) -> Annotator:
        """The detector of this process."""
        if self._detector is None:
            self._detector = self.make_detector()
        return self._detector

    def __getstate__(self) -> dict[str, object]:
        """Leave the detector behind: models are loaded where they work."""
        return {**self.__dict__, "_detector": None}

    def __call__(self, task: ClipTask) -> ClipResult:
        """Do one video, or nothing where that has been done.

        Raises:
            OSError: The disk is full or fails.
            ImportError: The detector's library is missing.
        """
        if (done := spooled_file(task)) is not None and done.suffix == ".json":
            return ClipResult(kind=json.loads(done.read_text("utf-8"))["kind"])
        detector = self.detector  # before anything is blamed on the video
        try:
            rows = make_rows(self.root, task.source, self.rules, detector)
        except UnfitClipError as error:
            spool_failure(task, error.kind, str(error))
            return ClipResult(kind=error.kind)
        spool_rows(task.stem.with_suffix(".arrow"), rows)
        return ClipResult(sum(row["num_frames"] for row in rows))


def spooled_file(task: ClipTask) -> Path | None:
    """Return the finished result of a task: its clips (`.arrow`) or a failure (`.json`); None where there is none."""
    return next((file for suffix in (".arrow", ".json") if (file := task.stem.with_suffix(suffix)).is_file()), None)


def spool_failure(task: ClipTask, kind: str, reason: str) -> None:
    """Write down that, and why, a video became no clip."""
    failure = {
        "source": text_of(task.source.relative),
        "speaker": text_of(task.source.speaker),
        "split": task.source.split,
        "kind": kind,
        "reason": " ".join(reason.encode("utf-8", "backslashreplace").decode("utf-8").split()),
    }
    with atomic_path(task.stem.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(failure, ensure_ascii=False), "utf-8")
