"""What every model refuses."""

import torch
from torch import Tensor


def check_inputs(waveform: Tensor, reference: Tensor, *, num_keypoints: int, dimensions: int) -> None:
    """Raise `ValueError` where a waveform or a reference has another shape than `(B, S)` and `(B, K, D)`, or a NaN."""
    if waveform.ndim != 2 or waveform.shape[1] == 0:
        raise ValueError(f"expected a waveform of shape (B, S) with S of at least 1, got {tuple(waveform.shape)}")
    if reference.shape != (len(waveform), num_keypoints, dimensions):
        raise ValueError(
            f"expected a reference of shape ({len(waveform)}, {num_keypoints}, {dimensions}) for the waveform's batch, "
            f"got {tuple(reference.shape)}"
        )
    for name, value in (("waveform", waveform), ("reference", reference)):
        if not bool(torch.isfinite(value).all()):
            raise ValueError(f"expected a finite {name}, got NaN or infinity")
