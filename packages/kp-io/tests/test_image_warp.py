import numpy as np
import pytest
import torch

from kp_io.drawing.image_warp import warp_image_to_head
from kp_io.keypoints.layout import IBUG68
from kp_io.keypoints.sequence import KeypointSequence


@pytest.fixture
def face() -> torch.Tensor:
    return 40 + 120 * torch.rand(68, 2, generator=torch.Generator().manual_seed(1))


def turned(face: torch.Tensor, angle: float, scale: float, shift: tuple[float, float]) -> torch.Tensor:
    turn = scale * torch.tensor([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]).float()
    return (face - 100) @ turn + 100 + torch.tensor(shift)


def sequence(*faces: torch.Tensor) -> KeypointSequence:
    return KeypointSequence(torch.stack(faces), image_size=(200, 200))


def test_what_is_at_a_point_goes_where_the_point_goes(face):
    photo = np.zeros((200, 200, 3), np.uint8)
    spots = face[[IBUG68.left_eye_corner, 33, 8]].round()
    for x, y in spots.int().tolist():
        photo[y - 1 : y + 2, x - 1 : x + 2] = 255
    moved = list(warp_image_to_head(photo, sequence(face, turned(face, 0.2, 1.1, (6.0, -4.0)))))
    for x, y in turned(spots, 0.2, 1.1, (6.0, -4.0)).round().int().tolist():
        assert moved[1][y, x, 0] > 150
    assert np.array_equal(moved[0], photo)


def test_lips_move_no_picture(face):
    photo = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    speaking = face.clone()
    speaking[48:68] += 9
    moved = list(warp_image_to_head(photo, sequence(face, speaking)))
    assert np.abs(moved[1].astype(int) - photo).max() <= 2


def test_points_in_space_count_in_the_plane(face):
    photo = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    flat = sequence(face, turned(face, 0.1, 1.0, (3.0, 2.0)))
    deep = KeypointSequence(torch.cat((flat.keypoints, torch.rand(2, 68, 1)), dim=2), image_size=(200, 200))
    for a, b in zip(warp_image_to_head(photo, flat), warp_image_to_head(photo, deep), strict=True):
        assert np.array_equal(a, b)


def test_a_picture_of_another_size_is_refused(face):
    with pytest.raises(ValueError, match="expected an image of"):
        next(warp_image_to_head(np.zeros((100, 200, 3), np.uint8), sequence(face)))
