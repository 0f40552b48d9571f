"""`a2k-train evaluate`: score one model."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from a2k_train.cli.console import print_table, progress, readable_errors
from a2k_train.cli.options import Apart, Cache, Clips, Device, Manifest, Model, Revision, Sha256, open_for_model

logger = logging.getLogger(__name__)


@readable_errors()
def evaluate(
    clips: Clips,
    model: Model = None,
    revision: Revision = None,
    sha256: Sha256 = None,
    manifest: Manifest = None,
    splits: Annotated[
        str | None,
        typer.Option(help="Comma-separated splits to use.", show_default="val; without one, all that there are"),
    ] = None,
    statistics: Annotated[
        str, typer.Option(help="Training splits for the mean face and the units of L1; used with the preset paper.")
    ] = "train",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the table, the per-clip scores and the plots.")
    ] = None,
    apart: Apart = None,
    device: Device = "cpu",
    cache: Cache = "memory",
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Random seed of the shuffled audio and the head motion.")
    ] = 0,
) -> None:
    """Score a model and the baselines on the clips of some splits."""
    from a2k_nets import load_model
    from a2k_train.data.open_clips import split_names
    from a2k_train.reports.score_model import score_model
    from a2k_train.training.launch import check_device
    from kp_io.filesystem import refuse_overwriting

    check_device(device)
    if out is not None:
        refuse_overwriting([out / "clips.csv", out / "table.csv"], [manifest])
    network = load_model(model, revision=revision, sha256=sha256).to(device)
    if apart is not None and network.preset == "paper":
        raise ValueError("expected no --apart for the preset paper, whose tables average clips")
    there = split_names(clips, manifest=manifest)
    if splits is None:
        splits = "val" if "val" in there or not there else ",".join(there)
        if splits != "val":
            logger.warning(
                "%s has no split val: all its splits are scored (%s); a model scores too well on speakers that it was "
                "trained on",
                clips,
                splits,
            )
    with_training = set(statistics.split(",")) <= set(there)
    if not with_training and network.preset == "paper":
        logger.warning("%s has no split %s: the mean face and the units of L1 come from the model", clips, statistics)
    held_out = open_for_model(network.config, clips, splits=splits, manifest=manifest, cache=cache)
    with progress("clips") as advance:
        table = score_model(
            network,
            held_out.clips(),
            training=(lambda: open_for_model(network.config, clips, splits=statistics, manifest=manifest))
            if with_training
            else None,
            out=out,
            seed=seed,
            apart=apart,
            on_clip=lambda done: advance(done, len(held_out), {}),
        )
    print_table(table)
