"""The jobs of peak_memory.py: each prepares its inputs and returns the function to measure.

    cd benchmarks && python -m memory.jobs NAME DEVICE FOLDER     # prints one line of JSON

FOLDER has `talk.mp4`, which another process makes, so that making it does not count.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from common.device_clock import waiting
from memory.process_memory import peak_mb, resident_mb, start_peak

__all__ = ["FRAMES", "JOBS", "VIDEO_JOBS"]

Work = Callable[[], Any]
ALPHA, SEQUENCES, FRAMES, CLIPS = 0.02, 2000, 100, 4


def _generate(seconds: int, device: torch.device, *, paper: bool = False) -> Work:
    from a2k_nets import Audio2Keypoint, PaperAudio2Keypoint

    ours = Audio2Keypoint.from_pretrained()
    model = (PaperAudio2Keypoint().eval() if paper else ours).to(device)
    waveform = (0.1 * torch.randn(1, 16_000 * seconds)).to(device)
    reference = ours.normalizer.mean_face_px[None].to(device)
    return torch.inference_mode()(lambda: model(waveform, reference, generator=torch.Generator().manual_seed(0)))


def _stream(seconds: int, device: torch.device) -> Work:
    from a2k_nets import Audio2Keypoint, StreamingGenerator

    model = Audio2Keypoint.from_pretrained().to(device)
    stream = StreamingGenerator(model.normalizer.mean_face_px, model)
    piece = 0.1 * torch.randn(640)
    return lambda: sum(len(stream.push(piece)) for _ in range(25 * seconds))


def _annotate(folder: Path) -> Work:
    from kp_io import annotate_video
    from kp_io.annotation.annotate import default_detector

    detector = default_detector()
    return lambda: annotate_video(folder / "talk.mp4", detector=detector)


def _annotate_list(folder: Path) -> Work:
    from kp_io import read_video
    from kp_io.annotation.annotate import default_detector

    detector = default_detector()
    return lambda: [detector.detect(frame) for frame in list(read_video(folder / "talk.mp4"))]


def _build(workers: int, folder: Path) -> Work:
    from kp_io import CorpusOptions, build_corpus

    for i in range(CLIPS):
        (folder / "videos" / str(i)).mkdir(parents=True)
        shutil.copy(folder / "talk.mp4", folder / "videos" / str(i))
    options = CorpusOptions(val=0, test=0)
    return lambda: build_corpus(folder / "videos", folder / "out", options=options, workers=workers)


def _train(preset: str, device: torch.device) -> Work:
    from speed.bench_train_step import BATCH, WIDTH, noise_store

    from a2k_train.config.train_config import defaults
    from a2k_train.training.launch import launch
    from a2k_train.training.trainer import Trainer

    config = defaults(preset)
    model = replace(config.model, width=WIDTH) if preset == "paper" else config.model
    config = replace(config, model=model, batch_size=BATCH)
    trainer = Trainer(config, noise_store().to(device), fabric=launch(str(device)))
    return lambda: [trainer.train_step() for _ in range(3)]


def _pair(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    target = torch.rand(SEQUENCES, 64, 68, 2).mul_(200)
    return torch.randn(SEQUENCES, 64, 68, 2).add_(target).to(device), target.to(device)


def _pck(device: torch.device) -> Work:
    import kp_metrics

    pair = _pair(device)
    return lambda: kp_metrics.pck(*pair, alpha=ALPHA)


def _pck_numpy(device: torch.device) -> Work:
    import numpy as np

    preds, target = (side.cpu().numpy() for side in _pair(device))

    def at_once() -> float:
        box = target.max((1, 2)) - target.min((1, 2))
        return float((np.linalg.norm(preds - target, axis=-1) <= ALPHA * box.max(-1)[:, None, None]).mean())

    return at_once


#: Jobs on a device, by name in the table.
JOBS: dict[str, Callable[[torch.device], Work]] = {
    "nothing but Python and torch": lambda device: lambda: None,
    "generate 10 s": lambda device: _generate(10, device),
    "generate 10 min": lambda device: _generate(600, device),
    "generate 10 s, preset paper": lambda device: _generate(10, device, paper=True),
    "generate 1 min, preset paper": lambda device: _generate(60, device, paper=True),
    "stream 1 min in pieces of 40 ms": lambda device: _stream(60, device),
    "3 training steps, preset residual, 32 windows": lambda device: _train("residual", device),
    "3 training steps, preset paper at width 1/8, 32 windows": lambda device: _train("paper", device),
    f"PCK of {SEQUENCES} × 64 × 68 × 2": _pck,
    "the same PCK in NumPy, at once": _pck_numpy,
}

#: Jobs on the CPU, with `talk.mp4` in a folder.
VIDEO_JOBS: dict[str, Callable[[Path], Work]] = {
    f"annotate {FRAMES} frames of 400×400": _annotate,
    "the detector's own loop over a list of them": _annotate_list,
    f"build a corpus of {CLIPS} such clips, 1 worker": lambda folder: _build(1, folder),
    f"build a corpus of {CLIPS} such clips, 2 workers": lambda folder: _build(2, folder),
}


def main() -> None:
    """Run a job and print its memory."""
    name, device, folder = sys.argv[1], torch.device(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    work = waiting(JOBS[name](device) if name in JOBS else VIDEO_JOBS[name](folder), device)
    start_peak()
    start = resident_mb()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    begin = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - begin
    gpu = torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None
    del result
    found = {"name": name, "start_mb": start, "peak_mb": peak_mb(), "gpu_mb": gpu, "seconds": seconds}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
