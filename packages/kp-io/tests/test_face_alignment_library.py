"""Our wrapper beside the library face-alignment: its own networks, seeded weights, the same boxes to both."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from kp_io.detectors.face_alignment import boxes, weights as files
from kp_io.detectors.face_alignment.crop import Box, crop_faces, crop_window
from kp_io.detectors.face_alignment.depth import draw_points
from kp_io.detectors.face_alignment.detector import FaceAlignmentDetector
from kp_io.detectors.face_alignment.heatmaps import predict_heatmaps

library = pytest.importorskip("face_alignment", reason="needs the library face-alignment")
from face_alignment import utils  # noqa: E402
from face_alignment.detection.sfd import sfd_detector  # noqa: E402
from face_alignment.detection.sfd.net_s3fd import s3fd  # noqa: E402
from face_alignment.models import FAN, ResNetDepth  # noqa: E402

CPU = torch.device("cpu")
PORTRAIT = np.ascontiguousarray(astronaut()[:400, 30:430])
FACE = Box(140.0, 40.0, 250.0, 190.0)


@pytest.fixture(scope="module")
def hub():
    """torch.hub's cache with seeded weights in the place of the real ones; half a gigabyte, so not kept."""
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", home)
        folder = Path(home) / "hub" / "checkpoints"
        folder.mkdir(parents=True)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            torch.save(s3fd().state_dict(), folder / files.BOXES)
            weights = FAN(4).state_dict()
            torch.save(weights, folder / files.POINTS_2D)
            (folder / files.POINTS_3D).symlink_to(folder / files.POINTS_2D)
            torch.save({"state_dict": ResNetDepth().state_dict()}, folder / files.DEPTH)
        yield folder


@pytest.fixture(scope="module")
def theirs(hub):
    """Build the library's whole annotator, from the same cache."""
    return library.FaceAlignment(library.LandmarksType.THREE_D, device="cpu", compile=False, flip_input=True)


@pytest.fixture(scope="module")
def ours(hub):
    return FaceAlignmentDetector(dimensions=3, min_score=-1.0, max_drift=np.inf)


def their_crop(box):
    width, height = box.right - box.left, box.bottom - box.top
    centre = np.array([box.right - width / 2, box.bottom - height / 2 - 0.12 * height])
    return utils.crop(PORTRAIT, centre, (width + height) / 195)


@pytest.mark.parametrize("seed", range(12))
def test_crops_are_the_library_s(seed):
    """Any size and place, partly outside, enlarged and shrunk; theirs are rounded to whole grey levels, twice."""
    generator = np.random.default_rng(seed)
    x, y = generator.uniform(-40, 400, 2)
    width, height = generator.uniform(20, 250, 2)
    box = Box(x, y, x + width, y + height)
    crop = crop_faces([PORTRAIT], crop_window(box), device=CPU)[0]
    difference = (crop * 255 - torch.from_numpy(their_crop(box)).permute(2, 0, 1)).abs()
    assert difference.max() < 0.8


@pytest.mark.parametrize("flip", [True, False])
def test_heatmaps_are_the_library_s(ours, theirs, flip):
    crops = crop_faces([PORTRAIT], crop_window(FACE), device=CPU)
    seen = torch.from_numpy(their_crop(FACE)).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        heatmaps = predict_heatmaps(ours._points, crops, flip=flip)
        expected = theirs.face_alignment_net(seen)[-1]
        if flip:
            mirrored = theirs.face_alignment_net(utils.flip(seen))[-1]
            expected = (expected + utils.flip(mirrored, is_label=True)) / 2
    assert expected.std() > 0.01
    assert (heatmaps - expected).abs().max() < 0.02 * expected.std()


def test_points_scores_and_depths_are_the_library_s(ours, theirs):
    """Theirs are cut to whole pixels, and told from quarters of a cell of 4.1 px; seeded peaks have any shape."""
    [expected], [their_scores], _ = theirs.get_landmarks_from_image(
        PORTRAIT, detected_faces=[[*FACE, 1.0]], return_landmark_score=True
    )
    with torch.inference_mode():
        points, scores = ours._landmarks([PORTRAIT, PORTRAIT], FACE)
    torch.testing.assert_close(points[0], points[1], atol=1e-3, rtol=0)
    distance = (points[0, :, :2] - torch.from_numpy(expected[:, :2])).abs()
    assert distance.max() < 6.7
    assert distance.mean() < 1.5
    torch.testing.assert_close(scores[0], torch.from_numpy(their_scores / 2).clamp(0, 1), atol=2e-3, rtol=0)
    their_depths = torch.from_numpy(expected[:, 2])
    assert (points[0, :, 2] - their_depths).abs().max() < 0.05 * their_depths.std()


def test_points_are_drawn_for_the_depth_network_as_the_library_draws_them():
    """Where the library draws, at whole pixels; ours may stand between them."""
    quarters = torch.tensor([[20.25, 30.5], [33.75, 9.25]])  # the library's coordinates: cells from their edges
    expected = [utils.draw_gaussian(np.zeros((256, 256), np.float32), quarter * 4, 2) for quarter in quarters]
    drawn = draw_points(quarters[None] - 0.5, size=64)[0]
    torch.testing.assert_close(drawn, torch.from_numpy(np.stack(expected)), atol=1e-6, rtol=0)


def test_boxes_are_the_library_s(hub):
    """Seeded weights find hundreds of faces in anything: the more to compare."""
    images = torch.from_numpy(np.stack([PORTRAIT[40:168, 100:260], PORTRAIT[200:328, 60:220]])).permute(0, 3, 1, 2)
    theirs = sfd_detector.SFDDetector("cpu", path_to_detector=hub / files.BOXES)
    with torch.inference_mode():
        found = boxes.find_boxes(theirs.face_detector, images.float())
    expected = theirs.detect_from_batch(images)
    for one, other in zip(found, expected, strict=True):
        assert len(one) > 5
        torch.testing.assert_close(one, torch.from_numpy(np.stack(other)).float(), atol=1e-3, rtol=1e-5)


def test_nothing_sure_is_no_box(hub):
    network = s3fd().eval()
    for name, module in network.named_modules():
        if name.endswith("conf"):
            torch.nn.init.zeros_(module.weight)
            module.bias.data = torch.tensor([9.0] * (len(module.bias) - 1) + [0.0])
    with torch.inference_mode():
        [none] = boxes.find_boxes(network, torch.zeros(1, 3, 64, 64))
    assert none.shape == (0, 5)
    assert boxes.find_faces(network, np.zeros((20, 500, 3), np.uint8), longest=100, device=CPU) == []


def test_tracking_needs_no_boxes(ours):
    box = torch.tensor([[FACE.left, FACE.top], [FACE.right, FACE.bottom]])
    frames = [np.roll(PORTRAIT, i, axis=1) for i in range(3)]
    found = ours.track(frames, box.repeat(34, 1))
    assert len(found) == 3
    assert all(points.shape == (68, 3) and points.isfinite().all() for points, _ in found)


def test_other_weights_are_told_from_the_right_ones(hub, tmp_path):
    for name in files.needed_weights(2):
        (tmp_path / name).symlink_to(hub / files.BOXES)
    with pytest.raises(ValueError, match=r"expected weights of FAN in .*2DFAN4"):
        FaceAlignmentDetector(weights=tmp_path)


def test_missing_weights_do_not_start_a_download(tmp_path):
    with pytest.raises(FileNotFoundError, match="s3fd-619a316812"):
        FaceAlignmentDetector(weights=tmp_path)
