"""Whole models whose head moves in space; the network of the head has random weights."""

import math

import pytest
import torch

from a2k_nets.head.brows import measure_brows, pose_free
from a2k_nets.head.clip_motion import clip_motion
from a2k_nets.head.mean_face import mean_face_3d
from a2k_nets.head.space import lift, measure_motion, project
from a2k_nets.inference.generate import generate_sequence
from a2k_nets.inference.streaming import StreamingGenerator
from a2k_nets.paper.model import PaperAudio2Keypoint
from kp_io import KeypointLayout, KeypointSequence, split_head_pose

SIZES = (0.06, 0.05, 0.04, 0.05, 0.04, 0.02)


@pytest.fixture
def person(reference):
    """A face of the mean face's shape: what is measured in it is exact. (1, 68, 2)"""
    return 1.2 * mean_face_3d()[None, :, :2].float() + 150


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def moved(model, speech, face, **options):
    """The head's motion in generated keypoints. (T, 6)"""
    made = model(speech[None], face, generator=seeded(), expression=0.0, blink=0.0, **options)
    return measure_motion(made, lift(face))[0]


def test_a_model_without_a_head_in_space_is_as_before(model, speech, reference):
    assert model.head is None
    plain = model(speech[None], reference, generator=seeded())
    assert torch.equal(plain, model(speech[None], reference, generator=seeded(), tilt=1.0, brow=1.0))
    for option in ({"turn": 2.0}, {"nod": 0.0}, {"style": reference.expand(60, 68, 2)}):
        with pytest.raises(ValueError, match="expected a model whose head moves in space for turn, nod and style"):
            model(speech[None], reference, generator=seeded(), **option)


def test_the_head_turns_and_nods(model_in_space, speech, person):
    motion = moved(model_in_space, speech, person)
    assert motion[0].abs().max() < 1e-4
    assert motion[10:, :3].std(dim=0).min() > 0.01


def test_every_gain_is_its_own(model_in_space, speech, person):
    motion = moved(model_in_space, speech, person)
    for gains, columns in (
        ({"turn": 0.5}, [0]),
        ({"nod": 0.5}, [1]),
        ({"tilt": 0.5}, [2]),
        ({"head_motion": 0.5}, list(range(6))),
    ):
        expected = motion.clone()
        expected[:, columns] *= 0.5
        assert torch.allclose(moved(model_in_space, speech, person, **gains), expected, atol=5e-4)


def test_without_head_motion_the_skull_stays(model_in_space, speech, person):
    made = model_in_space(speech[None], person, generator=seeded(), head_motion=0.0, expression=0.0, blink=0.0)
    assert torch.allclose(made, person[:, None].expand_as(made), atol=1e-3)


def test_brows_are_those_of_the_head_s_network(model_in_space, speech, person):
    options = {"generator": seeded(), "head_motion": 0.0, "blink": 0.0}
    raised = model_in_space(speech[None], person, **options)
    options["generator"] = seeded()
    still = model_in_space(speech[None], person, brow=0.0, **options)
    assert torch.allclose(still[:, :, 17:27], person[:, None, 17:27].expand(-1, 50, -1, -1), atol=1e-3)
    assert torch.equal(
        torch.cat((raised[:, :, :17], raised[:, :, 27:]), 2), torch.cat((still[:, :, :17], still[:, :, 27:]), 2)
    )
    heights = measure_brows(raised[0]) / lift(person).eye_distance
    options["generator"] = seeded()
    double = measure_brows(model_in_space(speech[None], person, brow=2.0, **options)[0]) / lift(person).eye_distance
    assert heights[10:].std(dim=0).min() > 0.003
    lids = (
        still[0, :, [36, 39, 42, 45]] - person[0, [36, 39, 42, 45]]
    )  # corners move with the words, and heights with them
    assert torch.allclose(double - heights, heights - measure_brows(still[0]) / lift(person).eye_distance, atol=1e-4)
    assert lids.abs().max() > 0


def test_a_picture_turned_by_hand_gives_the_same_motion_turned(model_in_space, speech, reference):
    """Generated motion is upright in the frame of the face."""
    turn = torch.tensor([[0.8, 0.6], [-0.6, 0.8]])
    plain, turned = (
        model_in_space(speech[None], face, generator=seeded()) for face in (reference, 2 * reference @ turn + 40)
    )
    assert torch.allclose(turned, 2 * plain @ turn + 40, atol=2e-2)


def test_the_person_stays_the_same_while_the_head_turns(model_in_space, speech, person):
    made = model_in_space(speech[None], person, generator=seeded(), expression=0.0, blink=0.0, turn=3.0)
    face, pose = split_head_pose(torch.cat((person, made[0])), method="mean-face")
    assert pose.angles[:, 0].std() > 0.05
    assert (face[1:] - face[:1])[..., :2].norm(dim=-1).max() < 0.02 * 90


