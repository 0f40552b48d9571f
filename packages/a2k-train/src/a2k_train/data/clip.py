"""One annotated clip: speech and the keypoints of the speaker's face."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int16
from torch import Tensor

#: Divisor that scales 16-bit samples to [-1, 1].
FULL_SCALE = 32_768.0


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Speech and the keypoints of the speaker's face.

    Attributes:
        id: Name of the clip.
        speaker: Name of the speaker; splits never share a speaker.
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
        """Number of video frames."""
        return len(self.keypoints)

    @property
    def waveform(self) -> Float[Tensor, " s"]:
        """The sound in [-1, 1], converted on each access."""
        return to_float(self.sound)


def to_int16(waveform: Float[Tensor, "*s"]) -> Int16[Tensor, "*s"]:
    """Convert samples in [-1, 1] to 16 bits; values out of range are clipped.

    Example:
        >>> to_int16(torch.tensor([-1.0, 0.25, 1.0]))
        tensor([-32768,   8192,  32767], dtype=torch.int16)
    """
    return (waveform * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1).to(torch.int16)


def to_float(sound: Int16[Tensor, "*s"]) -> Float[Tensor, "*s"]:
    """Convert 16-bit samples to float32 in [-1, 1].

    Example:
        >>> to_float(torch.tensor([-32768, 8192], dtype=torch.int16))
        tensor([-1.0000,  0.2500])
    """
    return sound.to(torch.float32).div_(FULL_SCALE)  # in place: the copy is ours


def loop_from_random_offset(
    waveform: Float[Tensor, " s"], length: int, *, generator: torch.Generator
) -> Float[Tensor, " n"]:
    """Return `length` samples of the looped waveform, starting at a random offset.

    The read sentences of a corpus start, pause and end alike. Without the offset, another speaker's audio would still
    be partly in sync with the lips.
    """
    start = int(torch.randint(len(waveform), (), generator=generator))
    return waveform.roll(-start).repeat(-(-length // len(waveform)))[:length]
