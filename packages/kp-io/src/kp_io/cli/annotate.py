"""The command `kp-io annotate`: keypoints of videos and pictures."""

import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kp_io.cli.console import counted, exit_on_error, one_line, show_progress
from kp_io.cli.options import DetectorOption, DeviceOption, FpsOption, MaxGapOption, Track, TrackOption, WeightsOption

if TYPE_CHECKING:
    from rich.progress import Progress

    from kp_io.annotation.jobs import Job, Outcome
    from kp_io.detectors.registry import DetectorChoice


class Smoothing(StrEnum):
    """The choices of `--smooth`."""

    SAVITZKY_GOLAY = "savitzky-golay"
    ONE_EURO = "one-euro"


def annotate(
    inputs: Annotated[list[Path], typer.Argument(help="Videos, pictures, or folders of them.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Keypoint file (.npz, .csv, .json, .pts), or a folder.",
            show_default="an .npz beside the input",
        ),
    ] = None,
    fps: FpsOption = 25.0,
    face: Annotated[int, typer.Option(min=0, help="Which of several faces: 0 is the first.")] = 0,
    track: TrackOption = Track.LARGEST,
    split_gaps: Annotated[
        bool, typer.Option("--split-gaps", help="Also write the segments between long gaps: NAME.0.npz …")
    ] = False,
    max_gap: MaxGapOption = 0.4,
    wav: Annotated[bool, typer.Option("--wav", help="Also write the audio, 16 kHz mono, of the same length.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Repeat the finished files of a folder.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes for several inputs.")] = 1,
    smooth: Annotated[
        Smoothing | None, typer.Option(help="Smooth over time; this also reduces lip movement a little.")
    ] = None,
    detector: DetectorOption = "dlib",
    weights: WeightsOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Find the facial keypoints of videos and pictures.

    If --out is a folder, existing files are skipped, so that a stopped run can be resumed.
    """
    with exit_on_error():
        from kp_io.annotation.jobs import plan_jobs, run_jobs
        from kp_io.annotation.split_jobs import write_segments
        from kp_io.detectors.registry import DetectorChoice
        from kp_io.filesystem.overwriting import refuse_overwriting

        choice = DetectorChoice(detector, weights, device)
        out = out or _beside(inputs)
        jobs = plan_jobs(inputs, out, wav=wav)
        many = len(jobs) > 1 or jobs[0].target != out
        todo = [job for job in jobs if overwrite or not (many and job.is_done)]
        files_read = [*(job.source for job in jobs), *_points_read(choice, todo)]
        refuse_overwriting([path for job in todo for path in (job.target, job.wav)], files_read)
        with show_progress() as progress:
            report = _Report(progress, todo, fps=fps)
            outcomes = []
            for outcome in run_jobs(
                todo,
                workers=workers,
                fps=fps,
                face=face,
                track=track.value,
                smoothing=None if smooth is None else smooth.value,
                make_detector=choice,
                on_frame=report.on_frame,
            ):
                report.on_outcome(outcome)
                outcomes.append(outcome)
        failures = [(outcome.job.source, outcome.error) for outcome in outcomes if outcome.error is not None]
        num_done = len(outcomes) - len(failures)
        if split_gaps:
            keep = [*files_read, *(path for job in jobs for path in (job.target, job.wav))]
            for job in (job for job in jobs if job.target.is_file()):
                try:
                    write_segments(job, max_gap_seconds=max_gap, keep=keep)
                except ValueError as problem:
                    failures.append((job.source, str(problem)))
        if not many:
            if failures:
                raise ValueError(failures[0][1])
            typer.echo(f"{jobs[0].target}: {counted(outcomes[0].num_frames, 'frame')}")
            return
        num_frames, num_skipped = sum(outcome.num_frames for outcome in outcomes), len(jobs) - len(todo)
        skipped = f", {num_skipped} {'was' if num_skipped == 1 else 'were'} there already" if num_skipped else ""
        typer.echo(
            f"{out}: {counted(num_done, 'file')}, {counted(num_frames, 'frame')}{skipped}, {len(failures)} failed"
        )
        for source, error in failures:
            # One line each, so that the list can be searched and counted.
            typer.echo(f"error: {source}: {one_line(error)}", err=True)
        if failures:
            raise typer.Exit(1)


def _beside(inputs: "Sequence[Path]") -> Path:
    """Return the default output: an .npz beside the one input, or the folder itself."""
    from kp_io.filesystem.overwriting import beside

    if len(inputs) > 1:
        raise ValueError(f"expected -o FOLDER for {len(inputs)} inputs, got none")
    return inputs[0] if inputs[0].is_dir() else beside(inputs[0], ".npz")


def _points_read(choice: "DetectorChoice", jobs: "Sequence[Job]") -> "list[Path]":
    """Return the files that a detector may read: its weights, or the keypoints that were computed before."""
    from kp_io.formats.registry import FORMATS

    if choice.weights is not None:
        weights = Path(choice.weights)
        return [file for file in weights.rglob("*") if file.is_file()] if weights.is_dir() else [weights]
    if choice.name != "precomputed":
        return []
    return [job.source.with_suffix(suffix) for job in jobs for suffix in FORMATS]


class _Report:
    """Progress bar of `annotate`: frames of a single video, otherwise files, with the frames per second."""

    def __init__(self, progress: "Progress", jobs: "Sequence[Job]", *, fps: float) -> None:
        self._progress, self._fps = progress, fps
        self._single = len(jobs) == 1
        self._task = progress.add_task("annotating", total=None if self._single else len(jobs))
        self._started = time.monotonic()
        self._frames = 0
        self._has_total = False

    def on_frame(self, job: "Job", num_done: int) -> None:
        if not self._single:
            return
        if not self._has_total:  # with a batched detector, the first call is of many frames
            self._has_total = True
            from kp_io.media.video_reader import probe_video

            self._progress.update(self._task, total=probe_video(job.source).num_frames(self._fps))
        self._progress.update(self._task, completed=num_done, description=self._rate(num_done))

    def on_outcome(self, outcome: "Outcome") -> None:
        if self._single:
            return
        self._frames += outcome.num_frames
        self._progress.update(self._task, advance=1, description=self._rate(self._frames))
        if outcome.error is not None and not self._progress.disable:
            self._progress.console.print(f"failed: {outcome.job.source}", style="red", markup=False)

    def _rate(self, frames: int) -> str:
        return f"annotating, {frames / max(1e-6, time.monotonic() - self._started):.0f} frames/s"
