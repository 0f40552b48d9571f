import pytest
import torch

from kp_render import make_portrait_warp
from kp_render.geometry.landmarks import JAW, LOWER_LIDS, LOWER_LIP, MOUTH_LOWER, UPPER_LIDS
from kp_render.warp.lip_seam import is_mouth_open


@pytest.fixture(scope="module")
def warp(tensor, face):
    return make_portrait_warp(tensor, face)


def opened(face, pixels):
    moved = face.clone()
    moved[[*LOWER_LIP]] += torch.tensor([0.0, pixels])
    moved[[*JAW[5:12]]] += torch.tensor([0.0, 0.8 * pixels])
    return moved[None]


def test_its_own_keypoints_give_the_portrait(warp, tensor, face):
    off = (warp(face[None])[0] - tensor).abs().mean(dim=0)
    assert off.mean() < 2e-3
    # Only the rim of the teeth may differ, where lips and what is behind share pixels.
    box = torch.zeros_like(off, dtype=torch.bool)
    low, high = face[48:68].amin(dim=0).int() - 2, face[48:68].amax(dim=0).int() + 3
    box[low[1] : high[1], low[0] : high[0]] = True
    assert off[~box].max() < 0.03


def test_a_batch_is_its_frames(warp, face):
    frames = torch.cat((face[None], face[None] + 3, opened(face, 8)))
    together = warp(frames)
    for index in range(3):
        torch.testing.assert_close(together[index], warp(frames[index : index + 1])[0], atol=1e-5, rtol=0)


def test_the_background_is_still(warp, tensor, face):
    moved = warp(face[None] + torch.tensor([6.0, 4.0]))[0]
    for part in (moved[:, :3] - tensor[:, :3], moved[:, -3:] - tensor[:, -3:], moved[..., :3] - tensor[..., :3]):
        assert part.abs().max() < 0.02
    assert (moved - tensor).abs().max() > 0.2


def test_the_head_goes_where_the_keypoints_go(warp, tensor, face):
    shift = torch.tensor([6.0, 4.0])
    moved = warp(face[None] + shift)[0]
    x, y = face[27].round().int().tolist()
    window = tensor[:, y - 12 : y + 12, x - 20 : x + 20]
    torch.testing.assert_close(moved[:, y - 8 : y + 16, x - 14 : x + 26], window, atol=0.06, rtol=0)


def test_opening_the_mouth_moves_the_lower_lip_and_not_the_upper(warp, tensor, face):
    frame = warp(opened(face, 10))[0]
    x, y = face[51].round().int().tolist()
    upper = (slice(None), slice(y - 8, y), slice(x - 4, x + 5))
    assert (frame[upper] - tensor[upper]).abs().max() < 0.1
    x, y = face[57].round().int().tolist()
    assert (frame[:, y + 9, x - 4 : x + 5] - tensor[:, y - 1, x - 4 : x + 5]).abs().mean() < 0.06


def test_closed_lids_hide_the_eyes(warp, tensor, face):
    shut = face.clone()
    shut[[*UPPER_LIDS]] = face[[41, 40, 47, 46]]
    shut[[*LOWER_LIDS]] = face[[40, 41, 46, 47]]
    frame = warp(shut[None])[0]
    x, y = face[[37, 38, 40, 41]].mean(dim=0).round().int().tolist()
    pupil = (slice(None), slice(y - 1, y + 2), slice(x - 1, x + 2))
    assert frame[pupil].mean() > tensor[pupil].mean() + 0.2


def test_gradients_reach_the_keypoints(warp, face):
    points = opened(face, 5).requires_grad_()
    warp(points).square().mean().backward()
    assert bool(points.grad.isfinite().all())
    assert points.grad[0, list(MOUTH_LOWER[1:4])].abs().sum() > 0


def test_the_open_smile_is_seen(face):
    assert is_mouth_open(face)
    closed = face.clone()
    closed[[61, 62, 63]] = face[[67, 66, 65]]
    assert not is_mouth_open(closed)


def test_keypoints_that_are_no_face(tensor, face, as_users_run_it):
    with pytest.raises(ValueError, match="finite keypoints"):
        make_portrait_warp(tensor, torch.full((68, 2), float("nan")))
    with pytest.raises(ValueError, match="frontal portrait"):
        make_portrait_warp(tensor, face * torch.tensor([0.02, 1.0]))
