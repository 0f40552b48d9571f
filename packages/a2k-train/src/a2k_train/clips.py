"""Annotated clips on disk: one .npz of keypoints and one .wav of speech each, and a table of speakers."""

import csv
import logging
import random
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Bool, Float
from torch import Tensor

from kp_io.audio import align_audio, read_audio
from kp_io.formats import load_keypoints

__all__ = ["Clip", "load_clips", "speaker_folds"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Speech and the face that spoke it.

    Attributes:
        id: Name of its files, without suffix.
        speaker: Who speaks; splits never share a speaker.
        split: `train`, `val`, `hard`, …
        waveform: `(S,)` in [-1, 1], exactly as long as the keypoints.
        keypoints: `(T, K, 2)` pixels.
        measured: `(T,)`, False where the detector lost the face and the frame was interpolated.
    """

    id: str
    speaker: str
    split: str
    waveform: Float[Tensor, " s"]
    keypoints: Float[Tensor, "t k 2"]
    measured: Bool[Tensor, " t"]

    @property
    def num_frames(self) -> int:
        """Video frames."""
        return len(self.keypoints)


def load_clips(
    folder: Path | str,
    *,
    splits: tuple[str, ...],
    sample_rate: int = 16_000,
    fps: float = 25.0,
    manifest: Path | str | None = None,
) -> list[Clip]:
    """Load the annotated clips of some splits.

    Args:
        folder: Holds `<id>.npz` and `<id>.wav` for each clip, as `kp-io annotate --wav` writes them.
        splits: Which splits.
        sample_rate: Samples a second of the waveforms.
        fps: Frames a second that the keypoints must have.
        manifest: CSV with the columns `id`, `speaker` and `split`; by default `manifest.csv` in the folder.

    Raises:
        FileNotFoundError: The manifest, or the sound of an annotated clip, is missing.
        ValueError: The manifest lacks a column, no annotated clip is in the splits, or a speaker is in two splits.
    """
    folder = Path(folder)
    table = Path(manifest) if manifest else folder / "manifest.csv"
    if not table.is_file():
        raise FileNotFoundError(f"expected a table of clips with the columns id, speaker and split, found no {table}")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    missing = {"id", "speaker", "split"} - set(rows[0] if rows else ())
    if missing:
        raise ValueError(f"expected the columns id, speaker and split in {table}, missing {', '.join(sorted(missing))}")
    home: dict[str, str] = {}
    for row in rows:
        if home.setdefault(row["speaker"], row["split"]) != row["split"]:
            raise ValueError(
                f"expected every speaker in one split of {table}, got {row['speaker']} in {home[row['speaker']]} and "
                f"{row['split']}"
            )
    wanted = [row for row in rows if row["split"] in splits]
    clips = [_load_clip(folder, row, sample_rate, fps) for row in wanted if (folder / f"{row['id']}.npz").is_file()]
    if not clips:
        raise ValueError(
            f"expected annotated clips of split {' or '.join(splits)} in {folder}, found none for the {len(wanted)} "
            f"rows of {table}; `kp-io annotate --wav` makes them"
        )
    if len(clips) < len(wanted):
        logger.warning(
            "%d of %d clips of %s are not annotated and left out", len(wanted) - len(clips), len(wanted), table
        )
    return clips


def _load_clip(folder: Path, row: dict[str, str], sample_rate: int, fps: float) -> Clip:
    sequence = load_keypoints(folder / f"{row['id']}.npz")
    if sequence.fps != fps:
        raise ValueError(f"expected keypoints at {fps:g} fps, got {sequence.fps:g} in {row['id']}.npz")
    waveform = read_audio(folder / f"{row['id']}.wav", sample_rate=sample_rate)
    return Clip(
        id=row["id"],
        speaker=row["speaker"],
        split=row["split"],
        waveform=align_audio(waveform, num_frames=len(sequence), fps=fps, sample_rate=sample_rate),
        keypoints=sequence.keypoints[..., :2],
        measured=(sequence.scores > 0).any(dim=1),
    )


def speaker_folds(clips: list[Clip], *, folds: int, seed: int = 0) -> list[list[Clip]]:
    """Split clips into folds of about equal duration, no speaker in two of them.

    Speakers are shuffled by the seed, then dealt from the one with most footage down, each to the shortest fold.

    Raises:
        ValueError: There are fewer speakers than folds.
    """
    by_speaker: dict[str, list[Clip]] = {}
    for clip in clips:
        by_speaker.setdefault(clip.speaker, []).append(clip)
    if len(by_speaker) < folds:
        raise ValueError(f"expected at least {folds} speakers for {folds} folds, got {len(by_speaker)}")
    speakers = sorted(by_speaker)
    random.Random(seed).shuffle(speakers)
    speakers.sort(key=lambda name: -sum(clip.num_frames for clip in by_speaker[name]))
    result: list[list[Clip]] = [[] for _ in range(folds)]
    for name in speakers:
        shortest = min(result, key=lambda fold: sum(clip.num_frames for clip in fold))
        shortest.extend(by_speaker[name])
    return result
