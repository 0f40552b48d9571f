"""The command `a2k export`."""

from pathlib import Path
from typing import Annotated

import typer

from a2k_nets.cli.options import Revision, Sha256, Weights


def export(
    out: Annotated[Path, typer.Argument(help="File to write, ending in .onnx.")],
    model: Weights = None,
    revision: Revision = None,
    sha256: Sha256 = None,
    opset: Annotated[int, typer.Option(help="Version of the ONNX operators, at least 18.")] = 18,
) -> None:
    """Write the model as one ONNX file: waveform and reference in, keypoints out (needs the extra `onnx`)."""
    try:
        from a2k_nets.onnx.export import export_onnx
        from a2k_nets.pretrained import load_model

        network = load_model(model, revision=revision, sha256=sha256)
        export_onnx(network, out, opset=opset)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        typer.secho(f"error: {' '.join(str(error).split())}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
    typer.echo(f"{out.stat().st_size / 1e6:.1f} MB: {out}")
