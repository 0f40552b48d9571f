"""Module paths and argument names of release 0.1.0 keep working."""

import inspect
import subprocess
import sys

import pytest
import torch

from a2k_nets.config.renamed import accept_renamed
from a2k_nets.config.residual import ModelConfig
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.residual.model import Audio2Keypoint

OLD_IMPORTS = """
from a2k_nets.export import export_onnx
from a2k_nets.log_mel import LogMelSpectrogram
from a2k_nets.model import Audio2Keypoint
from a2k_nets.paper.config import PaperConfig
from a2k_nets.pcm import open_pcm
from a2k_nets.shared_model import SharedModel
from a2k_nets.streaming import StreamingGenerator
from a2k_nets.generate import generate_sequence
from a2k_nets.config import AudioConfig, ModelConfig
from a2k_nets.sync import SyncOffset, measure_offset
import a2k_nets.model
assert issubclass(a2k_nets.model.Audio2Keypoint, SharedModel)
assert a2k_nets.model.Audio2Keypoint is a2k_nets.Audio2Keypoint
assert generate_sequence is a2k_nets.generate_sequence
"""


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_old_paths_import_the_new_modules_with_a_warning():
    warned = run(OLD_IMPORTS)
    assert "DeprecationWarning: a2k_nets.model has moved to a2k_nets.residual.model" in warned
    assert warned.count("DeprecationWarning") == 8
    assert "DeprecationWarning" not in run("from a2k_nets import Audio2Keypoint, generate_sequence")


def test_a_path_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"a2k_nets\.generat"):
        __import__("a2k_nets.generat")


@torch.no_grad()
def test_rest_lips_is_neutralize_mouth(model, speech, reference):
    old = model(speech[None, :6_400], reference, rest_lips=True)
    assert torch.equal(old, model(speech[None, :6_400], reference, neutralize_mouth=True))
    with pytest.raises(TypeError, match=r"neutralize_mouth.*rest_lips"):
        model(speech[None, :6_400], reference, rest_lips=True, neutralize_mouth=True)


@pytest.mark.parametrize("function", [Audio2Keypoint.forward, PaperAudio2Keypoint.forward])
def test_signatures_have_the_new_name_only(function):
    names = inspect.signature(function).parameters
    assert "neutralize_mouth" in names
    assert "rest_lips" not in names


def test_ease_in_frames_is_fade_in_frames():
    assert ModelConfig(ease_in_frames=3) == ModelConfig(fade_in_frames=3)
    with pytest.raises(TypeError, match="unexpected keyword"):
        ModelConfig(ease_in=3)


def test_names_that_were_never_there_are_refused():
    @accept_renamed(old="new")
    def function(*, new: int = 0) -> int:
        return new

    assert (function(old=1), function(new=2), function()) == (1, 2, 0)
    with pytest.raises(TypeError, match="other"):
        function(other=1)
