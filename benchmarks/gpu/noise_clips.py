"""A folder of annotated clips of noise, for an ablation that measures time where there is no corpus."""

import argparse
import csv
from pathlib import Path

import torch

from kp_io import KeypointSequence, save_keypoints, write_audio


def main() -> None:
    """Write clips of as many speakers, a quarter of them in the split val."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--frames", type=int, default=150)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    face = 112 + 30 * torch.randn(68, 2, generator=generator)
    with (options.folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "speaker", "split"])
        for index in range(options.clips):
            table.writerow([f"clip{index}", f"speaker{index}", "val" if index % 4 == 3 else "train"])
            points = face + torch.randn(options.frames, 68, 2, generator=generator).cumsum(dim=0).mul(0.2)
            sequence = KeypointSequence(points, fps=25, image_size=(224, 224))
            save_keypoints(options.folder / f"clip{index}.npz", sequence)
            sound = 0.1 * torch.randn(options.frames * 640, generator=generator)
            write_audio(options.folder / f"clip{index}.wav", sound, sample_rate=16_000)


if __name__ == "__main__":
    main()
