"""The paper's ablation: four variants with equal training budgets, and a report."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from a2k_nets import AnyModel
from a2k_train.config.train_config import TrainConfig
from a2k_train.data.clip import Clip
from a2k_train.data.clip_store import ClipStore
from a2k_train.evaluation.predictions import Model
from a2k_train.experiments.ablation_report import write_report
from a2k_train.experiments.paper_claims import VARIANTS
from a2k_train.reports.evaluation_report import evaluate_fully
from a2k_train.reports.results_table import Table
from a2k_train.statistics.faces import face_statistics
from a2k_train.training.fit import fit


def variant_configs(config: TrainConfig) -> dict[str, TrainConfig]:
    """Return the settings of the four variants of Table 1; only `config.model.variant` differs.

    Raises:
        ValueError: The model has no variants, as in the preset `residual`.
    """
    if not hasattr(config.model, "variant"):
        raise ValueError(
            f"expected a model with variants, as the paper preset's, got {type(config.model).__name__}; "
            "choose the preset paper"
        )
    changes: list[dict[str, Any]] = [{"variant": name} for name in VARIANTS]
    return {change["variant"]: replace(config, model=replace(config.model, **change)) for change in changes}


def ablate(
    config: TrainConfig,
    store: ClipStore,
    val: list[Clip],
    run: Path | str,
    *,
    fabric: Fabric | None = None,
    derangements: int = 5,
    on_step: Callable[[str, int, dict[str, float]], None] | None = None,
    on_clip: Callable[[int], None] | None = None,
) -> Table:
    """Train the four variants of the paper's Table 1, score them and the baselines, and write a report.

    Args:
        config: Settings of each training; only `config.model.variant` differs, and the seed is the same.
        store: Training clips; their statistics give the mean face and the units of L1.
        val: Clips of other speakers, to score.
        run: Folder for the run of each variant and for the report of `write_report`. An interrupted run is resumed;
            finished variants are not trained again.
        fabric: Device and precision; by default one process on the CPU.
        derangements: How many times every clip is given another speaker's audio.
        on_step: Called with the variant, the steps done and the losses.
        on_clip: Called with the number of clips scored.

    Returns:
        The table, with one row for each baseline, variant and variant with shuffled audio.

    Raises:
        ValueError: The config's model has no variants, a speaker is in both sets, or `val` has one speaker only.
    """
    run = Path(run)
    names = list(variant_configs(config))
    _check_speakers(store, val)
    models: dict[str, Model] = {}
    for name in names:

        def report(step: int, losses: dict[str, float], name: str = name) -> None:
            if on_step is not None:
                on_step(name, step, losses)

        models[name] = train_variant(config, name, store, run, fabric=fabric, on_step=report).to("cpu")
    evaluation = evaluate_fully(
        models,
        val,
        statistics=face_statistics(store.clips()),
        derangements=derangements,
        seed=config.seed,
        on_clip=on_clip,
    )
    return write_report(run, evaluation)


def train_variant(
    config: TrainConfig,
    variant: str,
    store: ClipStore,
    run: Path | str,
    *,
    fabric: Fabric | None = None,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
) -> AnyModel:
    """Train one variant in its folder in `run`; `ablate` does not train it again.

    Raises:
        ValueError: The variant is unknown, or the folder holds a run with other settings.
    """
    configs = variant_configs(config)
    if variant not in configs:
        raise ValueError(f"expected a variant out of {', '.join(configs)}, got {variant!r}")
    return fit(configs[variant], store, Path(run) / variant, fabric=fabric, on_step=on_step)


def _check_speakers(store: ClipStore, val: list[Clip]) -> None:
    """Raise before hours of training if the clips could not be scored afterwards."""
    speakers = {clip.speaker for clip in val}
    both = sorted(set(store.speakers) & speakers)
    if both:
        raise ValueError(f"expected no speaker in both training and held-out clips, got {', '.join(both[:5])}")
    if len(speakers) < 2:
        raise ValueError(f"expected held-out clips of at least two speakers to shuffle audio, got {len(speakers)}")
