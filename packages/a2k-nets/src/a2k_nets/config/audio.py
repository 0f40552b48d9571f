"""Settings of the log-mel front end of the presets `residual` and `paper`, and the sample rate of all."""

from dataclasses import dataclass

from a2k_nets.config.validation import check_kinds


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """Settings of the log-mel spectrogram.

    The defaults are those of speech2gesture (window, hop, bands, HTK scale, magnitude), which the paper adapts. With
    `padding` on each side there is a whole number of spectrogram frames per video frame.

    Attributes:
        sample_rate: Hz.
        n_fft: Length of the Fourier transform, samples.
        win_length: Length of the periodic Hann window, samples.
        hop_length: Samples between spectrogram frames.
        n_mels: Number of mel bands.
        f_min: Lowest frequency, Hz.
        f_max: Highest frequency, Hz.
        log_offset: Added to the magnitude before the logarithm.
    """

    sample_rate: int = 16_000
    n_fft: int = 512
    win_length: int = 400
    hop_length: int = 160
    n_mels: int = 80
    f_min: float = 125.0
    f_max: float = 7_500.0
    log_offset: float = 1e-6

    def __post_init__(self) -> None:
        check_kinds(self)
        if not 0 < self.hop_length <= self.win_length <= self.n_fft:
            raise ValueError(
                "expected 0 < hop_length <= win_length <= n_fft, got "
                f"{self.hop_length}, {self.win_length}, {self.n_fft}"
            )
        if (self.n_fft - self.hop_length) % 2:
            raise ValueError(f"expected n_fft - hop_length to be even, got {self.n_fft} - {self.hop_length}")
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError(
                f"expected 0 <= f_min < f_max <= sample_rate / 2, got {self.f_min}, {self.f_max}, {self.sample_rate}"
            )
        if self.n_mels < 1 or self.log_offset <= 0:
            raise ValueError(
                f"expected n_mels of at least 1 and log_offset above 0, got {self.n_mels} and {self.log_offset}"
            )

    @property
    def padding(self) -> int:
        """Samples of silence on each side with which S samples give exactly S / hop_length spectrogram frames."""
        return (self.n_fft - self.hop_length) // 2
