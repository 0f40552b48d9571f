import pytest
import torch

from a2k_nets.residual.expression_edits import REST_OPENING, neutral_mouth

INNER = ([61, 62, 63], [67, 66, 65])


@pytest.fixture
def smiling(mean_face):
    face = mean_face[None].clone()
    face[:, [65, 66, 67], 1] += 0.1
    face[:, [56, 57, 58], 1] += 0.1
    return face


def gaps(face):
    return (face[:, INNER[1]] - face[:, INNER[0]]).norm(dim=-1)


def test_open_lips_come_to_rest(smiling):
    before = smiling.clone()
    closed = neutral_mouth(smiling)
    assert float(gaps(smiling).min()) > 3 * REST_OPENING
    assert torch.allclose(gaps(closed), torch.full((1, 3), REST_OPENING), atol=1e-5)
    assert torch.equal(smiling, before)


def test_the_rest_of_the_face_is_left(smiling):
    moved = (neutral_mouth(smiling) != smiling).any(dim=-1)[0].nonzero().flatten().tolist()
    assert set(moved) <= {*range(5, 12), *range(49, 54), *range(55, 60), *range(61, 64), *range(65, 68)}


def test_lips_at_rest_are_left(smiling):
    closed = neutral_mouth(smiling)
    assert torch.allclose(neutral_mouth(closed), closed, atol=1e-6)
    assert torch.equal(neutral_mouth(smiling, rest_opening=1.0), smiling)


@torch.no_grad()
def test_a_resting_mouth_leaves_the_smile_at_the_beginning_only(model, speech, reference):
    smile = reference.clone()
    smile[:, [56, 57, 58, 65, 66, 67], 1] += 9
    torch.nn.init.zeros_(model.generator.expression_head.weight)
    kept = model(speech[None], smile, head_motion=0.0)
    rested = model(speech[None], smile, head_motion=0.0, neutralize_mouth=True)
    assert torch.allclose(kept, smile[:, None].expand_as(kept), atol=1e-3)
    # The sequence begins as the picture is, then the lips come together and stay so.
    if model.config.fade_in_frames:
        assert torch.allclose(rested[:, 0], smile, atol=1e-3)
    eyes = float((smile[0, 36] - smile[0, 45]).norm())
    assert float(gaps(rested[:, -1]).max()) / eyes == pytest.approx(REST_OPENING, abs=0.01)
    assert float(gaps(smile).min()) / eyes > 3 * REST_OPENING


@torch.no_grad()
def test_without_expression_the_smile_stays(model, speech, reference):
    reference[:, [65, 66, 67], 1] += 9
    held = model(speech[None], reference, head_motion=0.0, expression=0.0, neutralize_mouth=True)
    assert torch.allclose(held, reference[:, None].expand_as(held), atol=1e-3)
