"""Training steps of the paper's networks: windows per second and waits of the CPU, by batch, precision, compilation."""

import argparse
import time
import warnings
from dataclasses import replace
from pathlib import Path

import torch
from rows import write_row

from a2k_train.config.train_config import TrainConfig, defaults
from a2k_train.data.clip_store import ClipStore
from a2k_train.training.launch import launch
from a2k_train.training.trainer import Trainer

_WAYS = {
    "fp32": {},
    "bf16": {"precision": "bf16-mixed"},
    "bf16, compiled": {"precision": "bf16-mixed", "compile": True},
}


def noise_store(clips: int, frames: int = 160) -> ClipStore:
    """Return clips of noise around a face: a step takes as long whatever it is fed."""
    generator = torch.Generator().manual_seed(0)
    face = 112 + 30 * torch.randn(68, 2, generator=generator)
    return ClipStore.from_tensors(
        face + torch.randn(clips * frames, 68, 2, generator=generator),
        torch.ones(clips * frames, dtype=torch.bool),
        torch.randint(-3000, 3000, (clips * frames, 640), generator=generator, dtype=torch.int16),
        ids=[str(i) for i in range(clips)],
        speakers=[str(i) for i in range(clips)],
        splits=["train"] * clips,
        lengths=[frames] * clips,
    )


def measure(config: TrainConfig, store: ClipStore, device: torch.device, *, steps: int) -> tuple[float, str]:
    """Return windows per second, and what made the CPU wait for the device in a step."""
    trainer = Trainer(config, store, fabric=launch(str(device), precision=config.precision))
    for _ in range(3):
        trainer.train_step()
    wait(device)
    start = time.perf_counter()
    for _ in range(steps):
        trainer.train_step()
    wait(device)
    rate = steps * config.batch_size / (time.perf_counter() - start)
    return rate, syncs(trainer) if device.type == "cuda" else "not counted on the CPU"


def syncs(trainer: Trainer) -> str:
    """Return the number of waits of the CPU in a step, and the first place."""
    batch = trainer.sampler.batch(trainer.step)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            trainer.train_step(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [w for w in caught if "synchroniz" in str(w.message)]
    where = f", first in {Path(waits[0].filename).name}:{waits[0].lineno}" if waits else ""
    return f"{len(waits)} waits{where}"


def wait(device: torch.device) -> None:
    """Wait until the device is idle."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Write a row for every batch and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    device = torch.device(options.device)
    width, batches, steps = (0.05, (4,), 1) if options.small else (1.0, (32, 256, 1024), 10)
    store = noise_store(64).to(device)
    for preset in ("paper", "residual"):
        for batch in batches if preset == "paper" else batches[:1]:
            for way, settings in _WAYS.items():
                if options.small and settings.get("compile"):
                    continue
                config = replace(defaults(preset), batch_size=batch, window_frames=64, **settings)
                if preset == "paper":
                    config = replace(config, model=replace(config.model, width=width))
                name = f"{preset}, width {width:g}, batch {batch}, {way}" if preset == "paper" else f"{preset}, {way}"
                try:
                    rate, waits = measure(config, store, device, steps=steps)
                    write_row(options.out, "training step", name, round(rate, 1), "windows/s", waits)
                except Exception as error:  # out of memory, for one: the other rows still count
                    write_row(options.out, "training step", name, f"{type(error).__name__}: {error}", verdict="failed")
                if device.type == "cuda":
                    torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
