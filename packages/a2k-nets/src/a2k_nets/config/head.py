"""Settings of the generative model of head, brows and blinks."""

from dataclasses import dataclass

from a2k_nets.config.validation import check_kinds


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """Settings of the network that moves head and brows with speech.

    It hears windows of the sound on the grid of the log-mel front end: 16,000 Hz, 25 video frames a second.

    Attributes:
        bands: Mel bands that it hears.
        lookahead_hops: Future spectrogram frames, of 10 ms, that a video frame may use.
        width: Channels of the convolutions over speech.
        dilations: Dilation of each convolution over speech, video frames.
        hidden: Units of the recurrent layer.
        mixtures: Components of the mixture that a frame's innovation is drawn from.
        styles: Rows of the table of amounts of motion; each stream draws one.
        blink_curves: Courses of a blink in the table that each blink is drawn from.
    """

    bands: int = 20
    lookahead_hops: int = 2
    width: int = 64
    dilations: tuple[int, ...] = (1, 2, 4)
    hidden: int = 192
    mixtures: int = 8
    styles: int = 128
    blink_curves: int = 64

    def __post_init__(self) -> None:
        check_kinds(self)
        sizes = (self.bands, self.width, self.hidden, self.mixtures, self.styles, self.blink_curves)
        if min(*sizes, *self.dilations) < 1 or not self.dilations or self.lookahead_hops < 0:
            raise ValueError(
                "expected bands, width, hidden, mixtures, styles, blink_curves and dilations of at least 1, and "
                f"lookahead_hops of at least 0, got {self}"
            )
