"""A picture under the keypoints moves with the head: what is drawn stays on the face."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from kp_io import KeypointSequence, open_background, read_still, read_video, save_keypoints, write_image
from kp_io.cli import app

SIZE = (200, 240)


def marked_face():
    """Return a face, and a picture with a bright spot on the inner corner of its eye."""
    face = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 80 + 60
    picture = np.zeros((*SIZE, 3), np.uint8)
    x, y = face[39].round().int().tolist()
    picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    return face, picture


def moved(face, count):
    """Return the face turning and shifting away from where it is in the picture, also in the first frame."""
    centre, frames = face.mean(dim=0), []
    for index in range(1, count + 1):
        angle = torch.tensor(0.06 * index)
        turn = torch.stack((torch.stack((angle.cos(), -angle.sin())), torch.stack((angle.sin(), angle.cos()))))
        frames.append((face - centre) @ turn.T + centre + index * torch.tensor([4.0, -3.0]))
    return torch.stack(frames)


def spot(frame):
    rows, columns = np.nonzero(frame[..., 0] > 100)
    return torch.tensor([columns.mean(), rows.mean()], dtype=torch.float32)


def test_the_picture_follows_from_its_own_keypoints():
    face, picture = marked_face()
    sequence = KeypointSequence(moved(face, 6), image_size=SIZE)
    for frame, points in zip(open_background(picture, sequence, reference=face), sequence.keypoints, strict=True):
        assert (spot(frame) - points[39]).norm() < 1.0
    assert open_background(picture, sequence, moving=False) is picture


@pytest.mark.parametrize("command", ["render", "compare-video"])
@pytest.mark.parametrize("name", ["photo.png", "large.jpg"])
def test_points_stay_on_the_picture_of_over(tmp_path, command, name):
    face, picture = marked_face()
    picture = picture if name == "photo.png" else picture.repeat(2, axis=0).repeat(2, axis=1)
    write_image(tmp_path / name, picture)
    sequence = KeypointSequence(torch.cat((face[None], moved(face, 5))), image_size=SIZE)
    save_keypoints(tmp_path / "a.npz", sequence)
    arguments = [tmp_path / "a.npz", "-o", tmp_path / "a.mp4", "--over", tmp_path / name, "--height", "200"]
    result = CliRunner().invoke(app, [command, *map(str, arguments)])
    assert result.exit_code == 0, result.output
    for frame, points in zip(read_video(tmp_path / "a.mp4"), sequence.keypoints, strict=True):
        # compare-video puts a label above the frame.
        x, y = (points[39] + torch.tensor([0.0, frame.shape[0] - SIZE[0]])).round().int().tolist()
        assert frame[y - 3 : y + 4, x - 3 : x + 4].min(axis=2).max() > 120


def test_still_pictures_of_videos_and_images(tmp_path, make_video):
    video = make_video("talk.mp4", size=(64, 96), num_frames=3)
    assert np.array_equal(read_still(video), next(read_video(video)))
    (tmp_path / "no_suffix").write_bytes(video.read_bytes())
    assert np.array_equal(read_still(tmp_path / "no_suffix"), next(read_video(video)))
    picture = np.full((40, 50, 3), 90, np.uint8)
    write_image(tmp_path / "a.png", picture)
    (tmp_path / "picture").write_bytes((tmp_path / "a.png").read_bytes())
    assert np.array_equal(read_still(tmp_path / "a.png"), picture)
    assert np.array_equal(read_still(tmp_path / "picture"), picture)
    with pytest.raises(FileNotFoundError, match="no file"):
        read_still(tmp_path / "none.mp4")
