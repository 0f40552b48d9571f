"""Checks of the inputs of every model."""

import torch
from torch import Tensor


def check_inputs(waveform: Tensor, reference: Tensor, *, num_keypoints: int, dimensions: int) -> None:
    """Raise `ValueError` unless waveform `(B, S)` and reference `(B, K, D)` have these shapes and finite values."""
    if waveform.ndim != 2 or waveform.shape[1] == 0:
        raise ValueError(f"expected a waveform of shape (B, S) with S of at least 1, got {tuple(waveform.shape)}")
    if reference.shape != (len(waveform), num_keypoints, dimensions):
        raise ValueError(
            f"expected a reference of shape ({len(waveform)}, {num_keypoints}, {dimensions}) for the waveform's batch, "
            f"got {tuple(reference.shape)}"
        )
    for name, value in (("waveform", waveform), ("reference", reference)):
        check_finite(value, name)


def check_finite(value: Tensor, name: str) -> None:
    """Raise `ValueError` where a value is NaN or infinite, without a copy of the tensor."""
    if value.numel() and not bool(torch.stack(value.detach().aminmax()).isfinite().all()):
        raise ValueError(f"expected a finite {name}, got NaN or infinity")
