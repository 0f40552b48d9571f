"""Mirror faces, and centre them on their base point."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from kp_io.keypoints.layout import IBUG68, KeypointLayout
from kp_io.keypoints.sequence import KeypointSequence


def mirror(sequence: KeypointSequence) -> KeypointSequence:
    """Return the sequence of the horizontally flipped video; scores follow their points.

    Example:
        >>> still = KeypointSequence(torch.zeros(1, 68, 2), image_size=(64, 100))
        >>> mirror(still).keypoints[0, 0]
        tensor([99.,  0.])
    """
    layout = sequence.layout
    keypoints = mirror_keypoints(sequence.keypoints, width=sequence.image_size[1], layout=layout)
    return replace(sequence, keypoints=keypoints, scores=sequence.scores[:, list(layout.mirror)])


def mirror_keypoints(
    keypoints: Float[Tensor, "*n k d"], *, width: int, layout: KeypointLayout = IBUG68
) -> Float[Tensor, "*n k d"]:
    """Flip keypoints horizontally: x becomes width - 1 - x (whole numbers are pixel centres), and indices swap.

    In an image of `width` pixels, the right eye of the result is still the eye on the left. Flipping twice restores the
    input, up to rounding.

    Raises:
        ValueError: K does not match the layout.

    Example:
        >>> eye = mirror_keypoints(torch.arange(68.0)[:, None].expand(68, 2), width=101)[36]
        >>> eye  # was point 45
        tensor([55., 45.])
    """
    _check_num_keypoints(keypoints, layout)
    swapped = keypoints[..., list(layout.mirror), :]
    return torch.cat((width - 1 - swapped[..., :1], swapped[..., 1:]), dim=-1)


def centre_on_base_point(
    keypoints: Float[Tensor, "*n k d"], *, layout: KeypointLayout = IBUG68
) -> tuple[Float[Tensor, "*n k d"], Float[Tensor, "*n d"]]:
    """Return keypoints relative to each face's base point, the nose root (paper, section 4.5), and the base points.

    Both are float64, so that the inverse, `restore_base_point`, is exact to far below a pixel.

    Raises:
        ValueError: K does not match the layout.

    Example:
        >>> face = torch.arange(136.0).reshape(68, 2)
        >>> centred, base = centre_on_base_point(face)
        >>> centred[27].tolist(), base.tolist()
        ([0.0, 0.0], [54.0, 55.0])
    """
    _check_num_keypoints(keypoints, layout)
    base = keypoints[..., layout.base_point, :].double()
    return keypoints - base[..., None, :], base


def restore_base_point(centred: Float[Tensor, "*n k d"], base: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k d"]:
    """Add the base points to centred faces; the inverse of `centre_on_base_point`."""
    return centred + base[..., None, :]


def _check_num_keypoints(keypoints: Tensor, layout: KeypointLayout) -> None:
    if keypoints.shape[-2] != layout.num_keypoints:
        raise ValueError(f"expected {layout.num_keypoints} points ({layout.name}), got {keypoints.shape[-2]}")
