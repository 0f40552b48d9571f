"""A whole training step of the paper's three networks, D, G and E, against the same step made fast.

`written` is eager PyTorch in fp32 with the optimizer's loop over parameters: how the step reads. The other rows change
one thing each, `fast` all that the device gains by. Both see the same batch; the ratio is what counts.

    pytest benchmarks/bench_train_step.py                     # CPU, width 1/8
    A2K_DEVICE=cuda A2K_WIDTH=1 A2K_BATCH=256 pytest benchmarks/bench_train_step.py
"""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from a2k_train.config import TrainConfig, defaults
from a2k_train.launch import launch
from a2k_train.store import ClipStore
from a2k_train.trainer import Trainer

DEVICE = os.environ.get("A2K_DEVICE", "cpu")
WIDTH = float(os.environ.get("A2K_WIDTH", "0.125"))
BATCH = int(os.environ.get("A2K_BATCH", "32"))
FRAMES = 64


def _store() -> ClipStore:
    """Noise of the right shapes: a step takes as long whatever it is fed."""
    generator = torch.Generator().manual_seed(0)
    clips, frames = 64, 160
    return ClipStore.from_tensors(
        112 + 30 * torch.randn(clips * frames, 68, 2, generator=generator),
        torch.ones(clips * frames, dtype=torch.bool),
        torch.randint(-3000, 3000, (clips * frames, 640), generator=generator, dtype=torch.int16),
        ids=[str(i) for i in range(clips)],
        speakers=[str(i) for i in range(clips)],
        splits=["train"] * clips,
        lengths=[frames] * clips,
    )


def _looped(optimizer: torch.optim.Optimizer) -> None:
    for group in optimizer.param_groups:
        group.update(fused=False, foreach=False)


def _foreach(optimizer: torch.optim.Optimizer) -> None:
    for group in optimizer.param_groups:
        group.update(fused=False, foreach=True)


def _as_it_is(optimizer: torch.optim.Optimizer) -> None:
    del optimizer


_ON_GPU = {"precision": "bf16-mixed"} if DEVICE.startswith("cuda") else {}
WAYS: dict[str, tuple[dict[str, object], Callable[[torch.optim.Optimizer], None]]] = {
    "written": ({}, _looped),
    "foreach Adam": ({}, _foreach),
    "fused Adam": ({}, _as_it_is),
    "fused, channels last": ({"channels_last": True}, _as_it_is),
    "fast": ({"channels_last": True, "compile": DEVICE.startswith("cuda"), **_ON_GPU}, _as_it_is),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("threads", [1, 2] if DEVICE == "cpu" else [1])
def bench_step(benchmark, way, threads) -> None:
    settings, tune = WAYS[way]
    benchmark.group = f"step of D, G and E, width {WIDTH:g}, batch {BATCH}, {DEVICE}, {threads} threads"
    config: TrainConfig = defaults("paper")
    config = replace(
        config, model=replace(config.model, width=WIDTH), batch_size=BATCH, window_frames=FRAMES, **settings
    )
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        trainer = Trainer(config, _store().to(DEVICE), fabric=launch(DEVICE, precision=config.precision))
        for optimizer in trainer.recipe.optimizers.values():
            tune(optimizer)
        batch = trainer.sampler.batch(0)

        def step() -> None:
            trainer.train_step(batch)
            if DEVICE.startswith("cuda"):
                torch.cuda.synchronize()

        benchmark.pedantic(step, warmup_rounds=3, rounds=7)
    finally:
        torch.set_num_threads(before)
    benchmark.extra_info["windows_per_second"] = BATCH / benchmark.stats.stats.median
    if DEVICE.startswith("cuda"):
        benchmark.extra_info["gpu"] = torch.cuda.get_device_name()


def bench_loader_against_the_step(benchmark) -> None:
    """How long a batch takes to draw: it must be a small part of a step, or the step waits for it."""
    config = replace(defaults("paper"), batch_size=BATCH)
    benchmark.group = f"a batch of {BATCH} windows"
    trainer = Trainer(replace(config, model=replace(config.model, width=WIDTH)), _store())
    benchmark.pedantic(lambda: trainer.sampler.batch(7), warmup_rounds=2, rounds=30)
    benchmark.extra_info["windows_per_second"] = BATCH / benchmark.stats.stats.median
