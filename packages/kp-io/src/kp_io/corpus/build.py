"""A folder of videos to a corpus of keypoints and sound in Parquet shards: resumable, and the same bytes every time."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kp_io.annotation.annotate import default_detector
from kp_io.corpus.options import CorpusOptions
from kp_io.corpus.shards.pyarrow_import import load_pyarrow
from kp_io.corpus.sources import PlannedShard, plan_shards
from kp_io.corpus.state import CorpusState
from kp_io.corpus.summary import CorpusSummary, complete_shard, finish_corpus
from kp_io.corpus.worker import ClipResult, ClipTask, ClipWorker, spool_failure, spooled_file
from kp_io.detectors.point_source import Annotator
from kp_io.parallel.local import run_local
from kp_io.parallel.ray_cluster import run_ray

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a build is.

    Attributes:
        num_videos: Videos in all.
        num_done: Videos done, those of earlier runs included.
        num_resumed: Those of them that earlier runs did.
        num_failed: Videos of this run that became no clip.
        num_frames: Frames annotated by this run.
    """

    num_videos: int
    num_done: int
    num_resumed: int
    num_failed: int
    num_frames: int


def build_corpus(
    videos: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    options: CorpusOptions | None = None,
    make_detector: Callable[[], Annotator] = default_detector,
    workers: int = 1,
    engine: str = "local",
    gpus: float = 0.0,
    on_progress: Callable[[BuildProgress], None] | None = None,
) -> CorpusSummary:
    """Annotate every video below a folder into Parquet shards, one row a clip.

    `out` gets `data/<split>-<number>.parquet`, `failures.parquet` with a row for every video that became no clip,
    `statistics.json`, `corpus.json` with the options and, last, `summary.json`. A run that is stopped, by SIGKILL even,
    goes on where it was when it is started again, and what comes out is the same to the byte as without the stop and
    with any number of workers.

    Args:
        videos: Folder of videos, of any depth.
        out: Folder of the corpus: new, empty, or begun with the same options.
        options: What the corpus is to hold.
        make_detector: Returns what finds the points. Where other processes are at work it has to be importable there.
        workers: Processes, or actors of a Ray cluster. Processes import the script that starts them: with more than one
            it needs `if __name__ == "__main__":`.
        engine: `local` or `ray`.
        gpus: GPUs that each Ray actor reserves.
        on_progress: Called after every video.

    Returns:
        What the corpus holds, the runs before included.

    Raises:
        FileNotFoundError: `videos` is no folder, or the manifest no file.
        ValueError: There is no video; an option does not fit; `out` was begun with other options, for other videos, or
            is no corpus.
        OSError: A disk is full or fails. What is finished stays, and another run goes on from there.
        ImportError: pyarrow, Ray or the detector's library is not installed.
    """
    root, options = Path(videos), options or CorpusOptions()
    if engine not in ("local", "ray"):
        raise ValueError(f"expected the engine local or ray, got {engine!r}")
    if workers < 1:
        raise ValueError(f"expected at least one worker, got {workers}")
    load_pyarrow()  # better now than after the first video
    plan = _Plan(root, options)
    worker = ClipWorker(root, options.rules, make_detector)
    # The first pass over the file names finds what is wrong with them before anything is written.
    num_videos = sum(len(shard.sources) for shard in plan)
    state = CorpusState(Path(out))
    with state.locked():
        state.begin(options.settings(worker.detector.name))
        _check(state, plan)
        build = _Build(state, num_videos, on_progress)
        tasks = build.tasks(plan)
        if engine == "ray":
            build.follow(run_ray(worker, tasks, workers=workers, gpus=gpus))
        else:
            build.follow(run_local(worker, tasks, workers=workers))
        return finish_corpus(state)


class _Plan:
    """The shards to build; every iteration reads the folder anew, so that the list is never in memory."""

    def __init__(self, root: Path, options: CorpusOptions) -> None:
        self._root, self._options, self._speakers = root, options, options.speakers()

    def __iter__(self) -> Iterator[PlannedShard]:
        return plan_shards(self._root, self._speakers, clips_per_shard=self._options.clips_per_shard)


def _check(state: CorpusState, plan: Iterable[PlannedShard]) -> None:
    """Raise where the complete shards are not those of the plan."""
    complete = {shard.name for shard in plan if state.is_complete(shard)}
    if strangers := [name for name in state.names() if name not in complete]:
        raise ValueError(
            f"expected the videos that {state.out} was built from, found none for its shard {strangers[0]}; "
            "build into another folder"
        )


class _Build:
    """Hands out the tasks of incomplete shards, and completes a shard when its last task is done."""

    def __init__(
        self, state: CorpusState, num_videos: int, on_progress: Callable[[BuildProgress], None] | None
    ) -> None:
        self._state, self._num_videos, self._on_progress = state, num_videos, on_progress
        self._waiting: dict[Path, tuple[PlannedShard, int]] = {}
        self._done = self._resumed = self._failed = self._frames = 0

    def tasks(self, plan: Iterable[PlannedShard]) -> Iterator[ClipTask]:
        for shard in plan:
            if self._state.is_complete(shard):
                self._state.clear_spool(shard)  # of a run that was stopped between the two
                self._skip(len(shard.sources))
                continue
            folder = self._state.spool / shard.name
            todo = [task for task in _tasks_of(shard, folder) if spooled_file(task) is None]
            self._skip(len(shard.sources) - len(todo))
            self._waiting[folder] = (shard, len(todo))
            if todo:
                yield from todo
            else:
                self._complete(folder)

    def follow(self, results: Iterable[tuple[ClipTask, ClipResult | None]]) -> None:
        for task, result in results:
            if result is None:
                reason = "the process that worked on it died twice: out of memory, or a crash in a decoder"
                spool_failure(task, "crashed", reason)
                result = ClipResult(kind="crashed")
            self._done += 1
            self._failed += result.kind is not None
            self._frames += result.num_frames
            if result.kind is not None:
                logger.info("%s became no clip: %s", task.source.relative, result.kind)
            self._report()
            shard, left = self._waiting[task.spool]
            self._waiting[task.spool] = (shard, left - 1)
            if left == 1:
                self._complete(task.spool)

    def _complete(self, folder: Path) -> None:
        shard, _ = self._waiting.pop(folder)
        spooled = [file for task in _tasks_of(shard, folder) if (file := spooled_file(task)) is not None]
        complete_shard(self._state, shard, spooled)

    def _skip(self, count: int) -> None:
        self._done += count
        self._resumed += count
        if count:
            self._report()

    def _report(self) -> None:
        if self._on_progress is not None:
            counts = (self._num_videos, self._done, self._resumed, self._failed, self._frames)
            self._on_progress(BuildProgress(*counts))


def _tasks_of(shard: PlannedShard, folder: Path) -> Iterator[ClipTask]:
    return (ClipTask(source, folder, index) for index, source in enumerate(shard.sources))
