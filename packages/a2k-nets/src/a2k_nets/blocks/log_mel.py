"""Log-mel spectrograms as a layer of the model."""

import torch
from jaxtyping import Float

# nnAudio defines the filters and the spectrogram. Its layers import scipy.signal, a second and 80 MB; this module does
# not, and the tests compare the layer below with `nnAudio.features.mel.MelSpectrogram`.
from nnAudio.librosa_functions import get_mel
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.blocks.exact_linear import exact_linear
from a2k_nets.config.audio import AudioConfig


def mel_filter_bank(
    sample_rate: int, n_fft: int, n_mels: int, *, f_min: float, f_max: float, slaney: bool = False
) -> Float[Tensor, "m n"]:
    """Return nnAudio's mel filters over the n_fft / 2 + 1 frequencies of a spectrum.

    They are triangles of height 1 on the HTK scale, or with `slaney` triangles of equal area on Slaney's.

    Example:
        >>> mel_filter_bank(16_000, 400, 80, f_min=0.0, f_max=8_000.0, slaney=True).shape
        torch.Size([80, 201])
    """
    filters = get_mel(sample_rate, n_fft, n_mels, f_min, f_max, htk=not slaney, norm=1 if slaney else None)
    return torch.from_numpy(filters)


class LogMelSpectrogram(nn.Module):
    """The log-mel spectrogram of a waveform: log(mel magnitude + offset).

    It is nnAudio's spectrogram, computed by Fourier transforms instead of convolutions, in the precision of its buffers
    also where autocast is on.

    Args:
        config: Window, hop and bands.
        padded: Pad both sides with silence: S samples give S / hop_length frames, and frame f is centred on sample
            hop_length · (f + 1/2). Without padding, as in the `paper` preset, there are (S - n_fft) / hop_length + 1
            frames, and the first one is centred on sample n_fft / 2.

    Example:
        >>> LogMelSpectrogram(AudioConfig())(torch.zeros(1, 640)).shape
        torch.Size([1, 80, 4])
    """

    window: Tensor
    mel_filters: Float[Tensor, "m n"]
    """The mel filters, over the magnitudes of n_fft / 2 + 1 frequencies."""

    def __init__(self, config: AudioConfig, *, padded: bool = True) -> None:
        super().__init__()
        self.config = config
        self.padded = padded
        filters = mel_filter_bank(
            config.sample_rate, config.n_fft, config.n_mels, f_min=config.f_min, f_max=config.f_max
        )
        missing = config.n_fft - config.win_length
        window = torch.hann_window(config.win_length, dtype=torch.float64).float()
        window = F.pad(window, (missing // 2, missing - missing // 2))
        # Both follow from the config, so checkpoints leave them out.
        self.register_buffer("mel_filters", filters, persistent=False)
        self.register_buffer("window", window, persistent=False)

    def forward(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b m f"]:
        """Return the log-mel spectrogram of waveforms in [-1, 1]; padded, S must be a multiple of the hop length."""
        if not self.padded:
            return self.without_padding(waveform)
        if waveform.shape[-1] % self.config.hop_length:
            raise ValueError(
                f"expected a multiple of {self.config.hop_length} samples, got a waveform of shape "
                f"{tuple(waveform.shape)}"
            )
        return self.without_padding(F.pad(waveform, (self.config.padding, self.config.padding)))

    def without_padding(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b m f"]:
        """Return the (S - n_fft) / hop_length + 1 spectrogram frames of waveforms without padding them."""
        device = waveform.device.type
        if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                return self.without_padding(waveform)
        magnitudes = self._magnitudes(waveform.to(self.window.dtype))
        mel = exact_linear(magnitudes.transpose(1, 2), self.mel_filters).transpose(1, 2)
        return torch.log(mel + self.config.log_offset)

    def _magnitudes(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b n f"]:
        """Return the magnitudes of n_fft / 2 + 1 frequencies."""
        spectrum = torch.stft(
            waveform,
            self.config.n_fft,
            self.config.hop_length,
            window=self.window,
            center=False,
            return_complex=True,
        )
        # Written out, since `abs` of complex numbers guards against overflow and takes as long as the transform.
        squares = torch.view_as_real(spectrum).square()
        return torch.sqrt(squares[..., 0] + squares[..., 1])
