"""Split annotated videos at long gaps, into one keypoint file per segment."""

from collections.abc import Iterable
from pathlib import Path

from kp_io.annotation.jobs import SAMPLE_RATE, Job
from kp_io.filesystem.overwriting import refuse_overwriting
from kp_io.formats.registry import load_keypoints, save_keypoints
from kp_io.media.audio import align_audio, read_audio, write_audio
from kp_io.transforms import split_sequence

#: Suffixes of two parts; any other dot belongs to the name.
_DOUBLE_SUFFIXES = (".openface.csv", ".frames.json")


def write_segments(job: Job, *, max_gap_seconds: float, keep: Iterable[Path | None] = ()) -> int:
    """Write `name.0.npz`, `name.1.npz` … (and `.wav`) beside the finished `name.npz` of a job.

    Without a longer gap nothing is written.

    Args:
        job: The finished job.
        max_gap_seconds: Longer gaps separate segments.
        keep: Files that may not be written over: inputs, and the results of other jobs.

    Returns:
        Number of segments written.

    Raises:
        ValueError: A segment would be written over a file to keep; none is written then.
    """
    segments = split_sequence(load_keypoints(job.target), max_gap_seconds=max_gap_seconds)
    if len(segments) < 2:
        return 0
    suffix = next((double for double in _DOUBLE_SUFFIXES if job.target.name.endswith(double)), job.target.suffix)
    name = job.target.name.removesuffix(suffix)
    targets = [job.target.with_name(f"{name}.{i}{suffix}") for i in range(len(segments))]
    sounds = [] if job.wav is None else [job.wav.with_name(f"{name}.{i}.wav") for i in range(len(segments))]
    refuse_overwriting([*targets, *sounds], keep)
    audio = None if job.wav is None else read_audio(job.wav)
    for i, (start, segment) in enumerate(segments):
        if audio is not None:
            rest = audio[round(start / segment.fps * SAMPLE_RATE) :]
            aligned = align_audio(rest, num_frames=len(segment), fps=segment.fps, sample_rate=SAMPLE_RATE)
            write_audio(sounds[i], aligned, sample_rate=SAMPLE_RATE)
        save_keypoints(targets[i], segment)
    return len(segments)
