"""The convolutions and first transformer blocks of Whisper tiny.en's encoder, with the weights in the package."""

import math
from importlib.resources import files
from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.checkpoints.checkpoint import read_tensors
from a2k_nets.whisper.mel import HOP_LENGTH, WhisperMel

#: Samples per feature vector: the second convolution halves the frame rate of the spectrogram.
SAMPLES_PER_FEATURE = 2 * HOP_LENGTH

_HEADS = 6

#: 30 s, the window that Whisper was trained on.
_MAX_FEATURES = 1_500

# Longest wavelength of the position encodings, in units of 2π feature vectors.
_MAX_TIMESCALE = 10_000.0


def encoder_weights() -> Path:
    """Return the path of the encoder's weights in the package."""
    return Path(str(files("a2k_nets") / "weights" / "whisper_tiny_en.safetensors"))


class WhisperEncoder(nn.Module):
    """The front of the encoder of Whisper tiny.en: two convolutions and two of its four transformer blocks.

    Midway through the encoder the features are still phonetic; later blocks serve the words. The weights are constants
    with the lifetime of the package: they are moved with the module, never trained, and not part of a `state_dict`.

    Args:
        weights: A safetensors file of `packages/a2k-nets/scripts/extract_whisper.py`; by default the embedded one.

    Example:
        >>> WhisperEncoder()(torch.zeros(1, 16_000)).shape
        torch.Size([1, 50, 384])
    """

    position_encodings: Float[Tensor, "1500 d"]

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        self.mel = WhisperMel()
        tensors, _ = read_tensors(weights or encoder_weights())
        self.convolutions = nn.Sequential(
            _Conv(tensors, "conv1", stride=1), nn.GELU(), _Conv(tensors, "conv2", stride=2), nn.GELU()
        )
        width = len(tensors["conv2.bias"])
        # Rounded like the other weights, so that the features equal those of the model that they were taken from.
        positions = sinusoids(_MAX_FEATURES, width).half().float()
        self.register_buffer("position_encodings", positions, persistent=False)
        count = len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
        self.blocks = nn.Sequential(*(_EncoderBlock(tensors, f"blocks.{index}") for index in range(count)))

    @property
    def num_features(self) -> int:
        """Length of a feature vector."""
        return self.position_encodings.shape[1]

    @property
    def max_features(self) -> int:
        """Largest number of feature vectors of a waveform: 30 s."""
        return self.position_encodings.shape[0]

    def forward(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b n d"]:
        """Return 50 feature vectors per second, N = S / 320, of waveforms in [-1, 1] of up to 30 s at 16 kHz."""
        x = self.convolutions(self.mel(waveform)).mT
        features: Tensor = self.blocks(x + self.position_encodings[: x.shape[1]])
        return features


class _Layer(nn.Module):
    """Weight and bias of a layer as buffers that are not saved."""

    weight: Tensor
    bias: Tensor

    def __init__(self, tensors: dict[str, Tensor], prefix: str) -> None:
        super().__init__()
        for name in ("weight", "bias"):
            self.register_buffer(name, tensors[f"{prefix}.{name}"].float(), persistent=False)


class _Norm(_Layer):
    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias)


class _Linear(_Layer):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class _Conv(_Layer):
    def __init__(self, tensors: dict[str, Tensor], prefix: str, *, stride: int) -> None:
        super().__init__(tensors, prefix)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.conv1d(x, self.weight, self.bias, stride=self.stride, padding=1)


class _EncoderBlock(nn.Module):
    """A pre-norm transformer block: self-attention, then two linear layers with GELU, each added to its input."""

    def __init__(self, tensors: dict[str, Tensor], prefix: str) -> None:
        super().__init__()
        self.attention_norm = _Norm(tensors, f"{prefix}.attention_norm")
        self.qkv = _Linear(tensors, f"{prefix}.qkv")
        self.out = _Linear(tensors, f"{prefix}.out")
        self.mlp = nn.Sequential(
            _Norm(tensors, f"{prefix}.mlp_norm"),
            _Linear(tensors, f"{prefix}.mlp_in"),
            nn.GELU(),
            _Linear(tensors, f"{prefix}.mlp_out"),
        )

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        query, key, value = rearrange(
            self.qkv(self.attention_norm(x)), "b n (three h d) -> three b h n d", three=3, h=_HEADS
        )
        attended = F.scaled_dot_product_attention(query, key, value)
        x = x + self.out(rearrange(attended, "b h n d -> b n (h d)"))
        mlp: Tensor = self.mlp(x)
        return x + mlp


def sinusoids(length: int, width: int) -> Float[Tensor, "n d"]:
    """Return Whisper's position encodings: sines, then cosines, of geometrically spaced frequencies.

    Example:
        >>> sinusoids(2, 4)
        tensor([[0.0000e+00, 0.0000e+00, 1.0000e+00, 1.0000e+00],
                [8.4147e-01, 1.0000e-04, 5.4030e-01, 1.0000e+00]])
    """
    half = width // 2
    frequencies = torch.exp(-math.log(_MAX_TIMESCALE) / (half - 1) * torch.arange(half, dtype=torch.float64))
    angles = torch.arange(length)[:, None] * frequencies
    return torch.cat((angles.sin(), angles.cos()), dim=1).float()
