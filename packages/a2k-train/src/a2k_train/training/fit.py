"""Training in a run folder: logs, validations, checkpoints, and resumption after an interruption."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from lightning_fabric import Fabric
from torch import Tensor

from a2k_nets import AnyModel
from a2k_nets.checkpoints import save_checkpoint
from a2k_train.config.toml_file import config_to_toml
from a2k_train.config.train_config import TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.recipes.ears.lessons import Lessons
from a2k_train.recipes.prepare_store import prepare_store
from a2k_train.training.first_process import on_first_process
from a2k_train.training.launch import launch
from a2k_train.training.loss_buffer import LossBuffer
from a2k_train.training.run_log import RunLog
from a2k_train.training.trainer import Trainer
from kp_io.filesystem import atomic_path

logger = logging.getLogger(__name__)

#: Steps between transfers of the losses from a GPU, each of which waits for it.
_FLUSH_EVERY = 25


def fit(
    config: TrainConfig,
    store: ClipStore,
    run: Path | str,
    *,
    fabric: Fabric | None = None,
    lessons: Lessons | None = None,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
    validate: Callable[[AnyModel, int], float] | None = None,
) -> AnyModel:
    """Train in a run folder, or resume the interrupted training there.

    Args:
        config: The run's settings.
        store: Training clips.
        run: Output folder: `config.toml`, `state.safetensors` (to resume), `log.jsonl`, `model.safetensors` and, with
            validation, `best/model.safetensors`.
        fabric: Device, precision and processes, launched; by default one process on the CPU.
        lessons: Speech and its teacher, if `taught_windows` is above 0.
        on_step: Called with the steps done and the losses, which are empty between transfers from a GPU.
        validate: Called every `validate_every` steps with the model and the step; returns a score, lower is better.

    Returns:
        The published model: with averaged weights if the settings ask for an average.

    Raises:
        ValueError: The folder holds a run with other settings or clips, or a longer one.
        FloatingPointError: A loss is no longer finite; the last good state is kept.
        OSError: The disk is full, the folder cannot be written, or another training runs in it; the last state is kept.
    """
    run, fabric = Path(run), fabric or launch(precision=config.precision)
    store = prepare_store(config, store, device=fabric.device)
    with ExitStack() as stack:
        on_first_process(fabric, lambda: stack.enter_context(_lock(run)))
        trainer = Trainer(config, store, fabric=fabric, lessons=lessons)
        _resume(trainer, run)
        _train(trainer, run, on_step, validate)
        model = trainer.published()
        on_first_process(fabric, lambda: save_checkpoint(run / "model.safetensors", model.state_dict(), model.config))
        return model


@contextmanager
def _lock(run: Path) -> Iterator[None]:
    """Lock the run folder against other trainings; the lock ends with the process, however it ends."""
    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise OSError(f"expected no other training in {run}, but one is running there") from error
    try:
        yield
    finally:
        lock.release()


def _resume(trainer: Trainer, run: Path) -> None:
    """Load the state of the folder, if there is one, and write the settings."""
    state = run / "state.safetensors"
    if state.is_file():
        trainer.load(state)
        logger.info("resumed %s at step %d", run, trainer.step)
    if trainer.step > trainer.total_steps:
        raise ValueError(
            f"expected at least {trainer.step} steps, which {run} has done already, got {trainer.total_steps}; "
            "choose another run folder for a shorter training"
        )

    def write_settings() -> None:
        with atomic_path(run / "config.toml") as file:
            file.write_text(config_to_toml(trainer.config), encoding="utf-8")

    on_first_process(trainer.fabric, write_settings)


def _train(
    trainer: Trainer,
    run: Path,
    on_step: Callable[[int, dict[str, float]], None] | None,
    validate: Callable[[AnyModel, int], float] | None,
) -> None:
    config, fabric, state = trainer.config, trainer.fabric, run / "state.safetensors"
    is_main = fabric.is_global_zero
    buffer = LossBuffer(
        flush_every=1 if fabric.device.type == "cpu" else _FLUSH_EVERY, state=state, average=_mean_over(fabric)
    )

    def score() -> None:
        assert validate is not None
        value = validate(trainer.published(), trainer.step)
        log.write(trainer.step, {"validation": value})
        _keep_best(run / "best", trainer, value)

    with RunLog(run if is_main else None, start=trainer.step) as log, trainer.batches() as batches:
        for batch in batches:
            latest = buffer.add(trainer.step, trainer.train_step(batch))
            if on_step is not None and is_main:
                on_step(trainer.step, latest)
            at_end = trainer.step == trainer.total_steps
            if validate is not None and config.validate_every and (at_end or trainer.step % config.validate_every == 0):
                buffer.flush()
                on_first_process(fabric, score)
            if at_end or trainer.step % config.checkpoint_every == 0:
                log.write(trainer.step, buffer.means())
                trainer.save(state)


def _mean_over(fabric: Fabric) -> Callable[[Tensor], Tensor]:
    """Return a function that averages tensors over processes."""
    if fabric.world_size == 1:
        return lambda x: x
    return lambda x: torch.as_tensor(fabric.all_reduce(x, reduce_op="mean"))


def _keep_best(folder: Path, trainer: Trainer, score: float) -> None:
    """Write the model if no earlier validation was better."""
    record = folder / "score.json"
    if record.is_file() and _read_score(record) <= score:
        return
    model = trainer.published()
    save_checkpoint(folder / "model.safetensors", model.state_dict(), model.config)
    with atomic_path(record) as file:
        file.write_text(json.dumps({"score": score, "step": trainer.step}) + "\n", encoding="utf-8")


def _read_score(record: Path) -> float:
    try:
        return float(json.loads(record.read_text(encoding="utf-8"))["score"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"expected the score of the best model, got the damaged file {record}; remove it") from error
