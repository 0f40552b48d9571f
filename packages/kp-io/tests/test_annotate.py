"""From pixels to keypoints with the default detector, on real faces."""

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut

from kp_io.annotation.annotate import annotate_frames, annotate_image, default_detector
from kp_io.detectors.base import LandmarkDetector, NoFaceFoundError, ThoroughDetector
from kp_io.keypoints.layout import IBUG68

# The astronaut's features in the 512 px portrait, read off the picture by eye.
RIGHT_EYE, LEFT_EYE, NOSE_TIP, MOUTH = (203, 102), (246, 104), (226, 128), (223, 146)


@pytest.fixture(scope="module")
def portrait():
    return astronaut()


@pytest.fixture(scope="module")
def detector():
    return default_detector()


@pytest.fixture(scope="module")
def still(portrait, detector):
    return annotate_image(portrait, detector=detector)


class Scripted:
    """A detector that finds what it is told to, for the decisions that real footage cannot time."""

    name = "scripted"

    def __init__(self, detected, tracked, batch_size=1):
        self.detected, self.tracked, self.batch_size = detected, tracked, batch_size

    def detect(self, image):
        return [self.face(x) for x in self.detected[int(image[0, 0, 0])]]

    def track(self, images, previous):
        seen = [int(image[0, 0, 0]) in self.tracked for image in images]
        return [self.face(float(previous[27, 0])) if all(seen[: i + 1]) else None for i in range(len(seen))]

    @staticmethod
    def face(x):
        points = torch.zeros(68, 2)
        points[:, 0] = x
        points[:, 1] = torch.linspace(0, 100, 68)
        return points, torch.ones(68)


def numbered(count):
    return [np.full((64, 64, 3), index, np.uint8) for index in range(count)]


def test_points_lie_on_the_features(still):
    points = still.keypoints[0]
    for part, where in (("right_eye", RIGHT_EYE), ("left_eye", LEFT_EYE), ("inner_lip", MOUTH)):
        centre = points[list(IBUG68.part(part).indices)].mean(dim=0)
        assert (centre - torch.tensor(where)).norm() < 6, part
    assert (points[30] - torch.tensor(NOSE_TIP)).norm() < 8


def test_a_still_records_picture_and_detector(still, detector):
    assert len(still) == 1
    assert still.image_size == (512, 512)
    assert still.detector == detector.name
    assert bool((still.scores == 1).all())


