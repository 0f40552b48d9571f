"""Checks and preparation of arguments. Every error names the argument, what was expected and what was given."""

from collections.abc import Sequence
from difflib import get_close_matches

import torch
from torch import Tensor

from kp_metrics.primitives.ibug68 import IBUG68_POINTS, WFLW98_POINTS, FacePoints

_MAX_DIMENSIONS = 3


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))


def check_keypoints(keypoints: Tensor, *, name: str = "keypoints") -> None:
    """Raise `ValueError` unless `keypoints` is a non-empty floating-point tensor `(..., T, K, D)`."""
    if not isinstance(keypoints, Tensor):
        raise ValueError(f"expected {name} as a torch.Tensor of shape (..., T, K, D), got {type(keypoints).__name__}")
    if not keypoints.is_floating_point():
        raise ValueError(f"expected {name} in floating point, got {keypoints.dtype} of shape {_shape(keypoints)}")
    if keypoints.ndim < 3:
        raise ValueError(f"expected {name} of shape (..., T, K, D), got {_shape(keypoints)}; a still is (1, K, D)")
    if keypoints.numel() == 0:
        raise ValueError(f"expected {name} of shape (..., T, K, D) with at least one point, got {_shape(keypoints)}")
    points, dimensions = keypoints.shape[-2:]
    if dimensions > _MAX_DIMENSIONS and points in (2, 3):
        raise ValueError(
            f"expected {name} of shape (..., T, K, D), got {_shape(keypoints)}: "
            f"K={points} and D={dimensions} look swapped; transpose with {name}.mT"
        )


def check_mask(mask: Tensor | None, like: Tensor, *, name: str) -> None:
    """Raise `ValueError` unless `mask` is None or boolean of the shape of `like` without its last dimension."""
    if mask is None:
        return
    if mask.dtype != torch.bool:
        raise ValueError(f"expected mask of dtype torch.bool (True where a point is valid), got {mask.dtype}")
    if mask.shape != like.shape[:-1]:
        expected = f"{_shape(like[..., 0])} for {name} of shape {_shape(like)}"
        raise ValueError(f"expected mask of shape {expected}, got {_shape(mask)}")


def check_pair(preds: Tensor, target: Tensor, mask: Tensor | None) -> None:
    """Raise `ValueError` unless `preds`, `target` and `mask` fit together."""
    check_keypoints(preds, name="preds")
    check_keypoints(target, name="target")
    if preds.shape != target.shape:
        swapped = preds.ndim == target.ndim and preds.mT.shape == target.shape
        given = f"preds {_shape(preds)} and target {_shape(target)}"
        hint = "; K and D look swapped in one of them" if swapped else ""
        raise ValueError(f"expected preds and target of one shape, got {given}{hint}")
    check_mask(mask, preds, name="preds")


def checked_pair(preds: Tensor, target: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return `preds` and `target` in working precision; raise `ValueError` unless they and `mask` fit together."""
    check_pair(preds, target, mask)
    return working_precision(preds), working_precision(target)


def check_audio(preds: Tensor, target: Tensor | None, mask: Tensor | None, audio: Tensor) -> None:
    """Raise `ValueError` unless `audio` has the leading dimensions of the keypoints."""
    check_pair(preds, preds if target is None else target, mask)
    if audio.shape[:-1] != preds.shape[:-3]:
        expected = f"{(*preds.shape[:-3], 'S')} for preds of shape {_shape(preds)}"
        raise ValueError(f"expected audio of shape {expected}, got {_shape(audio)}")


def check_positive(**values: float) -> None:
    """Raise `ValueError` unless each of the named values is a finite number above 0."""
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"expected {name} above 0, got {name}={value}")


def check_indices(keypoints: Tensor, **named: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Return the named index lists, in order, with defaults in the layout of `keypoints`.

    Raises:
        ValueError: A list is empty, holds points that `keypoints` lacks, or is a default and the layout is neither
            iBUG-68 nor WFLW-98.
    """
    return tuple(_checked_indices(keypoints, name, indices) for name, indices in named.items())


def _checked_indices(keypoints: Tensor, name: str, indices: Sequence[int]) -> tuple[int, ...]:
    count = keypoints.shape[-2]
    if len(indices) == 0:
        raise ValueError(f"expected {name} with at least one keypoint index, got none")
    if isinstance(indices, FacePoints) and count == WFLW98_POINTS:
        return indices.wflw98
    if min(indices) < 0 or max(indices) >= count:
        raise ValueError(
            f"expected {name} within the {count} keypoints of shape {_shape(keypoints)}, got "
            f"{min(indices)} to {max(indices)}; the defaults are iBUG-68's, give the indices of your layout"
        )
    if isinstance(indices, FacePoints) and count != IBUG68_POINTS:
        # In another layout the same indices would silently measure something else.
        raise ValueError(
            f"expected {name} as indices for {count} keypoints (shape {_shape(keypoints)}), whose layout is unknown; "
            f"there are defaults for iBUG-68 and WFLW-98"
        )
    return tuple(indices)


def check_choice(value: str, choices: Sequence[str], *, name: str) -> None:
    """Raise `ValueError` with the nearest valid choice unless `value` is one of `choices`."""
    if value not in choices:
        near = get_close_matches(str(value), choices, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"expected {name} out of {', '.join(map(repr, choices))}, got {value!r}{hint}")


def working_precision(tensor: Tensor) -> Tensor:
    """Return a half-precision `tensor` in float32, since half precision is too coarse for pixels."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def select(mask: Tensor | None, indices: Sequence[int]) -> Tensor | None:
    """Return the mask of the points `indices`; None stays None."""
    return None if mask is None else mask[..., list(indices)]


def frame_mask(keypoints: Tensor, mask: Tensor | None) -> Tensor:
    """Return the frames whose points are all valid, `(..., T)`."""
    return keypoints.new_ones(keypoints.shape[:-2], dtype=torch.bool) if mask is None else mask.all(-1)
