"""Run a model on its own device, and return the keypoints on the CPU."""

from typing import Any

import torch
from torch import Tensor, nn


def run_model(model: Any, waveform: Tensor, reference: Tensor, **options: Any) -> Tensor:
    """Return keypoints `(B, T, K, D)` on the CPU for waveforms `(B, S)` and references `(B, K, D)` on any device."""
    parameter = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    device = torch.device("cpu") if parameter is None else parameter.device
    keypoints: Tensor = model(waveform.to(device), reference.to(device), **options)
    return keypoints.cpu()
