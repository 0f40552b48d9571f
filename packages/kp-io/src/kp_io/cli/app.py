"""The command `kp-io`: annotate, build, compare-video, convert, render, info."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kp_io.cli.build import TrackOption, build
from kp_io.cli.convert import compare_video, convert
from kp_io.cli.options import DetectorOption, DeviceOption, WeightsOption

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8
    from rich.progress import Progress

    from kp_io.annotation.jobs import Job, Outcome
    from kp_io.keypoints.sequence import KeypointSequence

# Everything else is imported in the commands, so that the help shows at once.

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Facial keypoints in and out of files, videos and pictures.",
)
app.command()(build)
app.command()(convert)
app.command()(compare_video)

#: Smallest height of a rendered video: keypoints of small footage are drawn large enough to be seen.
_RENDER_HEIGHT = 512

#: Frames in the strip that a picture of a sequence shows.
_STRIP_FRAMES = 8


class Smoothing(StrEnum):
    """The choices of `--smooth`."""

    SAVITZKY_GOLAY = "savitzky-golay"
    ONE_EURO = "one-euro"


@app.command()
def annotate(
    inputs: Annotated[list[Path], typer.Argument(help="Videos, pictures, or folders of them.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Keypoint file (.npz, .csv, .json, .pts), or a folder.")],
    fps: Annotated[float, typer.Option(min=0.1, help="Frames a second of the keypoints.")] = 25.0,
    face: Annotated[int, typer.Option(min=0, help="Which face of several: 0 is the first.")] = 0,
    track: Annotated[TrackOption, typer.Option(help="The first is the largest, or the one seen longest.")] = (
        TrackOption.LARGEST
    ),
    split_gaps: Annotated[
        bool, typer.Option("--split-gaps", help="Also write the pieces between long gaps: NAME.0.npz …")
    ] = False,
    max_gap: Annotated[float, typer.Option(min=0, help="Seconds; what --split-gaps takes for a long gap.")] = 0.4,
    wav: Annotated[bool, typer.Option("--wav", help="Also write the sound: 16 kHz, mono, as long.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do finished files of a folder again.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes for several inputs.")] = 1,
    smooth: Annotated[
        Smoothing | None, typer.Option(help="Smooth over time; takes some of the lips' movement too.")
    ] = None,
    detector: DetectorOption = "dlib",
    weights: WeightsOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Find the facial keypoints of videos and pictures.

    With a folder as --out, files that are already there are skipped, so that a stopped run goes on where it was.
    """
    with _clear_errors():
        from kp_io.annotation.jobs import plan_jobs, run_jobs
        from kp_io.annotation.smooth_jobs import run_smoothed_jobs
        from kp_io.annotation.split_jobs import write_pieces
        from kp_io.detectors.registry import DetectorChoice

        choice = DetectorChoice(detector, weights, device)
        jobs = plan_jobs(inputs, out, wav=wav)
        many = len(jobs) > 1 or jobs[0].target != out
        todo = [job for job in jobs if overwrite or not (many and job.is_done)]
        with _progress() as progress:
            report = _Report(progress, todo, fps=fps)
            outcomes = []
            run = run_jobs if smooth is None else partial(run_smoothed_jobs, method=smooth.value)
            for outcome in run(
                todo,
                workers=workers,
                fps=fps,
                face=face,
                track=track.value,
                make_detector=choice,
                on_frame=report.on_frame,
            ):
                report.on_outcome(outcome)
                outcomes.append(outcome)
        if split_gaps:
            for job in (job for job in jobs if job.target.is_file()):
                write_pieces(job, max_gap_seconds=max_gap)
        failures = [outcome for outcome in outcomes if outcome.error is not None]
        if not many:
            if failures:
                raise ValueError(failures[0].error)
            typer.echo(f"{jobs[0].target}: {outcomes[0].num_frames} frames")
            return
        _summarize(out, outcomes, skipped=len(jobs) - len(todo))
        if failures:
            raise typer.Exit(1)


