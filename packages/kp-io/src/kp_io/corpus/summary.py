"""Complete shards from staged clips, and compute failures, statistics and summary over all shards."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch

from kp_io.corpus.shards.reader import read_rows
from kp_io.corpus.shards.schema import SCHEMA_VERSION
from kp_io.corpus.shards.writer import write_failures, write_shard
from kp_io.corpus.sources import PlannedShard
from kp_io.corpus.state import CorpusState, ShardRecord
from kp_io.keypoints.layout import get_layout
from kp_io.keypoints.statistics import KeypointStatistics

#: The paper computes its statistics over the first 10,000 training sequences (section 4.5).
_STATISTICS_SEQUENCES = 10_000


@dataclass(frozen=True, slots=True)
class CorpusSummary:
    """The content of a corpus in numbers.

    Attributes:
        num_videos: Videos that were processed.
        splits: By split: `num_clips`, `num_speakers`, `num_frames`, `seconds`, `num_bytes`, `num_shards`.
        failures: Number of videos that gave no clip, by kind.
    """

    num_videos: int
    splits: dict[str, dict[str, int | float]]
    failures: dict[str, int]


def complete_shard(state: CorpusState, shard: PlannedShard, staged: Iterable[Path]) -> None:
    """Write a shard from the clips (`.arrow`) and failures (`.json`) of its videos, in order, and record it.

    A kill meanwhile loses nothing: the staged files are removed last.

    Raises:
        OSError: The disk is full, or a staged clip is damaged.
    """
    files = list(staged)
    clips = [file for file in files if file.suffix == ".arrow"]
    failures = [json.loads(file.read_text("utf-8")) for file in files if file.suffix == ".json"]
    path = state.shard_path(shard.name)
    content: dict[str, Any] = {}
    if clips:
        content = {**write_shard(path, clips), "num_bytes": path.stat().st_size}
    record = ShardRecord(shard.digest, len(shard.videos), failures=failures, **content)
    state.complete(shard, record)


def finish_corpus(state: CorpusState) -> CorpusSummary:
    """Write what is computed over all shards; `summary.json` is written last and marks a corpus as complete."""
    path = state.out / "summary.json"
    if not path.is_file():
        write_failures(state.out / "failures.parquet", _failures(state))
        _write_statistics(state)
        state.write_json(path, asdict(_summarize(state)))
    rmtree(state.staging, ignore_errors=True)
    try:
        return CorpusSummary(**json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"expected a summary of a corpus, got the damaged file {path}: {error}; remove it to have it written again"
        ) from error


def _failures(state: CorpusState) -> Iterator[dict[str, str]]:
    return (failure for name in state.names() for failure in state.record(name).failures)


def _write_statistics(state: CorpusState) -> None:
    """Write mean and deviation over the first training sequences; without any, nothing."""
    statistics: KeypointStatistics | None = None
    if not any(name.startswith("train-") and state.record(name).num_clips for name in state.names()):
        return
    columns = ("keypoints", "keypoints_shape", "layout")
    for row in islice(read_rows(state.out, split="train", columns=columns), _STATISTICS_SEQUENCES):
        statistics = statistics or KeypointStatistics(base_point=get_layout(row["layout"]).base_point)
        statistics.add(torch.from_numpy(row["keypoints"].reshape(row["keypoints_shape"])))
    assert statistics is not None, "a record lists a clip"
    state.write_json(state.out / "statistics.json", {"schema_version": SCHEMA_VERSION, **statistics.to_dict()})


def _summarize(state: CorpusState) -> CorpusSummary:
    splits: dict[str, Counter[str]] = {}
    seconds: dict[str, float] = {}
    speakers: dict[str, set[str]] = {}
    kinds: Counter[str] = Counter()
    num_videos = 0
    for name in state.names():
        record, split = state.record(name), name.rpartition("-")[0]
        num_videos += record.num_videos
        kinds.update(failure["kind"] for failure in record.failures)
        counts = splits.setdefault(split, Counter())
        speakers.setdefault(split, set()).update(record.speakers)
        counts.update(
            num_clips=record.num_clips,
            num_frames=record.num_frames,
            num_bytes=record.num_bytes,
            num_shards=int(record.num_clips > 0),
        )
        seconds[split] = seconds.get(split, 0.0) + record.seconds
    table = {
        split: {**counts, "num_speakers": len(speakers[split]), "seconds": seconds[split]}
        for split, counts in splits.items()
    }
    return CorpusSummary(num_videos, table, dict(sorted(kinds.items())))
