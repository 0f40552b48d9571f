import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from a2k_nets.checkpoints.checkpoint import (
    FORMAT_VERSION,
    load_checkpoint,
    read_tensors,
    save_checkpoint,
    write_tensors,
)
from a2k_nets.checkpoints.resolve import embedded_checkpoint
from a2k_nets.config.presets import config_from_dict, config_to_json
from a2k_nets.config.renamed import RENAMED_SETTINGS, RENAMED_TENSORS
from a2k_nets.pretrained import load_model
from a2k_nets.residual.model import Audio2Keypoint


@pytest.fixture
def saved(model, tmp_path) -> Path:
    return model.save_pretrained(tmp_path / "new" / "folder")


def rewrite(path: Path, **metadata: str) -> None:
    state, old = read_tensors(path)
    write_tensors(path, state, old | metadata)


@torch.no_grad()
@pytest.mark.parametrize("what", ["file", "folder", "text"])
def test_a_model_comes_back_as_it_was(model, saved, speech, reference, what):
    loaded = Audio2Keypoint.from_pretrained({"file": saved, "folder": saved.parent, "text": str(saved)}[what])
    assert loaded.config == model.config
    assert not loaded.training
    assert loaded.state_dict().keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert torch.equal(loaded(speech[None], reference), model(speech[None], reference))


def test_a_file_tells_its_version_and_licence(saved):
    _, metadata = read_tensors(saved)
    assert metadata["format_version"] == FORMAT_VERSION
    assert "licence" in metadata
    assert json.loads(metadata["config"])["width"] == 16


def test_what_is_left_in_the_folder(saved):
    assert {path.name for path in saved.parent.iterdir()} == {"README.md", "config.json", "model.safetensors"}
    assert saved.stat().st_mode & 0o444 == 0o444


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_a_truncated_file_is_refused(saved, share):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match="expected a whole safetensors checkpoint"):
        Audio2Keypoint.from_pretrained(saved)


@pytest.mark.parametrize("version", ["0", "1", "2.0", ""])
def test_another_version_is_refused(saved, version):
    rewrite(saved, format_version=version)
    with pytest.raises(ValueError, match=f"format version {FORMAT_VERSION}"):
        Audio2Keypoint.from_pretrained(saved)


def as_written_by_0_1_0(path: Path) -> None:
    """Give tensors and settings of a checkpoint their names in format 2."""
    state, metadata = read_tensors(path)
    old = {new: old for old, new in RENAMED_TENSORS.items()}
    config = metadata["config"]
    for name, new in RENAMED_SETTINGS.items():
        assert f'"{new}"' in config
        config = config.replace(f'"{new}"', f'"{name}"')
    assert set(old) <= set(state)
    state = {old.get(name, name): tensor for name, tensor in state.items()}
    write_tensors(path, state, metadata | {"format_version": "2", "config": config})


@torch.no_grad()
@pytest.mark.parametrize("load", [load_model, Audio2Keypoint.from_pretrained])
def test_format_2_loads_as_the_same_model(model, saved, speech, reference, load):
    as_written_by_0_1_0(saved)
    loaded = load(saved)
    assert loaded.config == model.config
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in model.state_dict().items())
    seeds = [torch.Generator().manual_seed(1) for _ in range(2)]
    assert torch.equal(
        loaded(speech[None], reference, generator=seeds[0]), model(speech[None], reference, generator=seeds[1])
    )


def test_weights_of_format_2_are_read_and_saved_as_the_current_one(tmp_path):
    """As release 0.1.0 wrote them: other names of some tensors, and of a setting."""
    model = Audio2Keypoint.from_pretrained()
    state, metadata = read_tensors(embedded_checkpoint())
    old_names = {new: old for old, new in RENAMED_TENSORS.items()}
    assert set(old_names) <= set(state)
    old = {old_names.get(name, name): tensor for name, tensor in state.items()}
    config = metadata["config"].replace('"fade_in_frames"', '"ease_in_frames"')
    write_tensors(tmp_path / "old.safetensors", old, metadata | {"format_version": "2", "config": config})
    loaded = load_model(tmp_path / "old.safetensors")
    assert loaded.config == model.config
    written, metadata = read_tensors(loaded.save_pretrained(tmp_path))
    assert metadata["format_version"] == FORMAT_VERSION
    assert written.keys() == state.keys()
    assert all(torch.equal(written[name], tensor) for name, tensor in state.items())


