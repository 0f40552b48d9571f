"""The `forward` of each preset for export: without checks, with symbolic lengths."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.residual.expression_edits import fade_in
from a2k_nets.residual.model import Audio2Keypoint


class ResidualGraph(nn.Module):
    """`Audio2Keypoint` with gains as scalar tensors, without random motion."""

    dimensions: ClassVar[int] = 2
    #: Inputs after waveform and reference, and their defaults.
    defaults: ClassVar[dict[str, float]] = {"head_motion": 1.0, "expression": 1.0}

    def __init__(self, model: Audio2Keypoint) -> None:
        super().__init__()
        self.model = model

    def forward(self, waveform: Tensor, reference: Tensor, head_motion: Tensor, expression: Tensor) -> Tensor:
        """Return keypoints `(B, T, K, 2)`; see `Audio2Keypoint.forward`."""
        model, config = self.model, self.model.config
        log_mel = model.encode_audio(waveform, _num_frames(waveform.shape[1], config.samples_per_frame))
        shape, pose, _ = model.predict_motion(log_mel, reference)
        fade = fade_in(0, shape.shape[1], frames=config.fade_in_frames)
        shape, pose = expression * fade[:, None, None] * shape, head_motion * fade[:, None] * pose
        return model.normalizer.decode_motion(shape, pose, reference)


class PaperGraph(nn.Module):
    """`PaperAudio2Keypoint` without gains."""

    defaults: ClassVar[dict[str, float]] = {}

    def __init__(self, model: PaperAudio2Keypoint) -> None:
        super().__init__()
        self.model = model
        self.dimensions = model.config.dimensions

    def forward(self, waveform: Tensor, reference: Tensor) -> Tensor:
        """Return keypoints `(B, T, K, D)`; see `PaperAudio2Keypoint.forward`."""
        model, config = self.model, self.model.config
        num_frames = _num_frames(waveform.shape[1], config.samples_per_frame)
        multiple = config.time_multiple
        padded_frames = (num_frames + multiple - 1) // multiple * multiple
        log_mel = model.log_mel(_pad(waveform, padded_frames * config.samples_per_frame))
        return model.predict_keypoints(log_mel, reference, num_frames, padded_frames)


def _num_frames(samples: int | torch.SymInt, step: int) -> Any:
    """Return max(1, round(samples / step)), also for symbols; halves are rounded to even numbers as in Python.

    Example:
        >>> [_num_frames(s, 640) for s in (1, 960, 961, 1_600, 1_601)] == [1, 2, 2, 2, 3]
        True
    """
    return torch.sym_max(1, (samples + (step + 1) // 2 - 1 + samples // step % 2) // step)  # type: ignore[no-untyped-call]  # untyped in torch


def _pad(waveform: Tensor, samples: int | torch.SymInt) -> Tensor:
    """Pad a waveform to a length as `PaperAudio2Keypoint.encode_audio` does: with its reflection, or with silence."""
    index = torch.arange(samples)  # type: ignore[arg-type]  # torch's stubs lack symbols
    mirrored = 2 * (waveform.shape[1] - 1) - index
    inside = torch.minimum(index, mirrored)
    long_enough = mirrored[-1] >= 0
    not_silent = (index < waveform.shape[1]) | long_enough
    return waveform[:, inside.clamp(min=0)] * not_silent
