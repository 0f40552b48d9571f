"""Many videos and pictures to keypoint files, in one or several processes."""

import logging
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from kp_io.annotation.annotate import TrackChoice, annotate_image, annotate_video, default_detector
from kp_io.detectors.point_source import Annotator
from kp_io.filesystem.atomic import is_disk_full
from kp_io.formats.registry import FORMATS, save_keypoints
from kp_io.media.audio import align_audio, read_audio, write_audio
from kp_io.media.image import IMAGE_SUFFIXES
from kp_io.media.video_reader import VIDEO_SUFFIXES
from kp_io.parallel.worker_process import start_worker, work

logger = logging.getLogger(__name__)

_SAMPLE_RATE = 16000


@dataclass(frozen=True, slots=True)
class Job:
    """One input and what is made of it.

    Attributes:
        source: Video or picture.
        target: Keypoint file to write.
        wav: Sound file to write beside it, aligned with the frames; None for no sound.
    """

    source: Path
    target: Path
    wav: Path | None = None

    @property
    def is_done(self) -> bool:
        """Whether every output is there; each is written whole or not at all, the keypoints last."""
        return self.target.is_file() and (self.wav is None or self.wav.is_file())


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes:
        job: The job.
        num_frames: Frames that were annotated.
        error: Why it failed, one sentence; None where it did not.
    """

    job: Job
    num_frames: int = 0
    error: str | None = None


def plan_jobs(inputs: Sequence[Path], out: Path, *, wav: bool = False) -> list[Job]:
    """Pair every input with its outputs.

    One video or picture and an `out` that ends like a keypoint file make one job. Otherwise `out` is a folder: a file
    becomes `out/name.npz`, and every video and picture below a folder becomes one at the same place below `out`.

    Raises:
        FileNotFoundError: An input is not there.
        ValueError: A folder holds nothing to annotate, two inputs would become one file, or several inputs meet an
            `out` that names a file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Path(folder, "talk.mp4").touch()
        ...     [job] = plan_jobs([Path(folder)], Path("out"), wav=True)
        >>> print(job.target.as_posix(), job.wav.as_posix())
        out/talk.npz out/talk.wav
    """
    sources = [found for path in inputs for found in _sources(path)]
    names_file = out.suffix.lower() in FORMATS and not out.is_dir()
    if names_file and (len(sources) != 1 or inputs[0].is_dir()):
        raise ValueError(f"expected a folder to write the keypoints of {len(sources)} inputs to, got the file {out}")
    jobs = []
    taken: dict[Path, Path] = {}
    for source, relative in sources:
        target = out if names_file else (out / relative).with_suffix(".npz")
        if target in taken:
            raise ValueError(
                f"expected inputs with different names, got {taken[target]} and {source}, which both become {target}"
            )
        taken[target] = source
        has_sound = wav and not _is_picture(source)
        jobs.append(Job(source, target, target.with_suffix(".wav") if has_sound else None))
    return jobs


def run_jobs(
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    fps: float = 25.0,
    face: int = 0,
    track: TrackChoice = "largest",
    make_detector: Callable[[], Annotator] = default_detector,
    on_frame: Callable[[Job, int], None] | None = None,
) -> Iterator[Outcome]:
    """Annotate every job's input and yield how it ended, in the order in which they end.

    A broken input is an outcome with an error and stops nothing; a detector that cannot be made stops before the first.

    Args:
        jobs: What to do.
        workers: Processes; 1 works in this one.
        fps: Frames a second of the keypoints.
        face: Which face, 0 being the first.
        track: Whose face is followed, see `kp_io.annotation.annotate.annotate_video`.
        make_detector: Returns what finds the points; called once a process, where it has to be importable.
        on_frame: Called with the job and its number of frames done so far; with one worker only.

    Yields:
        One outcome a job.

    Raises:
        OSError: The disk is full.
    """
    if jobs:
        _detector(make_detector)
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield _run(job, fps=fps, face=face, track=track, make_detector=make_detector, on_frame=on_frame)
        return
    # Spawned, not forked: a fork would inherit locks that the threads of torch and FFmpeg hold.
    context = multiprocessing.get_context("spawn")
    lifeline, hand = context.Pipe(duplex=False)
    with ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=start_worker, initargs=(lifeline,)) as pool:
        run = partial(_run, fps=fps, face=face, track=track, make_detector=make_detector)
        futures: dict[Future[Outcome], Job] = {pool.submit(work, run, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                try:
                    yield future.result()
                except BrokenProcessPool:
                    yield Outcome(futures[future], error="a worker process died, out of memory perhaps; run it again")
        except BaseException:
            hand.close()  # the processes let go: what they are at may take many minutes
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _run(
    job: Job,
    *,
    fps: float,
    face: int,
    track: TrackChoice,
    make_detector: Callable[[], Annotator],
    on_frame: Callable[[Job, int], None] | None = None,
) -> Outcome:
    try:
        return Outcome(job, _annotate(job, _detector(make_detector), fps, face, track, on_frame))
    except Exception as error:
        if is_disk_full(error):
            raise  # nor will anything else be written
        # Whatever is wrong with one file of thousands, the others are still to be done.
        logger.debug("%s failed", job.source, exc_info=True)
        expected = isinstance(error, ValueError | OSError | ImportError)
        return Outcome(job, error=str(error) if expected else f"{type(error).__name__}: {error}")


def _annotate(
    job: Job,
    detector: Annotator,
    fps: float,
    face: int,
    track: TrackChoice,
    on_frame: Callable[[Job, int], None] | None,
) -> int:
    if _is_picture(job.source):
        sequence = annotate_image(job.source, detector=detector, face=face)
    else:
        # The sound first: without it the job fails, and finding that out is quick.
        sound = None if job.wav is None else read_audio(job.source, sample_rate=_SAMPLE_RATE, align_to_video=True)
        report = None if on_frame is None else partial(on_frame, job)
        sequence = annotate_video(job.source, detector=detector, fps=fps, face=face, track=track, on_frame=report)
        if job.wav is not None and sound is not None:
            sound = align_audio(sound, num_frames=len(sequence), fps=fps, sample_rate=_SAMPLE_RATE)
            write_audio(job.wav, sound, sample_rate=_SAMPLE_RATE)
    save_keypoints(job.target, sequence)
    return len(sequence)


@lru_cache(maxsize=1)  # once a process: the model file is large
def _detector(make: Callable[[], Annotator]) -> Annotator:
    return make()


def _sources(path: Path) -> list[tuple[Path, Path]]:
    """Return the inputs at a path, each with the place that it takes below the output folder."""
    if path.is_file():
        return [(path, Path(path.name))]
    if not path.is_dir():
        raise FileNotFoundError(f"expected a video, a picture or a folder, found nothing at {path}")
    found = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES and not file.name.startswith(".") and file.is_file()
    )
    if not found:
        raise ValueError(f"expected a folder with videos or pictures, found none in {path}")
    return [(file, file.relative_to(path)) for file in found]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES
