"""The splits that a corpus or a folder of clips has."""

from pathlib import Path

from a2k_train.data.clip_folder import read_manifest
from a2k_train.data.open_clips import is_corpus
from kp_io import read_speakers


def split_names(path: Path | str, *, manifest: Path | str | None = None) -> list[str]:
    """Return the names of the splits of a corpus or a folder, sorted; see `open_clips` for arguments and errors."""
    path = Path(path)
    if is_corpus(path):
        return sorted(set(read_speakers(path).values()))
    table = path / "manifest.csv" if manifest is None else Path(manifest)
    return sorted({row["split"] for row in read_manifest(table)})
