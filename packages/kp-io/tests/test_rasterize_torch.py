"""The torch path draws what the OpenCV path draws, for any batch, device and ground."""

import cv2
import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from kp_io import IBUG68, WHITE, rasterize, rasterize_batch

PHOTO = cv2.resize(np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8), (256, 256))


def as_tensor(frames):
    return torch.from_numpy(np.stack(list(frames))).permute(0, 3, 1, 2) / 255


@pytest.mark.parametrize("dots", [False, True])
@pytest.mark.parametrize("thickness", [None, 1, 2, 3, 4, 8])
@pytest.mark.parametrize("ground", ["black", "white", "photo"])
def test_it_is_the_picture_of_opencv_within_the_stated_tolerance(face, ground, thickness, dots):
    points = torch.stack([face + 0.37 * i for i in range(3)])
    plain = {"black": (0, 0, 0), "white": WHITE, "photo": PHOTO}[ground]
    same = as_tensor([PHOTO])[0] if ground == "photo" else plain
    expected = as_tensor(rasterize(points, image_size=(256, 256), background=plain, thickness=thickness, dots=dots))
    got = rasterize_batch(points, image_size=(256, 256), background=same, thickness=thickness, dots=dots)
    assert got.shape == expected.shape
    bare = as_tensor([np.broadcast_to(np.array(plain, np.uint8), (256, 256, 3))])
    drawn = (expected - bare).abs().amax(dim=1) > 0.02
    assert drawn.float().mean() > 0.02
    difference = (got - expected).abs().mean(dim=1)
    assert float(difference.mean()) < 0.005
    assert float(difference[drawn].mean()) < 0.06
    # What a shift by one pixel does is far outside of that, so the tolerance means something.
    assert float((got.roll(1, dims=3) - expected).abs().mean()) > 2 * float(difference.mean())


def test_one_colour_a_part_and_nothing_elsewhere():
    points = torch.full((1, 68, 2), -100.0)
    points[0, 0], points[0, 1:17] = torch.tensor([10.0, 50]), torch.tensor([90.0, 50])
    picture = rasterize_batch(points, image_size=(100, 110), thickness=2)[0]
    assert (picture[:, 50, 50] * 255).round().int().tolist() == list(IBUG68.part("jaw").colour)
    assert float(picture[:, 55:].max()) == float(picture[:, :45].max()) == 0
    assert float(picture[:, :, 95:].max()) == 0


def test_faces_of_a_batch_do_not_see_each_other(face, monkeypatch):
    points = torch.stack([face, 0.5 * face, face + 60])
    together = rasterize_batch(points, image_size=(200, 240), thickness=2)
    for one, picture in zip(points, together, strict=True):
        torch.testing.assert_close(rasterize_batch(one[None], image_size=(200, 240), thickness=2)[0], picture)
    monkeypatch.setattr("kp_io.drawing.rasterize_torch._MAX_NUMBERS", 1)  # one face at a time, to save memory
    torch.testing.assert_close(rasterize_batch(points, image_size=(200, 240), thickness=2), together)


def test_a_ground_for_each_face_and_none_is_changed(face):
    grounds = torch.stack([torch.full((3, 256, 256), 0.25), torch.full((3, 256, 256), 0.75)])
    pictures = rasterize_batch(face.expand(2, 68, 2), image_size=(256, 256), background=grounds)
    assert [float(picture[0, 0, 0]) for picture in pictures] == [0.25, 0.75]
    assert float(grounds[0].max()) == 0.25
    assert bool((pictures[1].amax(dim=0) < 0.4).any())  # the outline, dark on light


def test_points_in_one_place_far_outside_and_in_space():
    wild = torch.full((3, 68, 3), 1e9)
    wild[1] = -1e9
    wild[2] = 32.0
    pictures = rasterize_batch(wild, image_size=(64, 64), thickness=3)
    assert float(pictures[:2].max()) == 0
    expected = as_tensor(rasterize(wild[2:], image_size=(64, 64), thickness=3))
    assert float((pictures[2] - expected[0]).abs().mean()) < 0.005
    assert rasterize_batch(torch.zeros(0, 68, 2), image_size=(8, 9)).shape == (0, 3, 8, 9)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_draws_the_same(face):
    points = torch.stack([face, 0.7 * face])
    there = rasterize_batch(points.cuda(), image_size=(256, 256), background=WHITE)
    assert there.device.type == "cuda"
    torch.testing.assert_close(
        there.cpu(), rasterize_batch(points, image_size=(256, 256), background=WHITE), atol=1e-3, rtol=0
    )


def test_refused(face):
    with pytest.raises(ValueError, match=r"\(B, 68, 2\)"):
        rasterize_batch(face[None, :5], image_size=(8, 8))
    with pytest.raises(ValueError, match="thickness"):
        rasterize_batch(face[None], image_size=(8, 8), thickness=0)
    with pytest.raises(ValueError, match=r"\(3, 8, 8\) or \(1, 3, 8, 8\), got \(3, 9, 9\)"):
        rasterize_batch(face[None], image_size=(8, 8), background=torch.zeros(3, 9, 9))
    with pytest.raises((ValueError, TypeCheckError)):
        rasterize_batch(face, image_size=(8, 8))
