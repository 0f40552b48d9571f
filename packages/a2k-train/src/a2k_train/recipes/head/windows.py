"""Windows of clips for the training of the network of the head."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.head import HeadNetwork
from a2k_train.recipes.head.loss import HeadBatch
from a2k_train.statistics.head.process import HeadClip, hear, normalized_motion, speaker_weights


class HeadWindows:
    """Draws windows of clips: a clip by its length over the root of its speaker's footage, and a place in it.

    Args:
        network: Its statistics normalise speech and motion.
        clips: Training clips.
        frames: Length of a window; shorter clips are padded.
    """

    def __init__(self, network: HeadNetwork, clips: Sequence[HeadClip], *, frames: int) -> None:
        self._frames = frames
        self._weights = speaker_weights(clips)
        with torch.no_grad():
            self._speech = [network.normalize(hear(network, clip)[None])[0] for clip in clips]
        self._motion = [normalized_motion(network, clip) for clip in clips]
        self._log_gains = torch.stack([network.log_gains(clip.motion) for clip in clips])
        self._valid = [clip.measured.float() for clip in clips]

    def draw(self, count: int, generator: torch.Generator) -> HeadBatch:
        """Return a batch of windows, half of them to be mirrored."""
        chosen = torch.multinomial(self._weights, count, replacement=True, generator=generator)
        places = torch.rand(count, generator=generator)
        mirrored = (torch.rand(count, generator=generator) < 0.5).float()
        speech, motion, valid = (
            torch.stack([self._cut(tracks[i], float(place)) for i, place in zip(chosen.tolist(), places, strict=True)])
            for tracks in (self._speech, self._motion, [v[:, None] for v in self._valid])
        )
        return HeadBatch(speech, motion, self._log_gains[chosen], valid[..., 0], mirrored)

    def _cut(self, track: Tensor, place: float) -> Tensor:
        start = int(place * (max(0, len(track) - self._frames) + 1))
        window = track[start : start + self._frames]
        return F.pad(window, (0, 0, 0, self._frames - len(window)))
