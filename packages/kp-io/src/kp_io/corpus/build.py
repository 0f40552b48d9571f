"""Build a corpus of keypoints and audio in Parquet shards from a folder of videos: resumable and deterministic."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kp_io.annotation.annotate import default_detector
from kp_io.corpus.options import CorpusOptions
from kp_io.corpus.shards.schema import load_pyarrow
from kp_io.corpus.sources import PlannedShard, plan_shards
from kp_io.corpus.state import CorpusState
from kp_io.corpus.summary import CorpusSummary, complete_shard, finish_corpus
from kp_io.corpus.survey import survey_videos
from kp_io.corpus.worker import ClipResult, ClipTask, ClipWorker, stage_failure
from kp_io.detectors.precomputed_source import Annotator
from kp_io.parallel.local import DIED_TWICE, run_local
from kp_io.parallel.ray_cluster import run_ray

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """Progress of a build.

    Attributes:
        num_videos: Total number of videos.
        num_done: Videos done, including those of earlier runs.
        num_resumed: Videos done by earlier runs.
        num_failed: Videos of this run that gave no clip.
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
    """Annotate every video below a folder into Parquet shards, one row per clip.

    `out` gets `data/<split>-<number>.parquet`, `failures.parquet` with a row for every video that gave no clip,
    `statistics.json`, `corpus.json` with the options and, last, `summary.json`. A run that is stopped, even by SIGKILL,
    resumes when it is started again. The output is byte-identical with or without stops and for any number of workers.
    Only the workers make a detector, this process none (unless it is the only worker).

    Args:
        videos: Folder of videos, of any depth.
        out: Folder of the corpus: new, empty, or begun with the same options.
        options: Options of the corpus.
        make_detector: Returns the detector. Worker processes have to be able to import it.
        workers: Processes, or actors of a Ray cluster. Processes import the script that starts them: with more than one
            it needs `if __name__ == "__main__":`.
        engine: `local` or `ray`.
        gpus: GPUs that each Ray actor reserves.
        on_progress: Called after every video.

    Returns:
        The content of the corpus, including earlier runs.

    Raises:
        FileNotFoundError: `videos` is no folder, or the manifest no file.
        ValueError: There is no video; an option is invalid; `out` was begun with other options or for other videos, or
            is no corpus.
        OSError: A disk is full or fails. Finished work stays, and another run resumes from it.
        ImportError: pyarrow, Ray or the detector's library is not installed.
    """
    root, options = Path(videos), options or CorpusOptions()
    if engine not in ("local", "ray"):
        raise ValueError(f"expected the engine local or ray, got {engine!r}")
    if workers < 1:
        raise ValueError(f"expected at least one worker, got {workers}")
    load_pyarrow()  # fail now, not after the first video
    # Every call reads the folder again, so that the whole list is never in memory.
    plan = partial(plan_shards, root, options.speakers(), clips_per_shard=options.clips_per_shard)
    worker = ClipWorker(root, options.rules, make_detector)
    # The first pass over the file names finds errors in them before anything is written.
    num_videos = survey_videos(root, options).num_videos
    state = CorpusState(Path(out))
    with state.locked():
        # Without the detector's name, which only a worker knows: most errors show before one has started.
        state.check(options.settings(None))
        complete = {shard.name for shard in plan() if state.is_complete(shard)}
        if unexpected := [name for name in state.names() if name not in complete]:
            raise ValueError(
                f"expected the videos that {state.out} was built from, found none for its shard {unexpected[0]}; "
                "build into another folder"
            )
        build = _Build(state, num_videos, on_progress)
        run = partial(run_ray, gpus=gpus) if engine == "ray" else run_local

        def begin(detector: str) -> None:
            # Of the first worker; those of the others are compared with it, since the machines of a cluster may differ.
            state.begin(options.settings(detector))

        build.collect(run(worker, build.tasks(plan()), workers=workers, on_start=begin))
        return finish_corpus(state)


class _Build:
    """Build in progress: yields the tasks of incomplete shards, and completes a shard when its last task is done."""

    def __init__(
        self, state: CorpusState, num_videos: int, on_progress: Callable[[BuildProgress], None] | None
    ) -> None:
        self._state, self._num_videos, self._on_progress = state, num_videos, on_progress
        self._waiting: dict[Path, tuple[PlannedShard, int]] = {}
        self._done = self._resumed = self._failed = self._frames = 0

    def tasks(self, plan: Iterable[PlannedShard]) -> Iterator[ClipTask]:
        for shard in plan:
            if self._state.is_complete(shard):
                self._state.clear_staging(shard)  # of a run that was stopped just before this
                self._skip(len(shard.videos))
                continue
            folder = self._state.staging / shard.name
            todo = [task for task in _tasks_of(shard, folder) if task.staged_file is None]
            self._skip(len(shard.videos) - len(todo))
            self._waiting[folder] = (shard, len(todo))
            if todo:
                yield from todo
            else:
                self._complete(folder)

    def collect(self, results: Iterable[tuple[ClipTask, ClipResult | None]]) -> None:
        for task, result in results:
            if result is None:
                result = stage_failure(task, "crashed", DIED_TWICE)
            self._done += 1
            self._failed += result.kind is not None
            self._frames += result.num_frames
            if result.kind is not None:
                logger.info("%s gave no clip: %s", task.video.relative, result.kind)
            self._report()
            shard, left = self._waiting[task.staging]
            self._waiting[task.staging] = (shard, left - 1)
            if left == 1:
                self._complete(task.staging)

    def _complete(self, folder: Path) -> None:
        shard, _ = self._waiting.pop(folder)
        staged = [file for task in _tasks_of(shard, folder) if (file := task.staged_file) is not None]
        complete_shard(self._state, shard, staged)

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
    return (ClipTask(video, folder, index) for index, video in enumerate(shard.videos))
