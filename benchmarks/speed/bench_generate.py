"""Generation from ten seconds of speech, in one go, in pieces and by ONNX, beside the paper's own network.

    nox -s bench -- benchmarks/speed/bench_generate.py

The alternative is the preset `paper`, as wide as the paper has it, with random weights: they take as long as any. A row
of 100 times real time needs 100 ms for the ten seconds. "Pieces of 40 ms" is `a2k stream` without its pipes.
"""

import numpy as np
import pytest
import torch

from a2k_nets import Audio2Keypoint, PaperAudio2Keypoint, StreamingGenerator, export_onnx

SECONDS = 10
NOTE = {"against": "preset paper", "amount": SECONDS, "unit": "s of speech"}

pytestmark = pytest.mark.benchmark(group=f"generate from {SECONDS} s of speech")


@pytest.fixture(scope="module")
def model(device):
    return Audio2Keypoint.from_pretrained().to(device)


@pytest.fixture(scope="module")
def waveform(device):
    noise = torch.randn(1, SECONDS * 16_000, generator=torch.Generator().manual_seed(0))
    return 0.1 * noise.to(device)


@pytest.fixture(scope="module")
def reference(model):
    return model.normalizer.mean_face_px[None]


def bench_paper(measure, waveform, reference):
    paper = PaperAudio2Keypoint().eval().to(reference.device)
    with torch.inference_mode():
        frames = measure(lambda: paper(waveform, reference), row="preset paper", **NOTE | {"against": None})
    assert frames.shape == (1, 25 * SECONDS, 68, 2)


@pytest.mark.parametrize("row", ["in one go", "in one go, head led by the speech alone"])
def bench_in_one_go(measure, model, waveform, reference, row):
    @torch.inference_mode()
    def generate():
        generator = torch.Generator().manual_seed(0) if row == "in one go" else None
        return model(waveform, reference, generator=generator)

    assert measure(generate, row=row, **NOTE).shape[1] == 25 * SECONDS


@pytest.mark.parametrize("milliseconds", [10, 40, 200])
def bench_streaming(measure, model, waveform, reference, milliseconds):
    def generate():
        stream = StreamingGenerator(reference[0], model)
        pieces = waveform[0].split(16 * milliseconds)
        return torch.cat([*(stream.push(piece) for piece in pieces), stream.flush()])

    assert len(measure(generate, row=f"in pieces of {milliseconds} ms", **NOTE)) == 25 * SECONDS


def bench_onnx(measure, model, waveform, reference, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is what is measured")
    provider = "CUDAExecutionProvider" if reference.is_cuda else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        pytest.skip(f"this onnxruntime has no {provider}: install onnxruntime-gpu")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    given = {"waveform": waveform.cpu().numpy(), "reference": reference.cpu().numpy()}
    # The graph has no seeded motion of the head: its like is the row "led by the speech alone".
    (keypoints,) = measure(lambda: session.run(None, given), row="ONNX Runtime, head led by the speech alone", **NOTE)
    with torch.inference_mode():
        np.testing.assert_allclose(keypoints, model(waveform, reference).cpu().numpy(), atol=1e-2, rtol=0)
