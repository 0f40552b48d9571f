"""The command `kp-io info`: the content of a keypoint file."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from kp_io.cli.console import exit_on_error
from kp_io.cli.options import ClipOption, FaceOption, ImageOption, KeypointFile

if TYPE_CHECKING:
    from kp_io.keypoints.sequence import KeypointSequence


def info(
    keypoints: KeypointFile,
    face: FaceOption = None,
    track: ClipOption = None,
    image: ImageOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the properties of a keypoint file."""
    with exit_on_error():
        from kp_io.formats.registry import load_keypoints

        properties = _properties(load_keypoints(keypoints, face=face, track=track, image=image))
        if as_json:
            typer.echo(json.dumps({"file": str(keypoints), **properties}, ensure_ascii=False))
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        # Text, because rich would interpret `[…]` in a name as markup.
        table = Table(title=Text(str(keypoints)), show_header=False, title_justify="left")
        for name, value in properties.items():
            table.add_row(name.replace("_", " "), Text(f"{value:.6g}" if isinstance(value, float) else str(value)))
        Console().print(table)


def _properties(sequence: "KeypointSequence") -> dict[str, object]:
    measured = sequence.scores.amax(dim=1) > 0
    low, high = (sequence.keypoints[..., :2].amin(dim=1), sequence.keypoints[..., :2].amax(dim=1))
    return {
        "frames": len(sequence),
        "interpolated_frames": int((~measured).sum()),
        "fps": sequence.fps,
        "duration_seconds": sequence.duration_seconds,
        "image_height": sequence.image_size[0],
        "image_width": sequence.image_size[1],
        "layout": sequence.layout.name,
        "keypoints": sequence.layout.num_keypoints,
        "dimensions": sequence.keypoints.shape[2],
        "detector": sequence.detector,
        "mean_score": float(sequence.scores.mean()),
        "mean_face_height_px": float((high - low)[:, 1].mean()),
    }
