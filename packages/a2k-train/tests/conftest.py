"""Made-up clips whose mouth opens with the loudness of noise; they exercise code and say nothing of quality."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from a2k_nets.config.paper import PaperConfig
from a2k_nets.config.residual import ModelConfig
from a2k_train.config.train_config import TrainConfig, defaults
from a2k_train.data.clip import Clip, to_int16
from a2k_train.data.clip_store import ClipStore
from kp_io.corpus.shards.writer import stage_rows, write_shard
from kp_io.formats.registry import save_keypoints
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.audio import encode_flac, write_audio

LOWER_LIPS = [56, 57, 58, 65, 66, 67]


def _arc(x: float, y: float, width: float, height: float, turns: Tensor) -> Tensor:
    angle = torch.pi * (1 + turns)
    return torch.stack((x + width * angle.cos(), y + height * angle.sin()), dim=1)


def drawn_face() -> Tensor:
    """68 points, 80 px between the outer eye corners. (68, 2)"""
    half, closed = torch.linspace(0, 1, 5), torch.arange(12) / 6
    face = torch.cat(
        (
            _arc(0, 0.1, 0.75, -1.1, torch.linspace(0, 1, 17)),
            _arc(-0.33, -0.15, 0.2, 0.1, half),
            _arc(0.33, -0.15, 0.2, 0.1, half),
            torch.stack((torch.zeros(4), torch.linspace(0, 0.45, 4)), dim=1),
            torch.stack((torch.linspace(-0.15, 0.15, 5), torch.tensor([0.53, 0.56, 0.58, 0.56, 0.53])), dim=1),
            _arc(-0.35, 0, 0.15, 0.06, closed[::2]),
            _arc(0.35, 0, 0.15, 0.06, closed[::2]),
            _arc(0, 0.85, 0.3, 0.12, closed),
            _arc(0, 0.85, 0.22, 0.05, torch.arange(8) / 4),
        )
    )
    return 80 * face + torch.tensor([112.0, 100.0])


def make_clip(
    seed: int = 0, *, frames: int = 70, speaker: str | None = None, split: str = "train", jitter_px: float = 0.2
) -> Clip:
    """Syllables of noise; the lower lip follows them, the head sways, every point trembles a little."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(frames) / 25
    opening = (torch.sin(2 * torch.pi * (1.5 + 0.3 * seed) * time) + 0.5).clamp(min=0)
    loudness = opening.repeat_interleave(640)
    waveform = 0.01 * torch.randn(frames * 640, generator=generator)
    waveform += 0.2 * loudness * torch.randn(frames * 640, generator=generator)
    sway = torch.zeros(2)
    track = []
    for _ in range(frames):
        sway = 0.9 * sway + torch.randn(2, generator=generator)
        track.append(sway)
    keypoints = drawn_face() + torch.stack(track)[:, None]
    keypoints += jitter_px * torch.randn(frames, 68, 2, generator=generator)
    keypoints[:, LOWER_LIPS, 1] += 8 * opening[:, None]
    return Clip(
        id=f"clip{seed}",
        speaker=speaker or f"speaker{seed}",
        split=split,
        sound=to_int16(waveform),
        keypoints=keypoints,
        measured=torch.ones(frames, dtype=torch.bool),
    )


@pytest.fixture(scope="session")
def make() -> Callable[..., Clip]:
    return make_clip


@pytest.fixture(scope="session")
def clips() -> list[Clip]:
    """Four clips of three speakers; the last one is shorter than a window."""
    return [
        make_clip(0, speaker="ada"),
        make_clip(1, speaker="ada"),
        make_clip(2, speaker="bob"),
        make_clip(3, frames=10, speaker="cyd"),
    ]


@pytest.fixture(scope="session")
def store(clips: list[Clip]) -> ClipStore:
    """The same four clips."""
    return ClipStore.from_clips(clips)


@pytest.fixture(scope="session")
def tiny_paper() -> TrainConfig:
    """Settings of a training of the paper's networks that takes a second."""
    return replace(
        defaults("paper"),
        model=PaperConfig(width=0.05, levels=3),
        epochs=0,
        steps=4,
        batch_size=4,
        window_frames=16,
        checkpoint_every=2,
        learning_rate=1e-3,
    )


@pytest.fixture(scope="session")
def tiny() -> TrainConfig:
    """Settings of a training that takes a second."""
    return TrainConfig(
        model=ModelConfig(width=8, dilations=(1, 2)), steps=4, batch_size=3, window_frames=16, checkpoint_every=2
    )


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    """A folder as `kp-io annotate --wav` leaves it, with a manifest: four speakers in train, two in val."""
    folder = tmp_path_factory.mktemp("corpus")
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "speaker", "split", "notes"])
        for seed in range(6):
            clip = make_clip(seed, frames=60, split="train" if seed < 4 else "val")
            table.writerow([clip.id, clip.speaker, clip.split, "made up"])
            save_keypoints(folder / f"{clip.id}.npz", KeypointSequence(clip.keypoints, image_size=(224, 224)))
            write_audio(folder / f"{clip.id}.wav", clip.waveform, sample_rate=16_000)
    return folder


@pytest.fixture
def write_corpus() -> Callable[..., Path]:
    pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
    return _write_corpus


def _write_corpus(folder: Path, clips: Iterable[Clip], *, clips_per_shard: int = 2, **columns: object) -> Path:
    """Write clips as `kp-io build` would have; columns replace values of every row, also by what they are called on."""
    shards: dict[str, list[list[Path]]] = {}
    for number, clip in enumerate(clips):
        shape = clip.keypoints.shape
        row = {
            "id": clip.id,
            "speaker": clip.speaker,
            "split": clip.split,
            "num_frames": clip.num_frames,
            "fps": 25.0,
            "keypoints": clip.keypoints.flatten().numpy(),
            "keypoints_shape": list(shape),
            "scores": clip.measured.float().repeat_interleave(shape[1]).numpy(),
            "layout": "ibug68",
            "image_height": 448,
            "image_width": 448,
            "face_px": 100.0,
            "interpolated": 0.0,
            "audio": encode_flac(clip.waveform, sample_rate=16_000),
            "sample_rate": 16_000,
            "detector": "drawn",
            "source": f"{clip.id}.mp4",
            "sha256": "",
            "licence": "",
            "schema_version": 1,
        }
        row |= {name: value(clip) if callable(value) else value for name, value in columns.items()}
        spooled = folder / "spool" / f"{number}.arrow"
        stage_rows(spooled, [row])
        home = shards.setdefault(clip.split, [[]])
        if len(home[-1]) == clips_per_shard:
            home.append([])
        home[-1].append(spooled)
    for split, parts in shards.items():
        for number, spooled_clips in enumerate(parts):
            write_shard(folder / "data" / f"{split}-{number:05d}.parquet", spooled_clips)
    for name in ("corpus.json", "summary.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    return folder
