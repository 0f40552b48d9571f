"""The face-alignment detector around stand-in networks whose answers are known: needs neither library nor weights."""

import sys

import numpy as np
import pytest
import torch

from kp_io.annotation.annotate import annotate_frames
from kp_io.detectors.base import LandmarkDetector
from kp_io.detectors.face_alignment import detector as face_alignment
from kp_io.detectors.face_alignment.detector import FaceAlignmentDetector
from kp_io.keypoints.layout import IBUG68

HEIGHT, WIDTH, RADIUS = 240, 320, 30.0


class DiscReader(torch.nn.Module):
    """Sees a white disc in a crop and draws the heatmaps of a face on it, as large as the disc."""

    def __init__(self, template):
        super().__init__()
        self.template, self.batches = template, []

    def forward(self, crops):
        self.batches.append(len(crops))
        bright = crops[:, 0]
        area = bright.sum((1, 2))
        steps = torch.arange(256.0)
        centre = torch.stack(((bright.sum(1) * steps).sum(1), (bright.sum(2) * steps).sum(1)), 1) / (area[:, None] + 1)
        points = centre[:, None] + self.template * (area / torch.pi).sqrt()[:, None, None]
        cells = (points + 0.5) / 4 - 0.5
        near = torch.arange(64.0) - cells[..., None]
        profile = torch.exp(-(near**2) / 2)
        return [None, profile[:, :, 1, :, None] * profile[:, :, 0, None, :] * (area > 50)[:, None, None, None]]


class OneBox(torch.nn.Module):
    """Finds one face, of 128 px, at a place of S3FD's level of stride 32."""

    def forward(self, images):
        levels = []
        for stride in (4, 8, 16, 32, 64, 128):
            rows, columns = images.shape[2] // stride + 1, images.shape[3] // stride + 1
            scores = torch.zeros(len(images), 2, rows, columns)
            scores[:, 0] = 9
            if stride == 32:
                scores[:, 1, 3, 4] = 18
            levels += [scores, torch.zeros(len(images), 4, rows, columns)]
        return levels


class Depth(torch.nn.Module):
    """Tells how far right a point was drawn, which is something to compare with."""

    def forward(self, drawn):
        return drawn[:, 3:].amax(2).argmax(-1).float()


@pytest.fixture
def template(face):
    """A face around zero, in radii of its disc, the same when mirrored."""
    mirrored = face[list(IBUG68.mirror)] * torch.tensor([-1.0, 1.0]) + torch.tensor([256.0, 0.0])
    upright = (face + mirrored) / 2
    return (upright - torch.tensor([128.0, 130.0])) / 100


@pytest.fixture
def make(monkeypatch, template):
    """Make a detector with stand-ins for its networks; `.reader` counts the crops it was shown."""

    def make(**options):
        reader = DiscReader(template)
        monkeypatch.setattr(face_alignment, "find_weights", lambda names, folder: list(names))
        monkeypatch.setattr(face_alignment, "library_version", lambda: "1.5.0")
        monkeypatch.setattr(face_alignment, "load_box_network", lambda path: OneBox())
        monkeypatch.setattr(face_alignment, "load_point_network", lambda path: reader)
        monkeypatch.setattr(face_alignment, "load_depth_network", lambda path: Depth())
        detector = FaceAlignmentDetector(**options)
        detector.reader = reader
        return detector

    return make


def picture(x=None, y=120.0, radius=RADIUS):
    """A smooth white disc on black, or nothing."""
    if x is None:
        return np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disc = np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)
    return np.repeat((disc * 255).round().astype(np.uint8)[..., None], 3, axis=-1)


def truth(template, x, y=120.0, radius=RADIUS):
    return template * radius + torch.tensor([x, y])


def test_it_is_a_detector(make):
    detector = make(batch_size=8)
    assert isinstance(detector, LandmarkDetector)
    assert detector.name == "face-alignment-1.5.0/2D-FAN-4-flip"
    assert detector.batch_size == 8
    assert make(flip=False, dimensions=3).name == "face-alignment-1.5.0/3D-FAN-4"


@pytest.mark.parametrize("options", [{}, {"flip": False}, {"dtype": torch.float64}])
def test_points_are_in_pixels_of_the_picture(make, template, options):
    detector = make(**options)
    [(points, scores)] = detector.detect(picture(140.25, 118.5))
    torch.testing.assert_close(points, truth(template, 140.25, 118.5), atol=0.25, rtol=0)
    assert scores.min() > 0.75
    assert scores.max() <= 1
    assert points.dtype == torch.float32


def test_no_face_where_the_heatmaps_are_flat(make):
    assert make().detect(picture()) == []


