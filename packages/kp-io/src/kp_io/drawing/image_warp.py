"""Scaled images, and images that follow a head (OpenCV)."""

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.image import RGBImage
from kp_io.transforms.head_pose import split_head_pose


def resize_image(image: RGBImage, size: tuple[int, int]) -> RGBImage:
    """Return the image scaled to a height and width, or the image itself if it has that size."""
    if image.shape[:2] == size:
        return image
    method = cv2.INTER_AREA if size[0] < image.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size[::-1], interpolation=method), np.uint8)


def resize_to_height(image: RGBImage, height: int) -> RGBImage:
    """Return the image scaled to a height, with its proportions kept."""
    return resize_image(image, (height, max(1, round(image.shape[1] * height / image.shape[0]))))


def warp_image_to_head(
    picture: RGBImage, sequence: KeypointSequence, *, reference: Float[Tensor, "k d"] | None = None
) -> Iterator[RGBImage]:
    """Yield an image shifted, rotated and scaled with the head of a sequence; its border pixels are repeated.

    The face itself does not change: lips and eyelids move in the keypoints, which `rasterize` can draw on these frames.

    Args:
        picture: `(H, W, 3)` uint8 RGB.
        sequence: Keypoints in its pixels; a third coordinate is ignored.
        reference: `(K, 2)` the keypoints in the picture; by default those of the first frame.

    Yields:
        `(H, W, 3)` uint8 RGB, a new array for each frame.

    Raises:
        ValueError: The image size is not that of the sequence, or all stable points of the reference coincide.

    Example:
        >>> import torch
        >>> face = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 40 + 10
        >>> photo = np.zeros((64, 64, 3), np.uint8)
        >>> photo[20, 20] = 255
        >>> sequence = KeypointSequence(torch.stack((face, face + 5)), image_size=(64, 64))
        >>> [int(frame[i, i, 0]) for frame, i in zip(warp_image_to_head(photo, sequence), (20, 25))]
        [255, 255]
    """
    if picture.shape[:2] != sequence.image_size:
        raise ValueError(f"expected an image of {sequence.image_size}, height and width, got {picture.shape[:2]}")
    still = None if reference is None else reference[:, :2].to(sequence.keypoints)
    _, pose = split_head_pose(sequence.keypoints[..., :2], method="similarity", reference=still, layout=sequence.layout)
    return _warped(picture, pose.angles[:, 2].numpy(), pose.scale.numpy(), pose.shift.numpy(), pose.centre.numpy())


#: The name up to version 0.1.
follow_head = warp_image_to_head


def _warped(
    image: RGBImage, roll: np.ndarray, scale: np.ndarray, shift: np.ndarray, centre: np.ndarray
) -> Iterator[RGBImage]:
    height, width = image.shape[:2]
    for angle, factor, offset in zip(roll, scale, shift, strict=True):
        cos, sin = factor * np.cos(angle), factor * np.sin(angle)
        rotation = np.array([[cos, -sin], [sin, cos]])
        matrix = np.column_stack((rotation, centre + offset - rotation @ centre))
        frame = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(frame, np.uint8)
