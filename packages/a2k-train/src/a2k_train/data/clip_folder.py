"""Annotated clips as a folder: one .npz of keypoints and one .wav of speech per clip, and a table of speakers."""

import csv
import logging
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kp_io import CorpusClip, align_audio, load_keypoints, read_audio

logger = logging.getLogger(__name__)


def read_manifest(table: Path) -> list[dict[str, str]]:
    """Read the rows of a table of clips.

    Args:
        table: CSV with at least the columns `id`, `speaker` and `split`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not CSV, a column is missing, an id occurs twice, or a speaker is in two splits.
    """
    if not table.is_file():
        raise FileNotFoundError(
            f"expected a table of clips with the columns id, speaker and split, or a corpus from `kp-io build`, found "
            f"no {table}"
        )
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a byte order mark
            reader = csv.DictReader(file, restval="")
            rows, columns = list(reader), reader.fieldnames or ()
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"expected a table of clips (CSV, UTF-8), got {table}: {error}") from error
    missing = {"id", "speaker", "split"} - set(columns)
    if missing:
        raise ValueError(f"expected the columns id, speaker and split in {table}, missing {', '.join(sorted(missing))}")
    repeated = [name for name, count in Counter(row["id"] for row in rows).items() if count > 1]
    if repeated:
        raise ValueError(f"expected every id once in {table}, got {repeated[0]} again")
    split_of: dict[str, str] = {}
    for row in rows:
        if split_of.setdefault(row["speaker"], row["split"]) != row["split"]:
            raise ValueError(
                f"expected every speaker in one split of {table}, got {row['speaker']} in "
                f"{split_of[row['speaker']]} and {row['split']}"
            )
    return rows


def read_folder(
    folder: Path, *, splits: tuple[str, ...], sample_rate: int = 16_000, manifest: Path | None = None
) -> Iterator[CorpusClip]:
    """Yield the annotated clips of some splits, in the order of the table.

    Args:
        folder: Holds `<id>.npz` and `<id>.wav` for each clip, as `kp-io annotate --wav` writes them.
        splits: Names of the splits.
        sample_rate: Sample rate, Hz, that the sound is resampled to.
        manifest: The table; by default `manifest.csv` in the folder.

    Raises:
        FileNotFoundError: The table, or the sound of an annotated clip, is missing.
        ValueError: The table is invalid (see `read_manifest`), or no annotated clip is in the splits.
    """
    table = manifest or folder / "manifest.csv"
    rows = read_manifest(table)
    wanted = [row for row in rows if row["split"] in splits]
    if rows and not wanted:
        present = ", ".join(sorted({row["split"] for row in rows}))
        raise ValueError(f"expected clips of split {' or '.join(splits)} in {table}, got {present} only")
    annotated = [row for row in wanted if _clip_file(folder, row["id"], ".npz").is_file()]
    if not annotated:
        raise ValueError(
            f"expected annotated clips of split {' or '.join(splits)} in {folder}, found none for the {len(wanted)} "
            f"rows of {table}; `kp-io annotate --wav` makes them"
        )
    if len(annotated) < len(wanted):
        logger.warning(
            "%d of %d clips of %s are not annotated and left out", len(wanted) - len(annotated), len(wanted), table
        )
    for row in annotated:
        sequence = load_keypoints(_clip_file(folder, row["id"], ".npz"))
        waveform = read_audio(_clip_file(folder, row["id"], ".wav"), sample_rate=sample_rate)
        waveform = align_audio(waveform, num_frames=len(sequence), fps=sequence.fps, sample_rate=sample_rate)
        yield CorpusClip(row["id"], row["speaker"], row["split"], sequence, waveform, sample_rate)


def _clip_file(folder: Path, name: str, suffix: str) -> Path:
    """Return the file of a clip, whose name may have the other Unicode form, as macOS or as Linux writes it."""
    names = (name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")))
    paths = [folder / f"{spelling}{suffix}" for spelling in names]
    return next((path for path in paths if path.is_file()), paths[0])
