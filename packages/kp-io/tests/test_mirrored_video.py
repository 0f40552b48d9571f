"""All eight orientations of a display matrix, in several containers."""

import numpy as np
import pytest

from kp_io import probe_video, read_video

PICTURE = np.full((48, 64, 3), 128, np.uint8)
PICTURE[:16, :16], PICTURE[-16:, :16], PICTURE[:16, -16:] = (255, 0, 0), (0, 0, 255), (0, 255, 0)

# The matrix (a, b, c, d), how the frame is shown, counter-clockwise degrees, mirrored before.
MATRICES = {
    "as stored": ((1, 0, 0, 1), lambda p: p, 0, False),
    "quarter turn": ((0, -1, 1, 0), lambda p: np.rot90(p, 1), 90, False),
    "half turn": ((-1, 0, 0, -1), lambda p: np.rot90(p, 2), 180, False),
    "three quarters": ((0, 1, -1, 0), lambda p: np.rot90(p, 3), 270, False),
    "left to right": ((-1, 0, 0, 1), lambda p: p[:, ::-1], 0, True),
    "top to bottom": ((1, 0, 0, -1), lambda p: p[::-1], 180, True),
    "transposed": ((0, 1, 1, 0), lambda p: p.transpose(1, 0, 2), 90, True),
    "transposed the other way": ((0, -1, -1, 0), lambda p: p[::-1, ::-1].transpose(1, 0, 2), 270, True),
}


@pytest.mark.parametrize("options", [{}, {"flags": "+ildct"}], ids=["progressive", "interlaced"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
@pytest.mark.parametrize("what", MATRICES)
def test_frames_are_shown_as_players_show_them(make_video, what, name, options):
    (a, b, c, d), show, rotation, mirrored = MATRICES[what]
    path = make_video(name, pictures=[PICTURE] * 3, options=options, rotation=90)
    one = 1 << 16
    turned = np.array([0, -one, 0, one, 0, 0], ">i4")  # what stands for 90 degrees in the track header
    data = path.read_bytes()
    place = data.index(b"tkhd") + 44
    assert np.frombuffer(data[place : place + 24], ">i4")[[0, 1, 3, 4]].any()
    matrix = np.array([a * one, b * one, 0, c * one, d * one, 0], ">i4").tobytes()
    path.write_bytes(data[:place] + matrix + data[place + len(turned.tobytes()) :])
    frames = list(read_video(path))
    expected = show(PICTURE)
    assert frames[0].shape == expected.shape
    assert np.abs(frames[0].astype(int) - expected).mean() < 4
    info = probe_video(path)
    assert (info.height, info.width) == expected.shape[:2]
    assert (info.rotation, info.mirrored) == (rotation, mirrored)
