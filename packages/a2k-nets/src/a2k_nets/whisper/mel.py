"""The log-mel spectrogram that Whisper was trained on."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from a2k_nets.blocks.exact_linear import exact_linear
from a2k_nets.blocks.log_mel import mel_filter_bank

#: Hz.
SAMPLE_RATE = 16_000
#: Samples between spectrogram frames.
HOP_LENGTH = 160

_N_FFT, _N_MELS = 400, 80
# Values that the released models were trained with: the floor of the power, and the range in decades.
_MIN_POWER, _DECADES = 1e-10, 8.0


class WhisperMel(nn.Module):
    """Whisper's log-mel spectrogram: log10 of the power in 80 Slaney bands, 8 decades deep, scaled to about [-1, 1].

    Example:
        >>> WhisperMel()(torch.zeros(1, 16_000)).shape
        torch.Size([1, 80, 100])
    """

    window: Tensor
    mel_filters: Float[Tensor, "80 201"]

    def __init__(self) -> None:
        super().__init__()
        filters = mel_filter_bank(SAMPLE_RATE, _N_FFT, _N_MELS, f_min=0.0, f_max=SAMPLE_RATE / 2, slaney=True)
        self.register_buffer("mel_filters", filters, persistent=False)
        self.register_buffer("window", torch.hann_window(_N_FFT), persistent=False)

    def forward(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b 80 f"]:
        """Return the spectrogram of waveforms in [-1, 1], F = S / 160 frames; S is above 200.

        The floor lies 8 decades below the loudest point of each waveform, so the level hardly matters.
        """
        with torch.autocast(waveform.device.type, enabled=False):
            spectrum = torch.stft(
                waveform.to(self.window.dtype),
                _N_FFT,
                HOP_LENGTH,
                window=self.window,
                center=True,
                pad_mode="reflect",
                return_complex=True,
            )
            power = spectrum[..., : waveform.shape[-1] // HOP_LENGTH].abs().square()
            mel = exact_linear(power.transpose(1, 2), self.mel_filters).transpose(1, 2)
            log_power = mel.clamp(min=_MIN_POWER).log10()
            loudest = log_power.amax(dim=(1, 2), keepdim=True)
            return (log_power.maximum(loudest - _DECADES) + 4) / 4
