"""The painting network on a portrait: new it changes nothing, and it never touches the background."""

import hashlib
from dataclasses import replace
from importlib.resources import files

import pytest
import torch
from safetensors.torch import save_file

from kp_render import PaintingNetwork, load_painting_network, make_painter, make_portrait_warp
from kp_render.geometry.mean_head import mean_head
from kp_render.painting.conditions import NUM_CHANNELS, lips_mask, mouth_mask, network_input, view_mouth, view_portrait
from kp_render.painting.mouth_crop import SIDE, from_square, place_mouth_crop, square, still_motion
from kp_render.training.checkpoint import save_weights
from kp_render.warp.filtering import blur
from kp_render.warp.head_field import HeadMotion


def test_the_embedded_weights_are_those_that_are_stated():
    folder = files("kp_render") / "weights"
    digest, name = (folder / "SHA256SUMS").read_text(encoding="utf-8").split()
    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_the_mean_head_is_that_of_kp_io():
    kp_io = pytest.importorskip("kp_io.transforms.mean_face_3d")
    torch.testing.assert_close(mean_head().double(), kp_io.mean_face_3d().double())


@pytest.fixture(scope="module")
def warp(tensor, face):
    return make_portrait_warp(tensor, face)


@pytest.fixture(scope="module")
def loud():
    """A network that changes a lot."""
    torch.manual_seed(0)
    network = PaintingNetwork()
    torch.nn.init.normal_(network.last.weight, std=0.1)
    return network.eval().requires_grad_(requires_grad=False)


def test_a_new_network_changes_nothing(warp, face):
    frames = torch.stack((face, face + 4))
    torch.testing.assert_close(make_painter(warp, PaintingNetwork())(frames), warp(frames), atol=1e-4, rtol=0)


def test_skin_keeps_its_grain(warp, face, loud):
    _, view = view_mouth(warp, warp.in_parts(face[None]), view_portrait(warp))
    shift, colour = loud(network_input(view))
    lips = lips_mask(view.keypoints)
    assert shift.abs().amax(dim=1, keepdim=True)[lips == 0].max() == 0
    grain = (colour - blur(colour, 2.0)).abs().mean(dim=1, keepdim=True)
    assert grain[lips == 1].mean() > 5 * grain[lips == 0].mean()
    # The lips are the whole of them, and hardly more.
    x, y = view.keypoints[0, 48:].round().long().unbind(dim=1)
    assert lips[0, 0, y, x].min() == 1
    assert lips.sum() < 1.6 * (x.amax() - x.amin()) * (y.amax() - y.amin())


def test_teeth_that_a_portrait_shows_well_stay(warp, face, loud):
    frame = face[None] + 2
    x, y = frame[0, [62, 66]].mean(dim=0).round().int().tolist()
    change = []
    for shows_teeth in (0.0, 1.0):
        shown = replace(warp, interior=replace(warp.interior, shows_teeth=shows_teeth))
        change.append((make_painter(shown, loud)(frame) - shown(frame)).abs()[0].amax(dim=0))
    assert change[0][y, x] > 0.02 > 1e-3 > change[1][y, x]
    lip = frame[0, 57].round().int().tolist()
    assert change[1][lip[1] - 1, lip[0]] > 0.02


def test_it_paints_around_the_mouth_and_not_beyond(warp, face, loud):
    frames = torch.stack((face, face + torch.tensor([5.0, 3.0])))
    change = (make_painter(warp, loud)(frames) - warp(frames)).abs().amax(dim=1)
    for moved, points in zip(change, frames, strict=True):
        middle = points[[51, 8]].mean(dim=0)
        y, x = torch.meshgrid(*(torch.arange(side) for side in moved.shape), indexing="ij")
        away = torch.hypot(x - middle[0], y - middle[1]) / (points[45] - points[36]).norm()
        assert moved[away < 0.4].mean() > 0.02
        assert moved[away > 0.7].max() < 1e-4  # nothing, in 8 bits


def test_a_batch_is_its_frames(warp, face, loud):
    painter = make_painter(warp, loud)
    frames = torch.stack((face, face + 3, face * 1.02))
    together = painter(frames)
    for index in range(3):
        torch.testing.assert_close(together[index], painter(frames[index : index + 1])[0], atol=1e-4, rtol=0)


