"""Training windows: speech, reference and target drawn anew each step, told by seed and step alone."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2k_train.clips import Clip
from a2k_train.config import TrainConfig

__all__ = ["Batch", "WindowSampler", "smooth_keypoints"]


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of windows.

    Attributes:
        waveform: `(B, S)` in [-1, 1].
        reference: `(B, K, 2)` pixels.
        keypoints: `(B, T, K, 2)` pixels.
        mask: `(B, T)`, False where there is no measured frame: past a clip's end, or where the face was lost.
    """

    waveform: Float[Tensor, "b s"]
    reference: Float[Tensor, "b k 2"]
    keypoints: Float[Tensor, "b t k 2"]
    mask: Bool[Tensor, "b t"]


class WindowSampler:
    """Draws batches of windows from clips held in memory.

    Clips shorter than a window are padded (silence, last face) and masked.

    Args:
        clips: Training clips.
        config: Window, batch, balance and seed.
    """

    def __init__(self, clips: list[Clip], config: TrainConfig) -> None:
        self.config = config
        self.clips = clips
        self._targets = [smooth_keypoints(clip.keypoints, config.smoothing_frames) for clip in clips]
        footage: dict[str, int] = {}
        for clip in clips:
            footage[clip.speaker] = footage.get(clip.speaker, 0) + clip.num_frames
        # A speaker's share is footage ** balance, divided among the speaker's clips by their length.
        self._weights = torch.tensor(
            [clip.num_frames * footage[clip.speaker] ** (config.speaker_balance - 1.0) for clip in clips]
        )

    def batch(self, step: int) -> Batch:
        """Return the batch of that step; the same seed and step always give the same one."""
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        chosen = torch.multinomial(self._weights, self.config.batch_size, replacement=True, generator=generator)
        windows = [self._window(int(index), generator) for index in chosen]
        waveforms, references, keypoints, masks = zip(*windows, strict=True)
        return Batch(torch.stack(waveforms), torch.stack(references), torch.stack(keypoints), torch.stack(masks))

    def _window(self, index: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        clip, target = self.clips[index], self._targets[index]
        frames, per_frame = self.config.window_frames, self.config.model.samples_per_frame
        start = int(torch.randint(max(1, clip.num_frames - frames + 1), (), generator=generator))
        stop = min(clip.num_frames, start + frames)
        missing = frames - (stop - start)
        points, mask = target[start:stop], clip.measured[start:stop]
        sound = clip.waveform[start * per_frame : stop * per_frame]
        if missing:
            points = torch.cat((points, points[-1:].expand(missing, -1, -1)))
            mask = torch.cat((mask, mask.new_zeros(missing)))
            sound = torch.cat((sound, sound.new_zeros(missing * per_frame)))
        reference = 0
        if float(torch.rand((), generator=generator)) < self.config.random_reference:
            reference = int(torch.randint(stop - start, (), generator=generator))
        return sound, points[reference], points, mask


def smooth_keypoints(keypoints: Float[Tensor, "t k 2"], frames: int) -> Float[Tensor, "t k 2"]:
    """Return the track under a quadratic Savitzky-Golay filter of that odd length; the ends are mirrored.

    Example:
        >>> line = torch.arange(9.0)[:, None, None].expand(9, 1, 2)
        >>> torch.allclose(smooth_keypoints(line, 5)[2:-2], line[2:-2], atol=1e-5)
        True
    """
    half = frames // 2
    if half < 1 or len(keypoints) <= half:
        return keypoints
    time = torch.arange(-half, half + 1, dtype=torch.float64)
    kernel = torch.linalg.pinv(torch.stack((torch.ones_like(time), time, time**2), dim=1))[0].to(keypoints)
    padded = torch.cat((keypoints[1 : half + 1].flip(0), keypoints, keypoints[-half - 1 : -1].flip(0)))
    smoothed: Tensor = (padded.unfold(0, frames, 1) * kernel).sum(dim=-1)
    return smoothed
