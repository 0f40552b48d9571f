"""Split annotated videos at long gaps, into one keypoint file per segment."""

from kp_io.annotation.jobs import SAMPLE_RATE, Job
from kp_io.formats.registry import load_keypoints, save_keypoints
from kp_io.media.audio import align_audio, read_audio, write_audio
from kp_io.transforms import split_sequence

#: Suffixes of two parts; any other dot belongs to the name.
_DOUBLE_SUFFIXES = (".openface.csv", ".frames.json")


def write_segments(job: Job, *, max_gap_seconds: float) -> int:
    """Write `name.0.npz`, `name.1.npz` … (and `.wav`) beside the finished `name.npz` of a job.

    Without a longer gap nothing is written.

    Returns:
        Number of segments written.
    """
    segments = split_sequence(load_keypoints(job.target), max_gap_seconds=max_gap_seconds)
    if len(segments) < 2:
        return 0
    suffix = next((double for double in _DOUBLE_SUFFIXES if job.target.name.endswith(double)), job.target.suffix)
    name = job.target.name.removesuffix(suffix)
    audio = None if job.wav is None else read_audio(job.wav)
    for i, (start, segment) in enumerate(segments):
        if job.wav is not None and audio is not None:
            rest = audio[round(start / segment.fps * SAMPLE_RATE) :]
            aligned = align_audio(rest, num_frames=len(segment), fps=segment.fps, sample_rate=SAMPLE_RATE)
            write_audio(job.wav.with_name(f"{name}.{i}.wav"), aligned, sample_rate=SAMPLE_RATE)
        save_keypoints(job.target.with_name(f"{name}.{i}{suffix}"), segment)
    return len(segments)
