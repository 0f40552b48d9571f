"""MediaPipe's mesh: the table, the arithmetic of crops with a stand-in for the library, and the library itself."""

import os
import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from kp_io import IBUG68, LandmarkDetector, annotate_frames, make_detector
from kp_io.detectors.mediapipe import MediaPipeDetector
from kp_io.detectors.mediapipe_mesh import MESH_SIZE, MESH_TO_IBUG68

#: Where each of the 478 vertices lies within a stand-in's face, 0 to 1.
SPREAD = np.random.default_rng(0).uniform(0, 1, (MESH_SIZE, 2))
SPREAD[MESH_TO_IBUG68[0]], SPREAD[MESH_TO_IBUG68[16]] = (0, 0), (1, 1)


class Landmarker:
    """Takes every white rectangle for a face that is neither too small nor too large for it, as the library does."""

    closed = 0

    def detect(self, picture):
        white = (picture.data.min(axis=2) > 200).astype(np.uint8)
        height, width = white.shape
        faces = []
        for left, top, w, h, _ in cv2.connectedComponentsWithStats(white)[2][1:]:
            if not 0.1 <= w / width <= 0.9:
                continue
            points = (SPREAD * (w, h) + (left, top)) / (width, height)
            faces.append([SimpleNamespace(x=x, y=y) for x, y in points])
        return SimpleNamespace(face_landmarks=faces)

    def close(self):
        type(self).closed += 1


@pytest.fixture
def library(monkeypatch):
    """The part of mediapipe that is used, with a `Landmarker` that finds rectangles."""

    def create(options):
        if options.base_options.model_asset_buffer.endswith(b"bad"):
            raise RuntimeError("Unable to open zip archive.")
        assert options.running_mode == "IMAGE"
        return Landmarker()

    vision = SimpleNamespace(
        FaceLandmarker=SimpleNamespace(create_from_options=create),
        FaceLandmarkerOptions=SimpleNamespace,
        RunningMode=SimpleNamespace(IMAGE="IMAGE"),
    )
    tasks = ModuleType("mediapipe.tasks")
    python = ModuleType("mediapipe.tasks.python")
    python.BaseOptions, python.vision = SimpleNamespace, vision
    mediapipe = ModuleType("mediapipe")
    mediapipe.__version__ = "9.9"
    mediapipe.Image = SimpleNamespace
    mediapipe.ImageFormat = SimpleNamespace(SRGB=1)
    for module in (mediapipe, tasks, python):
        monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def bundle(tmp_path):
    with zipfile.ZipFile(tmp_path / "face_landmarker.task", "w") as file:
        file.writestr("face_detector.tflite", b"boxes")
        file.writestr("face_landmarks_detector.tflite", b"points")
    return tmp_path / "face_landmarker.task"


@pytest.fixture
def detector(library, bundle):
    return MediaPipeDetector(weights=bundle)


def picture(*faces, size=(300, 400)):
    """A black picture with a white rectangle (left, top, width, height) for each face."""
    image = np.zeros((*size, 3), np.uint8)
    for left, top, width, height in faces:
        image[top : top + height, left : left + width] = 255
    return image


def expected(left, top, width, height):
    points = SPREAD[list(MESH_TO_IBUG68)] * (width, height) + (left, top) - 0.5
    return torch.from_numpy(points).float()


def test_every_point_has_a_vertex_of_its_own():
    assert len(MESH_TO_IBUG68) == IBUG68.num_keypoints
    assert len(set(MESH_TO_IBUG68)) == IBUG68.num_keypoints
    assert all(0 <= vertex < MESH_SIZE - 10 for vertex in MESH_TO_IBUG68), "the last ten are irises"


