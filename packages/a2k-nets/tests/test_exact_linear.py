"""Products before a logarithm keep their digits on GPUs, whatever precision a program asks PyTorch for."""

from typing import ClassVar

import pytest
import torch

from a2k_nets.blocks.exact_linear import exact_linear
from a2k_nets.blocks.log_mel import LogMelSpectrogram
from a2k_nets.config.audio import AudioConfig
from a2k_nets.residual.head_motion import HeadMotion
from a2k_nets.whisper.mel import WhisperMel

PRODUCTS = (torch.nn.functional.linear, torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.addmm)


class OnGpu(torch.Tensor):
    """A tensor that says it is on a GPU, and notes of which type the factors of products are."""

    types: ClassVar[set[torch.dtype]] = set()

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func == torch.Tensor.device.__get__:
            return torch.device("cuda")
        if func in PRODUCTS:
            cls.types |= {x.dtype for x in args if isinstance(x, torch.Tensor)}
        return super().__torch_function__(func, types, args, kwargs)


@pytest.mark.parametrize("frames", [1, 2, 100])
@pytest.mark.parametrize("part", [lambda: LogMelSpectrogram(AudioConfig()), WhisperMel, HeadMotion])
def test_no_product_of_a_front_end_is_rounded(part, frames):
    module, generator = part(), torch.Generator().manual_seed(0)
    if isinstance(module, HeadMotion):
        module.noise.copy_(0.01 * torch.eye(4))
        module.coefficients[0].copy_(0.9 * torch.eye(4))
        inputs = torch.randn(2, frames, 4, generator=generator)
    else:
        inputs = torch.randn(2, frames * 640, generator=generator)
    expected = module(inputs)
    for name, buffer in list(module.named_buffers()):
        setattr(module, name, buffer.as_subclass(OnGpu))
    OnGpu.types.clear()
    found = module(inputs.as_subclass(OnGpu))
    assert OnGpu.types == {torch.float64}
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.as_subclass(torch.Tensor), expected, rtol=0, atol=1e-4)


def test_it_is_the_product():
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, 3, 5, generator=generator), torch.randn(4, 5, generator=generator)
    assert torch.allclose(exact_linear(x, weight), torch.einsum("btn,mn->btm", x, weight), atol=1e-6)