def test_pieces_give_the_numbers_of_the_whole(model_in_space, speech, reference):
    whole = model_in_space(speech[None], reference, generator=seeded(7))[0]
    stream = StreamingGenerator(reference[0], model_in_space, seed=7)
    pieces = [stream.push(piece) for piece in torch.split(speech, 1_111)]
    assert torch.allclose(torch.cat([*pieces, stream.flush()]), whole, atol=2e-3)


def test_seeds_give_other_heads_and_the_same_lips(model_in_space, speech, person):
    first, second = (
        model_in_space(speech[None], person, generator=seeded(seed), blink=0.0, brow=0.0) for seed in (1, 2)
    )
    assert not torch.allclose(first, second, atol=1.0)
    lips = [pose_free(made, lift(made))[0, :, 48:] for made in (first, second)]
    assert torch.allclose(lips[0][..., :2], lips[1][..., :2], atol=0.02)


def test_a_driving_head_turns_this_one(model_in_space, speech, person, reference):
    motion = torch.stack([math.radians(a) * torch.linspace(0, 1, 10) for a in (20, -8, 6)], 1)
    motion = torch.nn.functional.pad(motion, (0, 3))[None]
    other = mean_face_3d()[None, :, :2].float() * 2 + 70
    driving = project(other[:, None].expand(-1, 10, -1, -1), lift(other), motion)
    for random in (None, seeded()):
        made = model_in_space(speech[None], person, driving=driving, expression=0.0, generator=random, blink=0.0)
        found = measure_motion(made, lift(person))
        assert torch.allclose(found[:, 5:10, :3], motion[:, 5:, :3], atol=2e-3)
        assert torch.allclose(found[:, 10:18, :3], motion[:, 1:9, :3].flip(1), atol=2e-3)
    half = model_in_space(speech[None], person, driving=driving, expression=0.0, turn=0.5)
    assert torch.allclose(measure_motion(half, lift(person))[:, 5:10, 0], motion[:, 5:, 0] / 2, atol=2e-3)


def clip(gain: float) -> torch.Tensor:
    """A person who turns and nods by a sine. (100, 68, 2)"""
    time = torch.arange(100) / 25
    motion = gain * torch.stack([SIZES[i] * torch.sin((2 + 0.3 * i) * time) for i in range(6)], 1)
    face = mean_face_3d()[None, :, :2].float() * 1.5 + 100
    return project(face[:, None].expand(-1, 100, -1, -1), lift(face), motion[None])[0]


def test_motion_of_a_clip_is_the_motion_that_was_applied():
    motion = clip_motion(clip(1.0))
    time = torch.arange(2, 98) / 25
    assert torch.allclose(
        motion[:, 0], (SIZES[0] * torch.sin(2 * time)) - (SIZES[0] * torch.sin(2 * time)).mean(), atol=1e-3
    )
    assert motion[:, 6:].abs().max() < 1e-3


def test_a_lively_style_moves_more_than_a_calm_one(model_in_space, speech, person):
    calm, lively = (moved(model_in_space, speech, person, style=clip(gain)) for gain in (0.5, 2.0))
    # Four times as much but for what the network makes of the style, which it hears too.
    ratio = lively[5:, :3].std(dim=0) / calm[5:, :3].std(dim=0)
    assert ratio.min() > 2.5
    assert ratio.max() < 6


def test_styles_that_say_nothing_are_refused(model_in_space, speech, person):
    for style, message in ((clip(1.0)[:30], "at least 50 frames"), (clip(1.0) * torch.nan, "expected a finite style")):
        with pytest.raises(ValueError, match=message):
            model_in_space(speech[None], person, style=style, generator=seeded())


def test_a_profile_is_refused(model_in_space, speech):
    profile = mean_face_3d()[None, :, :2].float()
    profile = project(profile[:, None], lift(profile), torch.tensor([[[math.radians(70), 0, 0, 0, 0, 0]]]))[:, 0]
    with pytest.raises(ValueError, match="turned to a side by at most 60 degrees, got 70"):
        model_in_space(speech[None], profile, generator=seeded())
    with pytest.raises(ValueError, match="turned to a side by at most 60 degrees"):
        StreamingGenerator(profile[0], model_in_space)


def test_gains_cannot_turn_a_head_away(model_in_space, speech, person):
    assert moved(model_in_space, speech, person, turn=50.0)[:, 0].abs().max() <= math.radians(66)


def test_a_driving_sequence_of_another_layout_is_refused(model_in_space, speech, person):
    four = KeypointLayout("four", (), (1, 0, 2, 3), 2, (0, 1, 2), 1, 0)
    other = KeypointSequence(torch.rand(60, 4, 2), image_size=(64, 64), layout=four)
    face = KeypointSequence(person, image_size=(400, 400))
    for name in ("driving", "style"):
        with pytest.raises(ValueError, match=f"expected {name} keypoints of the layout ibug68, got four"):
            generate_sequence(face, speech, model=model_in_space, **{name: other})


def test_the_paper_s_model_has_none_of_it(speech, person):
    face = KeypointSequence(person, image_size=(400, 400))
    with pytest.raises(ValueError, match="expected a model of the presets listener or residual for turn"):
        generate_sequence(face, speech, model=PaperAudio2Keypoint(), turn=2.0)
