"""The graph of one frame of a live stream gives the frames of a `StreamingGenerator`."""

import json
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from a2k_nets.cli.app import app
from a2k_nets.inference.streaming import StreamingGenerator
from a2k_nets.onnx.export import export_onnx
from a2k_nets.pretrained import load_model
from a2k_nets.residual.model import Audio2Keypoint
from a2k_nets.server.batching.frame_noise import FrameNoise
from kp_io.media.audio import read_audio

pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is what the exported file is compared in")

SPEECH = Path(__file__).parents[3] / "examples" / "assets" / "sense_and_sensibility_0870.wav"


def run_frames(session, samples, reference, *, seed=0, **gains):
    """Run the graph frame by frame, by nothing but its metadata, as a program without PyTorch would."""
    metadata = session.get_modelmeta().custom_metadata_map
    step, size, offset, ahead = (
        int(metadata[name]) for name in ("samples_per_frame", "window_samples", "window_offset", "lookahead_hops")
    )
    gains = json.loads(metadata["gains"]) | gains
    num_frames = max(1, round(len(samples) / step))
    # Zeros outside the recording, whose end is cut or completed to whole frames.
    whole = samples.numpy()[: num_frames * step]
    padded = np.pad(whole, (max(0, -offset), num_frames * step - len(whole) + size + max(0, offset)))
    noise, state, frames = FrameNoise(seed), np.zeros((1, int(metadata["state_size"])), np.float32), []
    for frame in range(num_frames):
        begin = frame * step + offset + max(0, -offset)
        inputs = {
            "samples": padded[None, begin : begin + size],
            "num_hops": np.float32([min(4, max(0, 4 * (num_frames - frame) - ahead))]),
            "reference": reference[None].numpy(),
            "noise": noise.take(1).numpy(),
            "state": state,
        }
        inputs |= {name: np.array(gain, np.float32) for name, gain in gains.items()}
        keypoints, state = session.run(None, inputs)
        frames.append(keypoints)
    return torch.from_numpy(np.concatenate(frames))


def session_of(model, path):
    jaxtyping.config.update("jaxtyping_disable", True)  # to the type checks a traced integer is none
    try:
        export_onnx(model, path, streaming=True)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def embedded():
    return Audio2Keypoint.from_pretrained().in_the_plane().eval()


@pytest.fixture(scope="module")
def session(embedded, tmp_path_factory):
    return session_of(embedded, tmp_path_factory.mktemp("onnx") / "live.onnx")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"seed": 5, "neutralize_mouth": True},
        {"head_motion": 2.0, "expression": 1.5, "blink": 0.5, "seed": 9},
        {"head_motion": 0.0, "expression": 0.0, "blink": 0.0},
    ],
)
def test_it_gives_the_frames_of_a_stream(embedded, session, options):
    samples = read_audio(SPEECH)
    reference = embedded.normalizer.mean_face_px
    stream = StreamingGenerator(reference, embedded, **options)
    expected = torch.cat([stream.push(samples), stream.flush()])
    got = run_frames(session, samples, reference, **options)
    assert got.shape == expected.shape
    assert torch.allclose(got, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("length", [1, 319, 961, 9_921])
def test_any_length(model, speech, reference, tmp_path, length):
    model.blinks.fit(torch.tensor([0.2, 0.6, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.1]), per_frame=0.05)
    speech = speech + 1e-3 * torch.randn(len(speech), generator=torch.Generator().manual_seed(9))
    stream = StreamingGenerator(reference[0], model, seed=3)
    expected = torch.cat([stream.push(speech[:length]), stream.flush()])
    got = run_frames(session_of(model, tmp_path / "a.onnx"), speech[:length], reference[0], seed=3)
    assert got.shape == expected.shape
    assert torch.allclose(got, expected, atol=1e-3, rtol=0)


def test_it_says_what_a_caller_needs(embedded, session):
    metadata = session.get_modelmeta().custom_metadata_map
    shapes = {value.name: value.shape for value in (*session.get_inputs(), *session.get_outputs())}
    size = int(metadata["state_size"])
    assert shapes == {
        "samples": [1, int(metadata["window_samples"])],
        "num_hops": [1],
        "reference": [1, 68, 2],
        "noise": [1, 5],
        "state": [1, size],
        "head_motion": [],
        "expression": [],
        "blink": [],
        "neutralize_mouth": [],
        "keypoints": [1, 68, 2],
        "next_state": [1, size],
    }
    assert not session.get_overridable_initializers()  # onnxruntime-web takes no values for them
    assert int(metadata["right_context_samples"]) == round(embedded.config.right_context_seconds * 16_000)
    assert int(metadata["lookahead_hops"]) == embedded.config.lookahead_hops
    face = torch.tensor(json.loads(metadata["mean_face"]))
    assert torch.allclose(face, embedded.normalizer.mean_face_px, atol=1e-3)


def test_the_command(as_users_run_it, tmp_path):
    result = CliRunner().invoke(app, ["export", "--streaming", str(tmp_path / "a.onnx")])
    assert result.exit_code == 0, result.output
    assert "streaming" in onnxruntime.InferenceSession(str(tmp_path / "a.onnx")).get_modelmeta().custom_metadata_map


@pytest.mark.parametrize("model", ["listener", "paper"])
def test_what_cannot_stream(tmp_path, model):
    from a2k_nets.config.paper import PaperConfig
    from a2k_nets.paper.model import PaperAudio2Keypoint

    network = load_model(model) if model == "listener" else PaperAudio2Keypoint(PaperConfig(width=0.1))
    with pytest.raises(ValueError, match="such as small"):
        export_onnx(network, tmp_path / "a.onnx", streaming=True)
    assert not list(tmp_path.iterdir())
