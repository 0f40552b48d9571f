"""Settings of the `residual` preset, saved with every checkpoint."""

from dataclasses import dataclass

from a2k_nets.config.motion import MotionConfig
from a2k_nets.config.renamed import accept_renamed


@dataclass(frozen=True, slots=True)
class ModelConfig(MotionConfig):
    """Settings of the `residual` network, which is causal.

    Those that are not listed are described in `MotionConfig`.

    Attributes:
        stem_kernel_size: Taps of the two strided convolutions that downsample the spectrogram to `fps`.
        lookahead_hops: Future spectrogram frames that a video frame may use.
    """

    stem_kernel_size: int = 5
    lookahead_hops: int = 6

    def __post_init__(self) -> None:
        MotionConfig.__post_init__(self)  # super() finds no class in a dataclass with slots
        if self.audio.sample_rate % self.fps or self.samples_per_frame % (4 * self.audio.hop_length):
            raise ValueError(
                "expected sample_rate / fps to be a multiple of 4 × hop_length, because two strides of 2 bring the "
                f"spectrogram to the frame rate; got {self.audio.sample_rate} / {self.fps} and {self.audio.hop_length}"
            )
        if self.samples_per_frame != 4 * self.audio.hop_length:
            raise ValueError(
                f"expected 4 spectrogram frames per video frame, got {self.samples_per_frame / self.audio.hop_length}"
            )
        if self.stem_kernel_size < 2 or self.lookahead_hops < 0:
            raise ValueError(
                "expected stem_kernel_size >= 2 and lookahead_hops >= 0, got "
                f"{self.stem_kernel_size} and {self.lookahead_hops}"
            )
        if self.head is not None and self.head.lookahead_hops > self.lookahead_hops:
            raise ValueError(
                "expected a head that looks no further ahead than the lips, got lookahead_hops of "
                f"{self.head.lookahead_hops} and {self.lookahead_hops}"
            )

    @property
    def right_context_samples(self) -> int:
        """Samples of audio after its own time stamp that a frame uses, the Fourier window included."""
        last_hop = 3 + self.lookahead_hops
        return last_hop * self.audio.hop_length - self.audio.padding + self.audio.n_fft

    @property
    def right_context_seconds(self) -> float:
        """The same in seconds."""
        return self.right_context_samples / self.audio.sample_rate

    def num_final_frames(self, num_samples: int) -> int:
        """Return the number of frames that no sample after these can change.

        Example:
            >>> [ModelConfig().num_final_frames(samples) for samples in (1_000, 2_000, 4_000)]
            [0, 1, 4]
        """
        step = self.samples_per_frame
        # If the audio ended here, samples beyond the last whole frame would be cut.
        kept = min(num_samples, step * self.num_frames(num_samples))
        return max(0, (kept - self.right_context_samples) // step + 1)


ModelConfig.__init__ = accept_renamed(ease_in_frames="fade_in_frames")(ModelConfig.__init__)  # type: ignore[method-assign]
