"""Opening annotated clips, from a corpus or a folder, as a clip store."""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from a2k_train.data.clip import Clip, to_int16
from a2k_train.data.clip_folder import read_folder, read_manifest
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.disk_cache import open_cache
from a2k_train.data.offset_filter import filter_by_sync_offset
from kp_io import CorpusClip, read_clips, read_speakers
from kp_io.keypoints import scale_to_height

logger = logging.getLogger(__name__)

#: Largest plausible coordinate, pixels; without the check, training would use a damaged file's keypoints.
_MAX_COORDINATE = 1e6


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Settings that determine the content of a store; their repr is part of a cache's name."""

    splits: tuple[str, ...]
    fps: float
    sample_rate: int
    frame_height: int | None
    face_size: float
    dims: int
    mixed_detectors: bool
    max_offset_ms: float


def open_clips(
    path: Path | str,
    *,
    splits: tuple[str, ...],
    fps: float = 25.0,
    sample_rate: int = 16_000,
    frame_height: int | None = None,
    face_size: float = 0.0,
    dims: int = 2,
    manifest: Path | str | None = None,
    mixed_detectors: bool = False,
    max_offset_ms: float = 0.0,
    cache: str = "memory",
    cache_folder: Path | str | None = None,
) -> ClipStore:
    """Open the annotated clips of some splits.

    Args:
        path: A corpus from `kp-io build`, or a folder of `<id>.npz` and `<id>.wav` from `kp-io annotate --wav`.
        splits: Names of the splits.
        fps: Required frame rate of the keypoints.
        sample_rate: Sample rate, Hz: a corpus must have it, sound of single files is resampled.
        frame_height: Scale the keypoints to frames of this height, pixels; None keeps them.
        face_size: Scale each clip so that the longer side of its first measured face's box is this long, pixels; 0
            keeps the size.
        dims: Coordinates per keypoint, 2 or 3; for 2, depth is dropped.
        manifest: For a folder: CSV with the columns `id`, `speaker` and `split`; by default `manifest.csv` in it.
        mixed_detectors: Accept keypoints of several detectors, whose conventions differ.
        max_offset_ms: Leave out clips with a known sync offset above this, milliseconds, by the columns that `a2k sync`
            adds to a corpus; 0 takes all.
        cache: `memory` loads the clips. `disk` writes them once as raw files, a few dozen clips at a time, and
            memory-maps these. For the memory of a GPU, see `ClipStore.to`.
        cache_folder: Folder of the raw files; by default `.cache` in the path.

    Raises:
        FileNotFoundError: The corpus, the table, a split's shards or a clip's sound is missing.
        ValueError: There is no clip; a speaker is in two splits; a shard has another schema version; frame rate, sample
            rate, number of keypoints or detector varies or is not the required one; with `max_offset_ms`, the clips'
            offsets are unknown.
        OSError: The cache cannot be written.
        ImportError: A corpus needs pyarrow, which is not installed.
    """
    path = Path(path)
    if cache not in ("memory", "disk"):
        raise ValueError(f"expected the cache memory or disk, got {cache!r}")
    if round(sample_rate / fps) != sample_rate / fps:
        raise ValueError(f"expected a whole number of samples a frame, got {sample_rate} Hz at {fps:g} fps")
    if dims not in (2, 3):
        raise ValueError(f"expected 2 or 3 coordinates a point, got {dims}")
    if max_offset_ms < 0:
        raise ValueError(f"expected max_offset_ms of at least 0, got {max_offset_ms}")
    names = tuple(dict.fromkeys(splits))
    wanted = _Wanted(names, fps, sample_rate, frame_height, face_size, dims, mixed_detectors, max_offset_ms)
    table = None if manifest is None else Path(manifest)
    if _is_corpus(path):
        if table is not None:
            raise ValueError(f"expected no table beside the corpus {path}, which has its own speakers, got {table}")
        if not (path / "summary.json").is_file():
            logger.warning("%s is not finished: only the shards that are there are used", path)
        read_speakers(path)  # checks that no speaker is in two splits, other splits included
        files = sorted(path.glob("data/*.parquet"))
        clips = _checked(read_clips(path, split=wanted.splits), wanted)
    else:
        table = table or path / "manifest.csv"
        ids = [row["id"] for row in read_manifest(table) if row["split"] in wanted.splits]
        files = [table, *(path / f"{name}{suffix}" for name in ids for suffix in (".npz", ".wav"))]
        clips = _checked(read_folder(path, splits=wanted.splits, sample_rate=sample_rate, manifest=table), wanted)
    if cache == "memory":
        return ClipStore.from_clips(clips)
    return open_cache(Path(cache_folder or path / ".cache") / _digest(files, wanted), clips)


