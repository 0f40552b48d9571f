import json
import logging

import jaxtyping
import pytest
import torch
from typer.testing import CliRunner

from a2k_nets.cli.app import app
from a2k_nets.config.paper import PaperConfig
from a2k_nets.config.presets import config_from_dict
from a2k_nets.onnx.export import export_onnx
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.residual.model import Audio2Keypoint

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is what the exported file is compared in")

# One sample; either side of half a frame; a half that rounds to the even; a frame and a bit; seconds.
LENGTHS = [1, 320, 640, 960, 961, 1_600, 1_601, 16_000, 47_123]
MINUTE = 60 * 16_000


def export(network, path):
    """As users run it: to the tests' type checks a length that is a symbol is no integer."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        return export_onnx(network, path)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def session_of(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def run(session, waveform, reference, **gains):
    inputs = {"waveform": waveform, "reference": reference} | {k: torch.tensor(v) for k, v in gains.items()}
    (keypoints,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    return torch.from_numpy(keypoints)


def voices(batch, samples):
    generator = torch.Generator().manual_seed(samples)
    envelope = torch.linspace(0, 12, samples).sin().clamp(min=0)
    return 0.3 * envelope * torch.randn(batch, samples, generator=generator)


def faces(batch, face):
    """That face (1, K, 2) in pixels, and others of other sizes at other places."""
    sizes = torch.linspace(1, 0.5, batch)[:, None, None]
    return sizes * face + 20 * (1 - sizes) + 0.01 * (1 - sizes) * face.flip(2)


@pytest.fixture(scope="module")
def embedded():
    return Audio2Keypoint.from_pretrained()


@pytest.fixture(scope="module")
def exported(embedded, tmp_path_factory):
    return export(embedded, tmp_path_factory.mktemp("onnx") / "new" / "model.onnx")


@pytest.fixture(scope="module")
def session(exported):
    return session_of(exported)


class TestResidual:
    @pytest.mark.parametrize("batch", [1, 3])
    @pytest.mark.parametrize("samples", [*LENGTHS, MINUTE])
    @torch.inference_mode()
    def test_it_agrees_with_pytorch(self, embedded, session, reference, batch, samples):
        waveform, references = voices(batch, samples), faces(batch, reference)
        ours = embedded(waveform, references)
        theirs = run(session, waveform, references)
        assert theirs.shape == ours.shape
        assert torch.allclose(theirs, ours, atol=1e-4, rtol=0)
        if samples > 16_000:
            assert float((ours - references[:, None]).abs().max()) > 0.5

    @pytest.mark.parametrize(
        "gains", [{"head_motion": 0.0}, {"expression": 1.5}, {"head_motion": 2.0, "expression": 0.0}]
    )
    @torch.inference_mode()
    def test_gains_are_inputs_that_may_be_left_out(self, embedded, session, reference, gains):
        waveform = voices(1, 16_000)
        theirs = run(session, waveform, reference, **gains)
        assert torch.allclose(theirs, embedded(waveform, reference, **gains), atol=1e-4, rtol=0)
        assert not torch.allclose(theirs, run(session, waveform, reference), atol=1e-2)

    def test_inputs_and_outputs_have_names(self, session):
        shapes = {value.name: value.shape for value in (*session.get_inputs(), *session.get_outputs())}
        assert shapes == {
            "waveform": ["batch", "samples"],
            "reference": ["batch", 68, 2],
            "keypoints": ["batch", "frames", 68, 2],
        }
        assert {value.name for value in session.get_overridable_initializers()} == {"head_motion", "expression"}

    def test_it_says_what_it_is(self, embedded, session):
        metadata = session.get_modelmeta().custom_metadata_map
        assert (metadata["preset"], metadata["sample_rate"], metadata["fps"]) == ("residual", "16000", "25")
        assert config_from_dict(json.loads(metadata["config"])) == embedded.in_the_plane().config
        assert "head in space" in metadata["left_out"]
        assert "CC-BY-NC" in metadata["licence"]

    def test_it_is_one_file_that_names_none_of_this_machine(self, exported):
        assert [path.name for path in exported.parent.iterdir()] == ["model.onnx"]
        assert b".py" not in exported.read_bytes()


@pytest.fixture(scope="module")
def paper():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = PaperAudio2Keypoint(PaperConfig(width=0.1)).eval()
        network.normalizer.set_statistics(mean=20 * torch.randn(68, 2), std=1 + torch.rand(68, 2))
    return network


@pytest.fixture(scope="module")
def paper_session(paper, tmp_path_factory):
    return session_of(export(paper, tmp_path_factory.mktemp("onnx") / "paper.onnx"))


class TestPaper:
    # The sound is reflected, followed by silence where it is short, and cut where 32 frames end just before it does.
    @pytest.mark.parametrize("batch", [1, 3])
    @pytest.mark.parametrize("samples", [*LENGTHS, 10_240, 10_241, 20_480, 20_600, MINUTE])
    @torch.inference_mode()
    def test_it_agrees_with_pytorch(self, paper, paper_session, reference, batch, samples):
        waveform, references = voices(batch, samples), faces(batch, reference)
        ours = paper(waveform, references)
        theirs = run(paper_session, waveform, references)
        assert theirs.shape == ours.shape
        assert torch.allclose(theirs, ours, atol=1e-4, rtol=0)

    def test_it_says_what_it_is(self, paper_session):
        assert paper_session.get_modelmeta().custom_metadata_map["preset"] == "paper"


def test_the_model_is_left_as_it_is(model, tmp_path):
    model.train()
    level = logging.getLogger("torch.onnx").level
    export(model, tmp_path / "model.onnx")
    assert model.training
    assert logging.getLogger("torch.onnx").level == level
    assert not any(isinstance(value, torch.SymInt) for module in model.modules() for value in vars(module).values())


class TestCommand:
    def test_a_checkpoint(self, as_users_run_it, model, reference, tmp_path):
        model.save_pretrained(tmp_path)
        result = CliRunner().invoke(
            app, ["export", str(tmp_path / "a.onnx"), "--model", str(tmp_path), "--opset", "20"]
        )
        assert result.exit_code == 0, result.output
        assert not result.stderr
        waveform = voices(1, 6_400)
        with torch.inference_mode():
            ours = model(waveform, reference)
        assert torch.allclose(run(session_of(tmp_path / "a.onnx"), waveform, reference), ours, atol=1e-4, rtol=0)
        assert {entry.version for entry in onnx.load(tmp_path / "a.onnx").opset_import if not entry.domain} == {20}

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["a.pt"], "ending in .onnx"),
            (["a.onnx", "--opset", "9"], "from 18 to"),
            (["a.onnx", "--opset", "999"], "from 18 to"),
            (["a.onnx", "--model", "absent.safetensors"], "found no file"),
        ],
    )
    def test_one_line_says_why_not(self, tmp_path, monkeypatch, arguments, message):
        monkeypatch.chdir(tmp_path)
        result = CliRunner().invoke(app, ["export", *arguments])
        assert result.exit_code == 1
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith("error: ")
        assert message in line
        assert not list(tmp_path.iterdir())

    def test_without_the_extra(self, tmp_path, monkeypatch):
        import sys

        monkeypatch.setitem(sys.modules, "onnxscript", None)
        result = CliRunner().invoke(app, ["export", str(tmp_path / "a.onnx")])
        assert result.exit_code == 1
        assert "a2k-nets[onnx]" in result.stderr
