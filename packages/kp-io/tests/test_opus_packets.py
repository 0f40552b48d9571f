"""Opus packets without a container."""

import pytest
import torch

from kp_io.media import OpusDecoder


def test_a_packet_may_hold_48_frames():
    # 48 frames of 2.5 ms, each empty: the longest packet that RFC 6716 allows is 48 · 1,277 + 2 bytes.
    sound = OpusDecoder().push(bytes([0b11100011, 48, *bytes(48)]))
    assert sound.shape == (48 * 120,)
    assert torch.isfinite(sound).all()


@pytest.mark.parametrize("size", [0, 61_299])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match=f"1 to 61298 bytes, got {size}"):
        OpusDecoder().push(bytes(size))
