import io
import struct
import wave

import pytest
import torch

from a2k_nets.inference.pcm_source import open_pcm


def wav(samples, *, rate=16_000, channels=1, width=2) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return buffer.getvalue()


def numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}h", *values)


def heard(data: bytes, *, rate: int = 16_000) -> tuple[int, list[float]]:
    source = open_pcm(io.BytesIO(data), rate=rate)
    return source.rate, [32_768 * value for chunk in source.chunks for value in chunk.tolist()]


def test_raw_samples():
    assert heard(numbers(1, -2, 32_767, -32_768), rate=8_000) == (8_000, [1, -2, 32_767, -32_768])


@pytest.mark.parametrize("data", [b"", b"\1", b"\1\0", b"\1\0\2"])
def test_hardly_anything(data):
    assert len(heard(data)[1]) == len(data) // 2


def test_a_wav_tells_its_rate_and_channels():
    assert heard(wav(numbers(10, 20, -30, 50), rate=44_100, channels=2)) == (44_100, [15, 10])


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_written_to_a_pipe_has_no_size(size):
    data = wav(numbers(*range(1_000)))
    at = data.index(b"data") + 4
    assert heard(data[:at] + struct.pack("<I", size) + data[at + 4 :])[1] == list(range(1_000))


def test_what_follows_the_sound_is_no_sound():
    data = wav(numbers(1, 2, 3))
    at = data.index(b"fmt ")
    more = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    assert heard(data[:at] + more + data[at:] + b"LIST\4\0\0\0abcd")[1] == [1, 2, 3]


def test_pieces_that_split_a_sample():
    class Trickle(io.BytesIO):
        def read1(self, size=-1):
            return self.read(min(size, 3))

    source = open_pcm(Trickle(numbers(*range(50))), rate=16_000)
    pieces = [32_768 * chunk for chunk in source.chunks]
    assert len(pieces) > 10
    assert torch.cat(pieces).tolist() == list(range(50))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (wav(b"\0" * 6, width=3), "16-bit PCM in the WAV file, got encoding 1 of 24 bits"),
        (wav(b"")[:30], "ended within it"),
        (b"RIFF\0\0\0\0AVI ", "RIFF file of another kind"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "a format chunk before its samples"),
    ],
)
def test_what_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        heard(data)


def test_a_header_that_announces_gigabytes_is_passed_over_in_blocks():
    class Counted(io.BytesIO):
        largest = 0

        def read(self, size=-1, /):
            self.largest = max(self.largest, size)
            return super().read(size)

    source = Counted(b"RIFF\0\0\0\0WAVELIST" + struct.pack("<I", 0xFFFFFFF0) + bytes(300_000))
    with pytest.raises(ValueError, match="expected a whole WAV header"):
        open_pcm(source, rate=16_000)
    assert source.largest < 1 << 20


def test_a_long_chunk_before_the_sound():
    data = wav(numbers(*range(100)))
    long = b"LIST" + struct.pack("<I", 200_000) + bytes(200_000)
    assert heard(data[:12] + long + data[12:])[1] == list(range(100))


@pytest.mark.parametrize("rate", [1, 999, 768_001, 0xFFFFFFFF])
def test_a_rate_that_is_no_sound(rate):
    data = wav(numbers(1, 2, 3))
    with pytest.raises(ValueError, match=f"expected from 1000 to 768000 Hz in the WAV file, got {rate} Hz"):
        heard(data[:24] + struct.pack("<I", rate) + data[28:])
