"""Annotation that smooths before anything appears under its name."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kp_io.annotation.annotate import TrackChoice, default_detector
from kp_io.annotation.jobs import Job, Outcome, run_jobs
from kp_io.detectors.point_source import Annotator
from kp_io.formats.registry import load_keypoints, save_keypoints
from kp_io.transforms import SmoothingMethod, smooth


def run_smoothed_jobs(
    jobs: Sequence[Job],
    method: SmoothingMethod,
    *,
    workers: int = 1,
    fps: float = 25.0,
    face: int = 0,
    track: TrackChoice = "largest",
    make_detector: Callable[[], Annotator] = default_detector,
    on_frame: Callable[[Job, int], None] | None = None,
) -> Iterator[Outcome]:
    """Do what `run_jobs` does, and smooth the keypoints over time.

    The points as they were measured go to a hidden file first, so that a stopped run never takes them for finished.
    """
    hidden = {replace(job, target=job.target.with_name(f".{job.target.stem}.measured.npz")): job for job in jobs}
    try:
        run = run_jobs(
            list(hidden),
            workers=workers,
            fps=fps,
            face=face,
            track=track,
            make_detector=make_detector,
            on_frame=on_frame,
        )
        for outcome in run:
            measured, job = outcome.job.target, hidden[outcome.job]
            error = outcome.error
            try:
                if error is None:
                    save_keypoints(job.target, smooth(load_keypoints(measured), method))
            except (OSError, ValueError) as problem:
                error = str(problem)
            finally:
                _remove(measured)
            yield replace(outcome, job=job, error=error)
    finally:
        for job in hidden:  # those that were measured but not asked for, when the run is stopped
            _remove(job.target)


def _remove(hidden: Path) -> None:
    with suppress(OSError):  # it never was there, or the folder cannot be written and the job has said so
        hidden.unlink()
