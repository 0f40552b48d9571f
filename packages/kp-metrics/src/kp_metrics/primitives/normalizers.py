"""Normalizers: the size of a face or body by which an error in pixels is divided, measured on the target.

Each function takes keypoints `(..., T, K, D)` and an optional mask `(..., T, K)`, and returns a size that broadcasts
over them: `(..., T or 1, 1 or D)`, in the unit of the keypoints. A size whose points are masked is 0; the metrics leave
such frames out.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from kp_metrics.primitives.checks import check_choice, check_indices, check_positive, select
from kp_metrics.primitives.ibug68 import EYE_CORNERS, LEFT_EYE, RIGHT_EYE
from kp_metrics.primitives.types import Keypoints, Mask

#: A name from `NORMALIZERS`; a constant; a tensor of sizes `(...)` or `(..., T)`; or a function of keypoints and mask
#: that returns `(..., T or 1, 1 or D)`.
Normalizer = str | float | Tensor | Callable[[Tensor, Tensor | None], Tensor]

_LEFT_SHOULDER_RIGHT_HIP = (5, 12)
_UPPER_NECK_HEAD_TOP = (8, 9)


def point_norm(difference: Tensor) -> Tensor:
    """Return the Euclidean length over the last dimension."""
    # Over two or three coordinates, adding slices is several times faster than torch's reduction of a short dimension.
    squared = difference.square()
    total = squared[..., 0]
    for axis in range(1, squared.shape[-1]):
        total = total + squared[..., axis]
    return total.sqrt()


def usable_size(size: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sizes with 1 in place of undefined ones, and where they are defined, `(..., T or 1, 1)`."""
    # Not `size > 0`: a NaN in the target must reach the result instead of being left out.
    defined = ~(size <= 0).any(-1, keepdim=True)
    return size.masked_fill(~defined, 1), defined


def bbox_sides(keypoints: Keypoints, mask: Mask = None, *, per: str = "sequence") -> Float[Tensor, "*batch t2 d"]:
    """Return the sides of the keypoints' axis-parallel box, `per` whole `"sequence"` or each `"frame"`.

    They are `(..., 1, D)` or `(..., T, D)`: width, height (and depth); 0 without a valid point.

    Example:
        >>> bbox_sides(torch.tensor([[[0.0, 0.0], [4.0, 2.0]], [[0.0, 0.0], [1.0, 3.0]]]))
        tensor([[4., 3.]])
    """
    check_choice(per, ("sequence", "frame"), name="per")
    points = keypoints.flatten(-3, -2).unsqueeze(-3) if per == "sequence" else keypoints
    # A reduction over the last, contiguous dimension is several times faster than one over all but the last.
    coordinates = points.mT.contiguous()
    if mask is None:
        return coordinates.amax(-1) - coordinates.amin(-1)
    valid = (mask.flatten(-2).unsqueeze(-2) if per == "sequence" else mask).unsqueeze(-2)
    top = coordinates.masked_fill(~valid, -torch.inf).amax(-1)
    bottom = coordinates.masked_fill(~valid, torch.inf).amin(-1)
    return (top - bottom).masked_fill(~valid.any(-1), 0)


def bbox_size(
    keypoints: Keypoints, mask: Mask = None, *, per: str = "sequence", side: str = "max"
) -> Float[Tensor, "*batch t2 1"]:
    """Return one size of the keypoints' box, `(..., 1, 1)` `per` whole `"sequence"` or `(..., T, 1)` per `"frame"`.

    `side` is `"max"` for the longer side, `"diagonal"`, or `"area"` for the D-th root of the volume: √(w·h) in 2-D.

    Example:
        >>> box = torch.tensor([[[0.0, 0.0], [4.0, 3.0]]])
        >>> [bbox_size(box, side=side).item() for side in ("max", "diagonal")]
        [4.0, 5.0]
    """
    check_choice(side, ("max", "diagonal", "area"), name="side")
    sides = bbox_sides(keypoints, mask, per=per)
    if side == "max":
        return sides.amax(-1, keepdim=True)
    if side == "diagonal":
        return point_norm(sides).unsqueeze(-1)
    return sides.prod(-1, keepdim=True).pow(1 / sides.shape[-1])


def point_distance(
    keypoints: Keypoints, mask: Mask = None, *, indices: Sequence[int] = EYE_CORNERS
) -> Float[Tensor, "*batch t 1"]:
    """Return the distance between two keypoints in each frame, 0 where one of them is masked.

    Example:
        >>> point_distance(torch.tensor([[[0.0, 0.0], [3.0, 4.0]]]), indices=(0, 1))
        tensor([[5.]])
    """
    ((first, second),) = check_indices(keypoints, indices=indices)
    distance = point_norm(keypoints[..., first, :] - keypoints[..., second, :])
    valid = select(mask, (first, second))
    return (distance if valid is None else distance.masked_fill(~valid.all(-1), 0)).unsqueeze(-1)


def interocular_distance(
    keypoints: Keypoints, mask: Mask = None, *, indices: Sequence[int] = EYE_CORNERS
) -> Float[Tensor, "*batch t 1"]:
    """Return the distance between the outer eye corners in each frame (iBUG-68: 36 and 45, WFLW-98: 60 and 72).

    Example:
        >>> face = torch.zeros(1, 68, 2)
        >>> face[0, 45, 0] = 90.0
        >>> interocular_distance(face)
        tensor([[90.]])
    """
    return point_distance(keypoints, mask, indices=indices)


