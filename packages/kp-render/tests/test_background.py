"""Backgrounds of a real portrait: NASA's picture of Eileen Collins, in front of a flag and a model of a shuttle."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from kp_render import render_portrait
from kp_render.cli.app import app

pytest.importorskip("cv2", reason="the outline of the person needs OpenCV, which comes with kp-io")

#: Pixels of the picture by eye: x and y of what is the person, and of what is not.
PERSON = [(225, 40), (200, 60), (224, 120), (215, 190), (240, 330), (110, 400), (330, 260)]
BEHIND = [(20, 60), (120, 120), (400, 60), (320, 40), (300, 140), (470, 150), (60, 20)]
GREEN = (0, 177, 64)


@pytest.fixture(scope="module")
def talk(still):
    down = torch.tensor([0.0, 4.0])
    return SimpleNamespace(keypoints=torch.stack((still, still + down)), image_size=(512, 512))


def frames(picture, talk, still, **options):
    return list(render_portrait(picture, talk, reference=still, **options))


def at(frame, places):
    return np.array([frame[y, x] for x, y in places]).astype(int)


def test_a_colour_behind_the_person(picture, talk, still):
    first, moved = frames(picture, talk, still, background="#00b140")
    assert np.abs(at(first, BEHIND) - GREEN).max() < 3
    assert np.abs(at(first, PERSON) - at(picture, PERSON)).max() < 12
    # The head takes its outline along: above it is the colour in both frames, a little lower hair or not.
    rows = [int((np.abs(frame[:, 224].astype(int) - GREEN).max(axis=1) > 60).argmax()) for frame in (first, moved)]
    assert 2 <= rows[1] - rows[0] <= 6


def test_no_old_background_shines_through_the_outline(picture, talk, still):
    white, black = (frames(picture, talk, still, background=f"#{c}")[0].astype(int) for c in ("ffffff", "000000"))
    share = 1 - (white - black).mean(axis=2) / 255
    rim = (share > 0.2) & (share < 0.8)
    assert 200 < rim.sum() < 0.05 * share.size
    # What is left of each pixel without the background is a colour of the person, not of the bright sky behind.
    hair = rim[:130]
    own = black[:130][hair] / share[:130][hair][:, None]
    assert np.median(own.mean(axis=1)) < 170


def test_blurred(picture, talk, still):
    first = frames(picture, talk, still, background="blur")[0].astype(float)
    assert np.abs(at(first, PERSON) - at(picture, PERSON)).max() < 12

    def roughness(frame):
        return np.abs(np.diff(frame[20:200, 400:].astype(float), axis=1)).mean()

    assert roughness(first) < 0.35 * roughness(picture)
    # No ghost of the person: beside the neck it is as bright as what is behind, not orange.
    assert np.abs(at(first, [(310, 120)]) - at(picture, [(310, 120)])).max() < 40


def test_transparent(picture, talk, still):
    first, _ = frames(picture, talk, still, background="transparent")
    assert first.shape == (512, 512, 4)
    assert at(first, PERSON)[:, 3].min() == 255
    assert at(first, BEHIND)[:, 3].max() == 0


def test_crop_size_and_painting_go_with_it(picture, talk, still):
    for options in ({"crop": "face", "size": 128}, {"paint": False}):
        first = frames(picture, talk, still, background="transparent", **options)[0]
        assert first.shape[2] == 4
        assert first[..., 3].min() == 0
        assert first[..., 3].max() == 255


@pytest.mark.parametrize("name", ["#12345", "green", "Blur", ""])
def test_no_background(picture, talk, still, name):
    with pytest.raises(ValueError, match=r"expected a background keep, blur, transparent or a colour"):
        frames(picture, talk, still, background=name)


def test_the_command_writes_transparency(tmp_path, picture, still):
    import av

    import kp_io

    kp_io.write_image(tmp_path / "face.png", picture)
    talk = kp_io.KeypointSequence(torch.stack((still, still + 2)), image_size=(512, 512))
    kp_io.save_keypoints(tmp_path / "talk.npz", talk)
    arguments = [str(tmp_path / "face.png"), str(tmp_path / "talk.npz"), "--background", "transparent"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    with av.open(str(tmp_path / "talk.mov")) as video:
        pixels = [frame.to_ndarray(format="rgba") for frame in video.decode(video=0)]
    assert len(pixels) == 2
    assert at(pixels[0], PERSON)[:, 3].min() > 250
    assert at(pixels[0], BEHIND)[:, 3].max() < 5
    # The word in the corner can be read.
    assert (pixels[0][-10:, :40, 3] > 250).all()
    wrong = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "talk.mp4")])
    assert wrong.exit_code == 1
    assert ".mov" in wrong.output
