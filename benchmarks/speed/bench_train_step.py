"""A whole training step of the paper's three networks, D, G and E, against the same step made fast.

"Eager, as written" is PyTorch in fp32 with the optimizer's loop over parameters: how the step reads. The other rows
change one thing each; the last has all that the device gains by. All see the same batch; the ratio is what counts.
`torch.compile` writes C++ on a CPU: it needs a compiler and some two minutes, so that only `--slow` runs it there.

    nox -s bench -- benchmarks/speed/bench_train_step.py                     # CPU, width 1/8
    A2K_WIDTH=1 A2K_BATCH=256 nox -s bench -- benchmarks/speed/bench_train_step.py --device cuda
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from common.run_metadata import cores

from a2k_train.config.train_config import TrainConfig, defaults
from a2k_train.data.clip_store import ClipStore
from a2k_train.training.launch import launch
from a2k_train.training.trainer import Trainer

WIDTH = float(os.environ.get("A2K_WIDTH", "0.125"))
BATCH = int(os.environ.get("A2K_BATCH", "32"))
FRAMES = 64


def noise_store() -> ClipStore:
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


Tuning = Callable[[torch.optim.Optimizer], None]
WAYS: dict[str, tuple[dict[str, object], Tuning]] = {
    "eager, as written": ({}, _looped),
    "foreach Adam": ({}, _foreach),
    "fused Adam": ({}, _as_it_is),
    "fused, channels last": ({"channels_last": True}, _as_it_is),
    "fused, channels last, compiled": ({"channels_last": True, "compile": True}, _as_it_is),
    "the same in bf16": ({"channels_last": True, "compile": True, "precision": "bf16-mixed"}, _as_it_is),
}
NOTE = {"amount": BATCH, "unit": "windows"}
# Not the compiled one: its kernels are written for a number of threads, and would be compiled again.
WITH_TWO_THREADS = ("eager, as written", "fused, channels last")


@pytest.mark.parametrize(("way", "threads"), [(way, 1) for way in WAYS] + [(way, 2) for way in WITH_TWO_THREADS])
def bench_step(request, benchmark, measure, device, way, threads) -> None:
    on_cpu = device.type == "cpu"
    settings, tune = WAYS[way]
    if not on_cpu and threads > 1:
        pytest.skip("the threads of the CPU have no part in it")
    if threads > cores():
        pytest.skip(f"needs {threads} cores")
    if "precision" in settings and on_cpu:
        pytest.skip("bf16 is for GPUs: few CPUs have it, and on others it is emulated")
    if settings.get("compile") and on_cpu:
        if not (shutil.which("g++") or shutil.which("clang++")):
            pytest.skip("torch.compile needs a C++ compiler")
        if not request.config.getoption("--slow"):
            pytest.skip("torch.compile takes some two minutes on a CPU: --slow runs it")
    benchmark.group = f"training step of D, G and E, width {WIDTH:g}, {BATCH} windows, {threads} thread" + "s" * (
        threads > 1
    )
    config: TrainConfig = defaults("paper")
    config = replace(
        config, model=replace(config.model, width=WIDTH), batch_size=BATCH, window_frames=FRAMES, **settings
    )
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        fabric = launch(str(device), precision=config.precision)
        trainer = Trainer(config, noise_store().to(device), fabric=fabric)
        for optimizer in trainer.recipe.optimizers.values():
            tune(optimizer)
        batch = trainer.sampler.batch(0)
        against = None if way == "eager, as written" else "eager, as written"
        measure(lambda: trainer.train_step(batch), row=way, against=against, rounds=5, **NOTE)
    finally:
        torch.set_num_threads(before)


def bench_drawing_a_batch(benchmark, measure, device) -> None:
    """How long a batch takes to draw: it must be a small part of a step, or the step waits for it."""
    config = replace(defaults("paper"), batch_size=BATCH)
    benchmark.group = f"training step of D, G and E, width {WIDTH:g}, {BATCH} windows, 1 thread"
    trainer = Trainer(replace(config, model=replace(config.model, width=WIDTH)), noise_store())
    measure(lambda: trainer.sampler.batch(7), row="drawing its batch alone", against="eager, as written", **NOTE)