def test_the_square_goes_with_the_head(warp, face):
    own = place_mouth_crop(warp.head, still_motion(warp.head))
    turn = torch.tensor([[0.98, -0.199], [0.199, 0.98]])
    moved = 1.1 * face @ turn.T + torch.tensor([7.0, -5.0])
    crop = place_mouth_crop(warp.head, HeadMotion.of(warp.head.pose_in(moved[None])))
    torch.testing.assert_close(crop.points_from_frame(moved[None]), own.points_from_frame(face[None]), atol=0.6, rtol=0)


def test_what_is_cut_out_goes_back_to_its_place(warp, tensor):
    own = place_mouth_crop(warp.head, still_motion(warp.head))
    left, top, right, bottom = own.bounds(0, warp.size)
    y, x = torch.meshgrid(torch.arange(top, bottom), torch.arange(left, right), indexing="ij")
    places = own.from_frame(torch.stack((x, y))[None].float())
    back = from_square(own.cut(warp.source, warp.size), places)
    inside = places.abs().amax(dim=1, keepdim=True) < 0.9
    off = (back - tensor[None, :, top:bottom, left:right]).abs() * inside
    assert off.mean() < 0.02
    torch.testing.assert_close(own.to_frame(square(SIDE)), own.to_frame(own.from_frame(own.to_frame(square(SIDE)))))


def test_what_the_network_sees(warp, face):
    wide = face.clone()
    wide[[65, 66, 67, 55, 56, 57, 58, 59]] += torch.tensor([0.0, 12.0])
    warped = warp.in_parts(wide[None])
    _, view = view_mouth(warp, warped, view_portrait(warp))
    maps = network_input(view)
    assert maps.shape == (1, NUM_CHANNELS, SIDE, SIDE)
    assert bool(maps.isfinite().all())
    assert maps.abs().max() <= 2
    mouth = mouth_mask(view.keypoints)[0, 0]
    x, y = view.keypoints[0, [62, 66]].mean(dim=0).round().int().tolist()
    assert mouth[y, x] > 0.95
    x, y = view.keypoints[0, [57, 8]].mean(dim=0).round().int().tolist()
    assert mouth[y, x] == 0


def test_gradients_reach_the_keypoints(warp, face, loud):
    points = (face[None] + 2).requires_grad_()
    make_painter(warp, loud)(points).square().mean().backward()
    assert bool(points.grad.isfinite().all())
    assert points.grad.abs().sum() > 0


def test_weights_come_back(tmp_path, loud):
    save_weights(tmp_path / "w.safetensors", loud, {"kind": "kp-render painter"})
    assert (tmp_path / "w.safetensors").stat().st_size < 8e6
    again = load_painting_network(tmp_path / "w.safetensors")
    for name, value in loud.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=1e-3, rtol=1e-3)
    assert not again.training


def test_the_weights_in_the_package(warp, face):
    painted, warped = (draw(face[None] + 2) for draw in (make_painter(warp, load_painting_network()), warp))
    # They correct the face a little, and do not paint another.
    assert 1e-4 < (painted - warped).abs().mean() < 0.03


def test_other_files_are_refused(tmp_path, as_users_run_it):
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="weights of a painter"):
        load_painting_network(tmp_path / "a.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "b.safetensors", metadata={"kind": "kp-render painter"})
    with pytest.raises(ValueError, match="this release") as found:
        load_painting_network(tmp_path / "b.safetensors")
    assert len(str(found.value).splitlines()) == 1
    (tmp_path / "c.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="weights of a painter"):
        load_painting_network(tmp_path / "c.safetensors")


def test_faces_at_the_edge_of_a_picture(loud):
    face = mean_head()[:, :2] * 0.4
    image = torch.rand(3, 96, 96)
    for place in (torch.tensor([20.0, 15.0]), torch.tensor([80.0, 60.0])):
        frames = make_painter(make_portrait_warp(image, face + place), loud)((face + place)[None] + 6)
        assert bool(frames.isfinite().all())
        assert frames.shape == (1, 3, 96, 96)