def test_a_picture_gives_its_faces_in_pixels_the_largest_first(detector):
    assert isinstance(detector, LandmarkDetector)
    assert detector.batch_size == 1
    faces = [(30, 40, 60, 70), (200, 100, 120, 130)]
    small, large = detector.detect(picture(*faces))[::-1]
    torch.testing.assert_close(small[0], expected(*faces[0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(large[0], expected(*faces[1]), atol=1e-3, rtol=0)
    assert torch.equal(large[1], torch.ones(68))
    assert detector.detect(picture()) == []


@pytest.mark.parametrize(
    ("face", "size"),
    [
        ((5, 8, 390, 290), (300, 400)),
        ((300, 20, 100, 130), (800, 1100)),
        ((543, 390, 60, 64), (800, 1100)),
        ((8, 1000, 62, 60), (1100, 800)),
        ((1290, 1000, 60, 60), (1080, 1920)),
    ],
    ids=str,
)  # too large for the whole picture, and too small
def test_faces_that_the_library_misses_in_the_whole_picture_are_found_once(detector, face, size):
    [found] = detector.detect(picture(face, size=size))
    torch.testing.assert_close(found[0], expected(*face), atol=1e-3, rtol=0)


def test_a_face_is_followed_to_the_edge_and_until_it_is_gone(detector):
    places = [(300 + 12 * t, 60, 80, 90) for t in range(2)] + [(340, 60, 60, 90)]
    images = [picture(place, (20, 40, 80, 90)) for place in places] + [picture((20, 40, 80, 90))] * 2
    start = detector.detect(images[0])
    [first] = [points for points, _ in start if float(points[:, 0].min()) > 200]
    followed = detector.track(images, first)
    assert [found is None for found in followed] == [False, False, False, True, True]
    for found, place in zip(followed[:3], places, strict=True):
        torch.testing.assert_close(found[0], expected(*place), atol=1e-3, rtol=0)
    far_away = first + 5000
    assert detector.track(images[:1], far_away) == [None]


def test_a_video_gets_its_points_and_the_models_digest(detector, bundle):
    frames = [picture((100 + 2 * t, 60, 120, 130)) for t in range(6)]
    sequence = annotate_frames(frames, detector=detector)
    torch.testing.assert_close(sequence.keypoints[5], expected(110, 60, 120, 130), atol=1e-3, rtol=0)
    with zipfile.ZipFile(bundle, "a") as file:
        file.writestr("other", b"other")
    other = MediaPipeDetector(weights=bundle)
    assert sequence.detector == detector.name != other.name
    assert detector.name.startswith("mediapipe-9.9/")


def test_it_is_closed_with_its_detector(library, bundle):
    before = Landmarker.closed
    detector = MediaPipeDetector(weights=bundle)
    del detector
    assert Landmarker.closed == before + 1


def test_what_is_no_model_is_told_apart_from_what_cannot_be_loaded(library, bundle, tmp_path):
    with pytest.raises(ValueError, match=r"expected the path of face_landmarker\.task.*download"):
        make_detector("mediapipe")
    (tmp_path / "text.task").write_text("no zip")
    with pytest.raises(ValueError, match=r"text\.task, which is no bundle"):
        make_detector("mediapipe", weights=tmp_path / "text.task")
    with pytest.raises(FileNotFoundError, match="found no file"):
        MediaPipeDetector(weights=tmp_path)
    with zipfile.ZipFile(tmp_path / "hands.task", "w") as file:
        file.writestr("hand_detector.tflite", b"")
    with pytest.raises(ValueError, match=r"with face_detector\.tflite, got .*hands\.task"):
        make_detector("mediapipe", weights=tmp_path / "hands.task")
    with zipfile.ZipFile(bundle, "a") as file:
        file.comment = b"bad"
    with pytest.raises(ValueError, match=r"that MediaPipe can load.*zip archive"):
        make_detector("mediapipe", weights=bundle)


def test_without_the_library_the_error_says_what_to_install(monkeypatch, bundle):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(ImportError, match=r"kp-io\[mediapipe\]"):
        make_detector("mediapipe", weights=bundle)


@pytest.fixture
def real():
    """The library with a model of its own, whose file no package brings."""
    pytest.importorskip("mediapipe", reason="needs the extra kp-io[mediapipe]")
    task = os.environ.get("KP_IO_FACE_LANDMARKER")
    if not task:
        pytest.skip("needs a face_landmarker.task: set KP_IO_FACE_LANDMARKER to its path")
    return MediaPipeDetector(weights=Path(task))


def test_the_real_mesh_agrees_with_dlib(real):
    pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
    skimage = pytest.importorskip("skimage.data", reason="needs scikit-image")
    portrait = np.ascontiguousarray(skimage.astronaut()[:400, 30:430])
    [mesh, *_], [trees, *_] = real.detect(portrait), make_detector("dlib").detect(portrait)
    eyes = float((trees[0][36] - trees[0][45]).norm())
    apart = (mesh[0] - trees[0]).norm(dim=1) / eyes
    assert float(apart[17:].mean()) < 0.06, "brows, nose, eyes and mouth"
    assert float(apart.mean()) < 0.09, "the jaw too"
    frames = [np.roll(portrait, (t, 2 * t), axis=(0, 1)) for t in range(10)]
    sequence = annotate_frames(frames, detector=real)
    moved = sequence.keypoints[9].mean(dim=0) - sequence.keypoints[0].mean(dim=0)
    torch.testing.assert_close(moved, torch.tensor([18.0, 9.0]), atol=1.5, rtol=0)
