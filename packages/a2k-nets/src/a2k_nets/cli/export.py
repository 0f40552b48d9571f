"""The command `a2k export`."""

from pathlib import Path
from typing import Annotated

import typer

from a2k_nets.cli.console import clear_errors
from a2k_nets.cli.options import Model, Revision, Sha256, checkpoint_files


def export(
    file: Annotated[Path | None, typer.Argument(metavar="OUT", help="The same as -o.", show_default=False)] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write, ending in .onnx.")] = Path(
        "audio2keypoint.onnx"
    ),
    model: Model = None,
    revision: Revision = None,
    sha256: Sha256 = None,
    opset: Annotated[int, typer.Option(help="ONNX opset version, at least 18.")] = 18,
    streaming: Annotated[
        bool,
        typer.Option("--streaming", help="One frame of a live stream, with its state."),
    ] = False,
) -> None:
    """Export the model to one ONNX file: waveform and reference in, keypoints out (needs the extra `onnx`)."""
    out = file or out
    with clear_errors():
        if any(out.exists() and read.exists() and out.samefile(read) for read in checkpoint_files(model)):
            raise ValueError(f"expected another file to write than the checkpoint, got {out}; choose another name")
        from a2k_nets.onnx.export import export_onnx, what_is_left_out
        from a2k_nets.pretrained import load_model

        network = load_model("small" if model is None else model, revision=revision, sha256=sha256)
        export_onnx(network, out, opset=opset, streaming=streaming)
        left_out = what_is_left_out(network)
    typer.echo(f"{out.stat().st_size / 1e6:.1f} MB: {out}")
    if left_out:
        typer.echo(f"left out: {left_out}")
