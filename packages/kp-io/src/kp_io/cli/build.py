"""The command `kp-io build`: a corpus from a folder of videos."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kp_io.cli.console import counted, exit_on_error, show_progress
from kp_io.cli.options import DetectorOption, DeviceOption, FpsOption, MaxGapOption, Track, TrackOption, WeightsOption

if TYPE_CHECKING:
    from rich.progress import Progress

    from kp_io.corpus.build import BuildProgress
    from kp_io.corpus.estimate import BuildEstimate
    from kp_io.corpus.summary import CorpusSummary

#: Without a terminal, a line of progress is printed this often.
_LINE_SECONDS = 30.0


def build(
    videos: Annotated[Path, typer.Argument(help="Folder of videos, of any depth.", show_default=False)],
    out: Annotated[
        Path | None, typer.Argument(help="Folder of the corpus: new, or begun before.", show_default=False)
    ] = None,
    output: Annotated[Path | None, typer.Option("--out", "-o", help="The same as OUT.", show_default=False)] = None,
    layout: Annotated[str | None, typer.Option(help="Folder layout that names the speakers: voxceleb2.")] = None,
    speaker_pattern: Annotated[
        str | None, typer.Option(help="Regular expression for paths: group (?P<speaker>…), optional (?P<split>…).")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="CSV: file, speaker (, split, licence); or speaker, split.")
    ] = None,
    val: Annotated[float, typer.Option(min=0, max=1, help="Share of speakers drawn for validation.")] = 0.05,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share of speakers drawn for the test.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Seed for drawing the speakers.")] = 0,
    licence: Annotated[str, typer.Option(help="Terms of the footage, stored in every row.")] = "",
    fps: FpsOption = 25.0,
    height: Annotated[int | None, typer.Option(min=32, help="Scale the keypoints to this height: 224.")] = None,
    min_seconds: Annotated[float, typer.Option(min=0, help="Skip shorter videos.")] = 1.0,
    min_face: Annotated[float, typer.Option(min=0, help="Skip smaller faces (px of the video).")] = 0.0,
    max_interpolated: Annotated[
        float, typer.Option(min=0, max=1, help="Skip videos that lose the face in a larger share of frames.")
    ] = 0.1,
    max_gap: MaxGapOption = 0.4,
    track: TrackOption = Track.LARGEST,
    clips_per_shard: Annotated[int, typer.Option(min=1, help="Videos whose clips share a file.")] = 512,
    workers: Annotated[int, typer.Option(min=1, help="Processes, or Ray actors.")] = 1,
    engine: Annotated[str, typer.Option(help="local: processes on this machine; ray: a Ray cluster.")] = "local",
    gpus: Annotated[float, typer.Option(min=0, help="GPUs that each Ray actor reserves.")] = 0.0,
    detector: DetectorOption = "dlib",
    weights: WeightsOption = None,
    device: DeviceOption = "cpu",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count and estimate without writing anything.")] = False,
) -> None:
    """Annotate a folder of videos into Parquet shards, one row per clip.

    The same command resumes a stopped run. Videos that are broken, silent, without a face or unfit are listed in
    failures.parquet.
    """
    with exit_on_error():
        from kp_io.corpus.build import build_corpus
        from kp_io.corpus.clip import ClipRules
        from kp_io.corpus.estimate import estimate_build
        from kp_io.corpus.options import CorpusOptions
        from kp_io.detectors.registry import DetectorChoice

        out = out or output
        if out is None or (output is not None and out != output):
            raise ValueError(f"expected one folder for the corpus, got {'none' if out is None else f'{out}, {output}'}")
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
        with show_progress() as progress:
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
    """Progress with rate and time left: a bar on a terminal, otherwise a line from time to time."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task("building")
        self._started = self._last_line = time.monotonic()

    def __call__(self, state: "BuildProgress") -> None:
        seconds = max(1e-6, time.monotonic() - self._started)
        num_new, num_done, total = state.num_done - state.num_resumed, state.num_done, state.num_videos
        rate = f"{num_new / seconds:.2f} videos/s, {state.num_frames / seconds:.0f} frames/s, {state.num_failed} failed"
        self._progress.update(self._task, total=total, completed=num_done, description=f"building, {rate}")
        if self._progress.disable and time.monotonic() - self._last_line >= _LINE_SECONDS:
            self._last_line = time.monotonic()
            left = (total - num_done) * seconds / max(1, num_new)
            typer.echo(f"{num_done} of {counted(total, 'video')}, {rate}, {_duration(left)} left", err=True)


def _show_summary(out: Path, summary: "CorpusSummary") -> None:
    from rich.console import Console
    from rich.table import Table

    typer.echo(f"{out}: {counted(summary.num_videos, 'video')}")
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
        typer.echo(f"{split}: {counted(count, 'video')} of {counted(estimate.num_speakers[split], 'speaker')}")
    readable = estimate.num_probed - estimate.num_unreadable
    typer.echo(
        f"{counted(sum(estimate.num_videos.values()), 'video')}, {estimate.num_bytes / 1e6:.1f} MB; about "
        f"{_duration(estimate.seconds)} long ({readable} of {estimate.num_probed} opened could be read)"
    )
    typer.echo(f"the corpus: about {estimate.corpus_bytes / 1e6:.1f} MB")
    if estimate.work_seconds is None:
        typer.echo("the time: unknown, since none of the opened videos could be annotated")
    else:
        speed = f"{estimate.frames_per_second:.0f} frames/s measured"
        typer.echo(f"the time: about {_duration(estimate.work_seconds)} ({speed}, {counted(workers, 'worker')})")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
