"""`a2k-train evaluate`: score one model."""

from pathlib import Path
from typing import Annotated

import typer

from a2k_train.cli.console import print_table, progress, readable_errors
from a2k_train.cli.options import Clips, Manifest, Model, Revision, Sha256, Splits, open_for_model


@readable_errors()
def evaluate(
    clips: Clips,
    model: Model = None,
    revision: Revision = None,
    sha256: Sha256 = None,
    manifest: Manifest = None,
    splits: Splits = "val",
    statistics: Annotated[
        str, typer.Option(help="Training splits for the mean face and the units of L1; used with the preset paper.")
    ] = "train",
    out: Annotated[Path | None, typer.Option(help="Folder for the table, the per-clip scores and the plots.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Random seed of the shuffled audio and the head motion.")
    ] = 0,
) -> None:
    """Score a model and the baselines on the clips of some splits."""
    from a2k_nets import load_model
    from a2k_train.reports.score_model import score_model

    network = load_model(model, revision=revision, sha256=sha256)
    held_out = open_for_model(network.config, clips, splits=splits, manifest=manifest)
    with progress("clips") as advance:
        table = score_model(
            network,
            held_out.clips(),
            training=lambda: open_for_model(network.config, clips, splits=statistics, manifest=manifest),
            out=out,
            seed=seed,
            on_clip=lambda done: advance(done, len(held_out), {}),
        )
    print_table(table)
