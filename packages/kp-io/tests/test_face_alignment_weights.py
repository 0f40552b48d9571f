"""Weights of face-alignment: where they are looked for, what is said without them, what is never run."""

import os
import re

import numpy as np
import pytest
import torch

from kp_io.detectors.face_alignment.weights import find_weights, needed_weights, read_weights

TWO_D = ("s3fd-619a316812.pth", "2DFAN4-11f355bf06.pth.tar")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_they_are_found_in_the_cache_of_the_hub(hub):
    for name in TWO_D:
        (hub / name).touch()
    assert find_weights(needed_weights(2)) == [hub / name for name in TWO_D]


def test_a_named_folder_comes_before_the_cache(hub, tmp_path):
    for name in TWO_D:
        (hub / name).touch()
        (tmp_path / name).touch()
    assert find_weights(needed_weights(2), tmp_path) == [tmp_path / name for name in TWO_D]


def test_missing_ones_are_named_with_addresses_and_a_way_out(hub):
    (hub / TWO_D[0]).touch()
    with pytest.raises(FileNotFoundError) as caught:
        find_weights(needed_weights(3))
    message = str(caught.value)
    assert TWO_D[0] not in message
    for name in ("3DFAN4-7835d9f11d.pth.tar", "depth-2a464da4ea.pth.tar"):
        assert f"https://www.adrianbulat.com/downloads/python-fan/{name}" in message
    for what in (str(hub), "--weights DIR", "--detector dlib"):
        assert what in message
    assert "\n" not in message


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("module", [b"numpy._core.multiarray", b"numpy.core.multiarray"])
def test_checkpoints_of_any_age(tmp_path, zipped, module):
    """Of old PyTorch and old NumPy too; the name of NumPy's module is changed in the file, where it is not zipped."""
    weight = torch.arange(6.0).reshape(2, 3)
    path = tmp_path / "depth.pth.tar"
    checkpoint = {"epoch": 3, "best": np.float64(0.5), "state_dict": {"module.fc.weight": weight}}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    if not zipped:
        path.write_bytes(re.sub(rb"numpy\._?core\.multiarray", module, path.read_bytes()))
    [(name, value)] = read_weights(path).items()
    assert name == "fc.weight"
    assert torch.equal(value, weight)


class Malicious:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    torch.save({"weight": Malicious(tmp_path / "harm")}, tmp_path / "bad.pth")
    with pytest.raises(ValueError, match=re.escape("bad.pth is no checkpoint of tensors")):
        read_weights(tmp_path / "bad.pth")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04 and no more"])
def test_a_failed_download_is_said_to_be_one(tmp_path, content):
    (tmp_path / "s3fd.pth").write_bytes(content)
    with pytest.raises(ValueError, match="download it again"):
        read_weights(tmp_path / "s3fd.pth")


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.zeros(1)], {}])
def test_something_else_than_weights(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="expected the weights of one network"):
        read_weights(tmp_path / "other.pth")
