"""A folder of recordings of speech as a clip store whose faces were never measured."""

import csv
import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from a2k_train.data.clip import to_int16
from a2k_train.data.clip_store import ClipStore
from kp_io import read_audio

logger = logging.getLogger(__name__)

_SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"}


def open_speech(
    folder: Path | str,
    *,
    sample_rate: int = 16_000,
    fps: int = 25,
    min_frames: int = 16,
    on_file: Callable[[int, int], None] | None = None,
) -> ClipStore:
    """Read all recordings below a folder, cut to whole video frames.

    A table `manifest.csv` in the folder, with the columns `id` (a file's name without suffix) and `speaker`, says whose
    voice a file holds, so that windows are drawn by speaker. Files without a speaker count as those of one speaker per
    subfolder.

    Args:
        folder: The recordings, in subfolders or not: WAV, FLAC, MP3, Ogg, Opus, M4A.
        sample_rate: Sample rate that the sound is resampled to, Hz.
        fps: Video frames per second.
        min_frames: Shorter files are left out.
        on_file: Called with the number of files read and that of all.

    Raises:
        FileNotFoundError: There is no recording.
        ValueError: A file cannot be decoded, all are too short, or the table lacks a column.
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise FileNotFoundError(
            f"expected recordings of speech ({', '.join(sorted(_SUFFIXES))}) in {folder}, found none"
        )
    speakers = _read_speakers(folder / "manifest.csv")
    step = sample_rate // fps
    sounds: list[Tensor] = []
    kept: list[Path] = []
    for number, path in enumerate(paths, 1):
        waveform = read_audio(path, sample_rate=sample_rate)
        frames = len(waveform) // step
        if frames >= min_frames:
            sounds.append(to_int16(waveform[: frames * step]).reshape(frames, step))
            kept.append(path)
        if on_file is not None:
            on_file(number, len(paths))
    if not kept:
        raise ValueError(f"expected recordings of at least {min_frames / fps:g} s in {folder}, got shorter ones only")
    if len(kept) < len(paths):
        logger.info("%d of %d recordings are shorter than %g s", len(paths) - len(kept), len(paths), min_frames / fps)
    sound = torch.cat(sounds)
    # One row of zeros serves all frames.
    return ClipStore.from_tensors(
        torch.zeros(1, 68, 2).expand(len(sound), 68, 2),
        torch.zeros(len(sound), dtype=torch.bool),
        sound,
        ids=[str(path.relative_to(folder)) for path in kept],
        speakers=[speakers.get(path.stem) or f"{path.parent.relative_to(folder)}/" for path in kept],
        splits=["train"] * len(kept),
        lengths=[len(frames) for frames in sounds],
    )


def _read_speakers(table: Path) -> dict[str, str]:
    """Return the speaker of each id in the table; nothing if there is no table."""
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, restval=""))
    if rows and not {"id", "speaker"} <= rows[0].keys():
        raise ValueError(f"expected the columns id and speaker in {table}, got {', '.join(rows[0])}")
    return {row["id"]: row["speaker"] for row in rows}