def test_a_large_picture_is_shrunk_to_find_faces_only(make, template):
    large = np.zeros((960, 1280, 3), np.uint8)
    rows, columns = np.mgrid[:960, :1280]
    large[np.hypot(columns - 290, rows - 230) < 40] = 255
    [(points, _)] = make(detect_size=640).detect(large)
    torch.testing.assert_close(points, truth(template, 290.0, 230.0, 40.0), atol=0.6, rtol=0)


def test_a_still_face_is_looked_at_once_a_frame(make, template):
    detector = make(batch_size=16)
    found = detector.track([picture(100.0)] * 16, truth(template, 100.0))
    assert len(found) == 16
    assert detector.reader.batches == [4] * 8  # two frames and their mirror images at a time
    assert all(torch.equal(points, found[0][0]) for points, _ in found)


@pytest.mark.parametrize("speed", [0.3, 4.0, 12.0])
def test_a_moving_face_is_followed(make, template, speed):
    places = [70.0 + speed * i for i in range(1, 16)]
    detector = make(flip=False)
    found = detector.track([picture(x) for x in places], truth(template, 70.0))
    for x, detection in zip(places, found, strict=True):
        torch.testing.assert_close(detection[0], truth(template, x), atol=0.3, rtol=0)
    # In four frames the slow face stays where it was; the fast one moves more than a tenth of its size in each.
    looked_at = sum(detector.reader.batches)
    assert looked_at <= 20 if speed < 1 else looked_at > 20


def test_a_growing_face_is_followed(make, template):
    radii = [20.0 * 1.06**i for i in range(1, 12)]
    found = make().track([picture(150.0, radius=r) for r in radii], truth(template, 150.0, radius=20.0))
    for radius, detection in zip(radii, found, strict=True):
        torch.testing.assert_close(detection[0], truth(template, 150.0, radius=radius), atol=0.5, rtol=0)


def test_a_lost_face_stays_lost(make, template):
    images = [picture(100.0)] * 3 + [picture()] + [picture(100.0)] * 3
    found = make().track(images, truth(template, 100.0))
    assert [detection is None for detection in found] == [False] * 3 + [True] * 4


def test_a_face_out_of_the_picture_is_lost(make, template):
    assert make().track([picture(100.0)], truth(template, 2000.0)) == [None]
    assert make().track([picture(100.0)], torch.zeros(68, 2)) == [None]
    assert make().track([], truth(template, 100.0)) == []


def test_depth_comes_in_pixels_of_the_picture(make, template):
    detector = make(dimensions=3)
    flat = truth(template, 140.0)
    [(points, scores)] = detector.track([picture(140.0)], flat)
    assert points.shape == (68, 3)
    assert scores.shape == (68,)
    torch.testing.assert_close(points[:, :2], flat, atol=0.3, rtol=0)
    # The stand-in's depth is x in the crop: in pixels of the picture it differs from x by a constant.
    distance = points[:, 2] - points[:, 0]
    assert (distance - distance.mean()).abs().max() < 1.0
    # The next frame takes points of three coordinates as they are.
    assert detector.track([picture(140.0)], points)[0][0].shape == (68, 3)


def test_pictures_of_different_sizes_are_no_frames_of_a_video(make, template):
    with pytest.raises(ValueError, match="pictures of one size"):
        make().track([picture(100.0), picture(100.0)[:100]], truth(template, 100.0))


@pytest.mark.parametrize(
    ("options", "message"), [({"batch_size": 0}, "batch_size to be at least 1"), ({"detect_size": 8}, "at least 64 px")]
)
def test_options_out_of_range(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there(make, device):
    with pytest.raises(ValueError, match=f"device that PyTorch can use here, such as cpu, got {device}"):
        make(device=device)


@pytest.mark.usefixtures("as_users_run_it")
def test_four_dimensions_are_too_many(make):
    with pytest.raises(ValueError, match="dimensions to be 2 or 3, got 4"):
        make(dimensions=4)


def test_without_the_library_both_commands_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(ImportError, match=r'pip install "numba>=.*kp-io\[face-alignment\].*--no-deps face-alignment'):
        FaceAlignmentDetector()


def test_a_video_is_annotated_with_it(make, template):
    """Three batches of frames and one in the dark, through everything that annotating does."""
    places = [110.0 + 2 * i for i in range(20)]
    frames = [picture(x) for x in places]
    frames[9] = picture()
    sequence = annotate_frames(frames, detector=make(batch_size=8))
    assert sequence.detector == "face-alignment-1.5.0/2D-FAN-4-flip"
    expected = torch.stack([truth(template, x) for x in places])
    torch.testing.assert_close(sequence.keypoints, expected, atol=0.4, rtol=0)
    assert (sequence.scores[9] == 0).all()
    assert (sequence.scores[8] > 0.75).all()
