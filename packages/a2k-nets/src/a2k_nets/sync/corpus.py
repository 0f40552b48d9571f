"""Audio-video offsets of all clips of a corpus, as columns of it or as a corrected copy."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets.residual.model import Audio2Keypoint
from a2k_nets.sync.offset import CONFIDENT, SyncOffset, measure_offset
from a2k_nets.sync.table import ClipOffset
from kp_io import CorpusClip, read_clips, read_speakers, resample_audio, resample_fps
from kp_io.corpus import read_rows, rewrite_corpus
from kp_io.media import encode_flac

_COLUMNS = ("sync_offset_ms", "sync_confidence")


def sync_corpus(
    model: Audio2Keypoint,
    corpus: Path,
    *,
    apply: Path | None = None,
    min_confidence: float = CONFIDENT,
    again: bool = False,
    dry_run: bool = False,
) -> list[ClipOffset]:
    """Measure all clips of a corpus, and write the offsets into it, or a corrected copy.

    Args:
        model: The network, preset `residual`.
        corpus: From `kp-io build`.
        apply: Folder of the corrected copy; the corpus itself is then left unchanged.
        min_confidence: Lowest confidence of the offsets that the copy corrects.
        again: Also measure clips with a known offset.
        dry_run: Write nothing.

    Returns:
        A row per clip, in the order of the corpus.
    """
    splits = tuple(sorted(set(read_speakers(corpus).values())))
    notes: dict[str, str] = {}
    total = sum(1 for split in splits for _ in read_rows(corpus, split=split, columns=["id"]))
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)

        def known_or_measured(clip: CorpusClip) -> SyncOffset:
            progress.update(task, advance=1, description=clip.id)
            if not again and clip.sync_offset_ms is not None and clip.sync_confidence is not None:
                return SyncOffset(clip.sync_offset_ms, clip.sync_confidence)
            offset = _measure(model, clip)
            notes[clip.id] = offset.note
            return offset

        if dry_run:
            return [
                ClipOffset(clip.id, clip.speaker, clip.split, clip.sequence.duration_seconds, known_or_measured(clip))
                for clip in read_clips(corpus, split=splits)
            ]
        if apply is None:
            rewrite_corpus(corpus, lambda clip: _columns(known_or_measured(clip)), columns=_COLUMNS, again=again)
        else:
            rewrite_corpus(
                corpus,
                lambda clip: _corrected(clip, known_or_measured(clip), min_confidence),
                columns=(*_COLUMNS, "sync_applied_ms"),
                out=apply,
                note={"sync": {"min_confidence": min_confidence}},
            )
    return _rows(corpus if apply is None else apply, splits, notes, applied=apply is not None)


def _measure(model: Audio2Keypoint, clip: CorpusClip) -> SyncOffset:
    """Measure a clip; a clip that cannot be measured gets a note, so that the run goes on."""
    fps, rate = float(model.config.fps), model.config.audio.sample_rate
    sequence = clip.sequence if clip.sequence.fps == fps else resample_fps(clip.sequence, fps)
    waveform = resample_audio(clip.waveform, from_rate=clip.sample_rate, to_rate=rate)
    try:
        return measure_offset(model, waveform, sequence.keypoints[..., :2])
    except ValueError as error:
        return SyncOffset(0.0, 0.0, str(error))


def _columns(offset: SyncOffset) -> dict[str, Any]:
    return {"sync_offset_ms": offset.milliseconds, "sync_confidence": offset.confidence}


def _corrected(clip: CorpusClip, offset: SyncOffset, min_confidence: float) -> dict[str, Any]:
    """Return the columns of a clip after the correction of a confident offset; its offset is what remains."""
    applied = offset.milliseconds if offset.confidence >= min_confidence else 0.0
    samples = round(applied * clip.sample_rate / 1000)
    return {
        "sync_offset_ms": offset.milliseconds - applied,
        "sync_confidence": offset.confidence,
        "sync_applied_ms": applied,
        # Moved earlier; silence stands for the missing samples.
        "audio": encode_flac(F.pad(clip.waveform, (-samples, samples)), sample_rate=clip.sample_rate),
    }


def _rows(corpus: Path, splits: tuple[str, ...], notes: dict[str, str], *, applied: bool) -> list[ClipOffset]:
    """Read the offsets of all clips as they were before a correction, those of earlier runs included."""
    columns = ("id", "speaker", "split", "num_frames", "fps", *_COLUMNS, *(("sync_applied_ms",) if applied else ()))
    return [
        ClipOffset(
            row["id"],
            row["speaker"],
            row["split"],
            row["num_frames"] / row["fps"],
            SyncOffset(row["sync_offset_ms"] + applied_ms, row["sync_confidence"], notes.get(row["id"], "")),
            applied_ms,
        )
        for split in splits
        for row in read_rows(corpus, split=split, columns=columns)
        for applied_ms in [row.get("sync_applied_ms", 0.0)]
    ]