def test_the_default_detector_is_one_by_the_protocol(detector):
    assert isinstance(detector, LandmarkDetector)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_points_scale_with_the_picture(portrait, still, detector, scale):
    import cv2

    scaled = cv2.resize(
        portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    points = annotate_image(scaled, detector=detector).keypoints[0] / scale
    assert (points - still.keypoints[0]).norm(dim=-1).mean() < 2.0


def test_tracking_agrees_with_detection(portrait, still, detector):
    [tracked] = detector.track([portrait], still.keypoints[0])
    assert tracked is not None
    assert (tracked[0] - still.keypoints[0]).norm(dim=-1).mean() < 1.0


def test_tracking_follows_a_moving_face(portrait, still, detector):
    frames = [np.roll(portrait, (2 * t, 3 * t), axis=(0, 1)) for t in range(12)]
    sequence = annotate_frames(frames, detector=detector)
    moved = sequence.keypoints[-1].mean(dim=0) - sequence.keypoints[0].mean(dim=0)
    torch.testing.assert_close(moved, torch.tensor([33.0, 22.0]), atol=1.0, rtol=0)


def test_a_face_that_is_gone_is_not_tracked(portrait, still, detector):
    noise = np.random.default_rng(0).integers(0, 255, portrait.shape, dtype=np.uint8)
    assert detector.track([noise, portrait], still.keypoints[0]) == [None, None]


def test_averaging_boxes_steadies_the_points(portrait, still):
    from kp_io.detectors.dlib import DlibDetector

    noise = np.random.default_rng(0).normal(0, 6, (8, *portrait.shape))
    noisy = (portrait + noise).clip(0, 255).astype(np.uint8)

    def jitter(detector):
        points = [detector.track([frame], still.keypoints[0])[0][0] for frame in noisy]
        return float(torch.stack(points).std(dim=0).mean())

    assert jitter(DlibDetector(num_boxes=9)) < 0.8 * jitter(DlibDetector(num_boxes=1))


def test_two_faces_are_ordered_by_size_and_chosen_by_number(portrait, detector):
    import cv2

    small = cv2.resize(portrait[:300, 100:400], (180, 180), interpolation=cv2.INTER_AREA)
    both = np.full((512, 760, 3), 128, np.uint8)
    both[:, :512], both[100:280, 560:740] = portrait, small
    largest, second = (annotate_image(both, detector=detector, face=n).keypoints[0] for n in (0, 1))
    assert float(largest[:, 0].max()) < 512 < float(second[:, 0].min())
    with pytest.raises(NoFaceFoundError, match="between 0 and 1 for the 2 faces"):
        annotate_image(both, detector=detector, face=2)


def test_no_face_says_what_was_tried_and_what_helps(detector):
    with pytest.raises(NoFaceFoundError, match=r"no face was found in the picture \(200×100 px.*frontal"):
        annotate_image(np.full((100, 200, 3), 90, np.uint8), detector=detector)


def test_a_video_without_a_face_says_so(detector):
    with pytest.raises(NoFaceFoundError, match="no face was found in any of the 3 frames"):
        annotate_frames([np.zeros((90, 120, 3), np.uint8)] * 3, detector=detector)


def test_lost_frames_are_interpolated_and_score_zero():
    # Frame 2 shows no face, so it lies between its neighbours, whatever they are.
    detector = Scripted(detected=[[10.0], [], [], [30.0], [30.0]], tracked={1, 4})
    sequence = annotate_frames(numbered(5), detector=detector)
    torch.testing.assert_close(sequence.keypoints[:, 27, 0], torch.tensor([10.0, 10.0, 20.0, 30.0, 30.0]))
    assert sequence.scores[:, 0].tolist() == [1, 1, 0, 1, 1]


def test_a_found_face_is_followed_back():
    detector = Scripted(detected=[[], [], [5.0]], tracked={0, 1})
    sequence = annotate_frames(numbered(3), detector=detector)
    assert sequence.scores[:, 0].tolist() == [1, 1, 1]


def test_a_track_ends_where_faces_are_found_elsewhere_only():
    # At 5 fps the track is compared with detections at frames 0, 10, 20.
    detector = Scripted(detected=[[10.0]] * 10 + [[500.0]] * 5, tracked=set(range(15)))
    sequence = annotate_frames(numbered(15), fps=5.0, detector=detector)
    assert sequence.keypoints[9, 27, 0] == 10
    assert sequence.keypoints[10:, 27, 0].tolist() == [500.0] * 5


@pytest.mark.parametrize("batch_size", [2, 3, 7, 40])
def test_batches_change_nothing(batch_size):
    detected = [[], [], [5.0], [5.0], [], [], [7.0, 9.0], *[[7.0]] * 8]
    one, many = (Scripted(detected, {0, 1, 3, 5, 7, 8, 10, 11, 12, 13}, batch_size=size) for size in (1, batch_size))
    expected, got = (annotate_frames(numbered(15), detector=detector) for detector in (one, many))
    assert torch.equal(got.keypoints, expected.keypoints)
    assert torch.equal(got.scores, expected.scores)


def test_progress_counts_frames():
    done = []
    annotate_frames(numbered(4), detector=Scripted([[1.0]] * 4, {1, 2, 3}), on_frame=done.append)
    assert done == [1, 2, 3, 4]


def test_no_frames_is_an_error():
    with pytest.raises(ValueError, match="at least one frame"):
        annotate_frames([], detector=Scripted([], set()))


def test_missing_model_names_the_cure(monkeypatch, tmp_path):
    from kp_io.detectors import dlib

    monkeypatch.setattr(dlib, "find_spec", lambda name: None)
    monkeypatch.setattr(dlib, "_MODEL_FOLDERS", (str(tmp_path),))
    with pytest.raises(FileNotFoundError, match=r'pip install "dlib-bin>=.* "face-recognition-models>=.*kp-io\[dlib\]'):
        dlib.find_dlib_model()


def test_the_face_that_stays_is_not_the_largest_at_first():
    # Two faces at 10 and 500; the first leaves after three frames. A third comes at the check (frame 9 at 5 fps).
    detected = [[10.0, 500.0]] * 3 + [[500.0]] * 6 + [[500.0, 900.0]] * 6
    largest = annotate_frames(numbered(15), fps=5.0, detector=Following(detected))
    assert largest.keypoints[:3, 27, 0].tolist() == [10.0] * 3
    stays = annotate_frames(numbered(15), fps=5.0, detector=Following(detected), track="persistent")
    assert stays.keypoints[:, 27, 0].tolist() == [500.0] * 15
    assert bool((stays.scores == 1).all())
    second = annotate_frames(numbered(15), fps=5.0, detector=Following(detected), track="persistent", face=1)
    assert second.keypoints[-1, 27, 0] == 900
    assert (second.scores.amax(dim=1) > 0).tolist() == [False] * 9 + [True] * 6


class Following(Scripted):
    """Tracks what it would detect at the same place."""

    def __init__(self, detected):
        super().__init__(detected, None)

    def track(self, images, previous):
        here = [float(previous[27, 0]) in self.detected[int(image[0, 0, 0])] for image in images]
        return [self.face(float(previous[27, 0])) if all(here[: i + 1]) else None for i in range(len(here))]


def test_an_unknown_choice_of_track_is_named(as_users_run_it):
    with pytest.raises(ValueError, match="largest, persistent, got 'longest'"):
        annotate_frames(numbered(1), detector=Scripted([[1.0]], set()), track="longest")


def test_a_track_does_not_reach_over_a_cut():
    # Bright frames are the second shot, in which the face has moved on; what is tracked would stay where it was.
    bright = [np.full((64, 64, 3), 200 + index, np.uint8) for index in range(5)]
    detected = {**{i: [10.0] for i in range(5)}, **{200 + i: [900.0] for i in range(5)}}
    detector = Scripted(detected, set(detected), batch_size=4)
    sequence = annotate_frames([*numbered(5), *bright], detector=detector)
    assert sequence.keypoints[:, 27, 0].tolist() == [10.0] * 5 + [900.0] * 5
    assert bool((sequence.scores == 1).all())


def test_a_gap_at_a_cut_is_filled_from_its_own_shot():
    bright = [np.full((64, 64, 3), 200 + index, np.uint8) for index in range(4)]
    detected = {0: [10.0], 1: [10.0], 2: [], 200: [], 201: [], 202: [900.0], 203: [900.0]}
    sequence = annotate_frames([*numbered(3), *bright], detector=Scripted(detected, {1, 203}))
    assert sequence.keypoints[:, 27, 0].tolist() == [10.0] * 3 + [900.0] * 4
    assert sequence.scores[:, 0].tolist() == [1, 1, 0, 0, 0, 1, 1]


def test_two_real_clips_one_after_the_other(portrait, detector):
    import cv2

    small = np.full_like(portrait, 30)
    small[200:456, 240:496] = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    shots = [np.roll(portrait, t, axis=1) for t in range(4)] + [np.roll(small, t, axis=1) for t in range(4)]
    joined = annotate_frames(shots, detector=detector)
    for start in (0, 4):
        alone = annotate_frames(shots[start : start + 4], detector=detector)
        torch.testing.assert_close(joined.keypoints[start : start + 4], alone.keypoints)


def test_a_face_in_the_dark_is_found(portrait, still, detector):
    # Backlit: the head is nearly black before a white wall.
    dark = (portrait * 0.05).astype(np.uint8)
    found = annotate_image(dark, detector=detector).keypoints[0]
    assert (found - still.keypoints[0]).norm(dim=-1).mean() < 6


def turned(image, degrees):
    """Return a picture turned clockwise, with the colours of its edge around it, and the map of its points."""
    height, width = image.shape[:2]
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    size = np.ceil(np.abs(turn) @ (width, height)).astype(int)
    matrix = np.column_stack([turn, size / 2 - turn @ (width / 2, height / 2)])
    pixels = cv2.warpAffine(image, matrix, tuple(map(int, size)), borderMode=cv2.BORDER_REPLICATE)
    return pixels, lambda points: points @ matrix[:, :2].T + matrix[:, 2]


@pytest.mark.parametrize("degrees", [-45, 60, 90])
def test_a_face_that_lies_on_its_side_is_found_in_a_picture(portrait, still, detector, degrees):
    picture, to_picture = turned(portrait[:300, 80:380], degrees)
    assert not detector.detect(picture), "the ordinary detection, which videos use, does not find it"
    found = annotate_image(picture, detector=detector).keypoints[0].numpy()
    expected = to_picture(still.keypoints[0].numpy() - (80, 0))
    assert np.linalg.norm(found - expected, axis=1).mean() < 2


def test_a_search_finds_no_face_where_there_is_none(portrait, detector):
    covered = portrait[:300, 80:380].copy()
    covered[:210, 60:230] = covered[:210, 60:230].mean(axis=(0, 1))
    assert detector.search(covered) == []
    with pytest.raises(NoFaceFoundError):
        annotate_image(covered, detector=detector)


def test_only_a_picture_without_a_face_is_searched(portrait, monkeypatch):
    detector = default_detector()
    monkeypatch.setattr(detector, "search", lambda image: pytest.fail("the first try has found it"), raising=False)
    annotate_image(portrait, detector=detector)
    assert isinstance(detector, ThoroughDetector)
    with pytest.raises(NoFaceFoundError):
        annotate_frames([np.zeros((64, 64, 3), np.uint8)] * 3, detector=detector)
    with pytest.raises(NoFaceFoundError):
        annotate_image(np.zeros((64, 64, 3), np.uint8), detector=Scripted({0: []}, set()))
