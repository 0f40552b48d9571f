"""What keypoints are drawn over: a video, or a picture that moves with the head."""

import os

import numpy as np
from jaxtyping import Float
from torch import Tensor

from kp_io.drawing.image_warp import warp_image_to_head
from kp_io.drawing.rasterize import Background, fit_background
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.image import RGBImage, read_image
from kp_io.media.still import is_video
from kp_io.media.video_reader import read_video


def open_background(
    over: str | os.PathLike[str] | RGBImage,
    sequence: KeypointSequence,
    *,
    reference: Float[Tensor, "k d"] | None = None,
    moving: bool = True,
) -> Background:
    """Return a background for `rasterize` on which the keypoints stay on the face.

    A picture is shifted, rotated and scaled with the head, by `warp_image_to_head`; a video moves by itself.

    Args:
        over: A video file, or a picture as a file or RGB pixels; another size is scaled to that of the sequence.
        sequence: The keypoints that are drawn.
        reference: `(K, 2)` the keypoints of the picture, in pixels of the sequence; by default its first frame.
        moving: Whether a picture moves; for a picture that does not show the face.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It cannot be read, or its proportions differ from those of the keypoints' image.
    """
    if not isinstance(over, np.ndarray):
        if is_video(over):
            return read_video(over, fps=sequence.fps)
        over = read_image(over)
    picture = fit_background(over, sequence.image_size)
    return warp_image_to_head(picture, sequence, reference=reference) if moving else picture