def split_names(path: Path | str, *, manifest: Path | str | None = None) -> list[str]:
    """Return the names of the splits of a corpus or a folder, sorted; see `open_clips` for arguments and errors."""
    path = Path(path)
    if _is_corpus(path):
        return sorted(set(read_speakers(path).values()))
    table = path / "manifest.csv" if manifest is None else Path(manifest)
    return sorted({row["split"] for row in read_manifest(table)})


def _is_corpus(path: Path) -> bool:
    return (path / "corpus.json").is_file() or any(path.glob("data/*.parquet"))


def _checked(clips: Iterable[CorpusClip], wanted: _Wanted) -> Iterator[Clip]:
    """Check, scale and convert the clips of a corpus."""
    detector = None
    for clip in filter_by_sync_offset(clips, max_offset_ms=wanted.max_offset_ms) if wanted.max_offset_ms else clips:
        sequence = clip.sequence
        if sequence.fps != wanted.fps:
            raise ValueError(f"expected keypoints at {wanted.fps:g} fps, got {sequence.fps:g} in {clip.id}")
        if clip.sample_rate != wanted.sample_rate:
            raise ValueError(f"expected sound at {wanted.sample_rate} Hz, got {clip.sample_rate} in {clip.id}")
        if sequence.keypoints.shape[-1] < wanted.dims:
            raise ValueError(f"expected keypoints with depth, got {sequence.keypoints.shape[-1]}-D ones in {clip.id}")
        detector = detector or sequence.detector
        if sequence.detector != detector and not wanted.mixed_detectors:
            raise ValueError(
                f"expected the points of one detector, got {detector} and, in {clip.id}, {sequence.detector}; annotate "
                "all clips with the same one"
            )
        if wanted.frame_height is not None:
            sequence = scale_to_height(sequence, wanted.frame_height)
        if float(sequence.keypoints.abs().max()) > _MAX_COORDINATE:
            raise ValueError(
                f"expected keypoints within {_MAX_COORDINATE:.0e} px of the picture, got others in {clip.id}"
            )
        measured = (sequence.scores > 0).any(dim=1)
        keypoints = sequence.keypoints[..., : wanted.dims]
        if wanted.face_size > 0:
            keypoints = keypoints * (wanted.face_size / _box_side(keypoints[int(measured.int().argmax())]))
        yield Clip(clip.id, clip.speaker, clip.split, to_int16(clip.waveform), keypoints, measured)


def _box_side(face: Float[Tensor, "k d"]) -> float:
    """Return the longer side of a face's bounding box, pixels."""
    low, high = face[:, :2].aminmax(dim=0)
    return float((high - low).max().clamp(min=1.0))


def _digest(files: list[Path], wanted: _Wanted) -> str:
    """Return a digest of settings, file names, sizes and modification times, as the name of a cache."""
    digest = hashlib.sha256(repr(wanted).encode())
    for file in files:
        known = file.stat() if file.is_file() else None
        digest.update(repr((file.name, known and (known.st_size, known.st_mtime_ns))).encode())
    return digest.hexdigest()[:16]
