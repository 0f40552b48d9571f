"""Pixels that have to be changed to be shown: interlaced, not square, transparent, too bright, very many."""

import sys
import time
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import ColorTrc

from kp_io import read_video


def test_combs_of_interlaced_video_are_gone(make_video):
    def moments(i):
        picture = np.full((48, 96, 3), 30, np.uint8)
        for odd in (0, 1):
            picture[odd::2, 8 * i + 4 * odd : 8 * i + 4 * odd + 24] = 220
        return picture

    pictures = [moments(i) for i in range(8)]
    whole, combed = (
        make_video(name, pictures=pictures, size=(48, 96), options=options)
        for name, options in (("whole.mkv", {}), ("combed.mkv", {"flags": "+ildct"}))
    )

    def combs(path):
        return np.mean([np.abs(frame[8:40:2].astype(int) - frame[9:41:2]).mean() for frame in read_video(path)])

    assert combs(whole) > 10, "video that is not flagged is left alone"
    assert combs(combed) < 1


def test_wide_pixels_are_stretched_and_turned_afterwards(make_video):
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :16] = 255
    path = make_video("a.mp4", pictures=[picture] * 3, aspect=Fraction(2, 1), rotation=90)
    frame = next(read_video(path))
    assert frame.shape == (128, 48, 3)
    assert frame[100:].mean() > 240  # the left side came to the bottom, twice as long
    assert frame[:92].mean() < 10


@pytest.mark.parametrize(("codec", "pix_fmt", "name"), [("png", "rgba", "a.mov"), ("ffv1", "yuva420p", "a.mkv")])
def test_transparency_is_laid_on_white(make_video, codec, pix_fmt, name):
    picture = np.zeros((48, 64, 4), np.uint8)
    picture[:, 32:] = (200, 0, 0, 255)
    frame = next(read_video(make_video(name, pictures=[picture] * 2, codec=codec, pix_fmt=pix_fmt)))
    assert frame[20, 10].min() > 250
    assert np.abs(frame[20, 50].astype(int) - (200, 0, 0)).max() < 8


def test_hdr_is_as_bright_as_on_an_ordinary_screen(tmp_path):
    # 10, 50, 100, 203 and 1000 cd/m² as ST 2084 has them, in 10 bits.
    codes = np.array([307, 450, 520, 594, 769], np.uint16).repeat(16)
    grey = np.broadcast_to(codes[None, :, None] * 64, (48, 80, 3))
    with av.open(str(tmp_path / "hdr.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 80, 48, "yuv420p10le"
        stream.codec_context.color_trc = ColorTrc.SMPTE2084
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(grey), format="rgb48le").reformat(format="yuv420p10le")
        frame.color_trc = ColorTrc.SMPTE2084
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    [shown] = read_video(tmp_path / "hdr.mkv")
    expected = [255 * min(1, light / 203) ** (1 / 2.4) for light in (10, 50, 100, 203, 1000)]
    assert np.abs(shown[24, 8::16] - np.array(expected)[:, None]).max() < 3


def test_4k_is_decoded_frame_by_frame(make_video):
    picture = np.zeros((2160, 3840, 3), np.uint8)
    path = make_video(pictures=[picture] * 12, size=(2160, 3840))
    resource = pytest.importorskip("resource", reason="Windows counts memory otherwise")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    assert sum(1 for _ in read_video(path)) == 12
    # 50 frames a second where nothing else is at work.
    assert time.monotonic() - started < 12
    unit = 1 if sys.platform == "darwin" else 1024
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    assert grown < 11 * picture.nbytes, "with the decoder's own references, but not all frames"
