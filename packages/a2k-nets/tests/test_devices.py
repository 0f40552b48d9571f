"""What a GPU would trip over, checked without one."""

import copy

import pytest
import torch

from a2k_nets.blocks.constants import constant, select_points
from a2k_nets.inference.generate import generate_sequence
from a2k_nets.residual.expression_edits import Blinks
from a2k_nets.residual.head_motion import HeadMotion
from kp_io import KeypointSequence


class WithoutDoubles(torch.Tensor):
    """A tensor as on a device that has no float64; `cpu` returns a plain tensor."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        plain = [x.as_subclass(torch.Tensor) if isinstance(x, cls) else x for x in args]
        if func is torch.Tensor.cpu:
            return plain[0]
        result = func(*plain, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.dtype == torch.float64 and func is not torch.Tensor.copy_:
            raise TypeError("this device has no float64")
        return result.as_subclass(cls) if isinstance(result, torch.Tensor) and result.is_floating_point() else result


def test_blinks_need_no_doubles():
    blinks = Blinks()
    blinks.fit(torch.linspace(0, 1, 9), per_frame=0.05)
    noise = torch.randn(1, 200, generator=torch.Generator().manual_seed(0))
    expected = blinks(noise)[0]
    assert expected.any()
    blinks.chance = blinks.chance.as_subclass(WithoutDoubles)
    assert torch.equal(blinks(noise)[0], expected)


class OnApplesGpu(WithoutDoubles):
    """A tensor without float64 that also says where it is."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func == torch.Tensor.device.__get__:
            return torch.device("mps")
        return super().__torch_function__(func, types, args, kwargs)


@pytest.mark.parametrize("frames", [1, 50])
def test_head_motion_goes_on_without_doubles(frames):
    motion = HeadMotion()
    motion.coefficients.copy_(torch.stack((1.2 * torch.eye(4), -0.3 * torch.eye(4))))
    motion.noise.copy_(torch.diag(torch.tensor([0.4, 0.3, 0.4, 0.2])))
    noise, past = torch.randn(2, frames + 2, 4, generator=torch.Generator().manual_seed(0)).split([frames, 2], dim=1)
    expected = motion(noise, past=past)
    motion.coefficients = motion.coefficients.as_subclass(OnApplesGpu)
    motion.noise = motion.noise.as_subclass(OnApplesGpu)
    found = motion(noise.as_subclass(OnApplesGpu), past=past.as_subclass(OnApplesGpu))
    assert isinstance(found, OnApplesGpu)
    assert torch.equal(found.cpu(), expected)


@pytest.mark.parametrize("fit", [HeadMotion.fit, HeadMotion.fit_random_walk])
def test_head_motion_is_fitted_to_tracks_without_doubles(fit):
    tracks = [torch.randn(150, 4, generator=torch.Generator().manual_seed(seed)).cumsum(0) * 0.9 for seed in range(2)]
    tracks = [track - track.mean(dim=0) for track in tracks]
    expected, found = HeadMotion(), HeadMotion()
    fit(expected, tracks)
    fit(found, [track.as_subclass(WithoutDoubles) for track in tracks])
    for name, buffer in expected.named_buffers():
        assert torch.equal(buffer, found.get_buffer(name)), name


def test_constants_are_made_once_and_may_be_trained_with():
    with torch.inference_mode():
        first = constant((3, 1), torch.int64, torch.device("cpu"))
    assert constant((3, 1), torch.int64, torch.device("cpu")) is first
    points = torch.randn(2, 4, 2, requires_grad=True)
    select_points(points, (3, 1)).sum().backward()
    assert points.grad is not None
    assert points.grad[:, [1, 3]].eq(1).all()


class TestGenerating:
    @pytest.fixture
    def face(self, mean_face):
        return KeypointSequence(mean_face[None] * 60 + 112, image_size=(224, 224))

    def test_moves_no_model(self, model, face):
        # Values cannot come back from the meta device, so the call fails after the model had every reason to move.
        with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
            generate_sequence(face, torch.zeros(1_600), model=model, device="meta")
        assert {p.device.type for p in model.parameters()} == {"cpu"}

    def test_is_where_the_model_is(self, model, face):
        elsewhere = copy.deepcopy(model).to("meta")
        with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
            generate_sequence(face, torch.zeros(1_600), model=elsewhere)

    def test_leaves_a_training_model_in_training(self, model, face):
        expected = generate_sequence(face, torch.zeros(6_400), model=model.eval()).keypoints
        assert torch.equal(generate_sequence(face, torch.zeros(6_400), model=model.train()).keypoints, expected)
        assert model.training
