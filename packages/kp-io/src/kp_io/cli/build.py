"""The command `kp-io build`: a folder of videos to a corpus."""

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kp_io.cli.options import DetectorOption, DeviceOption, WeightsOption

if TYPE_CHECKING:
    from rich.progress import Progress

    from kp_io.corpus.build import BuildProgress
    from kp_io.corpus.estimate import BuildEstimate
    from kp_io.corpus.summary import CorpusSummary

#: Where no person watches, a line of progress this often is enough for a log.
_LINE_SECONDS = 30.0


class TrackOption(StrEnum):
    """The choices of `--track`."""

    LARGEST = "largest"
    PERSISTENT = "persistent"


def build(
    videos: Annotated[Path, typer.Argument(help="Folder of videos, of any depth.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="Folder of the corpus: new, or begun before.", show_default=False)],
    layout: Annotated[str | None, typer.Option(help="Folder layout that names the speakers: voxceleb2.")] = None,
    speaker_pattern: Annotated[
        str | None, typer.Option(help="Regular expression for paths, with a group (?P<speaker>…), maybe (?P<split>…).")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="CSV: file, speaker (, split, licence); or speaker, split.")
    ] = None,
    val: Annotated[float, typer.Option(min=0, max=1, help="Share of speakers drawn for validation.")] = 0.05,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share of speakers drawn for the test.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Another number draws other speakers.")] = 0,
    licence: Annotated[str, typer.Option(help="Terms of the footage, kept in every row.")] = "",
    fps: Annotated[float, typer.Option(min=0.1, help="Frames a second of the keypoints.")] = 25.0,
    height: Annotated[int | None, typer.Option(min=32, help="Scale the keypoints to this height: 224.")] = None,
    min_seconds: Annotated[float, typer.Option(min=0, help="Shorter videos are left out.")] = 1.0,
    min_face: Annotated[float, typer.Option(min=0, help="Smaller faces (px of the video) are left out.")] = 0.0,
    max_interpolated: Annotated[
        float, typer.Option(min=0, max=1, help="Videos that lose the face in more frames are left out.")
    ] = 0.1,
    max_gap: Annotated[
        float, typer.Option(min=0, help="Seconds; where the face is lost for longer, the clip is split in two.")
    ] = 0.4,
    track: Annotated[TrackOption, typer.Option(help="Of several faces: the largest, or the one seen longest.")] = (
        TrackOption.LARGEST
    ),
    clips_per_shard: Annotated[int, typer.Option(min=1, help="Videos whose clips share a file.")] = 512,
    workers: Annotated[int, typer.Option(min=1, help="Processes, or actors of Ray.")] = 1,
    engine: Annotated[str, typer.Option(help="local: processes here; ray: a Ray cluster.")] = "local",
    gpus: Annotated[float, typer.Option(min=0, help="GPUs that each actor of Ray reserves.")] = 0.0,
    detector: DetectorOption = "dlib",
    weights: WeightsOption = None,
    device: DeviceOption = "cpu",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count and estimate, write nothing.")] = False,
) -> None:
    """Annotate a folder of videos into Parquet shards, one row a clip.

    A run that was stopped goes on with the same command. Videos that are broken, silent, without a face or unfit are
    listed in failures.parquet.
    """
    from kp_io.cli.app import _clear_errors, _progress

    with _clear_errors():
        from kp_io.corpus.build import build_corpus
        from kp_io.corpus.clip import ClipRules
        from kp_io.corpus.estimate import estimate_build
        from kp_io.corpus.options import CorpusOptions
        from kp_io.detectors.registry import DetectorChoice

        choice = DetectorChoice(detector, weights, device)
        options = CorpusOptions(
            ClipRules(fps, height, min_seconds, min_face, max_interpolated, max_gap, track.value),
            layout=layout,
            speaker_pattern=speaker_pattern,
            manifest=manifest,
            val=val,
            test=test,
            seed=seed,
            licence=licence,
            clips_per_shard=clips_per_shard,
        )
        if dry_run:
            _show_estimate(estimate_build(videos, options=options, make_detector=choice, workers=workers), workers)
            return
        with _progress() as progress:
            report = _Report(progress)
            try:
                summary = build_corpus(
                    videos,
                    out,
                    options=options,
                    make_detector=choice,
                    workers=workers,
                    engine=engine,
                    gpus=gpus,
                    on_progress=report,
                )
            except KeyboardInterrupt:
                typer.echo("stopped; the same command goes on from here", err=True)
                raise typer.Exit(130) from None
        _show_summary(out, summary)


class _Report:
    """Progress with rate and time left: a bar for a person, now and then a line for a log."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task("building")
        self._started = self._said = time.monotonic()

    def __call__(self, now: "BuildProgress") -> None:
        seconds = max(1e-6, time.monotonic() - self._started)
        worked = now.num_done - now.num_resumed
        rate = f"{worked / seconds:.2f} videos/s, {now.num_frames / seconds:.0f} frames/s, {now.num_failed} failed"
        self._progress.update(self._task, total=now.num_videos, completed=now.num_done, description=f"building, {rate}")
        if self._progress.disable and time.monotonic() - self._said >= _LINE_SECONDS:
            self._said = time.monotonic()
            left = (now.num_videos - now.num_done) * seconds / max(1, worked)
            typer.echo(f"{now.num_done} of {now.num_videos} videos, {rate}, {_duration(left)} left", err=True)


def _show_summary(out: Path, summary: "CorpusSummary") -> None:
    from rich.console import Console
    from rich.table import Table

    typer.echo(f"{out}: {summary.num_videos} videos")
    table = Table()
    for name in ("split", "speakers", "clips", "frames", "length", "size", "shards"):
        table.add_column(name, justify="left" if name == "split" else "right")
    for split, counts in sorted(summary.splits.items()):
        cells = (str(counts[f"num_{name}"]) for name in ("speakers", "clips", "frames"))
        size = f"{counts['num_bytes'] / 1e6:.1f} MB"
        table.add_row(split, *cells, _duration(counts["seconds"]), size, str(counts["num_shards"]))
    Console(file=sys.stdout).print(table)
    if summary.failures:
        kinds = ", ".join(f"{count} {kind}" for kind, count in summary.failures.items())
        typer.echo(f"left out: {kinds}; the reasons are in {out / 'failures.parquet'}")


def _show_estimate(estimate: "BuildEstimate", workers: int) -> None:
    for split, count in sorted(estimate.num_videos.items()):
        typer.echo(f"{split}: {count} videos of {estimate.num_speakers[split]} speakers")
    readable = estimate.num_probed - estimate.num_unreadable
    typer.echo(
        f"{sum(estimate.num_videos.values())} videos, {estimate.num_bytes / 1e6:.1f} MB; about "
        f"{_duration(estimate.seconds)} long ({readable} of {estimate.num_probed} opened could be read)"
    )
    typer.echo(f"the corpus: about {estimate.corpus_bytes / 1e6:.1f} MB")
    if estimate.work_seconds is None:
        typer.echo("the time: unknown, since none of the opened videos could be annotated")
    else:
        speed = f"{estimate.frames_per_second:.0f} frames/s measured"
        typer.echo(f"the time: about {_duration(estimate.work_seconds)} ({speed}, {workers} workers)")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
