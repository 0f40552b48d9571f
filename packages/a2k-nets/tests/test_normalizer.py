import pytest
import torch
from hypothesis import given, strategies as st

from a2k_nets.blocks.similarity import apply_similarity
from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.normalizer import Normalizer


@pytest.fixture
def normalizer(model):
    return model.normalizer


@pytest.fixture
def keypoints(reference):
    """A talking face about the reference, jittered and moved by some pixels. (1, 6, 68, 2)"""
    noise = torch.randn(1, 6, 68, 2, generator=torch.Generator().manual_seed(0))
    return reference[:, None] + 2 * noise + torch.linspace(0, 8, 6)[None, :, None, None]


def test_decoding_undoes_encoding(normalizer, keypoints, reference):
    expression, pose = normalizer.encode_motion(keypoints, reference)
    assert torch.allclose(normalizer.decode_motion(expression, pose, reference), keypoints, atol=1e-4, rtol=0)


def test_encoding_undoes_decoding(normalizer, reference):
    # The stable points hold still in the pose-free frame, or else part of the expression would be taken for pose.
    generator = torch.Generator().manual_seed(1)
    expression = torch.randn(1, 5, 68, 2, generator=generator)
    expression[:, :, list(normalizer.config.stable_points)] = 0
    pose = torch.randn(1, 5, 4, generator=generator)
    encoded = normalizer.encode_motion(normalizer.decode_motion(expression, pose, reference), reference)
    assert torch.allclose(encoded[0], expression, atol=1e-3)
    assert torch.allclose(encoded[1], pose, atol=1e-3)


def test_no_motion_is_the_reference(normalizer, reference):
    held = normalizer.decode_motion(torch.zeros(1, 3, 68, 2), torch.zeros(1, 3, 4), reference)
    assert torch.allclose(held, reference[:, None].expand_as(held), atol=1e-4, rtol=0)


def test_the_reference_itself_is_no_motion(normalizer, reference):
    expression, pose = normalizer.encode_motion(reference[:, None], reference)
    assert torch.allclose(expression, torch.zeros_like(expression), atol=1e-3)
    assert torch.allclose(pose, torch.zeros_like(pose), atol=1e-3)


@given(
    scale=st.floats(0.3, 3),
    angle=st.floats(-0.8, 0.8),
    x=st.floats(-300, 300),
    y=st.floats(-300, 300),
    seed=st.integers(0, 99),
)
def test_the_picture_may_be_scaled_turned_and_moved(scale, angle, x, y, seed):
    generator = torch.Generator().manual_seed(seed)
    normalizer = Normalizer(ModelConfig()).double()
    normalizer.set_statistics(mean_face=torch.randn(68, 2, generator=generator).double())
    reference = 50 * torch.randn(1, 68, 2, generator=generator).double()
    keypoints = reference[:, None] + 3 * torch.randn(1, 4, 68, 2, generator=generator).double()
    turn = torch.tensor(angle, dtype=torch.float64)
    picture = torch.stack((scale * turn.cos(), scale * turn.sin(), turn.new_tensor(x), turn.new_tensor(y)))
    here = normalizer.encode_motion(keypoints, reference)
    there = normalizer.encode_motion(apply_similarity(picture, keypoints), apply_similarity(picture, reference))
    for mine, other in zip(here, there, strict=True):
        assert torch.allclose(mine, other, atol=1e-6)


def test_the_canonical_frame_is_the_mean_face(normalizer, reference):
    assert torch.allclose(normalizer.canonicalize(reference)[0], normalizer.mean_face, atol=1e-2)
    assert float(normalizer.encode_reference(normalizer.canonicalize(reference)).abs().max()) < 0.2


def test_mel_bands_are_scored_against_their_own_statistics():
    normalizer = Normalizer(ModelConfig())
    mean, std = torch.linspace(-8, -2, 80), torch.linspace(1, 3, 80)
    normalizer.set_statistics(mean_mel=mean, std_mel=std)
    z = torch.randn(2, 80, 12, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(normalizer.encode_mel(mean[:, None] + std[:, None] * z), z, atol=1e-5)


def test_a_point_that_never_moves_divides_by_no_zero():
    normalizer = Normalizer(ModelConfig())
    normalizer.set_statistics(std_expression=torch.zeros(68, 2), std_pose=torch.zeros(4))
    assert float(normalizer.std_expression.min()) > 0
    assert float(normalizer.std_pose.min()) > 0


def test_statistics_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"mean_face of shape \(68, 2\), got \(67, 2\)"):
        Normalizer(ModelConfig()).set_statistics(mean_face=torch.zeros(67, 2))


def test_inputs_are_left_as_they_are(normalizer, keypoints, reference):
    before = keypoints.clone(), reference.clone()
    normalizer.decode_motion(*normalizer.encode_motion(keypoints, reference), reference)
    assert torch.equal(keypoints, before[0])
    assert torch.equal(reference, before[1])
