"""The options of heads in space on the command line."""

import json

import pytest
import torch
from typer.testing import CliRunner

from a2k_nets.cli.app import app
from a2k_nets.head.mean_face import mean_face_3d
from a2k_nets.head.space import lift, measure_motion, project
from a2k_nets.inference.generate import generate_sequence
from a2k_nets.residual.model import Audio2Keypoint
from kp_io import KeypointSequence, load_keypoints, save_keypoints
from kp_io.media.audio import write_audio


def clip(gain: float) -> KeypointSequence:
    """A person who turns to both sides and nods and tilts a little. (75 frames)"""
    motion = torch.zeros(1, 75, 6)
    motion[0, :, 0] = gain * torch.sin(torch.arange(75) / 12)
    motion[0, :, 1:3] = 0.3 * motion[0, :, :1]
    face = 1.5 * mean_face_3d()[None, :, :2].float() + 120
    turned = project(face[:, None].expand(-1, 75, -1, -1), lift(face), motion)[0]
    return KeypointSequence(turned, image_size=(320, 320))


@pytest.fixture
def folder(tmp_path, model_in_space, reference, speech):
    """Holds a model, face.npz, speech.wav, and a calm and a lively clip."""
    model_in_space.save_pretrained(tmp_path)
    save_keypoints(tmp_path / "face.npz", KeypointSequence(reference, image_size=(240, 320)))
    save_keypoints(tmp_path / "calm.npz", clip(0.05))
    save_keypoints(tmp_path / "lively.npz", clip(0.3))
    write_audio(tmp_path / "speech.wav", speech, sample_rate=16_000)
    return tmp_path


def run(folder, *options: str, command: str = "generate"):
    """Run a command on the folder's face and model."""
    given = ["--image", folder / "face.npz", "--model", folder, *options]
    if command == "generate":
        given += ["--audio", folder / "speech.wav", "-o", folder / "out.npz"]
    sound = (folder / "speech.wav").read_bytes() if command == "stream" else None
    return CliRunner().invoke(app, [command, *map(str, given)], input=sound)


def motion_of(folder, *options: str):
    result = run(folder, *options)
    assert result.exit_code == 0, result.output
    keypoints = load_keypoints(folder / "out.npz").keypoints[None]
    return measure_motion(keypoints, lift(keypoints[:, 0]))[0]


def test_each_gain_stops_its_part(folder):
    std = motion_of(folder, "--expression", "0").std(dim=0)
    for option, column in (("--turn", 0), ("--nod", 1), ("--tilt", 2)):
        stopped = motion_of(folder, option, "0", "--expression", "0").std(dim=0)
        assert stopped[column] < 0.1 * std[column]


def test_it_is_what_python_gives(folder):
    assert run(folder, "--turn", "0.5", "--brow", "2", "--style", folder / "lively.npz").exit_code == 0
    expected = generate_sequence(
        load_keypoints(folder / "face.npz"),
        folder / "speech.wav",
        model=Audio2Keypoint.from_pretrained(folder),
        turn=0.5,
        brow=2.0,
        style=load_keypoints(folder / "lively.npz"),
    )
    assert torch.allclose(load_keypoints(folder / "out.npz").keypoints, expected.keypoints)


def test_a_lively_clip_makes_a_lively_head(folder):
    calm, lively = (motion_of(folder, "--style", folder / name)[:, 0].std() for name in ("calm.npz", "lively.npz"))
    assert lively > 2 * calm


def test_a_driving_clip_turns_the_head(folder):
    motion = motion_of(folder, "--driving", folder / "lively.npz", "--expression", "0")
    assert torch.allclose(motion[5:, 0], 0.3 * torch.sin(torch.arange(5, 50) / 12), atol=0.03)


def test_a_stream_has_the_same_options(folder):
    options = ("--nod", "0.5", "--tilt", "0", "--style", folder / "lively.npz", "--seed", "3")
    assert run(folder, *options).exit_code == 0
    lines = run(folder, *options, command="stream").stdout.splitlines()
    streamed = torch.tensor([json.loads(line)["keypoints"] for line in lines])
    assert torch.allclose(streamed, load_keypoints(folder / "out.npz").keypoints, atol=5e-3)


def test_a_clip_too_short_for_a_style_is_one_line(folder):
    short = clip(0.1)
    save_keypoints(folder / "short.npz", KeypointSequence(short.keypoints[:20], image_size=short.image_size))
    result = run(folder, "--style", folder / "short.npz")
    assert result.exit_code == 1
    assert "expected a clip of at least 50 frames" in result.output
    assert "Traceback" not in result.output


def test_a_model_without_space_says_so(folder, model):
    model.head, model.config = None, type(model.config)(width=16, dilations=(1, 2))
    model.save_pretrained(folder)
    result = run(folder, "--turn", "2")
    assert result.exit_code == 1
    assert "expected a model whose head moves in space for turn, nod and style" in " ".join(result.output.split())
