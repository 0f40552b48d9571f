"""Style and driving on the page: keypoint files of clips, and what is refused of them."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from head_clips import clip
from PIL import Image
from skimage.data import astronaut

from a2k_nets.head.space import lift, measure_motion
from a2k_nets.inference.generate import generate_sequence
from a2k_nets.web.limits import Limits, read_clip
from a2k_nets.web.pipeline import Request, process
from a2k_nets.web.ui_text import explain
from kp_io import KeypointSequence, annotate_image, load_keypoints, save_keypoints, write_audio


@pytest.fixture
def files(tmp_path, speech):
    """Return the paths of a portrait, a speech of a second, and a calm and a lively clip."""
    Image.fromarray(astronaut()).save(tmp_path / "face.png")
    write_audio(tmp_path / "speech.wav", speech[:16_000], sample_rate=16_000)
    save_keypoints(tmp_path / "calm.npz", clip(0.05))
    save_keypoints(tmp_path / "lively.npz", clip(0.3))
    return {name: tmp_path / name for name in ("face.png", "speech.wav", "calm.npz", "lively.npz")}


@pytest.fixture
def keypoints(files, model_in_space, tmp_path):
    """Return the keypoints of a request of the page."""

    def run(**options) -> torch.Tensor:
        request = Request(files["face.png"], files["speech.wav"], **options)
        *_, result = process(request, tmp_path, model=model_in_space)
        return load_keypoints(result.files["keypoints.npz"]).keypoints

    return run


def test_style_and_driving_are_those_of_generate_sequence(keypoints, files, model_in_space):
    got = keypoints(style=files["lively.npz"], driving=files["calm.npz"])
    expected = generate_sequence(
        annotate_image(astronaut()),
        files["speech.wav"],
        model=model_in_space,
        neutralize_mouth=True,
        style=load_keypoints(files["lively.npz"]),
        driving=load_keypoints(files["calm.npz"]),
    )
    torch.testing.assert_close(got, expected.keypoints, atol=1e-2, rtol=0)


def turns(points: torch.Tensor) -> float:
    """Return how much a head turns to the sides, radians."""
    return float(measure_motion(points[None], lift(points[None, 0]))[0, :, 0].std())


def test_a_lively_clip_makes_a_lively_head(keypoints, files):
    for name in ("style", "driving"):
        calm, lively = (
            turns(keypoints(**{name: files[f"{kind}.npz"]}, gains={"expression": 0.0})) for kind in ("calm", "lively")
        )
        assert lively > 2 * calm, name


@pytest.fixture
def refuses(tmp_path):
    """Return what a visitor is told of a clip that is refused."""

    def run(path: Path, **limits) -> str:
        with pytest.raises(ValueError, match=path.name) as refused:
            read_clip(path, Limits(**limits))
        told = explain(refused.value, Request(None, driving=path))
        assert str(tmp_path) not in told
        return told

    return run


def test_other_files(refuses, files, tmp_path):
    (tmp_path / "talk.csv").write_text("frame,x0,y0\n")
    assert "kp-io convert" in refuses(tmp_path / "talk.csv")
    (tmp_path / "talk.npz").write_bytes(files["speech.wav"].read_bytes())
    assert refuses(tmp_path / "talk.npz").startswith("Expected a keypoint file (.npz)")
    (tmp_path / "cut.npz").write_bytes(files["calm.npz"].read_bytes()[:200])
    assert "cut off" in refuses(tmp_path / "cut.npz")
    np.savez(tmp_path / "pickled.npz", keypoints=np.array([{}], dtype=object))
    assert "no format_version" in refuses(tmp_path / "pickled.npz")
    assert "choose it again" in refuses(tmp_path / "gone.npz")


def test_too_large(refuses, files, tmp_path):
    assert "at most 0.01 MB" in refuses(files["calm.npz"], keypoint_megabytes=0.01)
    # A small archive that would fill the memory.
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("keypoints.npy", bytes(30_000_000))
    assert (tmp_path / "bomb.npz").stat().st_size < 1e6
    assert "30.0 MB when unpacked" in refuses(tmp_path / "bomb.npz")


def test_too_long(refuses, files, tmp_path):
    assert "at most 2 s" in refuses(files["calm.npz"], clip_seconds=2)
    # So few frames a second that the model's frame rate would make millions of them.
    slow = clip(0.1)
    save_keypoints(tmp_path / "slow.npz", KeypointSequence(slow.keypoints, image_size=slow.image_size, fps=0.01))
    assert "at most 600 s" in refuses(tmp_path / "slow.npz")


def test_a_clip_too_short_for_a_style(files, model_in_space, tmp_path):
    save_keypoints(tmp_path / "short.npz", clip(0.1).frames(0, 20))
    request = Request(files["face.png"], files["speech.wav"], style=tmp_path / "short.npz")
    with pytest.raises(ValueError, match="at least 50 frames"):
        list(process(request, tmp_path, model=model_in_space))


def test_a_clip_is_refused_before_the_face_is_sought(files, model_in_space, tmp_path):
    request = Request(files["face.png"], files["speech.wav"], driving=tmp_path / "gone.npz")
    with pytest.raises(ValueError, match="choose it again"):
        next(process(request, tmp_path, model=model_in_space))
