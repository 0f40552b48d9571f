"""Process one video of a corpus: in this process, in another one, or on another machine."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kp_io.corpus.clip import ClipRules, UnfitClipError, make_rows, text_of
from kp_io.corpus.shards.writer import stage_rows
from kp_io.corpus.sources import VideoEntry
from kp_io.detectors.precomputed_source import Annotator
from kp_io.filesystem.atomic import atomic_path
from kp_io.parallel.threads import decode_in_one_thread


@dataclass(frozen=True, slots=True)
class ClipTask:
    """One video to process.

    Attributes:
        video: The video.
        staging: Folder for the result; it belongs to the video's shard.
        index: Position within the shard.
    """

    video: VideoEntry
    staging: Path
    index: int

    @property
    def stem(self) -> Path:
        """Path of the result without its suffix; it differs for another video at the same position."""
        return self.staging / f"{self.index:06d}-{self.video.key}"

    @property
    def staged_file(self) -> Path | None:
        """The finished result: clips (`.arrow`) or a failure (`.json`); None if there is none yet."""
        files = (self.stem.with_suffix(suffix) for suffix in (".arrow", ".json"))
        return next((file for file in files if file.is_file()), None)


@dataclass(frozen=True, slots=True)
class ClipResult:
    """How one video ended; the clips themselves are in the staging folder.

    Attributes:
        num_frames: Frames of its clips; 0 if there are none.
        kind: Kind of failure; None if there are clips.
    """

    num_frames: int = 0
    kind: str | None = None


@dataclass
class ClipWorker:
    """Callable that turns tasks into staged clips or failures; each process gets one and loads its detector once.

    Args:
        root: Folder of the videos.
        rules: How clips are made.
        make_detector: Returns a detector; worker processes have to be able to import it.
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
        """Exclude the detector: every process loads its own."""
        return {**self.__dict__, "_detector": None}

    def start(self) -> str:
        """Load the detector and return its name, which the process that drives the build cannot know otherwise.

        Raises:
            OSError: The detector's weights are missing.
            ImportError: The detector's library is missing.
        """
        return self.detector.name

    def __call__(self, task: ClipTask) -> ClipResult:
        """Process one video, unless that is done already; whatever the number of workers, it is decoded alike.

        Raises:
            OSError: The disk is full or fails.
            ImportError: The detector's library is missing.
        """
        if (done := task.staged_file) is not None and done.suffix == ".json":
            return ClipResult(kind=json.loads(done.read_text("utf-8"))["kind"])
        detector = self.detector  # loaded first, so that its errors are not blamed on the video
        try:
            with decode_in_one_thread():
                rows = make_rows(self.root, task.video, self.rules, detector)
        except UnfitClipError as error:
            return stage_failure(task, error.kind, str(error))
        stage_rows(task.stem.with_suffix(".arrow"), rows)
        return ClipResult(sum(row["num_frames"] for row in rows))


def stage_failure(task: ClipTask, kind: str, reason: str) -> ClipResult:
    """Record why a video gave no clip, and return that as its result."""
    failure = {
        "source": text_of(task.video.relative),
        "speaker": text_of(task.video.speaker),
        "split": task.video.split,
        "kind": kind,
        "reason": " ".join(reason.encode("utf-8", "backslashreplace").decode("utf-8").split()),
    }
    with atomic_path(task.stem.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(failure, ensure_ascii=False), "utf-8")
    return ClipResult(kind=kind)
