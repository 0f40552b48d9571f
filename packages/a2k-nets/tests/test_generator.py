import pytest
import torch

from a2k_nets.config.residual import ModelConfig
from a2k_nets.paper.discriminator import MotionDiscriminator
from a2k_nets.residual.generator import CausalConv1d, ResidualBlock, ResidualGenerator, StreamingState
from a2k_nets.residual.motion_network import ChannelNorm

SMALL = ModelConfig(width=16, dilations=(1, 2))


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (3, 1, 4), (5, 2, 1), (4, 2, 1), (1, 1, 1)])
def test_a_causal_convolution_sees_the_present_and_the_past(kernel, stride, dilation):
    layer = CausalConv1d(1, 1, kernel, stride=stride, dilation=dilation).double()
    torch.nn.init.ones_(layer.weight)
    x = torch.zeros(1, 1, 24, dtype=torch.float64, requires_grad=True)
    y = layer(x)
    assert y.shape[-1] == 24 // stride
    for g in range(y.shape[-1]):
        (heard,) = torch.autograd.grad(y[0, 0, g], x, retain_graph=True)
        heard = heard[0, 0].nonzero().flatten()
        assert heard.max() == (g + 1) * stride - 1
        assert heard.min() >= (g + 1) * stride - 1 - (kernel - 1) * dilation


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (3, 1, 4), (5, 2, 1), (4, 2, 1), (1, 1, 1)])
@pytest.mark.parametrize("size", [2, 6, 24])
def test_a_memory_joins_the_pieces(kernel, stride, dilation, size):
    layer = CausalConv1d(3, 2, kernel, stride=stride, dilation=dilation).double()
    x = torch.randn(2, 3, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    state = StreamingState()
    joined = torch.cat([layer(piece, state) for piece in x.split(size, dim=-1)], dim=-1)
    assert torch.allclose(joined, layer(x), atol=1e-12)


def test_the_norm_mixes_no_frames():
    norm = ChannelNorm(8)
    x = torch.randn(2, 8, 5, generator=torch.Generator().manual_seed(0))
    y = norm(x)
    assert torch.allclose(y.mean(dim=1), torch.zeros(2, 5), atol=1e-6)
    assert torch.allclose(y[:, :, 2:3], norm(x[:, :, 2:3]), atol=1e-6)


def test_a_block_keeps_the_shape():
    block = ResidualBlock(8, kernel_size=3, dilation=4, dropout=0.5)
    assert block(torch.zeros(2, 8, 3)).shape == (2, 8, 3)


def test_before_training_nothing_moves():
    generator = ResidualGenerator(SMALL)
    motion = generator(torch.randn(2, 80, 40), torch.randn(2, 136))
    assert motion.expression.shape == (2, 10, 68, 2)
    assert motion.pose.shape == (2, 10, 4)
    assert motion.log_motion_gain.shape == (2, 10)
    assert not any(part.any() for part in motion)


def test_every_parameter_learns(model, speech, reference):
    for parameter in model.parameters():
        parameter.grad = None
    motion = model.predict_motion(model.encode_audio(speech[None]), reference)
    sum((part - 1).square().mean() for part in motion).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not bool(p.grad.any())]
    assert not silent


def test_an_untrained_network_learns_by_its_heads(mean_face):
    # With zero-initialised heads the first gradient reaches the heads alone; it must not be zero there.
    generator = ResidualGenerator(SMALL)
    sum(part.sum() for part in generator(torch.randn(1, 80, 40), mean_face.reshape(1, -1))).backward()
    for head in (generator.expression_head, generator.pose_head, generator.motion_gain_head):
        assert bool(head.weight.grad.any())


def test_the_critic_scores_patches_of_motion():
    critic = MotionDiscriminator(2 * SMALL.num_keypoints, width=8).eval()
    motion = torch.randn(2, 64, 68, 2)
    scores = critic(motion)
    assert scores.shape[0] == 2
    assert scores.shape[1] > 1
    # It judges movement: where a face is does not matter.
    assert torch.allclose(critic(motion + 5.0), scores, atol=1e-4)
