"""Equality of a device with the CPU: networks, head motion, front end, metrics, raster, streaming, statistics."""

import argparse
import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rows import write_row
from torch import Tensor
from train_steps import noise_store

import kp_metrics as kpm
from a2k_nets import Audio2Keypoint, PaperAudio2Keypoint, PaperConfig, StreamingGenerator
from a2k_train.config.train_config import TrainConfig, defaults
from a2k_train.training.launch import launch
from a2k_train.training.trainer import Trainer
from kp_io import rasterize_batch

_METRICS = ("keypoint_l1", "pck", "nme", "lip_error", "mouth_correlation", "velocity_ratio", "closure_f1", "jitter")


def speech(seconds: float) -> Tensor:
    """Return noise with the loudness of syllables."""
    generator = torch.Generator().manual_seed(0)
    samples = round(seconds * 16_000)
    loudness = (torch.arange(samples) / 16_000 * 12).sin().clamp(min=0)
    return 0.2 * loudness * torch.randn(samples, generator=generator)


def checks(seconds: float) -> dict[str, tuple[float, Callable[[torch.device], Tensor]]]:
    """Return the work to compare by name, with the largest difference that counts as equal."""
    model = Audio2Keypoint.from_pretrained().eval()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        paper = PaperAudio2Keypoint(PaperConfig(width=0.25)).eval()
    sound, face = speech(seconds), model.normalizer.mean_face_px
    noise = torch.randn(2, 400, 4, generator=torch.Generator().manual_seed(1))

    def network(network: torch.nn.Module, device: torch.device) -> Tensor:
        here = copy.deepcopy(network).to(device)
        with torch.inference_mode():
            seeded = torch.Generator().manual_seed(0)
            keypoints: Tensor = here(sound[None].to(device), face[None].to(device), generator=seeded)
        return keypoints

    def streamed(device: torch.device) -> Tensor:
        stream = StreamingGenerator(face, copy.deepcopy(model).to(device))
        parts = [stream.push(piece.to(device)) for piece in sound.split(640)]
        return torch.cat([*parts, stream.flush()])

    def log_mel(device: torch.device) -> Tensor:
        return copy.deepcopy(model.log_mel).to(device)(sound[None, : len(sound) // 640 * 640].to(device))

    truth = face + 3 * torch.randn(100, 68, 2, generator=torch.Generator().manual_seed(3))
    shift = torch.randn(truth.shape, generator=torch.Generator().manual_seed(2))

    def metric(name: str) -> Callable[[torch.device], Tensor]:
        return lambda device: getattr(kpm, name)((truth + shift).to(device), truth.to(device))

    found: dict[str, tuple[float, Callable[[torch.device], Tensor]]] = {
        "residual network, pixels": (0.02, lambda device: network(model, device)),
        "paper network, pixels": (0.02, lambda device: network(paper, device)),
        "streaming in 40 ms, pixels": (0.02, streamed),
        "log-mel": (1e-3, log_mel),
        "head motion": (1e-5, lambda device: copy.deepcopy(model.head_motion).to(device)(noise.to(device))),
        "raster, of 1": (1 / 255, lambda device: rasterize_batch(face[None].to(device), image_size=(224, 224))),
    }
    return found | {f"metric {name}": (1e-4, metric(name)) for name in _METRICS if hasattr(kpm, name)}


def first_losses(config: TrainConfig, device: torch.device) -> Tensor:
    """Return the losses of the first step of a training whose clips are on the device."""
    fabric = launch(str(device), precision=config.precision)
    losses = Trainer(config, noise_store(16).to(device), fabric=fabric).train_step()
    return torch.stack([value.float() for value in losses.values()])


def main() -> None:
    """Write a row for every comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    device, cpu = torch.device(options.device), torch.device("cpu")
    work = checks(0.5 if options.small else 20.0)
    for preset in ("residual", "paper"):
        config = replace(defaults(preset), batch_size=8, window_frames=32, augment=False)
        if preset == "paper":
            config = replace(config, model=replace(config.model, width=0.125))
        work[f"losses of the first step, {preset}"] = (1e-2, lambda where, config=config: first_losses(config, where))
    for name, (bound, function) in work.items():
        try:
            ours, theirs = function(device).cpu().double(), function(cpu).double()
            difference = float((ours - theirs).abs().max())
            verdict = "equal" if difference <= bound else f"differs by more than {bound:g}"
            write_row(options.out, "equality", name, difference, "largest difference", verdict)
        except Exception as error:  # one failure must not hide the other comparisons
            write_row(options.out, "equality", name, f"{type(error).__name__}: {error}", verdict="failed")


if __name__ == "__main__":
    main()
