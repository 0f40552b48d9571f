"""The command `a2k sync`: measure and correct the audio-video offset of a video, or of every clip of a corpus."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2k_nets.cli.console import clear_errors, counted, on_device
from a2k_nets.cli.options import Device, Model, Revision, Sha256, checkpoint_files

if TYPE_CHECKING:
    from a2k_nets.residual.model import Audio2Keypoint
    from a2k_nets.sync.table import ClipOffset


def sync(
    source: Annotated[Path, typer.Argument(metavar="VIDEO|CORPUS", help="A video, or a corpus from `kp-io build`.")],
    apply: Annotated[
        Path | None,
        typer.Option(help="Corrected copy to write: a video with its frames unchanged, or the folder of a corpus."),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Table to write: .csv or .json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Lowest confidence of an offset that --apply corrects.")
    ] = 0.9,
    again: Annotated[bool, typer.Option("--again", help="Corpus: also measure clips with a known offset.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Corpus: only print; write no columns.")] = False,
    model: Model = None,
    revision: Revision = None,
    sha256: Sha256 = None,
    device: Device = "cpu",
) -> None:
    """Measure the offset between audio and video from the lip motion, in milliseconds.

    POSITIVE: the audio comes after the lips, too late; negative: too early. The confidence is the probability that the
    offset is right to within one frame (40 ms). Offsets up to 600 ms are found, in clips of at least 1 s.

    A corpus gets the columns sync_offset_ms and sync_confidence, which `a2k-train fit --max-offset` filters on; the
    same command resumes a stopped run. --apply OUT leaves the source unchanged and writes a corrected copy.
    """
    with clear_errors(extra="io", on_interrupt="stopped; the same command resumes from here"):
        from a2k_nets.residual.model import Audio2Keypoint
        from a2k_nets.sync.table import print_table, to_json, write_table
        from kp_io.filesystem import refuse_overwriting

        if out is not None and out.suffix.lower() not in (".csv", ".json"):
            raise ValueError(f"expected a table ending in .csv or .json, got {out}")
        if apply is not None and apply.is_file() and source.is_file() and apply.samefile(source):
            raise ValueError(f"expected another file than the video itself to write, got {apply}")
        own = ("corpus.json", "summary.json", "statistics.json")
        read = [source, *(source / name for name in own), *source.rglob("*.parquet")]
        refuse_overwriting([out], [*read, *checkpoint_files(model)])
        refuse_overwriting([out, apply], checkpoint_files(model))
        name = "listener" if model is None else model
        network = on_device(Audio2Keypoint.from_pretrained(name, revision=revision, sha256=sha256), device)
        if source.is_dir():
            from a2k_nets.sync.corpus import sync_corpus

            rows = sync_corpus(
                network, source, apply=apply, min_confidence=min_confidence, again=again, dry_run=dry_run
            )
        else:
            rows = [_sync_video(network, source, apply, min_confidence)]
        if out is not None:
            write_table(out, rows)
        if as_json:
            typer.echo(to_json(rows))
        else:
            print_table(rows)


def _sync_video(model: "Audio2Keypoint", video: Path, apply: Path | None, min_confidence: float) -> "ClipOffset":
    """Measure the offset of a video, and write a corrected copy to `apply`."""
    from rich.console import Console

    from a2k_nets.sync.offset import measure_offset
    from a2k_nets.sync.table import ClipOffset
    from kp_io import annotate_video, read_audio
    from kp_io.media import shift_audio

    config = model.config
    waveform = read_audio(video, sample_rate=config.audio.sample_rate, align_to_video=True)
    with Console(stderr=True).status("detecting the face") as status:
        sequence = annotate_video(
            video, fps=float(config.fps), on_frame=lambda done: status.update(f"{counted(done, 'frame')} annotated")
        )
    offset = measure_offset(model, waveform, sequence.keypoints[..., :2])
    if apply is not None:
        if offset.confidence < min_confidence:
            raise ValueError(
                f"expected an offset with a confidence of at least {min_confidence:g} to correct, got "
                f"{offset.milliseconds:+.0f} ms with {offset.confidence:.2f}"
                f"{f' ({offset.note})' if offset.note else ''}; lower --min-confidence to correct it anyway"
            )
        shift_audio(video, apply, milliseconds=-offset.milliseconds)
    applied = offset.milliseconds if apply is not None else 0.0
    return ClipOffset(str(video), "", "", sequence.duration_seconds, offset, applied)
