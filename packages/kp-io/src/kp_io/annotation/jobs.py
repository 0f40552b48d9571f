"""Annotate many videos and images into keypoint files, in one or several processes."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from kp_io.annotation.annotate import TrackChoice, annotate_image, annotate_video, default_detector
from kp_io.annotation.media_files import PassedOver, is_image_file, is_video_file
from kp_io.detectors.precomputed_source import Annotator
from kp_io.filesystem.atomic import is_disk_full
from kp_io.formats.registry import FORMATS, save_keypoints
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.audio import align_audio, read_audio, write_audio
from kp_io.parallel.local import DIED_TWICE, run_local
from kp_io.transforms import SmoothingMethod, smooth

logger = logging.getLogger(__name__)

#: Samples per second of the audio beside the keypoints.
SAMPLE_RATE = 16000


@dataclass(frozen=True, slots=True)
class Job:
    """One input and its output files.

    Attributes:
        source: Video or image.
        target: Keypoint file to write.
        wav: Audio file to write beside it, aligned with the frames; None for no audio.
    """

    source: Path
    target: Path
    wav: Path | None = None

    @property
    def is_done(self) -> bool:
        """Whether every output exists; each is written atomically, the keypoints last."""
        return self.target.is_file() and (self.wav is None or self.wav.is_file())


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a job.

    Attributes:
        job: The job.
        num_frames: Number of annotated frames.
        error: One sentence about the failure; None for success.
    """

    job: Job
    num_frames: int = 0
    error: str | None = None


def plan_jobs(inputs: Sequence[Path], out: Path, *, wav: bool = False) -> list[Job]:
    """Pair every input with its output files.

    One video or image and an `out` with the suffix of a keypoint file make one job. Otherwise `out` is a folder: a file
    becomes `out/name.npz`, and the videos and images below a folder keep their relative paths below `out`. A warning
    counts and names the files of a folder that are passed over.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: A folder has nothing to annotate, two inputs would become one file, or `out` names a file for
            several inputs.

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
    jobs: dict[Path, Job] = {}
    for source, relative in sources:
        target = out if names_file else (out / relative).with_suffix(".npz")
        if target in jobs:
            raise ValueError(
                f"expected inputs with different names, got {jobs[target].source} and {source}, which both become "
                f"{target}"
            )
        has_audio = wav and not is_image_file(source)
        jobs[target] = Job(source, target, target.with_suffix(".wav") if has_audio else None)
    return list(jobs.values())


def run_jobs(
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    fps: float = 25.0,
    face: int = 0,
    track: TrackChoice = "largest",
    smoothing: SmoothingMethod | None = None,
    make_detector: Callable[[], Annotator] = default_detector,
    on_frame: Callable[[Job, int], None] | None = None,
) -> Iterator[Outcome]:
    """Annotate the input of every job and yield the outcomes in order of completion.

    A broken input gives an outcome with an error and stops nothing, even if it takes its process with it: a new process
    repeats the job once. An error of `make_detector` is raised before the first job.

    Args:
        jobs: The jobs.
        workers: Number of processes, each with a detector and one thread; 1 runs in this one, which a crash ends.
        fps: Frames per second of the keypoints.
        face: Which face, 0 being the first.
        track: Which face is tracked, see `kp_io.annotation.annotate.annotate_video`.
        smoothing: How the keypoints are smoothed over time; None leaves them as measured.
        make_detector: Returns the detector; called once per process, which has to be able to import it.
        on_frame: Called with the job and its number of frames so far; with one worker only.

    Yields:
        One outcome per job.

    Raises:
        OSError: The disk is full.
        ChildProcessError: Processes cannot be started.
    """
    worker = _JobWorker(make_detector, fps, face, track, smoothing)
    if workers <= 1 or len(jobs) <= 1:
        if jobs:
            worker.start()
        yield from (worker(job, on_frame) for job in jobs)
        return
    for job, outcome in run_local(worker, jobs, workers=min(workers, len(jobs))):
        yield outcome or Outcome(job, error=DIED_TWICE)


@dataclass(frozen=True, slots=True)
class _JobWorker:
    """Runs jobs; in every process it makes its own detector."""

    make_detector: Callable[[], Annotator]
    fps: float
    face: int
    track: TrackChoice
    smoothing: SmoothingMethod | None

    def start(self) -> str:
        return _detector(self.make_detector).name

    def __call__(self, job: Job, on_frame: Callable[[Job, int], None] | None = None) -> Outcome:
        try:
            sequence = self._annotate(job, None if on_frame is None else partial(on_frame, job))
            save_keypoints(job.target, sequence if self.smoothing is None else smooth(sequence, self.smoothing))
            return Outcome(job, len(sequence))
        except Exception as error:
            if is_disk_full(error):
                raise  # later files would fail too
            # A problem with one file of thousands must not stop the others.
            logger.debug("%s failed", job.source, exc_info=True)
            expected = isinstance(error, ValueError | OSError | ImportError)
            return Outcome(job, error=str(error) if expected else f"{type(error).__name__}: {error}")

    def _annotate(self, job: Job, on_frame: Callable[[int], None] | None) -> KeypointSequence:
        """Return the keypoints of a job's input, and write its audio if wanted."""
        detector = _detector(self.make_detector)
        if is_image_file(job.source):
            return annotate_image(job.source, detector=detector, face=self.face)
        # The audio first: without it the job fails, and reading it is quick.
        audio = None if job.wav is None else read_audio(job.source, sample_rate=SAMPLE_RATE, align_to_video=True)
        sequence = annotate_video(
            job.source, detector=detector, fps=self.fps, face=self.face, track=self.track, on_frame=on_frame
        )
        if job.wav is not None and audio is not None:
            audio = align_audio(audio, num_frames=len(sequence), fps=self.fps, sample_rate=SAMPLE_RATE)
            write_audio(job.wav, audio, sample_rate=SAMPLE_RATE)
        return sequence


@lru_cache(maxsize=1)  # once per process: the model file is large
def _detector(make: Callable[[], Annotator]) -> Annotator:
    return make()


def _sources(path: Path) -> list[tuple[Path, Path]]:
    """Return the inputs at a path, each with its relative path below the output folder."""
    if path.is_file():
        return [(path, Path(path.name))]
    if not path.is_dir():
        raise FileNotFoundError(f"expected a video, a picture or a folder, found nothing at {path}")
    found: list[tuple[Path, Path]] = []
    passed_over = PassedOver("videos or pictures")
    for file in sorted(file for file in path.rglob("*") if not file.name.startswith(".")):
        relative = file.relative_to(path)
        if file.is_file() and (is_image_file(file) or is_video_file(file)):
            found.append((file, relative))
        elif file.is_file() or (file.is_dir() and file.is_symlink()):
            passed_over.add(relative.as_posix(), is_folder=file.is_dir())
    if not found:
        others = f", only {passed_over}" if passed_over else ""
        raise ValueError(f"expected a folder with videos or pictures, found none in {path}{others}")
    passed_over.report(path)
    return found
