"""`a2k sync`: how far sound and picture of a video, or of every clip of a corpus, are apart; and the corrected copy."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from a2k_nets.residual.model import Audio2Keypoint
    from a2k_nets.sync.table import ClipOffset


def sync(
    source: Annotated[Path, typer.Argument(metavar="VIDEO|CORPUS", help="A video, or a corpus from `kp-io build`.")],
    apply: Annotated[
        Path | None,
        typer.Option(help="Corrected copy to write: a video, its pictures bit for bit; or the folder of a corpus."),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Table to write: .csv or .json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="What --apply corrects: offsets at least so probable.")
    ] = 0.9,
    again: Annotated[bool, typer.Option("--again", help="Of a corpus: measure also what has been measured.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Of a corpus: only print; its columns stay as they are.")
    ] = False,
    model: Annotated[
        Path | None, typer.Option(help="Checkpoint, preset residual.", show_default="the embedded one")
    ] = None,
) -> None:
    """Measure the offset between sound and picture from the lips, in milliseconds.

    POSITIVE: the sound comes too late, after the lips; negative: too early. The confidence is the probability that the
    offset is right to one frame (40 ms). Offsets up to 600 ms are found, in clips of at least 1 s.

    A corpus gets the columns sync_offset_ms and sync_confidence, which `a2k-train fit --max-offset` filters on; a
    stopped run goes on with the same command. --apply OUT leaves it as it is and writes a corrected copy.
    """
    if find_spec("kp_io") is None:
        typer.secho('error: the command needs kp-io: `pip install "a2k-nets[io]"`', err=True, fg=typer.colors.RED)
        raise typer.Exit(1)
    try:
        from a2k_nets.residual.model import Audio2Keypoint
        from a2k_nets.sync.table import print_table, to_json, write_table

        if out is not None and out.suffix.lower() not in (".csv", ".json"):
            raise ValueError(f"expected a table ending in .csv or .json, got {out}")
        network = Audio2Keypoint.from_pretrained(model)
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
    except KeyboardInterrupt:
        typer.secho("stopped; the same command goes on from here", err=True)
        raise typer.Exit(130) from None
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        typer.secho(f"error: {' '.join(str(error).split())}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None


def _sync_video(model: "Audio2Keypoint", video: Path, apply: Path | None, min_confidence: float) -> "ClipOffset":
    from rich.console import Console

    from a2k_nets.sync.offset import measure_offset
    from a2k_nets.sync.table import ClipOffset
    from kp_io import annotate_video, read_audio
    from kp_io.media import shift_audio

    config = model.config
    waveform = read_audio(video, sample_rate=config.audio.sample_rate, align_to_video=True)
    with Console(stderr=True).status("looking for the face") as status:
        sequence = annotate_video(
            video, fps=float(config.fps), on_frame=lambda done: status.update(f"{done} frames annotated")
        )
    offset = measure_offset(model, waveform, sequence.keypoints[..., :2])
    if apply is not None:
        if offset.confidence < min_confidence:
            raise ValueError(
                f"expected an offset with a confidence of at least {min_confidence:g} to correct, got "
                f"{offset.milliseconds:+.0f} ms with {offset.confidence:.2f}"
                f"{f' ({offset.note})' if offset.note else ''}; a lower --min-confidence corrects it all the same"
            )
        shift_audio(video, apply, milliseconds=-offset.milliseconds)
    applied = offset.milliseconds if apply is not None else 0.0
    return ClipOffset(str(video), "", "", sequence.duration_seconds, offset, applied)