@app.command()
def render(
    keypoints: Annotated[Path, typer.Argument(help="Keypoint file.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Video (.mp4, .mov, .mkv), or a strip (.png, .jpg).")],
    audio: Annotated[Path | None, typer.Option(help="Sound for the video: an audio or a video file.")] = None,
    over: Annotated[Path | None, typer.Option(help="Video or picture to draw over, instead of black.")] = None,
    height: Annotated[int | None, typer.Option(min=32, help="Height in px; by default at least 512.")] = None,
    zoom: Annotated[bool, typer.Option("--zoom", help="Show the face only, not the whole picture.")] = False,
    white: Annotated[bool, typer.Option("--white", help="Draw on white, as for print.")] = False,
) -> None:
    """Draw keypoints as a video, or as a picture."""
    with _clear_errors():
        from kp_io.drawing.montage import contact_sheet
        from kp_io.drawing.rasterize import face_box, rasterize
        from kp_io.drawing.style import BLACK, WHITE
        from kp_io.formats.registry import load_keypoints
        from kp_io.media.audio import read_audio
        from kp_io.media.image import IMAGE_SUFFIXES, read_image, write_image
        from kp_io.media.video_reader import read_video
        from kp_io.media.video_writer import write_video

        sequence = load_keypoints(keypoints)
        sound = None if audio is None else read_audio(audio, align_to_video=True)
        ground = (
            (WHITE if white else BLACK)
            if over is None
            else read_image(over)
            if over.suffix.lower() in IMAGE_SUFFIXES
            else read_video(over, fps=sequence.fps)
        )
        crop = face_box(sequence) if zoom else None
        natural = sequence.image_size[0] if crop is None else crop[3] - crop[1]
        frames = rasterize(sequence, crop=crop, height=height or max(natural, _RENDER_HEIGHT), background=ground)
        if out.suffix.lower() in IMAGE_SUFFIXES:
            strip = _strip(frames, total=len(sequence), count=_STRIP_FRAMES)
            write_image(out, contact_sheet(strip, columns=min(len(strip), _STRIP_FRAMES // 2)))
            typer.echo(f"{out}: picture of {keypoints}")
            return
        with _progress() as progress:
            drawn = progress.track(frames, total=len(sequence), description="drawing")
            write_video(out, drawn, fps=sequence.fps, audio=sound)
        typer.echo(f"{out}: {len(sequence)} frames, {sequence.duration_seconds:.2f} s at {sequence.fps:g} fps")


@app.command()
def info(
    keypoints: Annotated[Path, typer.Argument(help="Keypoint file.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a keypoint file holds."""
    with _clear_errors():
        from kp_io.formats.registry import load_keypoints

        facts = _facts(load_keypoints(keypoints))
        if as_json:
            typer.echo(json.dumps({"file": str(keypoints), **facts}, ensure_ascii=False))
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        # Text, because rich would take `[…]` in a name for markup.
        table = Table(title=Text(str(keypoints)), show_header=False, title_justify="left")
        for name, value in facts.items():
            table.add_row(name.replace("_", " "), Text(f"{value:.6g}" if isinstance(value, float) else str(value)))
        Console().print(table)


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn what a user can mend into one line on stderr and exit code 1."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on, or begins again", err=True)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        raise typer.Exit(1) from None  # `kp-io info … | head` has seen enough, which is no error to talk about
    except (ValueError, OSError, ImportError) as error:
        typer.echo(f"error: {_one_line(str(error))}", err=True)
        raise typer.Exit(1) from None
    except MemoryError as error:
        typer.echo(
            f"error: expected files that fit into the memory, got larger ones: {_one_line(str(error))}", err=True
        )
        raise typer.Exit(1) from None


@contextmanager
def _progress() -> Iterator["Progress"]:
    """Show progress with rate and time left, on stderr and only to a person."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    text, bar, count, left = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(text, bar, count, left, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress


class _Report:
    """The progress bar of `annotate`: frames of a single video, else files, with the frames a second so far."""

    def __init__(self, progress: "Progress", jobs: "Sequence[Job]", *, fps: float) -> None:
        self._progress, self._fps = progress, fps
        self._single = len(jobs) == 1
        self._task = progress.add_task("annotating", total=None if self._single else len(jobs))
        self._started = time.monotonic()
        self._frames = 0

    def on_frame(self, job: "Job", done: int) -> None:
        if not self._single:
            return
        if done == 1:
            from kp_io.media.video_reader import probe_video

            self._progress.update(self._task, total=probe_video(job.source).num_frames(self._fps))
        self._progress.update(self._task, completed=done, description=self._rate(done))

    def on_outcome(self, outcome: "Outcome") -> None:
        if self._single:
            return
        self._frames += outcome.num_frames
        self._progress.update(self._task, advance=1, description=self._rate(self._frames))
        if outcome.error is not None and not self._progress.disable:
            self._progress.console.print(f"failed: {outcome.job.source}", style="red", markup=False)

    def _rate(self, frames: int) -> str:
        return f"annotating, {frames / max(1e-6, time.monotonic() - self._started):.0f} frames/s"


def _summarize(out: Path, outcomes: "Sequence[Outcome]", *, skipped: int) -> None:
    failures = [outcome for outcome in outcomes if outcome.error is not None]
    frames = sum(outcome.num_frames for outcome in outcomes)
    there = f", {skipped} were there already" if skipped else ""
    typer.echo(f"{out}: {len(outcomes) - len(failures)} files, {frames} frames{there}, {len(failures)} failed")
    for outcome in failures:
        # One line each, so that the list can be searched and counted.
        typer.echo(f"error: {outcome.job.source}: {_one_line(outcome.error or '')}", err=True)


def _strip(
    frames: "Iterator[UInt8[np.ndarray, 'h w 3']]", *, total: int, count: int
) -> "list[UInt8[np.ndarray, 'h w 3']]":
    """Return `count` evenly spaced frames out of `total`, the first and the last one included."""
    chosen = {round(i * (total - 1) / max(1, count - 1)) for i in range(count)}
    return [frame for i, frame in enumerate(frames) if i in chosen]


def _facts(sequence: "KeypointSequence") -> dict[str, object]:
    measured = sequence.scores.amax(dim=1) > 0
    low, high = (sequence.keypoints[..., :2].amin(dim=1), sequence.keypoints[..., :2].amax(dim=1))
    return {
        "frames": len(sequence),
        "interpolated_frames": int((~measured).sum()),
        "fps": sequence.fps,
        "duration_seconds": sequence.duration_seconds,
        "image_height": sequence.image_size[0],
        "image_width": sequence.image_size[1],
        "layout": sequence.layout.name,
        "keypoints": sequence.layout.num_keypoints,
        "dimensions": sequence.keypoints.shape[2],
        "detector": sequence.detector,
        "mean_score": float(sequence.scores.mean()),
        "mean_face_height_px": float((high - low)[:, 1].mean()),
    }


def _one_line(message: str) -> str:
    return " ".join(message.split())
