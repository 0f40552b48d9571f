"""Animations: real files, read back with Pillow as a browser would show them."""

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from kp_io import KeypointSequence, save_keypoints, write_animation
from kp_io.cli import app


def shades(count):
    return [np.full((32, 48, 3), 5 * index + 40, np.uint8) for index in range(count)]


def durations(path):
    with Image.open(path) as image:
        found = []
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            found.append(image.info["duration"])
        return found, image.format, image.info.get("loop")


@pytest.mark.parametrize(("suffix", "format"), [(".gif", "GIF"), (".webp", "WEBP"), (".apng", "PNG")])
@pytest.mark.parametrize("fps", [12, 25, 29.97, 30, 50])
def test_every_frame_is_shown_at_its_time(tmp_path, suffix, format, fps):
    write_animation(tmp_path / f"a{suffix}", shades(30), fps=fps)
    found, kind, loop = durations(tmp_path / f"a{suffix}")
    assert (kind, len(found), loop) == (format, 30, 0)
    assert sum(found) == pytest.approx(1000 * 30 / fps, abs=11 if suffix == ".gif" else 1)
    assert min(found) >= 20


def test_a_gif_faster_than_browsers_leaves_frames_out(tmp_path):
    write_animation(tmp_path / "a.gif", shades(40), fps=100)
    found, *_ = durations(tmp_path / "a.gif")
    assert min(found) >= 20
    assert sum(found) == pytest.approx(400, abs=11)


def test_bad_animations_are_refused(tmp_path):
    for frames, words in (([], "at least one frame"), ([*shades(1), np.zeros((8, 8, 3), np.uint8)], "expected frames")):
        with pytest.raises(ValueError, match=words):
            write_animation(tmp_path / "a.gif", frames)
    with pytest.raises(ValueError, match="ending in"):
        write_animation(tmp_path / "a.png", shades(2))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng"])
@pytest.mark.parametrize("command", ["render", "compare-video"])
def test_commands_write_animations(tmp_path, command, suffix):
    face = torch.rand(1, 68, 2, generator=torch.Generator().manual_seed(0)) * 40 + 10
    moving = face + torch.arange(8.0)[:, None, None]
    save_keypoints(tmp_path / "a.npz", KeypointSequence(moving, image_size=(64, 64)))
    out = tmp_path / f"a{suffix}"
    result = CliRunner().invoke(app, [command, str(tmp_path / "a.npz"), "-o", str(out), "--height", "64"])
    assert result.exit_code == 0, result.output
    found, *_ = durations(out)
    assert (len(found), sum(found)) == (8, 320)
