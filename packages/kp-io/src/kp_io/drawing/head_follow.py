"""A still picture that follows a head, so that keypoints which move with it stay on the face."""

from collections.abc import Iterator

import cv2
import numpy as np

from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.image import Picture
from kp_io.transforms import split_head_pose


def follow_head(picture: Picture, sequence: KeypointSequence) -> Iterator[Picture]:
    """Move, turn and scale a picture as the head of a sequence does; what comes in at its edges repeats them.

    The face itself stays as it is photographed: lips and lids are the keypoints' to show, as when `rasterize` draws
    them over these frames.

    Args:
        picture: `(H, W, 3)` uint8 RGB, the one that the first frame's keypoints belong to.
        sequence: Keypoints in its pixels; of points in space, x and y count.

    Yields:
        `(H, W, 3)` uint8 RGB, a new array for each frame.

    Raises:
        ValueError: The picture is not as large as the sequence says, or the first face has no size.

    Example:
        >>> import torch
        >>> face = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 40 + 10
        >>> photo = np.zeros((64, 64, 3), np.uint8)
        >>> photo[20, 20] = 255
        >>> moved = list(follow_head(photo, KeypointSequence(torch.stack((face, face + 5)), image_size=(64, 64))))
        >>> [int(frame[i, i, 0]) for frame, i in zip(moved, (20, 25))]
        [255, 255]
    """
    if picture.shape[:2] != sequence.image_size:
        raise ValueError(f"expected a picture of {sequence.image_size}, height and width, got {picture.shape[:2]}")
    _, pose = split_head_pose(sequence.keypoints[..., :2], method="similarity", layout=sequence.layout)
    return _moved(picture, pose.angles[:, 2].numpy(), pose.scale.numpy(), pose.shift.numpy(), pose.centre.numpy())


def _moved(
    picture: Picture, roll: np.ndarray, scale: np.ndarray, shift: np.ndarray, centre: np.ndarray
) -> Iterator[Picture]:
    height, width = picture.shape[:2]
    for angle, factor, offset in zip(roll, scale, shift, strict=True):
        cos, sin = factor * np.cos(angle), factor * np.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]])
        matrix = np.column_stack((turn, centre + offset - turn @ centre))
        frame = cv2.warpAffine(
            picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        yield np.asarray(frame, np.uint8)
