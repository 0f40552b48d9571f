"""One second of speech on one core: the exported graph in onnxruntime, beside the PyTorch model that it is of.

    nox -s bench -- benchmarks/bench_onnx.py

Medians; "times real time" is one second divided by the median.
"""

import numpy as np
import pytest
import torch

from a2k_nets.export import export_onnx
from a2k_nets.model import Audio2Keypoint

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is what is measured")

SECONDS = 1


@pytest.fixture(scope="module")
def model():
    return Audio2Keypoint.from_pretrained()


@pytest.fixture(scope="module")
def inputs(model):
    generator = torch.Generator().manual_seed(0)
    waveform = 0.1 * torch.randn(1, SECONDS * model.config.audio.sample_rate, generator=generator)
    return waveform, model.normalizer.mean_face[None] * 60 + 112


def report(benchmark):
    benchmark.extra_info["times real time"] = SECONDS / benchmark.stats.stats.median


@pytest.mark.benchmark(group="one second, one core")
def bench_onnxruntime(benchmark, as_users_run_it, model, inputs, tmp_path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    waveform, reference = (value.numpy() for value in inputs)
    (keypoints,) = benchmark(session.run, None, {"waveform": waveform, "reference": reference})
    report(benchmark)
    with torch.inference_mode():
        np.testing.assert_allclose(keypoints, model(*inputs).numpy(), atol=1e-4, rtol=0)


@pytest.mark.benchmark(group="one second, one core")
def bench_pytorch(benchmark, as_users_run_it, model, inputs):
    assert torch.get_num_threads() == 1
    with torch.inference_mode():
        assert benchmark(model, *inputs).shape[1] == 25 * SECONDS
    report(benchmark)
