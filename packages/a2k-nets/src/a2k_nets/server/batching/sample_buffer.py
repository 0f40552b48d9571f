"""The incoming sound of one stream, cut into what each video frame needs of it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from a2k_nets.config.residual import ModelConfig


class FrameSound(NamedTuple):
    """The sound of the next frames of a stream.

    Attributes:
        samples: What the Fourier windows of these frames cover, `(S,)`.
        num_hops: Spectrogram frames before the end of the sound; those after it are zeros for the network.
    """

    samples: Float[np.ndarray, " s"]
    num_hops: int


class SampleBuffer:
    """Holds the samples that the next frames need, and counts the frames that are complete.

    A frame is complete as soon as no later sample can change it, as in `MotionStream`. The samples are NumPy's, whose
    slices take a fifth of the time of torch's: there are some for every frame of every stream.

    Example:
        >>> sound = SampleBuffer(ModelConfig())
        >>> sound.push(np.zeros(2_500, np.float32))
        >>> sound.num_ready, sound.take(2).num_hops
        (2, 8)
        >>> sound.end()
        >>> sound.num_ready  # 4 frames in all
        2
    """

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        audio = config.audio
        # The first frame begins with the spectrogram frame `lookahead_hops`, whose window may reach before the sound.
        self._offset = config.lookahead_hops * audio.hop_length - audio.padding
        self._pieces = [np.zeros(max(0, -self._offset), np.float32)]
        self._begin = min(0, self._offset)
        self._num_samples = self._num_taken = self._num_complete = 0
        self.has_ended = False

    @property
    def num_taken(self) -> int:
        """Frames that were taken so far."""
        return self._num_taken

    @property
    def seconds_ahead(self) -> float:
        """Seconds of sound after the frames that were taken."""
        config = self._config
        return (self._num_samples - self._num_taken * config.samples_per_frame) / config.audio.sample_rate

    @property
    def num_ready(self) -> int:
        """Complete frames that were not yet taken."""
        return self._num_complete - self._num_taken

    def push(self, samples: Float[np.ndarray, " s"]) -> None:
        """Add mono samples in [-1, 1] at the model's sample rate."""
        self._pieces.append(samples)
        self._num_samples += len(samples)
        self._count()

    def end(self) -> None:
        """Say that no more samples come: round(duration × fps) frames are complete in all."""
        self.has_ended = True
        self._count()

    def _count(self) -> None:
        count = self._config.num_frames if self.has_ended else self._config.num_final_frames
        self._num_complete = count(self._num_samples) if self._num_samples else 0

    def take(self, num_frames: int) -> FrameSound:
        """Return the sound of the next frames, at most `num_ready`, and forget what later frames do not need."""
        config = self._config
        audio, step = config.audio, config.samples_per_frame
        pending = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)
        # What comes before the first window of the network is never needed.
        first = self._num_taken * step + self._offset
        length = (4 * num_frames - 1) * audio.hop_length + audio.n_fft
        num_hops = 4 * num_frames
        samples = pending[first - self._begin : first - self._begin + length]
        if self.has_ended:
            total = config.num_frames(self._num_samples)
            num_hops = min(num_hops, 4 * (total - self._num_taken) - config.lookahead_hops)
            samples = samples[: max(0, total * step - first)]
        if len(samples) < length:
            samples = np.concatenate((samples, np.zeros(length - len(samples), np.float32)))
        self._num_taken += num_frames
        done = self._num_taken * step + self._offset
        # A view: it goes with the next samples, and copies of all that waits would take longer than the network.
        self._pieces = [pending[max(0, done - self._begin) :]]
        self._begin = max(self._begin, min(done, self._begin + len(pending)))
        return FrameSound(samples, max(0, num_hops))
