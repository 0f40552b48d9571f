from dataclasses import replace

import pytest
import torch

from kp_render import make_portrait_warp
from kp_render.geometry.landmarks import JAW, LOWER_LIDS, LOWER_LIP, MOUTH_LOWER, UPPER_LIDS
from kp_render.warp.lip_seam import is_mouth_open
from kp_render.warp.opening import find_opening, layers_at, rounded
from kp_render.warp.sampling import pixel_grid


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
    # The lashes lie on the line where the lids meet; above it is skin, where the iris was.
    iris = (slice(None), slice(y - 4, y - 1), slice(x - 1, x + 2))
    assert frame[iris].mean() > tensor[iris].mean() + 0.35


@pytest.mark.parametrize(("x", "y"), [(-90, 12), (80, 20)])
def test_a_head_that_goes_far_stays_whole(warp, tensor, face, x, y):
    moved = warp(face[None] + torch.tensor([x, y]))[0]  # more than the distance of the eyes
    left, top = face[17:].amin(dim=0).int().tolist()
    right, bottom = face[17:].amax(dim=0).int().tolist()
    there = moved[:, top + y : bottom + y, left + x : right + x]
    assert (there - tensor[:, top:bottom, left:right]).abs().mean() < 0.01


def turned(warp, face, degrees):
    angle = torch.deg2rad(torch.tensor(float(degrees)))
    depth = warp.head.points[:, 2] - warp.head.points[:, 2].mean()
    middle = face[:, 0].mean()
    points = face.clone()
    points[:, 0] = middle + (face[:, 0] - middle) * angle.cos() + depth * angle.sin()
    return points


@pytest.mark.parametrize("degrees", [-25, 25, 45])
def test_a_turned_head_does_not_fold(warp, face, degrees):
    parts = warp.in_parts(turned(warp, face, degrees)[None])
    points = parts.keypoints[0]
    places = parts.places[0]
    step = warp.head.grid[:, 1, 1] - warp.head.grid[:, 0, 0]
    (xx, yx), (xy, yy) = places.diff(dim=2)[:, :-1] / step[0], places.diff(dim=1)[:, :, :-1] / step[1]
    area = xx * yy - xy * yx
    nodes = warp.head.grid[:, :-1, :-1]
    low, high = points.amin(dim=0)[:, None, None], points.amax(dim=0)[:, None, None]
    on_face = ((nodes > low) & (nodes < high)).all(dim=0)
    # Less than nothing would be skin that is turned over; one node in a hundred may, at the wing of the nose.
    assert (area[on_face] > 0).float().mean() > 0.99
    assert area[on_face].median() > 0.6


@pytest.mark.parametrize(
    ("degrees", "low", "high"), [(15, 14.5, 15.5), (-20, -20.5, -19.5), (40, 28, 35), (-66, -35, -26)]
)
def test_a_head_turns_as_far_as_its_picture_can_show(warp, face, degrees, low, high):
    parts = warp.in_parts(turned(warp, face, degrees)[None])
    sight = warp.head.pose_in(parts.keypoints).rotation[0, :, 2]
    angle = torch.rad2deg(torch.atan2(sight[0], sight[2]))
    assert low < float(angle) < high
    # The eyes stay apart, and the mouth between them.
    eyes = parts.keypoints[0, [36, 45], 0]
    assert eyes[1] - eyes[0] > 0.6 * (face[45, 0] - face[36, 0])
    assert eyes[0] - 5 < parts.keypoints[0, 62, 0] < eyes[1] + 5


def test_nothing_of_an_open_mouth_stays_between_closed_lips(tensor, face):
    rows = face[[60, 61, 62, 63, 64]], face[[60, 67, 66, 65, 64]]
    own = rounded(find_opening(*(row[None] for row in rows)))
    layers = layers_at(own, pixel_grid(*tensor.shape[1:], tensor.shape[1:])[None])
    inside = (layers.below_upper > 0) & (layers.above_lower > 0)
    blue = torch.tensor([0.0, 0.0, 1.0])[:, None, None]
    warp = make_portrait_warp(torch.where(inside[0], blue, tensor), face)
    closed = face.clone()
    closed[[61, 62, 63]] = closed[[67, 66, 65]] = (rows[0] + rows[1])[1:4] / 2

    def bluish(warp):
        frame = warp(closed[None])[0]
        return (frame[2] - frame[0] > 0.2).sum()

    assert bluish(replace(warp, closed_lips=None)) > 30
    assert bluish(warp) < 6


def test_a_narrow_slit_does_not_fill_a_wide_mouth(tensor, face):
    slit = face.clone()
    upper, lower = [61, 62, 63], [67, 66, 65]
    width = face[64, 0] - face[60, 0]
    slit[lower] = face[upper] + torch.tensor([0.0, 0.07]) * width
    wide = slit.clone()
    wide[[*LOWER_LIP]] += torch.tensor([0.0, 0.25]) * width
    warp = make_portrait_warp(tensor, slit)
    green = torch.tensor([0.0, 1.0, 0.0, 1.0])[:, None, None].expand_as(warp.interior.shown)
    warp = replace(warp, interior=replace(warp.interior, shown=green))
    places = [tuple(points[[62, 66]].mean(dim=0).round().int().tolist()) for points in (slit, wide)]
    (x, y), (x_wide, y_wide) = places
    assert warp(slit[None])[0, 1, y, x] > 0.7
    red, is_green, _ = warp(wide[None])[0, :, y_wide, x_wide]
    assert is_green < red < 0.7


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