def pupil_distance(
    keypoints: Keypoints,
    mask: Mask = None,
    *,
    right_eye: Sequence[int] = RIGHT_EYE,
    left_eye: Sequence[int] = LEFT_EYE,
) -> Float[Tensor, "*batch t 1"]:
    """Return the distance between the eye centres, each the mean of that eye's points, in each frame.

    Example:
        >>> face = torch.zeros(1, 68, 2)
        >>> face[0, 42:48, 0] = 60.0
        >>> pupil_distance(face)
        tensor([[60.]])
    """
    right, left = map(list, check_indices(keypoints, right_eye=right_eye, left_eye=left_eye))
    distance = point_norm(keypoints[..., right, :].mean(-2) - keypoints[..., left, :].mean(-2))
    valid = select(mask, right + left)
    return (distance if valid is None else distance.masked_fill(~valid.all(-1), 0)).unsqueeze(-1)


def torso_size(
    keypoints: Keypoints, mask: Mask = None, *, indices: tuple[int, int] | None = None
) -> Float[Tensor, "*batch t 1"]:
    """Return the distance from left shoulder to right hip in each frame (COCO-17: 5 and 12).

    Raises:
        ValueError: `indices` is left out and there are not COCO's 17 points.

    Example:
        >>> body = torch.zeros(1, 17, 2)
        >>> body[0, 12] = torch.tensor([30.0, 40.0])
        >>> torso_size(body)
        tensor([[50.]])
    """
    if indices is None:
        _check_layout(keypoints, 17, "torso_size", "COCO")
    return point_distance(keypoints, mask, indices=indices or _LEFT_SHOULDER_RIGHT_HIP)


def head_size(
    keypoints: Keypoints, mask: Mask = None, *, indices: tuple[int, int] | None = None
) -> Float[Tensor, "*batch t 1"]:
    """Return the distance from upper neck to the top of the head in each frame (MPII-16: 8 and 9).

    MPII's own PCKh uses 0.6 × the diagonal of an annotated head box: pass those sizes as a tensor.

    Raises:
        ValueError: `indices` is left out and there are not MPII's 16 points.

    Example:
        >>> body = torch.zeros(1, 16, 2)
        >>> body[0, 9, 1] = -25.0
        >>> head_size(body)
        tensor([[25.]])
    """
    if indices is None:
        _check_layout(keypoints, 16, "head_size", "MPII")
    return point_distance(keypoints, mask, indices=indices or _UPPER_NECK_HEAD_TOP)


def _check_layout(keypoints: Tensor, expected: int, function: str, layout: str) -> None:
    # In another layout the same indices would silently measure something else.
    if keypoints.shape[-2] != expected:
        raise ValueError(
            f"expected the {expected} keypoints of {layout} for {function} without indices, got shape "
            f"{tuple(keypoints.shape)}; pass functools.partial({function}, indices=(first, second))"
        )


#: Normalizers by name.
NORMALIZERS: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {
    "bbox_sequence": bbox_size,
    "bbox_frame": lambda keypoints, mask: bbox_size(keypoints, mask, per="frame"),
    "bbox_frame_area": lambda keypoints, mask: bbox_size(keypoints, mask, per="frame", side="area"),
    "bbox_frame_diagonal": lambda keypoints, mask: bbox_size(keypoints, mask, per="frame", side="diagonal"),
    "bbox_frame_axes": lambda keypoints, mask: bbox_sides(keypoints, mask, per="frame"),
    "interocular": interocular_distance,
    "pupils": pupil_distance,
    "head": head_size,
    "torso": torso_size,
}


def measure(normalizer: Normalizer, keypoints: Keypoints, mask: Mask = None) -> Float[Tensor, "*sizes"]:
    """Return the sizes that a normalizer measures on keypoints, usually the target's; they broadcast to `(..., T, D)`.

    Raises:
        ValueError: The name is unknown, the constant not above 0, or the tensor of another shape.

    Example:
        >>> measure("bbox_frame", torch.tensor([[[0.0, 0.0], [4.0, 3.0]]]))
        tensor([[4.]])
        >>> measure(112.0, torch.zeros(1, 2, 2))
        tensor([[112.]])
    """
    if isinstance(normalizer, str):
        check_choice(normalizer, tuple(NORMALIZERS), name="normalizer")
        return NORMALIZERS[normalizer](keypoints, mask)
    if isinstance(normalizer, Tensor):
        frames, sequences = keypoints.shape[:-2], keypoints.shape[:-3]
        if normalizer.shape == frames:
            return normalizer.unsqueeze(-1)
        if normalizer.shape == sequences:
            return normalizer[..., None, None]
        raise ValueError(
            f"expected normalizer sizes of shape {tuple(frames)} or {tuple(sequences)} for keypoints of shape "
            f"{tuple(keypoints.shape)}, got {tuple(normalizer.shape)}"
        )
    if callable(normalizer):
        return normalizer(keypoints, mask)
    check_positive(normalizer=normalizer)
    return keypoints.new_full((1, 1), normalizer)
