import pytest
import torch

from a2k_nets.blocks.driving_motion import check_driving, ping_pong
from a2k_nets.blocks.similarity import compose_pose, split_pose
from a2k_nets.config.paper import PaperConfig
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.residual.model import Audio2Keypoint

STABLE, BASE = (27, 28, 29, 30, 33, 36, 39, 42, 45), 27
SWAY = torch.stack(
    [torch.linspace(0, 12, 10), torch.linspace(0, -4, 10), torch.linspace(0, 0.2, 10), torch.linspace(0, 0.1, 10)], -1
)


@pytest.fixture
def driving(reference):
    """A rigid head that sways for ten frames, in the pixels of another, larger picture."""
    return 2 * compose_pose(reference[:, None].expand(1, 10, 68, 2), SWAY[None], reference, base_point=BASE) + 100


def pose_of(keypoints, reference):
    return split_pose(keypoints, reference, stable_points=STABLE, base_point=BASE)[1]


def test_the_head_follows_back_and_forth(model, speech, reference, driving):
    made = model(speech.repeat(3)[None, : 640 * 28], reference, driving=driving, expression=0.0)
    pose = pose_of(made, reference)[0]
    ease = model.config.fade_in_frames
    assert torch.allclose(pose[ease:10], SWAY[ease:], atol=2e-2)
    assert torch.allclose(pose[10:18], SWAY[1:9].flip(0), atol=2e-2)
    assert torch.allclose(pose[18:27], SWAY[:9], atol=2e-2)
    assert torch.allclose(made[0, 0], reference[0], atol=1e-3)


def test_the_gain_and_the_lips_are_their_own(model, speech, reference, driving):
    options = {"generator": torch.Generator().manual_seed(0), "blink": 0.0}
    still = model(speech[None], reference, driving=driving, head_motion=0.0, **options)
    assert torch.allclose(still, model(speech[None], reference, head_motion=0.0), atol=1e-3)
    half, whole = (
        pose_of(model(speech[None], reference, driving=driving, head_motion=gain, expression=0.0), reference)
        for gain in (0.5, 1.0)
    )
    assert torch.allclose(half, whole / 2, atol=2e-2)


def test_the_paper_s_head_follows_as_well(reference, speech, driving):
    model = PaperAudio2Keypoint(PaperConfig(width=0.125)).eval()
    made = model(speech[None], reference, driving=driving, expression=0.0)
    pose = pose_of(made, reference)[0]
    assert torch.allclose(pose[:10], SWAY, atol=2e-2)


def test_one_frame_holds(reference):
    poses = torch.rand(1, 1, 4)
    assert torch.equal(ping_pong(poses, 3, 8), poses.expand(1, 5, 4))


@pytest.mark.parametrize(
    "driving", [torch.zeros(68, 2), torch.zeros(1, 0, 68, 2), torch.zeros(1, 5, 17, 2), torch.zeros(2, 5, 68, 2)]
)
def test_a_sequence_that_does_not_fit_is_refused(reference, driving):
    with pytest.raises(ValueError, match="expected driving keypoints"):
        check_driving(driving, reference)


def test_a_sequence_that_is_not_finite_is_refused(model, speech, reference):
    with pytest.raises(ValueError, match="expected finite driving"):
        model(speech[None], reference, driving=torch.full((1, 5, 68, 2), torch.nan))


def test_the_embedded_model_takes_it_too(reference, speech, driving):
    model = Audio2Keypoint.from_pretrained()
    pose = pose_of(model(speech[None], reference, driving=driving, expression=0.0), reference)[0]
    assert torch.allclose(pose[5:10], SWAY[5:], atol=2e-2)
