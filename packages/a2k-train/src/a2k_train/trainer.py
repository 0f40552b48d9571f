"""The training loop: draw, predict, weigh, step, average; resumable at any checkpoint."""

import hashlib
import json
import logging
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from a2k_nets.model import Audio2Keypoint
from a2k_train.adversary import Adversary
from a2k_train.augment import augment_mel, augment_waveform, mirror_faces
from a2k_train.clips import Clip
from a2k_train.config import TrainConfig, train_config_to_json
from a2k_train.losses import correlation_loss, lip_distances, masked_l1, velocity_loss
from a2k_train.state import load_state, save_state
from a2k_train.statistics import fit_statistics
from a2k_train.store import ClipStore
from a2k_train.windows import Batch, WindowSampler
from kp_io.layout import IBUG68

__all__ = ["Trainer", "fit"]

logger = logging.getLogger(__name__)

#: The mouth opening, 62 to 66, among the distances of `lip_distances`.
_OPENING = 1


class Trainer:
    """Holds what a run changes: the model, its average, the optimizers, the step.

    Args:
        config: The run's settings.
        clips: Training clips.

    Attributes:
        model: The network in training.
        average: The moving average of its weights, which is what is published.
        step: Steps done.
    """

    def __init__(self, config: TrainConfig, clips: list[Clip]) -> None:
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = Audio2Keypoint(config.model)
            self.adversary = Adversary(config.model) if config.losses.adversarial > 0 else None
        fit_statistics(self.model, clips)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay))  # type: ignore[no-untyped-call]  # untyped in torch
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
        )
        self.sampler = WindowSampler(
            ClipStore.from_clips(clips),
            window_frames=config.window_frames,
            batch_size=config.batch_size,
            random_reference=config.random_reference,
            speaker_balance=config.speaker_balance,
            seed=config.seed,
        )
        self._clips = hashlib.sha256(repr([(clip.id, clip.num_frames) for clip in clips]).encode()).hexdigest()
        self.step = 0
        # Errors are weighed in units of the lips' own motion, whatever each coordinate's variance is.
        std = self.model.normalizer.std_expression
        lips = slice(*config.model.lip_points)
        self._unit = float(std[lips].mean())
        self._point_weight = std / self._unit
        self._point_weight[lips] *= config.losses.lip

    def train_step(self) -> dict[str, float]:
        """Do one step; return the losses, unweighted, by the names of their weights."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * one_cycle(self.step, self.config.steps)
        generator = torch.Generator().manual_seed((self.config.seed + 1) * 1_000_003 + self.step)
        batch = mirror_faces(self.sampler.batch(self.step), IBUG68.mirror, generator=generator)
        self.model.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed * 1_000_003 + self.step)  # dropout draws from the global generator
            losses = self._losses(batch, generator)
        total = sum(getattr(self.config.losses, name) * value for name, value in losses.items())
        assert isinstance(total, Tensor)
        if not bool(torch.isfinite(total)):
            broken = [name for name, value in losses.items() if not bool(torch.isfinite(value))]
            raise FloatingPointError(f"step {self.step}: loss {', '.join(broken)} is not finite")
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def _losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        normalizer = self.model.normalizer
        with torch.no_grad():
            log_mel = self.model.encode_audio(augment_waveform(batch.waveform, generator=generator))
            log_mel = augment_mel(log_mel, generator=generator)
            target, target_pose = normalizer.encode_motion(batch.keypoints, batch.reference)
            face = normalizer.canonicalize(batch.reference)[:, None]
            target_lips = lip_distances(face + target * normalizer.std_expression)
        preds, preds_pose = self.model.predict_motion(log_mel, batch.reference)
        preds_lips = lip_distances(face + preds * normalizer.std_expression)
        mask, weights = batch.mask, self.config.losses
        losses = {
            "expression": masked_l1(preds, target, mask, weight=self._point_weight),
            "velocity": velocity_loss(preds, target, mask, weight=self._point_weight),
            "opening": masked_l1(preds_lips, target_lips, mask, weight=1 / self._unit),
            "pose": masked_l1(preds_pose, target_pose, mask, weight=1.0),
        }
        if weights.correlation > 0:
            losses["correlation"] = correlation_loss(
                preds_lips[..., _OPENING], target_lips[..., _OPENING], mask, floor=self._unit**2 / 10
            )
        if self.adversary is not None:
            self.adversary.train_step(preds, target)
            losses["adversarial"] = self.adversary.generator_loss(preds)
        return losses

    def save(self, path: Path) -> None:
        """Write everything that `load` needs to go on as if nothing had happened."""
        modules, optimizers = self._parts()
        save_state(path, step=self.step, identity=self._identity(), modules=modules, optimizers=optimizers)

    def load(self, path: Path) -> None:
        """Go on from a written state; see `a2k_train.state.load_state` for what is refused."""
        modules, optimizers = self._parts()
        self.step = load_state(path, identity=self._identity(), modules=modules, optimizers=optimizers)

    def _identity(self) -> dict[str, str]:
        return {"settings": train_config_to_json(self.config), "clips": self._clips}

    def _parts(self) -> tuple[dict[str, nn.Module], dict[str, Optimizer]]:
        modules: dict[str, nn.Module] = {"model": self.model, "average": self.average}
        optimizers: dict[str, Optimizer] = {"optimizer": self.optimizer}
        if self.adversary is not None:
            modules["discriminator"] = self.adversary.discriminator
            optimizers["discriminator_optimizer"] = self.adversary.optimizer
        return modules, optimizers

    def averaged_model(self) -> Audio2Keypoint:
        """Return the model of averaged weights, ready to generate."""
        model = self.average.module
        assert isinstance(model, Audio2Keypoint)
        return model.eval()


def one_cycle(step: int, steps: int, *, warmup: float = 0.1) -> float:
    """Return the share of the peak learning rate at a step: up along a line, then down along a cosine.

    Example:
        >>> [round(one_cycle(step, 100), 2) for step in (0, 9, 55, 99)]
        [0.1, 1.0, 0.5, 0.0]
    """
    rise = max(1, round(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def fit(
    config: TrainConfig,
    clips: list[Clip],
    run: Path | str,
    *,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
) -> Audio2Keypoint:
    """Train in a folder, or go on where an interrupted training stopped there.

    Args:
        config: The run's settings.
        clips: Training clips.
        run: Folder that receives `config.json`, `state.safetensors` (to resume), `log.jsonl` and `model.safetensors`.
        on_step: Called with the steps done and the losses.

    Returns:
        The model of averaged weights.

    Raises:
        ValueError: The folder holds a run with other settings or clips.
        FloatingPointError: A loss is no longer finite; the last state is kept.
    """
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    state = run / "state.safetensors"
    trainer = Trainer(config, clips)
    if state.is_file():
        trainer.load(state)
        logger.info("resumed %s at step %d", run, trainer.step)
    (run / "config.json").write_text(train_config_to_json(config) + "\n", encoding="utf-8")
    while trainer.step < config.steps:
        losses = trainer.train_step()
        if on_step is not None:
            on_step(trainer.step, losses)
        if trainer.step % config.checkpoint_every == 0 or trainer.step == config.steps:
            with (run / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps({"step": trainer.step, **losses}) + "\n")
            trainer.save(state)
    model = trainer.averaged_model()
    model.save_pretrained(run)
    return model
