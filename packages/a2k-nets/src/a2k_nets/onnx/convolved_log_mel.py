"""The log-mel spectrogram as convolutions, for graphs."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.blocks.log_mel import LogMelSpectrogram


class ConvolvedLogMel(LogMelSpectrogram):
    """`LogMelSpectrogram` with convolutions instead of Fourier transforms, as in nnAudio.

    Many runtimes lack the operator STFT of ONNX, and in ONNX Runtime it takes longer than these convolutions.

    Args:
        original: The layer to replace.
    """

    kernels: Tensor

    def __init__(self, original: LogMelSpectrogram) -> None:
        super().__init__(original.config, padded=original.padded)
        size = self.config.n_fft
        steps = torch.outer(torch.arange(size // 2 + 1), torch.arange(size)) % size
        angles = 2 * torch.pi / size * steps.double()
        kernels = self.window * torch.cat((angles.cos(), angles.sin()))
        self.register_buffer("kernels", kernels[:, None].float(), persistent=False)

    def _magnitudes(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b n f"]:
        """Return the magnitudes of n_fft / 2 + 1 frequencies."""
        cosine, sine = F.conv1d(waveform[:, None], self.kernels, stride=self.config.hop_length).chunk(2, dim=1)
        return torch.sqrt(cosine.square() + sine.square())
