"""Every command that writes, onto a disk that takes nothing more: one line that names the file, and nothing left."""

import subprocess
from importlib import import_module

import pytest
import torch
from typer.testing import CliRunner

from a2k_nets.checkpoints.atomic import write_bytes
from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.model import Audio2Keypoint
from kp_io import KeypointSequence, save_keypoints, write_audio


@pytest.fixture(params=["full", "read-only"])
def disk(request, small_disk):
    """A disk that takes nothing more, and what is to be said of it."""
    (small_disk / "page").write_bytes(bytes(4096))
    if request.param == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    return small_disk, "No space left on device" if request.param == "full" else "Read-only file system"


@pytest.fixture
def good(tmp_path):
    """A face that moves, a voice, and a small model."""
    folder = tmp_path / "good"
    chance = torch.Generator().manual_seed(0)
    points = 40 + 80 * torch.rand(1, 68, 2, generator=chance) + torch.randn(30, 68, 2, generator=chance)
    save_keypoints(folder / "face.npz", KeypointSequence(points, image_size=(160, 160)))
    write_audio(folder / "voice.wav", 0.1 * torch.randn(30 * 640, generator=chance))
    Audio2Keypoint(ModelConfig(width=8, dilations=(1, 2))).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("a2k_nets", "generate --image GOOD/face.npz --audio GOOD/voice.wav --model GOOD -o DISK/out.npz"),
        ("a2k_nets", "generate --image GOOD/face.npz --audio GOOD/voice.wav --model GOOD -o DISK/new/out.csv"),
        (
            "a2k_nets",
            "generate --image GOOD/face.npz --audio GOOD/voice.wav --model GOOD -o OUT/a.npz --draw DISK/out.mp4",
        ),
        ("kp_metrics", "compare GOOD/face.npz GOOD/face.npz --resamples 10 --out DISK/out.csv"),
        ("kp_metrics", "compare GOOD/face.npz GOOD/face.npz --resamples 10 --out DISK/out.tex"),
        ("kp_io", "convert GOOD/face.npz DISK/out.json"),
        ("kp_io", "render GOOD/face.npz -o DISK/out.mp4"),
    ],
)
def test_a_disk_that_takes_nothing_more(disk, good, tmp_path, program, words):
    folder, reason = disk
    places = {"GOOD": good, "DISK": folder, "OUT": tmp_path / "out"}
    for name, place in places.items():
        words = words.replace(name, str(place))
    before = {path.name: path.read_bytes() for path in good.iterdir()}
    result = CliRunner().invoke(import_module(f"{program}.cli").app, words.split())
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    (line,) = [line for line in result.stderr.splitlines() if line]
    assert line.startswith("error: cannot write ")
    assert reason in line
    assert "/out." in line
    files = [path for path in (*folder.rglob("*"), *tmp_path.glob("out/*")) if path.is_file()]
    assert [path.name for path in files] == ["page"]
    assert {path.name: path.read_bytes() for path in good.iterdir()} == before


def test_models_and_their_graphs_on_such_a_disk(disk):
    """`a2k export` takes seconds to come to this; what it writes goes through here, as every model does."""
    folder, reason = disk
    for path in (folder / "out.onnx", folder / "new" / "model.safetensors"):
        with pytest.raises(OSError, match=f"cannot write .*{path.name}: {reason}; make room"):
            write_bytes(path, bytes(10_000))
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["page"]
