import itertools
import tracemalloc

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from kp_io import IBUG68, KeypointSequence, draw_keypoints, face_box, rasterize


def test_a_pixel_at_a_keypoint_has_its_parts_colour(face):
    for thickness in (None, 3):
        frame = next(rasterize(face[None] * 3, image_size=(768, 768), thickness=thickness))
        for part in IBUG68.parts:
            for i in part.indices:
                x, y = (face[i] * 3).round().int().tolist()
                near = frame[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).astype(int)
                assert np.abs(near - part.colour).sum(axis=1).min() <= 60, (part.name, i)


def test_lines_join_the_points_of_a_part_and_no_others():
    points = torch.full((68, 2), -100.0)
    points[0], points[1:17] = torch.tensor([10.0, 50]), torch.tensor([90.0, 50])
    points[17], points[18:22] = torch.tensor([10.0, 80]), torch.tensor([90.0, 80])
    frame = next(rasterize(points[None], image_size=(100, 100), thickness=2))
    assert tuple(frame[50, 50]) == IBUG68.part("jaw").colour
    assert tuple(frame[80, 50]) == IBUG68.part("right_brow").colour
    assert not frame[65, 20:80].any()


def test_closed_parts_are_closed(face):
    points = torch.full((68, 2), -100.0)
    eye = IBUG68.part("right_eye")
    corners = torch.tensor([[20.0, 20], [40, 20], [60, 20], [80, 80], [50, 80], [20, 80]])
    points[eye.start : eye.stop] = corners
    frame = next(rasterize(points[None], image_size=(100, 100), thickness=2))
    assert tuple(frame[50, 20]) == eye.colour  # between the last point and the first one


def test_a_shift_below_a_pixel_changes_the_picture_smoothly(face):
    def drawn(shift):
        return next(rasterize(face[None] + shift, image_size=(256, 256))).astype(int)

    assert np.abs(drawn(0.25) - drawn(0)).sum() > 0
    assert np.abs(drawn(0.25) - drawn(0)).sum() < np.abs(drawn(1.0) - drawn(0)).sum()
    # Anti-aliased: there are many tones between black and the colours.
    assert len(np.unique(drawn(0)[..., 2])) > 40


def test_frames_are_drawn_when_they_are_asked_for(face):
    many = face.expand(5000, 68, 2)
    tracemalloc.start()
    try:
        first = list(itertools.islice(rasterize(many, image_size=(512, 512)), 20))
        del first[:-1]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5000 * 68 * 2 * 8 * 4 + 25 * 512 * 512 * 3
    frames = rasterize(many[:3], image_size=(64, 64))
    assert iter(frames) is frames
    one, other = next(frames), next(frames)
    one[...] = 7
    assert not (other == 7).all()


def test_height_scales_points_and_lines(sequence):
    small = next(rasterize(sequence))
    large = next(rasterize(sequence, height=1024))
    assert small.shape == (256, 256, 3)
    assert large.shape == (1024, 1024, 3)
    x, y = (((sequence.keypoints[0, 8] + 0.5) * 4 - 0.5).round().int()).tolist()
    assert np.abs(large[y, x].astype(int) - IBUG68.part("jaw").colour).sum() < 30
    # Lines keep their width in the face, so the inked share hardly changes.
    shares = [(frame.max(axis=2) > 100).mean() for frame in (large, next(rasterize(sequence, height=512)))]
    assert shares[0] == pytest.approx(shares[1], rel=0.5)


def test_odd_proportions_keep_their_shape():
    assert next(rasterize(torch.zeros(1, 68, 2), image_size=(100, 177), height=300)).shape == (300, 531, 3)


def test_over_a_photo_the_rest_of_it_shows_and_the_input_stays(sequence):
    photo = np.full((256, 256, 3), 120, np.uint8)
    frames = list(rasterize(sequence, background=photo))
    assert len(frames) == 10
    assert (photo == 120).all()
    for frame in frames:
        assert (frame[:40] == 120).all()
        assert (frame != 120).any()
    drawn = draw_keypoints(photo, sequence.keypoints[0])
    assert (drawn == frames[0]).mean() > 0.99


def test_background_videos_run_along_and_hold_their_last_frame(sequence):
    clip = (np.full((128, 128, 3), 10 * i, np.uint8) for i in range(4))
    corners = [int(frame[0, 0, 0]) for frame in rasterize(sequence, background=clip)]
    assert corners == [0, 10, 20, *[30] * 7]


def test_a_colour_as_ground(sequence):
    frame = next(rasterize(sequence, background=(255, 250, 240)))
    assert tuple(frame[0, 0]) == (255, 250, 240)


def test_dots_add_ink(sequence):
    plain, dotted = (next(rasterize(sequence, dots=dots, thickness=2)) for dots in (False, True))
    assert (dotted.max(axis=2) > 100).sum() > (plain.max(axis=2) > 100).sum() + 100


def test_crop_shows_the_part_that_the_whole_shows(sequence):
    left, top, right, bottom = face_box(sequence)
    whole = next(rasterize(sequence, thickness=2))
    part = next(rasterize(sequence, thickness=2, crop=(left, top, right, bottom)))
    np.testing.assert_array_equal(part, whole[top:bottom, left:right])
    assert next(rasterize(sequence, crop=(left, top, right, bottom), height=400)).shape == (400, 400, 3)
    photo = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    over = next(rasterize(sequence, background=photo, crop=(5, 10, 250, 240)))
    np.testing.assert_array_equal(over[:20, :20], photo[10:30, 5:25])


@pytest.mark.parametrize("offset", [(0.0, 0.0), (-60.0, -70.0), (500.0, 300.0)])
def test_face_box_lies_in_the_picture_and_holds_the_face(sequence, offset):
    moved = sequence.keypoints * 0.4 + torch.tensor(offset)
    left, top, right, bottom = face_box(moved, image_size=(360, 640))
    assert 0 <= left < right <= 640
    assert 0 <= top < bottom <= 360
    assert right - left == bottom - top
    visible = moved[(moved[..., 0] >= 0) & (moved[..., 0] < 640) & (moved[..., 1] >= 0) & (moved[..., 1] < 360)]
    inside = (visible[:, 0] >= left) & (visible[:, 0] < right) & (visible[:, 1] >= top) & (visible[:, 1] < bottom)
    assert inside.all()


def test_three_dimensions_and_points_far_outside_are_drawn():
    wild = torch.full((2, 68, 3), 1e9)
    wild[:, :34] = -1e9
    assert len(list(rasterize(KeypointSequence(wild, image_size=(64, 64))))) == 2


def test_refused(sequence):
    points = sequence.keypoints
    with pytest.raises(ValueError, match="image_size"):
        rasterize(points)
    with pytest.raises((ValueError, TypeCheckError)):
        rasterize(points[0], image_size=(64, 64))
    with pytest.raises(ValueError, match=r"\(T, 68, 2\)"):
        rasterize(points[:, :5], image_size=(64, 64))
    with pytest.raises(ValueError, match="positive"):
        rasterize(sequence, height=0)
    with pytest.raises(ValueError, match="thickness"):
        rasterize(sequence, thickness=0)
    with pytest.raises(ValueError, match="crop"):
        rasterize(sequence, crop=(0, 0, 300, 300))
    with pytest.raises(ValueError, match="proportions"):
        next(rasterize(sequence, background=np.zeros((100, 300, 3), np.uint8)))
    with pytest.raises(ValueError, match="at least one background"):
        next(rasterize(sequence, background=[]))
