"""A drawn face, and small networks with random weights."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from a2k_nets.config.head import HeadConfig
from a2k_nets.config.residual import ModelConfig
from a2k_nets.head import HeadNetwork
from a2k_nets.residual.model import Audio2Keypoint

SMALL = ModelConfig(width=16, dilations=(1, 2))


def arc(x: float, y: float, width: float, height: float, turns: Tensor) -> Tensor:
    """Points of an ellipse, from its left over its top."""
    angle = torch.pi * (1 + turns)
    return torch.stack((x + width * angle.cos(), y + height * angle.sin()), dim=1)


@pytest.fixture(scope="session")
def mean_face() -> Tensor:
    """68 points as the normalizer keeps them: upright, base point at the origin, outer eye corners 1 apart."""
    half, closed = torch.linspace(0, 1, 5), torch.arange(12) / 6
    face = torch.cat(
        (
            arc(0, 0.1, 0.75, -1.1, torch.linspace(0, 1, 17)),
            arc(-0.33, -0.15, 0.2, 0.1, half),
            arc(0.33, -0.15, 0.2, 0.1, half),
            torch.stack((torch.zeros(4), torch.linspace(0, 0.45, 4)), dim=1),
            torch.stack((torch.linspace(-0.15, 0.15, 5), torch.tensor([0.53, 0.56, 0.58, 0.56, 0.53])), dim=1),
            arc(-0.35, 0, 0.15, 0.06, closed[::2]),
            arc(0.35, 0, 0.15, 0.06, closed[::2]),
            arc(0, 0.85, 0.3, 0.12, closed),
            arc(0, 0.85, 0.22, 0.05, torch.arange(8) / 4),
        )
    )
    assert float((face[36] - face[45]).norm()) == pytest.approx(1)
    return face


@pytest.fixture
def reference(mean_face: Tensor) -> Tensor:
    """The face in a picture: 90 px between the eyes, a little turned. (1, 68, 2)"""
    turn = torch.tensor([[0.98, 0.199], [-0.199, 0.98]])
    return (90 * mean_face @ turn + torch.tensor([160.0, 110.0]))[None]


@pytest.fixture
def model(mean_face: Tensor) -> Audio2Keypoint:
    """A small network in eval mode that moves every point with the sound, and the head by itself."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = Audio2Keypoint(SMALL)
        for head in (model.generator.expression_head, model.generator.pose_head):
            torch.nn.init.normal_(head.weight, std=0.3)
        points, bands = SMALL.num_keypoints, SMALL.audio.n_mels
        model.normalizer.set_statistics(
            mean_face=mean_face,
            std_face=0.05 + 0.05 * torch.rand(points, 2),
            std_expression=0.01 + 0.02 * torch.rand(points, 2),
            std_pose=torch.tensor([0.05, 0.03, 0.04, 0.02]),
            mean_mel=torch.full((bands,), -5.0),
            std_mel=torch.full((bands,), 3.0),
        )
        model.head_motion.coefficients.copy_(torch.stack((1.2 * torch.eye(4), -0.3 * torch.eye(4))))
        model.head_motion.noise.copy_(torch.diag(torch.tensor([0.004, 0.003, 0.004, 0.002])))
    return model.eval()


@pytest.fixture
def model_in_space(model: Audio2Keypoint) -> Audio2Keypoint:
    """The small network with a head in space, of random weights, that moves as much as real ones."""
    config = HeadConfig(width=8, hidden=16, mixtures=3, styles=4, lookahead_hops=SMALL.lookahead_hops)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        head = HeadNetwork(config)
    head.unit.copy_(torch.tensor([0.06, 0.05, 0.04, 0.05, 0.04, 0.02, 0.02, 0.02, 0.01]))
    head.coefficients.copy_(torch.stack((1.4 * torch.eye(9), -0.5 * torch.eye(9))))
    head.noise.copy_(0.25 * torch.eye(9))
    head.blinks.curves[:, 1:6] = torch.tensor([0.3, 0.9, 1.0, 0.6, 0.2])
    head.blinks.chance[20:] = 0.05
    model.config = replace(SMALL, head=config)
    model.head = head.eval()
    return model


@pytest.fixture
def speech() -> Tensor:
    """Two seconds of a voice: harmonics of a gliding pitch, in syllables. (S,)"""
    time = torch.arange(32_000) / 16_000
    phase = 2 * torch.pi * torch.cumsum(120 + 30 * torch.sin(3 * time), 0) / 16_000
    voice = torch.stack([torch.sin(k * phase) / k for k in range(1, 20)]).sum(0)
    return 0.2 * voice * torch.sin(2 * torch.pi * 2.5 * time).clamp(min=0)
