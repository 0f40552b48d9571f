"""What `forward` of each preset computes, with lengths that stay symbols, for an exported graph."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.residual.ease_in import ease_in
from a2k_nets.residual.model import Audio2Keypoint


class ResidualGraph(nn.Module):
    """`Audio2Keypoint` with its gains as scalar tensors, without checks of values and without what is seeded."""

    dimensions: ClassVar[int] = 2
    #: Inputs after waveform and reference, and what they are where nobody gives them.
    defaults: ClassVar[dict[str, float]] = {"head_motion": 1.0, "expression": 1.0}

    def __init__(self, model: Audio2Keypoint) -> None:
        super().__init__()
        self.model = model

    def forward(self, waveform: Tensor, reference: Tensor, head_motion: Tensor, expression: Tensor) -> Tensor:
        """Return keypoints `(B, T, K, 2)`; see `Audio2Keypoint.forward`."""
        model, step = self.model, self.model.config.samples_per_frame
        num_frames = _num_frames(waveform.shape[1], step)
        # At most a frame is missing, and up to half a frame is left out.
        whole = F.pad(waveform, (0, step))[:, : num_frames * step]
        shape, pose, _ = model.predict_motion(model.normalizer.encode_mel(model.log_mel(whole)), reference)
        start = ease_in(0, shape.shape[1], frames=model.config.ease_in_frames)
        return model.normalizer.decode_motion(
            expression * start[:, None, None] * shape, head_motion * start[:, None] * pose, reference
        )


class PaperGraph(nn.Module):
    """`PaperAudio2Keypoint` without checks of values and without gains."""

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
        log_mel = model.log_mel(_continued(waveform, padded_frames * config.samples_per_frame))
        encoded = model.normalizer.encode(reference[:, None]).squeeze(2)
        code = None if model.piv_encoder is None else model.piv_encoder(encoded[..., None])
        motion = model.generator(log_mel, encoded, code, padded_frames)
        return model.normalizer.decode(motion[..., :num_frames], reference[:, [config.base_point]])


def _num_frames(samples: int | torch.SymInt, step: int) -> Any:
    """Return max(1, round(samples / step)) for symbols too, a half rounded to the even number as Python does.

    Example:
        >>> [_num_frames(s, 640) for s in (1, 960, 961, 1_600, 1_601)] == [1, 2, 2, 2, 3]
        True
    """
    return torch.sym_max(1, (samples + (step + 1) // 2 - 1 + samples // step % 2) // step)  # type: ignore[no-untyped-call]  # untyped in torch


def _continued(waveform: Tensor, samples: int | torch.SymInt) -> Tensor:
    """Return so many samples: the sound and its reflection, or silence where it is too short for that."""
    index = torch.arange(samples)  # type: ignore[arg-type]  # its stubs know no symbols
    mirrored = 2 * (waveform.shape[1] - 1) - index
    inside = torch.minimum(index, mirrored)
    long_enough = mirrored[-1] >= 0
    heard = (index < waveform.shape[1]) | long_enough
    return waveform[:, inside.clamp(min=0)] * heard
