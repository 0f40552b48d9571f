"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Track(StrEnum):
    """The choices of `--track`."""

    LARGEST = "largest"
    PERSISTENT = "persistent"


KeypointFile = Annotated[Path, typer.Argument(help="Keypoint file.", show_default=False)]
FaceOption = Annotated[
    str | None,
    typer.Option("--face", help="Which face, if the file holds several: its face_id, or rank by size in COCO."),
]
ClipOption = Annotated[
    str | None,
    typer.Option("--track", help="Which clip, video or track, if the file holds several."),
]
ImageOption = Annotated[str | None, typer.Option("--image", help="Only this picture of the file: its file name or id.")]
FpsOption = Annotated[float, typer.Option(min=0.1, help="Frame rate of the keypoints.")]
TrackOption = Annotated[Track, typer.Option(help="Which of several faces comes first: the largest or longest visible.")]
MaxGapOption = Annotated[float, typer.Option(min=0, help="Seconds; the keypoints are split where a gap is longer.")]
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
AudioOption = Annotated[Path | None, typer.Option(help="Audio for the video: an audio or video file.")]
BackgroundOption = Annotated[
    Path | None, typer.Option(help="Background instead of black: a video, or a picture, which moves with the head.")
]
StillOption = Annotated[bool, typer.Option("--still", help="Do not move the picture of --over.")]
