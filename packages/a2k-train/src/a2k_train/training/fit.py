"""A training in a folder: it logs, validates, writes checkpoints, and goes on where it was stopped."""

import json
import logging
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from lightning_fabric import Fabric

from a2k_nets.checkpoints import save_checkpoint
from a2k_train.config.toml_file import config_to_toml
from a2k_train.config.train_config import TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.recipes.base import AnyModel
from a2k_train.training.launch import launch
from a2k_train.training.loss_log import LossBuffer
from a2k_train.training.run_log import RunLog
from a2k_train.training.trainer import Trainer
from kp_io.filesystem import atomic_path
from kp_io.filesystem.lock import file_lock

logger = logging.getLogger(__name__)

#: Steps between looks at the losses on a GPU: each look waits for it.
_LOOK_EVERY = 25


def fit(
    config: TrainConfig,
    store: ClipStore,
    run: Path | str,
    *,
    fabric: Fabric | None = None,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
    validate: Callable[[AnyModel, int], float] | None = None,
) -> AnyModel:
    """Train in a folder, or go on where an interrupted training stopped there.

    Args:
        config: The run's settings.
        store: Training clips.
        run: Folder that receives `config.toml`, `state.safetensors` (to resume), `log.jsonl`, `model.safetensors` and,
            where there is a validation, `best/model.safetensors`.
        fabric: Device, precision and processes, launched; by default one process on the CPU.
        on_step: Called with the steps done and the losses, which are empty where nobody has looked at them yet.
        validate: Called every `validate_every` steps with the model and the step; it returns a score, the lower the
            better.

    Returns:
        The published model: of averaged weights where there is an average.

    Raises:
        ValueError: The folder holds a run with other settings or clips, or one that is longer already.
        FloatingPointError: A loss is no longer finite; the last good state is kept.
        OSError: The disk is full, the folder cannot be written, or another training is at work in it; the last state is
            kept.
    """
    run, fabric = Path(run), fabric or launch(precision=config.precision)
    busy = f"expected to be alone in {run}, but another training is at work there"
    with file_lock(run / ".lock", busy=busy) if fabric.is_global_zero else nullcontext():
        return _fit(config, store, run, fabric=fabric, on_step=on_step, validate=validate)


def _fit(
    config: TrainConfig,
    store: ClipStore,
    run: Path,
    *,
    fabric: Fabric,
    on_step: Callable[[int, dict[str, float]], None] | None,
    validate: Callable[[AnyModel, int], float] | None,
) -> AnyModel:
    state = run / "state.safetensors"
    trainer = Trainer(config, store, fabric=fabric)
    if state.is_file():
        trainer.load(state)
        logger.info("resumed %s at step %d", run, trainer.step)
    if trainer.step > trainer.total_steps:
        raise ValueError(
            f"expected at least {trainer.step} steps, which {run} has done already, got {trainer.total_steps}; "
            "choose another run folder for a shorter training"
        )
    first = fabric.is_global_zero
    if first:
        with atomic_path(run / "config.toml") as file:
            file.write_text(config_to_toml(config), encoding="utf-8")
    pending = LossBuffer(look_every=1 if fabric.device.type == "cpu" else _LOOK_EVERY, state=state)
    with RunLog(run if first else None, start=trainer.step) as log, trainer.batches() as batches:
        for batch in batches:
            seen = pending.add(trainer.step, trainer.train_step(batch))
            if on_step is not None and first:
                on_step(trainer.step, seen)
            at_end = trainer.step == trainer.total_steps
            if validate is not None and config.validate_every and (at_end or trainer.step % config.validate_every == 0):
                pending.look()
                if first:
                    score = validate(trainer.published(), trainer.step)
                    log.write(trainer.step, {"validation": score})
                    _keep_best(run / "best", trainer, score)
                fabric.barrier()
            if at_end or trainer.step % config.checkpoint_every == 0:
                log.write(trainer.step, pending.means())
                trainer.save(state)
    model = trainer.published()
    if first:
        save_checkpoint(run / "model.safetensors", model.state_dict(), model.config)
    fabric.barrier()
    return model


def _keep_best(folder: Path, trainer: Trainer, score: float) -> None:
    """Write the model if no validation before was better."""
    record = folder / "score.json"
    if record.is_file() and _score_in(record) <= score:
        return
    model = trainer.published()
    save_checkpoint(folder / "model.safetensors", model.state_dict(), model.config)
    with atomic_path(record) as file:
        file.write_text(json.dumps({"score": score, "step": trainer.step}) + "\n", encoding="utf-8")


def _score_in(record: Path) -> float:
    try:
        return float(json.loads(record.read_text(encoding="utf-8"))["score"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"expected the score of the best model, got the damaged file {record}; remove it") from error
