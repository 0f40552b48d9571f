"""H.264 in AVI: the container has no times of display."""

import av
import numpy as np
import pytest

from kp_io import read_audio, read_video

BURST = np.zeros(16_000 * 4, np.float32)
BURST[32_000:32_008] = 0.5


def encode(path, shown_numbers, *, b_frames, doubled):
    """Write 100 numbered frames and sound; `doubled` as a stream copy does, at 50 a second with the first one early."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=50 if doubled else 25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.options = {"bf": str(b_frames), "qp": "10", "b-pyramid": "none" if b_frames == 1 else "normal"}
        sound = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number, picture in enumerate(shown_numbers):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = 2 * number + 2 * (number > 0 and not b_frames) if doubled else number
            container.mux(video.encode(frame))
            pcm = (32767 * BURST[None, 640 * number : 640 * number + 640]).astype(np.int16)
            block = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            block.sample_rate, block.pts = 16_000, 640 * number
            container.mux(sound.encode(block))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return path


def numbered(count):
    """Frames that carry their number as black and white stripes."""
    for number in range(count):
        row = np.repeat([(number >> bit & 1) * 255 for bit in range(8)], 8).astype(np.uint8)
        yield np.ascontiguousarray(np.broadcast_to(row[None, :, None], (48, 64, 3)))


@pytest.mark.parametrize("doubled", [False, True])
@pytest.mark.parametrize(("b_frames", "most"), [(0, 20), (1, 80), (2, 80), (3, 80)])
def test_every_frame_comes_once_and_the_sound_fits(shown, tmp_path, b_frames, most, doubled):
    path = encode(tmp_path / "a.avi", numbered(100), b_frames=b_frames, doubled=doubled)
    numbers = shown(read_video(path))
    assert numbers == list(range(100))
    assert shown(read_video(path, fps=None)) == numbers
    sound = read_audio(path, align_to_video=True)
    late = 1000 * (float(sound.abs().argmax()) / 16_000 - 2.0)
    # The first frame of a copy is early by one frame on purpose: the sound is not.
    assert -most - 46 * doubled - 6 <= late <= 20
