"""Windows a second for training: by frame index from a store, in memory or on a disk, beside what one writes first.

    nox -s bench -- benchmarks/speed/bench_loader.py

The corpus is made up of noise, since only its size matters: 200 clips of 8 seconds in Parquet shards, as `kp-io build`
writes them. A step takes 64 windows of 64 frames of 64 clips at random. The others are a torch `DataLoader` over a
dataset that returns one window an item from the same memory, and a loop that reads each window's clip from its shard,
by pyarrow's random access to the row group.
"""

import random

import pytest
import torch

from a2k_train.data.clip import Clip
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.open_clips import open_clips
from a2k_train.data.prefetch import prefetch
from a2k_train.data.window_sampler import WindowSampler
from kp_io.corpus.shards.writer import stage_rows, write_shard
from kp_io.media.audio import decode_flac, encode_flac

parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra kp-io[build]")

CLIPS, FRAMES, WINDOW, BATCH, STEPS = 200, 200, 64, 64, 10
NOTE = {"against": "torch DataLoader, a window an item, 0 workers", "amount": STEPS * BATCH, "unit": "windows"}

pytestmark = pytest.mark.benchmark(group=f"windows of {WINDOW} frames, {BATCH} a step")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    generator = torch.Generator().manual_seed(0)
    sound = encode_flac(0.1 * torch.randn(FRAMES * 640, generator=generator), sample_rate=16_000)
    spooled = []
    for index in range(CLIPS):
        points = 224 * torch.rand(FRAMES, 68, 2, generator=generator)
        row = {"id": str(index), "speaker": str(index % 40), "split": "train", "num_frames": FRAMES, "fps": 25.0}
        row |= {"keypoints": points.flatten().numpy(), "keypoints_shape": list(points.shape), "layout": "ibug68"}
        row |= {"scores": torch.ones(FRAMES * 68).numpy(), "image_height": 224, "image_width": 224, "face_px": 90.0}
        row |= {"interpolated": 0.0, "audio": sound, "sample_rate": 16_000, "detector": "noise", "source": "noise"}
        row |= {"sha256": "", "licence": "", "schema_version": 1}
        spooled.append(folder / "spool" / f"{index}.arrow")
        stage_rows(spooled[-1], [row])
    for shard in range(0, CLIPS, 100):
        write_shard(folder / "data" / f"train-{shard // 100:05d}.parquet", spooled[shard : shard + 100])
    (folder / "summary.json").write_text("{}", encoding="utf-8")
    return folder


class OneWindowAnItem(torch.utils.data.Dataset):
    """What a `DataLoader` is given most often."""

    def __init__(self, clips: list[Clip]) -> None:
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        return cut(self.clips[index])


def cut(clip: Clip) -> tuple[torch.Tensor, ...]:
    start = random.randrange(clip.num_frames - WINDOW + 1)
    frames = slice(start, start + WINDOW)
    points, sound = clip.keypoints[frames], clip.sound[start * 640 : (start + WINDOW) * 640]
    return sound.float() / 32_768, points[0], points, clip.measured[frames]


def run(store: ClipStore, sampling: str) -> None:
    sampler = WindowSampler(store, window_frames=WINDOW, batch_size=BATCH, sampling=sampling)
    for step in range(STEPS):
        assert len(sampler.batch(step).mask) == BATCH


@pytest.mark.parametrize("sampling", ["balanced", "epochs"])
@pytest.mark.parametrize("cache", ["memory", "disk"])
def bench_sampler(measure, device, corpus, cache, sampling):
    store = open_clips(corpus, splits=("train",), cache=cache)
    # On a GPU the frames lie there; what is on a disk is mapped, and stays.
    store = store.to(device) if cache == "memory" else store
    measure(lambda: run(store, sampling), row=f"frames in {cache}, {sampling}", **NOTE)


def bench_prefetched_sampler(measure, corpus):
    store = open_clips(corpus, splits=("train",), cache="disk")
    sampler = WindowSampler(store, window_frames=WINDOW, batch_size=BATCH)

    def ahead():
        with prefetch(sampler.batch, start=0, stop=STEPS) as batches:
            assert sum(len(batch.mask) for batch in batches) == STEPS * BATCH

    measure(ahead, row="frames on a disk, prefetched", **NOTE)


@pytest.mark.parametrize("workers", [0, 2])
def bench_torch_dataloader(measure, device, corpus, workers):
    dataset = OneWindowAnItem(open_clips(corpus, splits=("train",)).clips())
    drawn = torch.utils.data.RandomSampler(dataset, replacement=True, num_samples=STEPS * BATCH)
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=BATCH, sampler=drawn, num_workers=workers, persistent_workers=workers > 0
    )

    def epoch():
        assert sum(len([part.to(device) for part in batch][-1]) for batch in loader) == STEPS * BATCH

    row = f"torch DataLoader, a window an item, {workers} workers"
    measure(epoch, row=row, **NOTE | {"against": None if row == NOTE["against"] else NOTE["against"]})


def bench_straight_from_parquet(measure, corpus):
    """One step: each window's row group is read and its sound decoded when it is drawn."""
    files = [parquet.ParquetFile(path) for path in sorted(corpus.glob("data/*.parquet"))]
    groups = [(file, group) for file in files for group in range(file.num_row_groups)]

    def window():
        file, group = random.choice(groups)
        rows = file.read_row_group(group, columns=["keypoints", "keypoints_shape", "scores", "audio"])
        index = random.randrange(rows.num_rows)
        row = {name: rows.column(name)[index] for name in rows.column_names}
        shape = row["keypoints_shape"].as_py()
        points = torch.tensor(row["keypoints"].values.to_numpy()).reshape(shape)
        scores = torch.tensor(row["scores"].values.to_numpy()).reshape(shape[:2])
        waveform, _ = decode_flac(row["audio"].as_py())
        sound = (waveform * 32_768).to(torch.int16)
        return cut(Clip("", "", "train", sound, points, (scores > 0).any(dim=1)))

    def step():
        assert len([torch.stack(x) for x in zip(*(window() for _ in range(BATCH)), strict=True)]) == 4

    measure(step, row="straight from Parquet, a row group a window", **NOTE | {"amount": BATCH}, rounds=3)
