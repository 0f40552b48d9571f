"""Settings of the `listener` preset, saved with every checkpoint."""

from dataclasses import dataclass

from a2k_nets.config.motion import MotionConfig

#: The speech encoders in the package.
ENCODERS = ("whisper-tiny.en",)


@dataclass(frozen=True, slots=True)
class ListenerConfig(MotionConfig):
    """Settings of the `listener` network, which sees the whole recording.

    Those that are not listed are described in `MotionConfig`.

    Attributes:
        encoder: Speech encoder, frozen; its weights are in the package and not in the checkpoint.
        window_hop: Video frames between the starts of two windows of the encoder.
        window_overlap: Video frames on each side of a window that the encoder sees but that are not used.
    """

    encoder: str = ENCODERS[0]
    window_hop: int = 150
    window_overlap: int = 25

    def __post_init__(self) -> None:
        MotionConfig.__post_init__(self)  # super() finds no class in a dataclass with slots
        if self.encoder not in ENCODERS:
            raise ValueError(f"expected encoder to be one of {', '.join(ENCODERS)}, got {self.encoder!r}")
        if self.audio.sample_rate != 16_000 or self.fps != 25:
            raise ValueError(
                "expected 16000 Hz and 25 fps, since the encoder gives two feature vectors per video frame, got "
                f"{self.audio.sample_rate} Hz and {self.fps} fps"
            )
        if self.window_hop < 1 or self.window_overlap < 0:
            raise ValueError(
                f"expected window_hop >= 1 and window_overlap >= 0, got {self.window_hop} and {self.window_overlap}"
            )
        if (seconds := (self.window_hop + 2 * self.window_overlap) / self.fps) > 30:
            raise ValueError(
                f"expected windows of at most 30 s, which is all that the encoder takes, got {seconds:g} s"
            )

    @property
    def context_frames(self) -> int:
        """Frames on each side of a frame that its motion depends on, beside what the encoder sees."""
        return (self.kernel_size // 2) * (1 + sum(self.dilations))
