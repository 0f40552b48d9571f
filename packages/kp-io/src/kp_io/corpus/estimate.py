"""What building a corpus would take, told from a few of its videos before the work is begun."""

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kp_io.annotation.annotate import annotate_frames, default_detector
from kp_io.corpus.options import CorpusOptions
from kp_io.corpus.sources import plan_shards
from kp_io.detectors.point_source import Annotator, MissingPointsError, PointSource
from kp_io.media.video_reader import probe_video, read_video

#: Bytes of a clip in a shard: 136 coordinates a frame and FLAC a second, measured on clips of VoxCeleb2.
BYTES_PER_FRAME = 410
BYTES_PER_SECOND = 23_000


@dataclass(frozen=True, slots=True)
class BuildEstimate:
    """What building a corpus would take.

    Attributes:
        num_videos: Videos by split.
        num_speakers: Speakers by split.
        num_bytes: Size of the videos.
        num_probed: Videos that were opened to learn their length.
        num_unreadable: How many of them could not be.
        seconds: Length of all videos, from the mean of those that were opened.
        frames_per_second: Speed of annotating, measured; None where it could not be.
        work_seconds: Time for all videos with the workers given; None without a speed.
        corpus_bytes: Size of the shards.
    """

    num_videos: dict[str, int]
    num_speakers: dict[str, int]
    num_bytes: int
    num_probed: int
    num_unreadable: int
    seconds: float
    frames_per_second: float | None
    work_seconds: float | None
    corpus_bytes: float


def estimate_build(
    videos: str | os.PathLike[str],
    *,
    options: CorpusOptions | None = None,
    make_detector: Callable[[], Annotator] = default_detector,
    workers: int = 1,
    num_probed: int = 20,
    num_frames: int = 100,
) -> BuildEstimate:
    """Count the videos of a folder, open some and annotate a little of one; nothing is written.

    Args:
        videos: Folder of videos.
        options: What the corpus would hold.
        make_detector: Returns what would find the points.
        workers: Processes that would work, each assumed to have a core.
        num_probed: Videos to open, spread evenly over the folder.
        num_frames: Frames to annotate for the speed.

    Raises:
        FileNotFoundError: `videos` is no folder.
        ValueError: There is no video, or one cannot be attributed to a speaker and a split.
    """
    root, options = Path(videos), options or CorpusOptions()
    attributed = options.speakers()
    counts: Counter[str] = Counter()
    speakers: dict[str, set[str]] = {}
    paths: list[Path] = []
    num_bytes = step = 0
    for shard in plan_shards(root, attributed, clips_per_shard=options.clips_per_shard):
        for source in shard.sources:
            speakers.setdefault(source.split, set()).add(source.speaker)
            num_bytes += source.size
            # Every step-th path is kept; when there are twice as many as wanted, every second one is dropped.
            if counts.total() % (step or 1) == 0:
                paths.append(root / source.relative)
                if len(paths) == 2 * num_probed:
                    paths, step = paths[::2], 2 * (step or 1)
            counts[source.split] += 1
    lengths: list[float] = []
    rate: float | None = None
    for path in paths:
        try:
            info = probe_video(path)
            lengths.append(info.duration_seconds or 0.0)
            rate = rate or _speed(path, options.rules.fps, make_detector, num_frames)
        except (ValueError, MissingPointsError):
            continue
    seconds = counts.total() * sum(lengths) / max(1, len(paths))
    frames = seconds * options.rules.fps
    return BuildEstimate(
        num_videos=dict(counts),
        num_speakers={split: len(names) for split, names in speakers.items()},
        num_bytes=num_bytes,
        num_probed=len(paths),
        num_unreadable=len(paths) - len(lengths),
        seconds=seconds,
        frames_per_second=rate,
        work_seconds=None if rate is None else frames / rate / workers,
        corpus_bytes=frames * BYTES_PER_FRAME + seconds * BYTES_PER_SECOND,
    )


def _speed(path: Path, fps: float, make_detector: Callable[[], Annotator], num_frames: int) -> float:
    """Return the frames a second at which a video is annotated, loading the detector not counted."""
    detector = make_detector()
    started = time.perf_counter()
    if isinstance(detector, PointSource):
        return len(detector.keypoints_of(path, fps=fps)) / max(1e-9, time.perf_counter() - started)
    sequence = annotate_frames(islice(read_video(path, fps=fps), num_frames), fps=fps, detector=detector)
    return len(sequence) / max(1e-9, time.perf_counter() - started)
