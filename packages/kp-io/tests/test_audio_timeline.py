"""Sound stands at its timestamps: holes, overlaps, drifting clocks, jumps."""

import logging
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from kp_io import read_audio, read_video
from kp_io.media.timing.audio_timeline import Block, place_blocks
from kp_io.media.timing.stretch import stretch

RATE = 16_000


def bursts(seconds, *, rate=RATE, every=1.0):
    """10 ms bursts at each whole second but the first."""
    samples = np.zeros(round(seconds * rate), np.float32)
    length = rate // 100
    burst = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(length) / rate) * np.hanning(length)
    for moment in np.arange(every, seconds - 0.1, every):
        samples[round(moment * rate) : round(moment * rate) + length] = burst
    return samples


def burst_times(waveform, *, rate=RATE):
    """Return the middle of each burst in seconds, less half its length."""
    loud = (waveform.abs() > 0.1).nonzero()[:, 0].numpy()
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > rate // 10) + 1)
    return [float(group.mean()) / rate - 0.005 for group in groups]


@pytest.fixture
def write_timed(tmp_path):
    """Write sound whose packets begin at the times that a function makes of the true ones."""

    def write(samples, time_of, *, name="sound.mka", rate=RATE, codec="pcm_s16le", block=320):
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, layout="mono")
            done = 0
            frames = []
            for begin in range(0, len(samples), block):
                pcm = (32767 * samples[None, begin : begin + block]).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
                frames.append(frame)
            for frame in [*frames, None]:
                for packet in stream.encode(frame):
                    time = time_of(done / rate)
                    packet.pts = packet.dts = round(time / packet.time_base)
                    done += block
                    container.mux(packet)
        return path

    return write


