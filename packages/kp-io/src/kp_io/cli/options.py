"""The options by which commands choose a detector."""

from pathlib import Path
from typing import Annotated

import typer

DetectorOption = Annotated[
    str, typer.Option("--detector", help="dlib, face-alignment, face-alignment-3d, mediapipe or precomputed.")
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        help="The detector's weights: a .dat (dlib), a folder (face-alignment), a .task (mediapipe); for precomputed, "
        "the folder or file of the keypoints, by default beside each video.",
        show_default=False,
    ),
]
DeviceOption = Annotated[str, typer.Option(help="cpu; for face-alignment also cuda, cuda:1, mps.")]
