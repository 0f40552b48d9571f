"""The paper's ablation: four variants with equal budgets, and the report on them."""

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
    """Return the settings of the four variants of Table 1: the same but for `config.model.variant`, seed included.

    Raises:
        ValueError: The model of the config has no variants, as the residual preset's.
    """
    if not hasattr(config.model, "variant"):
        raise ValueError(
            f"expected a model with variants, as the paper preset's, got {type(config.model).__name__}; "
            "choose the preset paper"
        )
    changes: dict[str, dict[str, Any]] = {name: {"variant": name} for name in VARIANTS}
    return {name: replace(config, model=replace(config.model, **change)) for name, change in changes.items()}


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
    """Train the four variants of the paper's Table 1 with equal budgets, score them beside the baselines, and report.

    Args:
        config: Settings of each training; only `config.model.variant` differs, and the seed is the same.
        store: Training clips; their statistics are the mean face and the units of L1.
        val: Clips of other speakers, to score.
        run: Folder that receives the run of each variant under its name, and the report of
            `a2k_train.experiments.ablation_report.write_report`. Interrupted, it goes on where it stopped; a variant that is done
            costs no step.
        fabric: Device and precision; by default one process on the CPU.
        derangements: How many times every clip is heard with another speaker's audio.
        on_step: Called with the variant, the steps done and the losses.
        on_clip: Called with the number of clips scored.

    Returns:
        The table, one row for each baseline, variant and shuffled variant.

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
    """Train one variant in the folder of its name below `run`; `ablate` there finds it done.

    Raises:
        ValueError: There is no such variant, or the folder holds a run with other settings.
    """
    configs = variant_configs(config)
    if variant not in configs:
        raise ValueError(f"expected a variant out of {', '.join(configs)}, got {variant!r}")
    return fit(configs[variant], store, Path(run) / variant, fabric=fabric, on_step=on_step)


def _check_speakers(store: ClipStore, val: list[Clip]) -> None:
    """Refuse before hours of training what would be refused after them."""
    both = sorted(set(store.speakers) & {clip.speaker for clip in val})
    if both:
        raise ValueError(f"expected no speaker in both training and held-out clips, got {', '.join(both[:5])}")
    heard = {clip.speaker for clip in val}
    if len(heard) < 2:
        raise ValueError(f"expected held-out clips of at least two speakers to shuffle audio, got {len(heard)}")
