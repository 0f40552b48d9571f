"""Log-mel spectrograms as a layer of the model."""

import torch
from jaxtyping import Float
from nnAudio.features.mel import MelSpectrogram
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.config.audio import AudioConfig


class LogMelSpectrogram(nn.Module):
    """The log-mel spectrogram of a waveform: log(mel magnitude + offset).

    Args:
        config: Window, hop and bands.
        padded: Pad both sides with silence: S samples give S / hop_length frames, and frame f is centred on sample
            hop_length · (f + 1/2). Without padding, as in the `paper` preset, there are (S - n_fft) / hop_length + 1
            frames, and the first one is centred on sample n_fft / 2.

    Example:
        >>> LogMelSpectrogram(AudioConfig())(torch.zeros(1, 640)).shape
        torch.Size([1, 80, 4])
    """

    def __init__(self, config: AudioConfig, *, padded: bool = True) -> None:
        super().__init__()
        self.config = config
        self.padded = padded
        self._mel = MelSpectrogram(
            sr=config.sample_rate,
            n_fft=config.n_fft,
            win_length=config.win_length,
            hop_length=config.hop_length,
            n_mels=config.n_mels,
            fmin=config.f_min,
            fmax=config.f_max,
            htk=True,
            norm=None,
            power=1.0,
            center=False,
            verbose=False,
        )
        # The Fourier kernels follow from the config and take megabytes, so checkpoints leave them out.
        for module in self._mel.modules():
            for name, buffer in list(module.named_buffers(recurse=False)):
                module.register_buffer(name, buffer, persistent=False)

    @property
    def mel_filters(self) -> Float[Tensor, "m n"]:
        """The mel filters, over the magnitudes of n_fft / 2 + 1 frequencies."""
        filters: Tensor = self._mel.mel_basis
        return filters

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
        return torch.log(self._mel(waveform) + self.config.log_offset)
