"""The training of the painting network."""

import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kp_render.painting.conditions import MouthView, network_input
from kp_render.painting.painter import KIND
from kp_render.painting.painting_network import PaintingNetwork
from kp_render.training.checkpoint import save_weights
from kp_render.training.learner import Learner, paint
from kp_render.training.losses import score_painting
from kp_render.training.pairs import Pairs, unpack
from kp_render.training.settings import TrainingSettings

STATE, WEIGHTS, TABLE = "training.safetensors", "painter.safetensors", "log.csv"
_COLUMNS = ("step", "loss", "seconds", "warp mouth SSIM", "mouth SSIM", "warp circle SSIM", "circle SSIM",
            "warp mouth L1", "mouth L1", "warp circle L1", "circle L1")  # fmt: skip
#: Range of the brightness and of the colours that examples are varied by.
_GAIN, _TINT = 0.2, 0.06


def train_painter(
    train: Path,
    validation: Path | None,
    out: Path,
    settings: TrainingSettings,
    *,
    device: str = "cpu",
    on_row: Callable[[dict[str, float]], None] = lambda row: None,
) -> Path:
    """Train the network on stored pairs, and return the file of its weights.

    Called again with the same folder, it goes on where it stopped.

    Args:
        train: Folder of `Pairs`.
        validation: Another, with other people, for the table; None for none.
        out: Folder of the weights, the table and the state.
        settings: How to learn.
        device: cpu, cuda or mps.
        on_row: Called with each row of the table.

    Raises:
        ValueError: A folder has no examples.
    """
    examples = open_examples(train)
    held_out = [] if validation is None else open_examples(validation)
    out.mkdir(parents=True, exist_ok=True)
    learner = Learner(settings, out / STATE, device)
    losses: list[float] = []
    began = time.monotonic()
    for step in range(learner.start, settings.steps):
        chance = np.random.default_rng((settings.seed, step))
        view, truth = _moved(*_batch(examples, settings.batch_size, chance), device)
        view, truth = _varied(view, truth, chance)
        losses.append(learner.update(view, truth, step, flipped=bool(chance.integers(2))))
        if (step + 1) % settings.log_every == 0 or step + 1 == settings.steps:
            row = {"step": step + 1, "loss": float(np.mean(losses)), "seconds": time.monotonic() - began}
            row |= _check(learner.average, held_out, settings.batch_size, device)
            _append(out / TABLE, row)
            losses.clear()
            learner.save(step + 1)
            on_row(row)
    save_weights(out / WEIGHTS, learner.average, {"kind": KIND, "steps": str(settings.steps)})
    return out / WEIGHTS


def open_examples(folder: Path) -> list[Pairs]:
    """Open all pairs of a folder.

    Raises:
        ValueError: There are none.
    """
    found = [Pairs.load(file) for file in sorted(folder.glob("*.keypoints.npy"))]
    if not found:
        raise ValueError(f"expected examples in {folder}, got none; make them with `kp-render pairs`")
    return found


def _batch(examples: list[Pairs], size: int, chance: np.random.Generator) -> tuple[MouthView, Tensor]:
    """Choose examples: each video is as likely as any other."""
    chosen = []
    for _ in range(size):
        pairs = examples[int(chance.integers(len(examples)))]
        chosen.append((pairs, int(chance.integers(len(pairs.keypoints)))))
    return _unpacked([pairs.pictures[i] for pairs, i in chosen], [pairs.keypoints[i] for pairs, i in chosen])


def _unpacked(pictures: list[np.ndarray], keypoints: list[np.ndarray]) -> tuple[MouthView, Tensor]:
    return unpack(torch.from_numpy(np.stack(pictures)), torch.from_numpy(np.stack(keypoints)))


def _moved(view: MouthView, truth: Tensor, device: str) -> tuple[MouthView, Tensor]:
    return MouthView(*(value.to(device) for value in view)), truth.to(device)


def _varied(view: MouthView, truth: Tensor, chance: np.random.Generator) -> tuple[MouthView, Tensor]:
    """Make examples brighter or darker and tint them, frame and truth alike."""
    count = len(truth)
    gain = 1 + chance.uniform(-_GAIN, _GAIN, (count, 1)) + chance.uniform(-_TINT, _TINT, (count, 3))
    factor = torch.from_numpy(gain).to(truth)[..., None, None]
    warped, portrait = (part * factor for part in (view.warped, view.portrait))
    return view._replace(warped=warped, portrait=portrait), truth * factor


def _check(network: PaintingNetwork, held_out: list[Pairs], batch_size: int, device: str) -> dict[str, float]:
    """Score the warp and the network on held-out examples."""
    if not held_out:
        return {}
    rows: list[list[Tensor]] = []
    with torch.no_grad():
        for pair in _in_turn(held_out, batch_size):
            view, truth = _moved(*pair, device)
            painted, _ = paint(network, view, network_input(view))
            scores = (score_painting(frames.clamp(0, 1), truth, view.keypoints) for frames in (view.warped, painted))
            rows.append([torch.stack(found, dim=1) for found in scores])
    warp, painter = (torch.cat([row[part] for row in rows]).mean(dim=0).tolist() for part in (0, 1))
    names = ("circle L1", "mouth L1", "circle SSIM", "mouth SSIM")
    return {**{f"warp {n}": v for n, v in zip(names, warp, strict=True)}, **dict(zip(names, painter, strict=True))}


def _in_turn(held_out: list[Pairs], batch_size: int) -> Iterator[tuple[MouthView, Tensor]]:
    all_of_them = [(pairs.pictures[i], pairs.keypoints[i]) for pairs in held_out for i in range(len(pairs.keypoints))]
    for first in range(0, len(all_of_them), batch_size):
        part = all_of_them[first : first + batch_size]
        yield _unpacked([pictures for pictures, _ in part], [keypoints for _, keypoints in part])


def _append(table: Path, row: dict[str, float]) -> None:
    is_new = not table.is_file()
    with table.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        if is_new:
            writer.writeheader()
        writer.writerow({name: f"{value:.6g}" for name, value in row.items()})
