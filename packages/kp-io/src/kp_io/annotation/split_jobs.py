"""Annotations of videos in which the face is lost for long, as one file for each piece between."""

from kp_io.annotation.jobs import Job
from kp_io.formats.registry import load_keypoints, save_keypoints
from kp_io.media.audio import align_audio, read_audio, write_audio
from kp_io.transforms import split_sequence

#: Suffixes that say more than their last part; any other dot belongs to the name.
_DOUBLE = (".openface.csv", ".frames.json")


def write_pieces(job: Job, *, max_gap_seconds: float) -> int:
    """Write `name.0.npz`, `name.1.npz` … (and `.wav`) beside the finished `name.npz` of a job.

    A face that was never lost for longer makes no piece, and nothing is written.

    Returns:
        How many pieces there are.
    """
    pieces = split_sequence(load_keypoints(job.target), max_gap_seconds=max_gap_seconds)
    if len(pieces) < 2:
        return 0
    suffix = next((double for double in _DOUBLE if job.target.name.endswith(double)), job.target.suffix)
    name = job.target.name.removesuffix(suffix)
    sound = None if job.wav is None else read_audio(job.wav)
    for i, (start, piece) in enumerate(pieces):
        if job.wav is not None and sound is not None:
            rest = sound[round(start / piece.fps * 16000) :]
            aligned = align_audio(rest, num_frames=len(piece), fps=piece.fps, sample_rate=16000)
            write_audio(job.wav.with_name(f"{name}.{i}.wav"), aligned, sample_rate=16000)
        save_keypoints(job.target.with_name(f"{name}.{i}{suffix}"), piece)
    return len(pieces)
