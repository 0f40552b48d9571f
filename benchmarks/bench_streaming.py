"""Speech that comes in pieces beside the same speech in one go, on one core.

    OMP_NUM_THREADS=1 nox -s bench -- benchmarks/bench_streaming.py

A frame lasts 40 ms; "ms a frame" is what it costs of them.
"""

import pytest
import torch

from a2k_nets.model import Audio2Keypoint
from a2k_nets.streaming import StreamingGenerator

SECONDS = 10
FRAMES = 25 * SECONDS


@pytest.fixture(scope="module")
def model():
    return Audio2Keypoint.from_pretrained()


@pytest.fixture(scope="module")
def reference(model):
    return model.normalizer.mean_face * 60 + 112


@pytest.fixture(scope="module")
def waveform():
    return torch.randn(16_000 * SECONDS, generator=torch.Generator().manual_seed(0)) * 0.1


@pytest.fixture(autouse=True)
def one_core(as_users_run_it):  # the type checks of the tests would cost more than the network
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.benchmark(group="streaming, 10 s of speech")
def bench_offline(benchmark, model, waveform, reference):
    @torch.inference_mode()
    def generate():
        return model(waveform[None], reference[None], generator=torch.Generator().manual_seed(0))[0]

    assert len(benchmark(generate)) == FRAMES
    benchmark.extra_info["ms a frame"] = 1_000 * benchmark.stats.stats.median / FRAMES


@pytest.mark.benchmark(group="streaming, 10 s of speech")
@pytest.mark.parametrize("milliseconds", [10, 20, 40, 200])
def bench_pieces(benchmark, model, waveform, reference, milliseconds):
    def generate():
        stream = StreamingGenerator(reference, model)
        pieces = waveform.split(16 * milliseconds)
        return torch.cat([*(stream.push(piece) for piece in pieces), stream.flush()])

    assert len(benchmark(generate)) == FRAMES
    benchmark.extra_info["ms a frame"] = 1_000 * benchmark.stats.stats.median / FRAMES
