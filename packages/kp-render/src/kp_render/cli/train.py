"""The commands `kp-render pairs` and `kp-render train`: training of the painting network."""

import csv
import zlib
from pathlib import Path
from typing import Annotated

import typer

from kp_render.cli.console import exit_on_error, show_progress


def pairs(
    corpus: Annotated[
        Path, typer.Argument(help="Folder with videos and manifest.csv (id, file, split).", show_default=False)
    ],
    annotations: Annotated[Path, typer.Argument(help="Folder with ID.npz of `kp-io annotate`.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the examples.", show_default=False)],
    split: Annotated[str, typer.Option(help="Which clips of the manifest.")] = "train",
    portraits: Annotated[int, typer.Option(min=1, help="Frames of a video that serve as portraits.")] = 5,
    targets: Annotated[int, typer.Option(min=1, help="Frames that each portrait is warped to.")] = 4,
) -> None:
    """Make examples for `kp-render train` from videos of talking faces: pairs of frames, one warped to the other.

    What is there already is kept. An example takes 102 kB.
    """
    with exit_on_error():
        from kp_io import load_keypoints, read_video
        from kp_render.training.pairs import make_pairs

        with (corpus / "manifest.csv").open(encoding="utf-8", newline="") as file:
            clips = [row for row in csv.DictReader(file) if row["split"] == split]
        if not clips:
            raise ValueError(f"expected clips of the split {split!r} in {corpus / 'manifest.csv'}, found none")
        out.mkdir(parents=True, exist_ok=True)
        count = 0
        with show_progress() as progress:
            for row in progress.track(clips, description="pairs"):
                points = annotations / f"{row['id']}.npz"
                if not points.is_file() or (out / f"{row['id']}.keypoints.npy").is_file():
                    continue
                sequence = load_keypoints(points)
                frames = list(read_video(corpus / row["file"]))[: len(sequence)]
                measured = (sequence.scores[: len(frames)] > 0).all(dim=1).nonzero().flatten().tolist()
                seed = zlib.crc32(row["id"].encode())
                made = make_pairs(
                    frames,
                    sequence.keypoints[: len(frames), :, :2].float(),
                    measured,
                    portraits=portraits,
                    targets=targets,
                    seed=seed,
                )
                if made is not None:
                    made.save(out, row["id"])
                    count += len(made.keypoints)
        typer.echo(f"{out}: {count} new examples of {len(clips)} clips")


def train(
    examples: Annotated[Path, typer.Argument(help="Folder of `kp-render pairs`.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of weights, table and state.", show_default=False)],
    validation: Annotated[Path | None, typer.Option(help="Examples of other people, for the table.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
    steps: Annotated[int | None, typer.Option(help="Number of updates.", show_default="2400")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples in an update.", show_default="8")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At its highest.", show_default="0.001")] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed.", show_default="0")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
) -> None:
    """Train the painting network, and write OUT/painter.safetensors and OUT/log.csv; called again, it goes on."""
    with exit_on_error():
        from kp_render.training.settings import read_settings
        from kp_render.training.train_painter import train_painter

        settings = read_settings(config, steps=steps, batch_size=batch_size, learning_rate=learning_rate, seed=seed)
        with show_progress() as progress:
            bar = progress.add_task("training", total=settings.steps)

            def report(row: dict[str, float]) -> None:
                progress.update(bar, completed=row["step"])

            weights = train_painter(examples, validation, out, settings, device=device, on_row=report)
        typer.echo(f"{weights}: {settings.steps} steps")