def test_a_name_and_its_old_one_are_refused(saved):
    with pytest.raises(ValueError, match="'fade_in_frames' only once"):
        config_from_dict({"ease_in_frames": 5, "fade_in_frames": 5})
    state, metadata = read_tensors(saved)
    old, new = next(iter(RENAMED_TENSORS.items()))
    write_tensors(saved, state | {old: state[new].clone()}, metadata)
    with pytest.raises(ValueError, match=f"'{new}' only once"):
        load_model(saved)


def test_foreign_safetensors_are_refused(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="of version unknown"):
        Audio2Keypoint.from_pretrained(tmp_path)


class Mine:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pt", "model.ckpt"])
@pytest.mark.parametrize("write", ["torch", "pickle"])
def test_a_pickle_is_refused_and_never_run(tmp_path, name, write):
    trap, path = tmp_path / "trapped", tmp_path / name
    if write == "torch":
        torch.save({"model": Mine(trap)}, path)
    else:
        path.write_bytes(pickle.dumps(Mine(trap)))
    with pytest.raises(ValueError, match="never opened"):
        Audio2Keypoint.from_pretrained(path)
    assert not trap.exists()
    pickle.loads(pickle.dumps(Mine(trap)))  # the trap works
    assert trap.is_dir()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"depth": 3}', "unknown setting 'depth'"),
        ('{"audio": {"hop": 3}}', "unknown setting 'hop'"),
        ("{", "config"),
        ("7", "config"),
        ('{"width": "wide"}', "config"),
        ('{"audio": 7}', "config"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(saved, config, message):
    rewrite(saved, config=config)
    with pytest.raises(ValueError, match=message):
        Audio2Keypoint.from_pretrained(saved)


def test_missing_and_unknown_tensors_are_named(model, tmp_path):
    state = model.state_dict()
    state["extra"] = state.pop("normalizer.mean_face")
    save_checkpoint(tmp_path / "model.safetensors", state, model.config)
    with pytest.raises(ValueError, match=r"missing: \['normalizer.mean_face'\], unknown: \['extra'\]"):
        Audio2Keypoint.from_pretrained(tmp_path)


def test_tensors_of_another_shape_are_refused(model, tmp_path):
    state = model.state_dict() | {"normalizer.mean_face": torch.zeros(5, 2)}
    save_checkpoint(tmp_path / "model.safetensors", state, model.config)
    with pytest.raises(ValueError, match=r"normalizer.mean_face of shape \(68, 2\)"):
        Audio2Keypoint.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["", "model.safetensors", "absent.safetensors"])
def test_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(FileNotFoundError, match="found no file"):
        load_checkpoint(tmp_path / name)


def test_what_was_there_survives_a_failure(model, saved, monkeypatch):
    before = {path.name: path.read_bytes() for path in saved.parent.iterdir()}

    def full_disk(*_):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(saved, {"other": torch.zeros(3)}, model.config)
    assert {path.name: path.read_bytes() for path in saved.parent.iterdir()} == before


def test_the_config_is_the_one_of_the_model(model, saved):
    assert config_to_json(load_checkpoint(saved)[1]) == config_to_json(model.config)


@pytest.mark.parametrize("load", [load_model, Audio2Keypoint.from_pretrained])
def test_a_config_whose_network_no_memory_holds(load, model, tmp_path):
    path = model.save_pretrained(tmp_path)
    tensors, metadata = read_tensors(path)
    config = json.loads(metadata["config"]) | {"stem_kernel_size": 10**30}
    write_tensors(path, tensors, metadata | {"config": json.dumps(config)})
    with pytest.raises(ValueError, match="expected the config of a network that can be built"):
        load(path)
