"""One annotated clip: the speech, and the face that spoke it."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int16
from torch import Tensor

#: What a 16-bit sample is divided by.
FULL_SCALE = 32_768.0


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Speech and the face that spoke it.

    Attributes:
        id: Its name.
        speaker: Who speaks; splits never share a speaker.
        split: `train`, `val`, `hard`, …
        sound: `(S,)` 16-bit samples, exactly as long as the keypoints.
        keypoints: `(T, K, D)` pixels.
        measured: `(T,)`, False where the detector lost the face and the frame was interpolated.
    """

    id: str
    speaker: str
    split: str
    sound: Int16[Tensor, " s"]
    keypoints: Float[Tensor, "t k d"]
    measured: Bool[Tensor, " t"]

    @property
    def num_frames(self) -> int:
        """Video frames."""
        return len(self.keypoints)

    @property
    def waveform(self) -> Float[Tensor, " s"]:
        """The sound in [-1, 1], made anew each time."""
        return to_float(self.sound)


def to_int16(waveform: Float[Tensor, "*s"]) -> Int16[Tensor, "*s"]:
    """Return samples in [-1, 1] as 16-bit ones; what goes beyond is clipped.

    Example:
        >>> to_int16(torch.tensor([-1.0, 0.25, 1.0]))
        tensor([-32768,   8192,  32767], dtype=torch.int16)
    """
    return (waveform * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1).to(torch.int16)


def to_float(sound: Int16[Tensor, "*s"]) -> Float[Tensor, "*s"]:
    """Return 16-bit samples as float32 in [-1, 1].

    Example:
        >>> to_float(torch.tensor([-32768, 8192], dtype=torch.int16))
        tensor([-1.0000,  0.2500])
    """
    return sound.to(torch.float32).div_(FULL_SCALE)  # in place: the copy is ours
