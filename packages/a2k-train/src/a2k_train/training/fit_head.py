"""Training of the network of the head, which resumes after an interruption."""

import copy
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from a2k_nets.config import HeadConfig, check_kinds
from a2k_nets.head import HeadNetwork, save_head
from a2k_train.recipes.head.loss import head_loss
from a2k_train.recipes.head.windows import HeadWindows
from a2k_train.statistics.head.calibration import calibrated
from a2k_train.statistics.head.process import HeadClip, fit_process
from a2k_train.training.checkpoint import load_state, save_state

#: File with the trained network, in the folder of a run.
HEAD_FILE = "head.safetensors"


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """Settings of the training of the head.

    Attributes:
        steps: Optimizer steps.
        batch_size: Windows a step.
        window: Frames of a window.
        learning_rate: Highest rate, after a tenth of the steps; it falls to zero.
        weight_decay: Of AdamW.
        noise: Mean deviation of the errors of the past.
        dropped: Share of windows without speech.
        ema_decay: Of the average of the weights, which is what is saved.
        guidance: How much more mean motion follows speech than was learnt; 1 is as learnt.
        spread_guidance: The same for the amount of motion; 0 is as learnt.
        calibration: Share of the difference in size to real motion that is made up for.
        seed: Seed of everything that is drawn.
    """

    steps: int = 600
    batch_size: int = 24
    window: int = 100
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    noise: float = 0.03
    dropped: float = 0.15
    ema_decay: float = 0.98
    guidance: float = 1.5
    spread_guidance: float = 1.0
    calibration: float = 0.75
    seed: int = 0

    def __post_init__(self) -> None:
        check_kinds(self)
        if min(self.steps, self.batch_size) < 1 or self.window < 10 or not 0 <= self.dropped < 1:
            raise ValueError(f"expected steps and batch_size of at least 1, window of at least 10, got {self}")


def fit_head(
    clips: Sequence[HeadClip],
    folder: Path,
    settings: HeadSettings,
    *,
    held_out: Sequence[str] = (),
    save_every: int = 100,
    on_step: Callable[[int, float], None] | None = None,
) -> HeadNetwork:
    """Train the network of the head and write it to `folder/head.safetensors`; an interrupted training is resumed.

    Args:
        clips: Training clips.
        folder: For the network and the state of the training.
        settings: Settings.
        held_out: Names of clips that are left out, to be written beside the network.
        save_every: Steps between states.
        on_step: Called with the steps done and the loss.

    Raises:
        ValueError: The folder holds another training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)  # for the initial weights
    network = HeadNetwork(HeadConfig())
    fit_process(network, clips)
    windows = HeadWindows(network, clips, frames=settings.window)
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    state, done = folder / "state.safetensors", 0
    modules: dict[str, torch.nn.Module] = {"model": network, "average": average}
    identity = {"settings": json.dumps(asdict(settings)), "clips": _digest(clips)}
    if state.is_file():
        done = load_state(state, identity=identity, modules=modules, optimizers={"adam": optimizer})
    network.train()
    for step in range(done, settings.steps):
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        torch.manual_seed(settings.seed * 1_000_003 + step)  # for the dropout
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * rate(step, settings.steps)
        batch = windows.draw(settings.batch_size, generator)
        loss = head_loss(network, batch, noise=settings.noise, dropped=settings.dropped, generator=generator)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for mean, new in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(new, 1 - settings.ema_decay)
        if on_step is not None:
            on_step(step + 1, float(loss.detach()))
        if (step + 1) % save_every == 0 or step + 1 == settings.steps:
            save_state(state, step=step + 1, identity=identity, modules=modules, optimizers={"adam": optimizer})
    average.guidance.copy_(torch.tensor([settings.guidance, settings.spread_guidance]))
    trained = calibrated(average.eval(), clips, power=settings.calibration, seed=settings.seed)
    save_head(folder / HEAD_FILE, trained, {"held_out": json.dumps(list(held_out)), **identity})
    return trained


def rate(step: int, steps: int) -> float:
    """Return the learning rate of a step over the highest one: it rises for a tenth of the steps, then falls to 0.

    Example:
        >>> [round(rate(step, 100), 2) for step in (0, 10, 55, 99)]
        [0.04, 1.0, 0.5, 0.0]
    """
    rise = max(1, steps // 10)
    if step < rise:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * step / rise)) / 2
    return (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))) / 2


def _digest(clips: Sequence[HeadClip]) -> str:
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(f"{clip.id} {len(clip.motion)}".encode())
        digest.update(clip.motion.numpy().tobytes())
    return digest.hexdigest()[:16]
