"""Estimate the time and space that building a corpus takes, from a few of its videos."""

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kp_io.annotation.annotate import annotate_frames, default_detector
from kp_io.annotation.media_files import PassedOver
from kp_io.corpus.options import CorpusOptions
from kp_io.corpus.sources import plan_shards
from kp_io.corpus.survey import Survey
from kp_io.detectors.precomputed_source import Annotator, MissingPointsError, PrecomputedSource
from kp_io.media.video_reader import probe_video, read_video

#: Bytes of a clip in a shard, measured on VoxCeleb2: 136 coordinates per frame, and FLAC per second.
BYTES_PER_FRAME = 410
BYTES_PER_SECOND = 23_000


@dataclass(frozen=True, slots=True)
class BuildEstimate:
    """Time and space that building a corpus takes.

    Attributes:
        num_videos: Videos by split.
        num_speakers: Speakers by split.
        num_bytes: Size of the videos.
        num_probed: Videos that were opened to read their length.
        num_unreadable: How many of them could not be read.
        seconds: Length of all videos, from the mean of the opened ones.
        frames_per_second: Measured speed of annotation; None if no video could be annotated.
        work_seconds: Time for all videos with the given workers; None without a speed.
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
    """Count the videos of a folder, open some, and annotate the start of one; nothing is written.

    Args:
        videos: Folder of videos.
        options: Options of the corpus.
        make_detector: Returns the detector.
        workers: Number of processes, each assumed to have a core.
        num_probed: Videos to open, spread evenly over the folder.
        num_frames: Frames to annotate to measure the speed.

    Raises:
        FileNotFoundError: `videos` is no folder.
        ValueError: There is no video, or one cannot be attributed to a speaker and a split.
    """
    root, options = Path(videos), options or CorpusOptions()
    counts: Counter[str] = Counter()
    speakers: dict[str, set[str]] = {}
    paths: list[Path] = []
    num_bytes = step = 0
    survey, passed_over = Survey(options), PassedOver("videos")
    plan = plan_shards(root, options.speakers(), clips_per_shard=options.clips_per_shard, passed_over=passed_over)
    for shard in plan:
        for video in shard.videos:
            survey.add(video)
            speakers.setdefault(video.split, set()).add(video.speaker)
            num_bytes += video.size
            # Keep every step-th path; at twice the wanted number, drop every second one.
            if counts.total() % (step or 1) == 0:
                paths.append(root / video.relative)
                if len(paths) == 2 * num_probed:
                    paths, step = paths[::2], 2 * (step or 1)
            counts[video.split] += 1
    passed_over.report(root)
    survey.report(root)
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
    """Return the frames per second at which a video is annotated, not counting the time to load the detector."""
    detector = make_detector()
    started = time.perf_counter()
    if isinstance(detector, PrecomputedSource):
        sequence = detector.keypoints_of(path, fps=fps)
    else:
        sequence = annotate_frames(islice(read_video(path, fps=fps), num_frames), fps=fps, detector=detector)
    return len(sequence) / max(1e-9, time.perf_counter() - started)