@pytest.mark.parametrize("speed", [0.9, 0.98, 0.995, 0.9995, 1.0005, 1.005, 1.02, 1.08])
def test_a_clock_that_drifts_is_followed(write_timed, speed):
    path = write_timed(bursts(30), lambda time: time / speed)
    errors = [1000 * (at - round(at * speed) / speed) for at in burst_times(read_audio(path))]
    assert len(errors) == 29
    assert max(map(abs, errors)) <= 20
    assert abs(errors[-1] - errors[len(errors) // 2]) <= 20
    assert len(read_audio(path)) == pytest.approx(30 * RATE / speed, abs=0.02 * RATE)


def test_a_hole_becomes_silence_without_a_video(write_timed):
    path = write_timed(bursts(8), lambda time: time + (1.1 if time >= 2.5 else 0))
    waveform = read_audio(path)
    assert len(waveform) == round(9.1 * RATE)
    assert burst_times(waveform) == pytest.approx([1, 2, *(k + 1.1 for k in range(3, 8))], abs=0.002)
    assert torch.equal(read_audio(path, align_to_video=True), waveform)


@pytest.mark.parametrize("hole", [0.03, 0.0587, 0.09, 0.5, 25.0])
def test_a_hole_of_any_length_shifts_nothing(write_timed, hole):
    path = write_timed(bursts(6), lambda time: time + (hole if time >= 0.02 else 0))
    assert burst_times(read_audio(path)) == pytest.approx([k + hole for k in range(1, 6)], abs=0.003)


def placed(samples, time_of, *, rate=RATE, block=320):
    """Place blocks at the times that a function makes of the true ones, as no container would store all of them."""
    starts = range(0, len(samples), block)
    blocks = (
        Block(samples[n : n + block], rate, Fraction(time_of(n / rate)).limit_denominator(100_000)) for n in starts
    )
    pieces = [piece for piece, _ in place_blocks(blocks, Path("none.mka"), start=None)]
    return torch.from_numpy(np.concatenate(pieces).astype(np.float32))


def test_an_overlap_is_dropped():
    waveform = placed(bursts(6), lambda time: time - (0.2 if time >= 2.5 else 0))
    assert burst_times(waveform) == pytest.approx([1, 2, 2.8, 3.8, 4.8], abs=0.003)


def test_timestamps_that_jitter_move_nothing(write_timed):
    jitter = np.random.default_rng(0).uniform(-0.008, 0.008, 1000)
    path = write_timed(bursts(6), lambda time: time + (jitter[round(50 * time)] if time else 0))
    plain = write_timed(bursts(6), lambda time: time, name="plain.mka")
    assert torch.equal(read_audio(path), read_audio(plain))


@pytest.mark.parametrize("wrong", [0.05, -0.05, 5.0])
def test_a_lone_wrong_timestamp_is_no_hole(wrong):
    samples = bursts(6)
    waveform = placed(samples, lambda time: time + (wrong if time == 2.5 else 0))
    assert torch.equal(waveform, torch.from_numpy(samples))


def test_small_corrections_do_not_click():
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(10 * RATE) / RATE)
    for moved in (lambda time: time / 1.02, lambda time: time * 1.02, lambda time: time - 0.05 * (time >= 5)):
        waveform = placed(tone, moved)
        # The second difference of a tone is small; a click is a large one.
        bend = waveform[RATE // 2 : -RATE // 2].diff().diff().abs().max()
        assert float(bend) < 3 * 0.5 * (2 * np.pi * 200 / RATE) ** 2


def test_timestamps_that_begin_anew(caplog):
    with caplog.at_level(logging.WARNING, logger="kp_io"):
        waveform = placed(bursts(6), lambda time: time if time < 3.5 else time - 3.5)
    assert burst_times(waveform) == pytest.approx([1, 2, 3, 4, 5], abs=0.003)
    assert "go back by 3.50 s" in caplog.text


@pytest.mark.parametrize("jump", [40.0, 100.0, 500.0])
def test_a_jump_that_no_gap_makes_is_closed_and_told(write_timed, jump, caplog):
    path = write_timed(bursts(6), lambda time: time + (jump if time >= 2.5 else 0))
    with caplog.at_level(logging.WARNING, logger="kp_io"):
        waveform = read_audio(path)
    assert burst_times(waveform) == pytest.approx([1, 2, 3, 4, 5], abs=0.003)
    assert "was closed" in caplog.text


def test_a_jump_of_both_streams_keeps_them_together(make_video, shown, caplog):
    times = [n / 25 + (120 if n >= 50 else 0) for n in range(100)]
    path = make_video(
        times=times, audio=np.concatenate([bursts(4)[: 2 * RATE], np.zeros(120 * RATE), bursts(4)[:32000]])
    )
    # This sound goes on while the picture stands still: nothing is closed.
    assert len(list(read_video(path))) == 3100
    silent = make_video("silent.mkv", times=times)
    with caplog.at_level(logging.WARNING, logger="kp_io"):
        assert shown(read_video(silent)) == list(range(100))
    assert "from 2.00 to 122.00 s" in caplog.text
    assert "cut off" not in caplog.text


def test_a_still_of_twenty_seconds_is_one(make_video):
    assert len(list(read_video(make_video(times=[0, 0.04, 20.0, 20.04])))) == 502


def test_hours_take_no_more_memory_than_minutes():
    def peak(minutes):
        block = np.zeros(1000, np.float32)
        blocks = (Block(block, 1000, Fraction(n) * Fraction(51, 50)) for n in range(60 * minutes))
        tracemalloc.start()
        for _ in place_blocks(blocks, Path("none.mka"), start=None):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1)
    assert peak(60) < 1.5 * peak(2)


def test_stretched_sound_keeps_its_shape():
    tone = np.sin(np.arange(4000) / 5).astype(np.float32)
    for length in (950, 990, 1000, 1011, 1100):
        longer = stretch(tone[1000:2000], length, before=tone[:1000], after=tone[2000:])
        true = np.sin((1000 + np.arange(length) * 1000 / length) / 5)
        np.testing.assert_allclose(longer, true, atol=2e-3)
