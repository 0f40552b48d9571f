from dataclasses import replace

import pytest
import torch

from a2k_nets.blocks.similarity import apply_similarity
from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.model import Audio2Keypoint
from a2k_train.statistics.residual import fit_statistics, mean_face

CONFIG = ModelConfig(width=8, dilations=(1,))
PICTURES = torch.tensor([[1.0, 0.0, 0.0, 0.0], [2.0, 0.3, -50.0, 9.0], [0.5, -0.1, 70.0, 3.0], [0.9, 0.0, 5.0, -80.0]])


@pytest.fixture
def placed(clips):
    """The clips, each scaled, turned and moved in its picture."""
    return [
        replace(clip, keypoints=apply_similarity(picture, clip.keypoints))
        for clip, picture in zip(clips, PICTURES, strict=True)
    ]


@pytest.fixture
def fitted(clips):
    model = Audio2Keypoint(CONFIG)
    fit_statistics(model, clips)
    return model


def test_the_mean_face_stands_upright(placed):
    face = mean_face(placed, CONFIG)
    left, right = face[36], face[45]
    assert float(left[1] - right[1]) == pytest.approx(0, abs=1e-5)
    assert float(right[0] - left[0]) == pytest.approx(1, abs=1e-5)
    assert face[27].tolist() == pytest.approx([0, 0], abs=1e-6)


def test_the_mean_face_knows_no_pictures(clips, placed):
    assert torch.allclose(mean_face(placed, CONFIG), mean_face(clips, CONFIG), atol=1e-4)


def test_the_mean_face_of_one_clip_is_its_own(make):
    clip = make(0)
    face = mean_face([clip], CONFIG)
    own = clip.keypoints.mean(dim=0)
    assert torch.allclose(face * float((own[36] - own[45]).norm()) + own[27], own, atol=0.5)


def test_motion_has_unit_variance_afterwards(fitted, clips):
    normalizer = fitted.normalizer
    expressions, poses = zip(
        *(normalizer.encode_motion(clip.keypoints[None], clip.keypoints[:1]) for clip in clips), strict=True
    )
    expression, pose = torch.cat([x[0] for x in expressions]), torch.cat([x[0] for x in poses])
    assert torch.allclose(pose.std(dim=0), torch.ones(4), atol=1e-3)
    # Where a coordinate hardly moves its deviation is bounded from below.
    moving = normalizer.std_expression > 2e-3
    assert int(moving.sum()) > 100
    assert torch.allclose(expression.std(dim=0)[moving], torch.ones(int(moving.sum())), atol=1e-3)


def test_the_lower_lip_moves_most(fitted):
    std = fitted.normalizer.std_expression[:, 1]
    assert float(std[[57, 66]].min()) > 5 * float(std[[51, 62, 8]].max())


def test_mel_bands_are_scored(fitted, clips):
    mel = torch.cat([fitted.normalizer.encode_mel(fitted.log_mel(clip.waveform[None]))[0] for clip in clips], dim=1)
    assert torch.allclose(mel.mean(dim=1), torch.zeros(80), atol=1e-3)
    assert torch.allclose(mel.std(dim=1), torch.ones(80), atol=1e-3)


def test_the_head_sways_as_in_the_clips(fitted, clips):
    noise = torch.randn(20, 300, 4, generator=torch.Generator().manual_seed(0))
    made = fitted.head_motion(noise)[:, 50:].flatten(0, 1).std(dim=0)
    # Made-up heads sway by about 2.3 px of the 80 px between the eyes; the fit smooths away what is only jitter.
    for component in (0, 1):
        assert 0.005 < float(made[component]) < 0.06


def test_weights_are_left_as_they_are(clips):
    model = Audio2Keypoint(CONFIG)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    fit_statistics(model, clips)
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_a_statistic_fitted_twice_is_the_same(fitted, clips):
    before = {name: b.clone() for name, b in fitted.named_buffers()}
    fit_statistics(fitted, clips)
    for name, buffer in fitted.named_buffers():
        assert torch.allclose(buffer, before[name], atol=1e-5), name
