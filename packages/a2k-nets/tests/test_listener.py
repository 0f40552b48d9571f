"""The `listener` preset: one network for whole recordings, in constant memory."""

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from a2k_nets import Audio2Keypoint, StreamingGenerator, export_onnx, load_model
from a2k_nets.checkpoints.embedded_scores import embedded_scores
from a2k_nets.cli.app import app
from a2k_nets.config import ListenerConfig, config_from_dict


@pytest.fixture(scope="module")
def listener():
    torch.manual_seed(0)
    model = Audio2Keypoint(ListenerConfig(width=32, window_hop=20, window_overlap=5)).eval()
    for head in (model.generator.expression_head, model.generator.pose_head):
        nn.init.normal_(head.weight, std=0.05)
    model.normalizer.set_statistics(mean_face=load_model("small").normalizer.mean_face)
    return model


@pytest.fixture(scope="module")
def face(listener):
    return listener.normalizer.mean_face_px[None]


def test_an_untrained_network_holds_the_reference(face, listener):
    model = Audio2Keypoint(ListenerConfig(width=16)).eval()
    model.normalizer.set_statistics(mean_face=listener.normalizer.mean_face)
    torch.testing.assert_close(model(torch.rand(1, 9_000), face), face[:, None].expand(-1, 14, -1, -1))


@torch.inference_mode()
@pytest.mark.parametrize("samples", [1, 319, 320, 321, 640, 9_919, 9_921, 48_000])
@pytest.mark.parametrize("piece", [77, 5_000])
def test_pieces_give_the_motion_of_the_whole(listener, face, samples, piece):
    waveform = torch.rand(2, samples, generator=torch.Generator().manual_seed(1)) - 0.5
    faces = torch.cat((face, face * 1.5))
    whole = listener(waveform, faces)
    assert whole.shape[1] == listener.config.num_frames(samples)
    assert samples < 10_000 or whole.diff(dim=1).abs().amax() > 0.1
    torch.testing.assert_close(
        listener.forward_chunks(torch.split(waveform, piece, dim=1), faces), whole, atol=1e-3, rtol=0
    )


@torch.inference_mode()
def test_a_stream_computes_what_training_does(listener, face):
    """`encode_audio` and `predict_motion`, on which the network is trained, against a stream of stretches."""
    waveform = torch.rand(1, 64_000, generator=torch.Generator().manual_seed(2)) - 0.5
    motion = listener.predict_motion(listener.encode_audio(waveform), face)
    source = listener.motion_source(listener.normalizer.encode_reference(listener.normalizer.canonicalize(face)))
    parts = [source.push(part) for part in torch.split(waveform, 16_000, dim=1)]
    parts.append(source.push(waveform[:, :0], end=True))
    found = [part.expression for part in parts if part is not None]
    assert len(found) > 1
    torch.testing.assert_close(torch.cat(found, dim=1), motion.expression, atol=1e-4, rtol=1e-4)


def test_the_checkpoint_leaves_the_encoder_out(listener, face, tmp_path):
    path = listener.save_pretrained(tmp_path)
    assert path.stat().st_size < 1_000_000
    loaded = load_model(tmp_path)
    assert loaded.config == listener.config
    waveform = torch.rand(1, 16_000) - 0.5
    with torch.inference_mode():
        torch.testing.assert_close(loaded(waveform, face), listener(waveform, face))


def test_what_needs_a_causal_model_refuses_it(listener, face, tmp_path):
    with pytest.raises(ValueError, match="expected a causal model such as small, got one of the preset listener"):
        StreamingGenerator(face[0], listener)
    with pytest.raises(ValueError, match="got one of the preset listener"):
        export_onnx(listener, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "whisper-huge"}, "expected encoder to be one of whisper-tiny.en"),
        ({"fps": 50}, "expected 16000 Hz and 25 fps"),
        ({"window_hop": 0}, "expected window_hop >= 1"),
        ({"window_hop": 800}, "at most 30 s"),
        ({"lookahead_hops": 6}, "unknown setting 'lookahead_hops' of ListenerConfig"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        config_from_dict(settings, preset="listener")


def test_the_models_in_the_package():
    assert load_model().preset == "listener"
    assert load_model("small").preset == Audio2Keypoint.from_pretrained().preset == "residual"
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:4:2]] == ["listener", "small"]
    for name, line in zip(("listener", "small"), lines[1:4:2], strict=True):
        scores = embedded_scores(name)
        assert 0 < float(scores["mouth r"].partition(" ")[0]) < 1
        assert line.strip().startswith(f"mouth r {scores['mouth r'].partition(' ')[0]}, width r ")


def test_no_scores_of_a_model_that_the_card_does_not_know(monkeypatch, tmp_path):
    (tmp_path / "MODEL_CARD.md").write_text("## Results of `small`\n\n| | mouth r |\n|---|---|\n| hold | 0 |\n\n")
    monkeypatch.setattr("a2k_nets.checkpoints.embedded_scores.embedded_checkpoint", lambda name: tmp_path / name)
    with pytest.raises(ValueError, match="row 'model'"):
        embedded_scores("small")
