"""A few frames of a live stream: the numbers of the network in fewer operations."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from a2k_nets.config.residual import ModelConfig
from a2k_nets.inference.streaming import StreamingGenerator
from a2k_nets.residual.few_frames import FEW_FRAMES, FewFramesGenerator
from a2k_nets.residual.generator import ResidualGenerator, VectorState
from a2k_nets.residual.model import Audio2Keypoint

CONFIG = ModelConfig(width=16, dilations=(1, 4, 2))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def network():
    """In double precision, with heads that predict something."""
    network = ResidualGenerator(CONFIG).double().eval()
    for number, parameter in enumerate(network.parameters()):
        torch.nn.init.normal_(parameter, std=0.2, generator=seeded(number))
    return network


# Frames of each chunk; chunks of many frames are for the network itself.
@pytest.mark.parametrize("chunks", [[1] * 30, [2] * 15, [7, 1, 2, 5, 3, 6, 4, 2], [1, 20, 1, 1, 7], [20, 3, 7]])
@torch.inference_mode()
def test_they_are_the_network_s(network, chunks):
    log_mel = torch.randn(2, 80, 4 * sum(chunks), generator=seeded(8), dtype=torch.float64)
    face = torch.randn(2, 136, generator=seeded(9), dtype=torch.float64)
    expected = network.forward_chunk(log_mel, face)
    few_frames, embedding = FewFramesGenerator(network), network.reference(face)
    made, state = [], torch.zeros(2, few_frames.state_size, dtype=torch.float64)
    for count, piece in zip(chunks, log_mel.split([4 * count for count in chunks], dim=-1), strict=True):
        if count < FEW_FRAMES:
            motion, state = few_frames(piece, embedding, state)
        else:
            layers = VectorState(state, few_frames.contexts)
            motion, state = network.forward_chunk(piece, face, layers), layers.vector()
        made.append(motion)
    for ours, parts in zip(expected, zip(*made, strict=True), strict=True):
        joined = torch.cat(parts, dim=1)
        assert joined.shape == ours.shape
        assert torch.allclose(joined, ours, rtol=0, atol=1e-12)


@torch.inference_mode()
def test_no_more_is_kept_than_the_convolutions_need(network):
    few_frames, embedding = FewFramesGenerator(network), torch.zeros(1, CONFIG.width, dtype=torch.float64)
    state = torch.zeros(1, few_frames.state_size, dtype=torch.float64)
    for count in (1, 1, 3, 1):
        _, state = few_frames(torch.zeros(1, 80, 4 * count, dtype=torch.float64), embedding, state)
        assert state.untyped_storage().nbytes() == 8 * (3 * 80 + 3 * 16 + 16 * 2 * sum(CONFIG.dilations))


class Operations(TorchDispatchMode):
    """Counts what PyTorch computes; views are free of that."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("in_space", "most"), [(False, 120), (True, 230)])
def test_a_piece_of_40_ms_takes_few_operations(as_users_run_it, reference, in_space, most):
    """Each takes about two microseconds, most of the time of a piece; lips and head took 388 once."""
    model = Audio2Keypoint.from_pretrained("small")
    stream = StreamingGenerator(reference[0], model if in_space else model.in_the_plane())
    pieces = 0.1 * torch.randn(30, 640, generator=seeded(0))
    for piece in pieces[:10]:
        stream.push(piece)
    counts = []
    for piece in pieces[10:]:
        with Operations() as operations:
            assert len(stream.push(piece)) == 1
        counts.append(operations.count)
    # Some of the frames have a blink.
    assert sorted(counts)[len(counts) // 2] <= most, counts
