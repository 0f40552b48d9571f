"""The command line of training: `a2k-train fit | crossval | evaluate`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from a2k_train.clips import Clip
    from a2k_train.config import TrainConfig
    from a2k_train.table import Table

app = typer.Typer(help="Train and evaluate Audio2Keypoint networks.", no_args_is_help=True, add_completion=False)

ClipsFolder = Annotated[Path, typer.Argument(help="Folder of <id>.npz and <id>.wav, from `kp-io annotate --wav`.")]
Manifest = Annotated[
    Path | None, typer.Option(help="CSV with id, speaker and split [default: manifest.csv in the folder].")
]
Splits = Annotated[str, typer.Option(help="Comma-separated splits to use.")]
Run = Annotated[Path, typer.Option(help="Folder of the run; an interrupted run goes on.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="JSON of settings, e.g. another run's config.json.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Optimizer steps instead of the config's.")]
Seed = Annotated[int | None, typer.Option(help="Seed instead of the config's.")]


@app.command()
def fit(
    clips: ClipsFolder,
    run: Run,
    manifest: Manifest = None,
    splits: Splits = "train",
    config: ConfigFile = None,
    steps: Steps = None,
    seed: Seed = None,
) -> None:
    """Train a model; it is written as RUN/model.safetensors."""
    with _readable_errors():
        from a2k_train.trainer import fit as train

        settings, loaded = _settings(config, steps, seed), _load(clips, manifest, splits)
        with _progress(settings.steps) as advance:
            train(settings, loaded, run, on_step=advance)
        _say(f"trained on {len(loaded)} clips: {run / 'model.safetensors'}")


@app.command()
def crossval(
    clips: ClipsFolder,
    run: Run,
    manifest: Manifest = None,
    splits: Splits = "train,val",
    config: ConfigFile = None,
    steps: Steps = None,
    seed: Seed = None,
    folds: Annotated[int, typer.Option(min=2, help="Number of folds.")] = 5,
) -> None:
    """Score every clip by a model that never saw its speaker."""
    with _readable_errors():
        from a2k_train.crossval import cross_validate

        settings, loaded = _settings(config, steps, seed), _load(clips, manifest, splits)
        with _progress(settings.steps * folds) as advance:
            table = cross_validate(
                settings,
                loaded,
                run,
                folds=folds,
                on_step=lambda fold, step, losses: advance(fold * settings.steps + step, losses),
            )
        _print_table(table)
        _say(f"per-clip scores: {run / 'clips.csv'}")


@app.command()
def evaluate(
    clips: ClipsFolder,
    model: Annotated[Path | None, typer.Option(help="Checkpoint [default: the embedded one].")] = None,
    manifest: Manifest = None,
    splits: Splits = "val",
    out: Annotated[Path | None, typer.Option(help="Folder for clips.csv, table.md and table.json.")] = None,
    seed: Annotated[int, typer.Option(help="Of the shuffled audio and the head's motion.")] = 0,
) -> None:
    """Score a model beside its baselines on the clips of some splits."""
    with _readable_errors():
        from a2k_nets.model import Audio2Keypoint
        from a2k_train.evaluate import evaluate as score
        from a2k_train.table import summarize, write_scores

        network, loaded = Audio2Keypoint.from_pretrained(model), _load(clips, manifest, splits)
        with _progress(len(loaded)) as advance:
            scores = score(network, loaded, seed=seed, on_clip=lambda done: advance(done, {}))
        _print_table(write_scores(out, scores) if out else summarize(scores))


def _settings(config: Path | None, steps: int | None, seed: int | None) -> "TrainConfig":
    from dataclasses import replace

    from a2k_train.config import TrainConfig, train_config_from_json

    settings = train_config_from_json(config.read_text(encoding="utf-8")) if config else TrainConfig()
    return replace(
        settings,
        steps=settings.steps if steps is None else steps,
        seed=settings.seed if seed is None else seed,
    )


def _load(folder: Path, manifest: Path | None, splits: str) -> "list[Clip]":
    from a2k_train.open_clips import open_clips

    return open_clips(folder, splits=tuple(split.strip() for split in splits.split(",")), manifest=manifest).clips()


@contextmanager
def _readable_errors() -> Iterator[None]:
    """Turn what a user can mend into one line and exit code 1."""
    try:
        yield
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        typer.secho(f"error: {' '.join(str(error).split())}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.secho("stopped; the same command goes on from the last checkpoint", err=True)
        raise typer.Exit(130) from None


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """Show how far it is, how fast, how long yet, and the losses; yield what reports them."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)

        def advance(done: int, losses: dict[str, float]) -> None:
            words = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
            progress.update(task, completed=done, description=words)

        yield advance


def _print_table(table: "Table") -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(table.markdown()))
    console.print(f"{table.num_clips} clips, {table.num_speakers} speakers")


def _say(text: str) -> None:
    typer.echo(text)
