"""The block of all `paper` networks: convolution, batch norm, leaky ReLU."""

from typing import Literal

from torch import nn

_SLOPE = 0.2

# The default of TensorFlow, in which the paper was trained. PyTorch's default is a hundredth of it, which amplifies the
# tiny variance in the face encoders if all references show one person.
_EPS = 1e-3


def conv1d(
    c_in: int,
    c_out: int,
    kernel_size: int = 3,
    *,
    stride: int = 1,
    padding_mode: Literal["zeros", "replicate"] = "zeros",
) -> nn.Sequential:
    """Return a block over time; the number of frames is divided by the stride."""
    padding = (kernel_size - 1) // 2
    conv = nn.Conv1d(c_in, c_out, kernel_size, stride, padding, padding_mode=padding_mode, bias=False)
    return nn.Sequential(conv, nn.BatchNorm1d(c_out, eps=_EPS), nn.LeakyReLU(_SLOPE, inplace=True))


def conv2d(
    c_in: int, c_out: int, kernel_size: int | tuple[int, int] = 3, *, stride: int = 1, padding: int = 1
) -> nn.Sequential:
    """Return a block over time and frequency."""
    conv = nn.Conv2d(c_in, c_out, kernel_size, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out, eps=_EPS), nn.LeakyReLU(_SLOPE, inplace=True))


def glorot(module: nn.Module) -> None:
    """Initialise a convolution as in Glorot and Bengio (2010), biases with 0; for `Module.apply`."""
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
