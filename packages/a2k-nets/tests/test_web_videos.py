"""The videos of the page: the portrait that speaks first, where kp-render is installed."""

import av
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

from a2k_nets.web import videos
from a2k_nets.web.videos import HEIGHT_PX, write_videos
from kp_io import KeypointSequence, annotate_image, probe_video, read_video


@pytest.fixture(scope="module")
def still() -> KeypointSequence:
    return annotate_image(astronaut())


@pytest.fixture
def write(tmp_path, still, speech):
    """Write the videos of four frames in which the mouth opens; return the frames by the name of the file."""

    def run(portrait=None, scale=1.0, on_frame=lambda done: None):
        face = still.keypoints[0, :, :2]
        points = face.expand(4, -1, -1).clone()
        points[1:, 65:68, 1] += 8.0  # the lower inner lip
        size = tuple(round(scale * side) for side in still.image_size)
        sequence = KeypointSequence(scale * points, image_size=size)
        reference = KeypointSequence(scale * face[None], image_size=size)
        picture = astronaut() if portrait is None else portrait
        files = write_videos(
            tmp_path, sequence, picture, reference=reference, speech=speech, sample_rate=16_000, on_frame=on_frame
        )
        assert all(probe_video(path).has_audio for path in files.values())
        return {name: list(read_video(path)) for name, path in files.items()}

    return run


def comment(path) -> str:
    with av.open(str(path)) as container:
        return container.metadata.get("comment", "")


def test_the_portrait_comes_first_and_beside_the_keypoints(write, tmp_path):
    pytest.importorskip("kornia", reason="kp-render needs it")
    done = []
    got = write(on_frame=done.append)
    assert list(got) == ["portrait.mp4", "keypoints.mp4"]
    portrait, both = got["portrait.mp4"], got["keypoints.mp4"]
    assert [len(frames) for frames in got.values()] == [4, 4]
    assert portrait[0].shape == (HEIGHT_PX, HEIGHT_PX, 3)
    # The lips part: the middle of the mouth gets darker, or shows teeth; the corners of the picture stay.
    change = np.abs(portrait[2].astype(int) - portrait[0]).mean(axis=2)
    mouth, corner = change[250:400, 180:300], change[:60, :60]
    assert mouth.max() > 40
    assert corner.max() < 12
    # Beside it the keypoints alone, on black.
    width = portrait[0].shape[1]
    assert np.abs(both[0][:, :width].astype(int) - portrait[0]).mean() < 4
    assert np.median(both[0][:, -width:]) < 8
    assert both[0][:, -width:].max() > 150
    assert all("generated" in comment(tmp_path / name) for name in got)
    assert done == pytest.approx([(n + 1) / 8 for n in range(8)])


def test_the_mark_is_in_the_lower_left_corner(write):
    pytest.importorskip("kornia", reason="kp-render needs it")
    white = np.full_like(astronaut(), 255)
    frame = write(white)["portrait.mp4"][0]
    assert frame[-8:, :40].mean() < 160
    assert frame[-8:, -40:].mean() > 245


def test_a_large_portrait_makes_the_same_video(write):
    pytest.importorskip("kornia", reason="kp-render needs it")
    large = np.array(Image.fromarray(astronaut()).resize((2048, 2048), Image.Resampling.LANCZOS))
    first, second = write()["portrait.mp4"], write(large, scale=4.0)["portrait.mp4"]
    assert second[0].shape == (HEIGHT_PX, HEIGHT_PX, 3)
    assert np.abs(first[2].astype(int) - second[2]).mean() < 4


def test_without_kp_render_the_keypoints_are_drawn_on_the_portrait(write, tmp_path, monkeypatch):
    monkeypatch.setattr(videos, "has_kp_render", lambda: False)
    got = write()
    assert list(got) == ["keypoints.mp4"]
    height, width = got["keypoints.mp4"][0].shape[:2]
    assert (height, width > 1.9 * height) == (HEIGHT_PX, True)
    assert not comment(tmp_path / "keypoints.mp4")
    assert torch.tensor(got["keypoints.mp4"][0][:, : width // 2].copy()).float().std() > 30  # the photograph
