"""Mix channels to mono by weight, and keep speech that the mix would cancel (NumPy)."""

import logging
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

logger = logging.getLogger(__name__)

#: Weight of a channel in the mono mix, by FFmpeg's name: speech is in the centre, the bass channel has none.
_WEIGHTS = {"FC": 1.0, "FL": 0.7071, "FR": 0.7071, "LFE": 0.0, "LFE2": 0.0}
_OTHER_WEIGHT = 0.5

#: A mix with less than the first share of the power of its channels cancels; above the second, it no longer does.
_CANCELS, _RECOVERS = 0.1, 0.3

#: A mix that is this silent cancels, however short the sound on which this is judged.
_IS_SILENT = 1e-3

#: Mean power of the channels below which nothing is judged (-70 dBFS): noise of silence.
_QUIET = 1e-7

#: Sound counts half after this time, and less than the second time is too short to judge.
_HALF_LIFE_SECONDS, _SHORTEST_SECONDS = 0.1, 0.05

_FADE_SECONDS = 0.01

#: FFmpeg's names of the bits of a channel mask in a WAV file.
_MASK_NAMES = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR"),
    *("TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
)


class Downmix:
    """Mono mix of a stream: the weighted mean of the channels, or the loudest one while they cancel each other.

    Example:
        >>> left = np.full((1, 800), 0.5, np.float32)
        >>> downmix = Downmix("inverted.wav")
        >>> float(downmix.push([np.concatenate([left, -left])], ["FL", "FR"], rate=16_000)[0].max())
        0.5
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._channel: int | None = None
        self._power = np.zeros(0)
        self._mixed_power = self._seconds = 0.0
        self._begun = self._told = False

    def push(
        self, blocks: Sequence[Float[np.ndarray, "c _"]], names: Sequence[str], *, rate: int
    ) -> list[Float[np.ndarray, " _"]]:
        """Return blocks `(C, S)` as mono `(S,)`; one decision is made for all of them.

        Args:
            blocks: Consecutive float32 samples.
            names: FFmpeg's name of each channel, such as FL, FR, FC or LFE.
            rate: Samples per second.
        """
        if len(names) == 1:
            return [block[0] for block in blocks]
        weights = channel_weights(names)
        mixed = [weights @ block for block in blocks]
        before = self._channel
        self._judge(blocks, mixed, weights, rate)
        if self._channel is None and before is None:
            self._begun = True
            return mixed
        result = [self._pick(block, mix, self._channel) for block, mix in zip(blocks, mixed, strict=True)]
        if before != self._channel and self._begun and blocks:
            old = self._pick(blocks[0], mixed[0], before)
            length = min(len(old), round(_FADE_SECONDS * rate))
            ramp = np.linspace(0, 1, length, dtype=np.float32)
            result[0] = result[0].copy()
            result[0][:length] = ramp * result[0][:length] + (1 - ramp) * old[:length]
        self._begun = True
        return result

    def _judge(self, blocks: Sequence[np.ndarray], mixed: Sequence[np.ndarray], weights: np.ndarray, rate: int) -> None:
        """Update the powers, and choose the mix or a channel."""
        if len(self._power) != len(weights):
            self._power, self._mixed_power, self._seconds, self._channel = np.zeros(len(weights)), 0.0, 0.0, None
        seconds = sum(map(len, mixed)) / rate
        fade = 0.5 ** (seconds / _HALF_LIFE_SECONDS)
        power = sum(np.einsum("cs,cs->c", block, block, dtype=np.float64) for block in blocks)
        self._power = fade * self._power + power * (weights > 0)
        self._mixed_power = fade * self._mixed_power + sum(float(np.dot(mix, mix)) for mix in mixed)
        self._seconds = fade * self._seconds + seconds
        expected = float(weights.astype(np.float64) ** 2 @ self._power)
        if not expected > _QUIET * self._seconds * rate:
            return
        share = self._mixed_power / expected
        if share < (_CANCELS if self._seconds >= _SHORTEST_SECONDS else _IS_SILENT):
            loudest = int(self._power.argmax())
            if self._channel is None or self._power[loudest] > 4 * self._power[self._channel]:
                self._channel = loudest
            if not self._told:
                logger.warning(
                    "the channels of %s cancel each other when mixed: the louder one is taken instead", self._name
                )
                self._told = True
        elif share > _RECOVERS:
            self._channel = None

    @staticmethod
    def _pick(block: np.ndarray, mix: np.ndarray, channel: int | None) -> np.ndarray:
        return mix if channel is None else block[channel]


def channel_weights(names: Sequence[str]) -> Float[np.ndarray, " c"]:
    """Return the weight of each channel in the mix, float32, with a sum of 1.

    Example:
        >>> channel_weights(["FL", "FR"]).tolist()
        [0.5, 0.5]
    """
    weights = np.array([_WEIGHTS.get(name, _OTHER_WEIGHT) for name in names], np.float32)
    if weights.sum() == 0:
        weights = np.ones(len(names), np.float32)
    normal: np.ndarray = weights / weights.sum()
    return normal


def wav_mixer(channels: int, *, mask: int, rate: int, name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that mixes consecutive samples `(C, S)` of a WAV file to mono `(S,)`, as `read_audio` does.

    Args:
        channels: Number of channels C.
        mask: The file's channel mask, 0 if it has none: all channels then weigh the same.
        rate: Samples per second.
        name: Name of the file for messages.

    Example:
        >>> mix = wav_mixer(2, mask=3, rate=16_000, name="talk.wav")
        >>> mix(np.array([[0.5, 0.5], [0.25, 0.0]], np.float32)).tolist()
        [0.375, 0.25]
    """
    names = [name for bit, name in enumerate(_MASK_NAMES) if mask >> bit & 1]
    names = names if len(names) == channels else ["NONE"] * channels
    downmix = Downmix(name)
    return lambda samples: downmix.push([samples], names, rate=rate)[0]
