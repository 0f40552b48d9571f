"""What a saved folder says of its weights, and digests."""

import hashlib
import json

import pytest
import torch

from a2k_nets.checkpoints.checkpoint import read_tensors
from a2k_nets.checkpoints.model_card import model_card
from a2k_nets.checkpoints.resolve import EMBEDDED, embedded_checkpoint
from a2k_nets.config.paper import PaperConfig
from a2k_nets.config.presets import config_from_dict
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.pretrained import load_model
from a2k_nets.residual.model import Audio2Keypoint


def front_matter(card: str) -> list[str]:
    first, *lines = card.splitlines()
    assert first == "---"
    return lines[: lines.index("---")]


def test_the_embedded_weights_are_those_that_are_stated():
    path = embedded_checkpoint()
    stated = {name: digest for digest, name in map(str.split, path.with_name("SHA256SUMS").read_text().splitlines())}
    assert set(stated) == {file.name for file in path.parent.glob("*.safetensors")}
    for name, digest in stated.items():
        found = hashlib.sha256(path.with_name(name).read_bytes()).hexdigest()
        assert found == digest, "write SHA256SUMS anew: sha256sum *.safetensors"
    for name in EMBEDDED:
        digest = stated[f"{name}.safetensors"]
        assert same_state(Audio2Keypoint.from_pretrained(name, sha256=digest), load_model(name))
    licence = path.with_name("LICENSE").read_text(encoding="utf-8")
    assert "Attribution-NonCommercial 4.0 International Public License" in licence


def same_state(one, other) -> bool:
    return all(torch.equal(other.state_dict()[name], tensor) for name, tensor in one.state_dict().items())


@pytest.mark.parametrize("sha256", ["0" * 64, "f" * 63, "", "x" * 64])
def test_a_digest_that_is_not_the_file_s(model, tmp_path, sha256):
    path = model.save_pretrained(tmp_path)
    for source in (path, tmp_path, None):
        with pytest.raises(ValueError, match="sha256"):
            Audio2Keypoint.from_pretrained(source, sha256=sha256)


def test_the_digest_comes_before_the_content(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"not a checkpoint at all")
    with pytest.raises(ValueError, match="it was not opened"):
        load_model(tmp_path, sha256="0" * 64)


@pytest.mark.parametrize("preset", ["residual", "paper"])
def test_what_a_folder_tells(model, tmp_path, preset):
    network = model if preset == "residual" else PaperAudio2Keypoint(PaperConfig(width=0.05))
    path = network.save_pretrained(tmp_path, about="Three hours of *my* voice.")
    told = json.loads((tmp_path / "config.json").read_text())
    assert config_from_dict(told["config"], preset=told["preset"]) == network.config
    assert told["architectures"] == [type(network).__name__]
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "license: cc-by-nc-4.0" in front_matter(card)
    parameters = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    for what in (
        f"preset `{preset}`",
        f"{parameters:.2f} million parameters",
        hashlib.sha256(path.read_bytes()).hexdigest(),
        "Three hours of *my* voice.",
        "CC-BY-NC-4.0",
        "without their consent",
    ):
        assert what in card


def test_the_embedded_weights_carry_their_own_card(tmp_path):
    Audio2Keypoint.from_pretrained().save_pretrained(tmp_path, about="Sent on by me.")
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    theirs = embedded_checkpoint().with_name("MODEL_CARD.md").read_text(encoding="utf-8")
    assert theirs in card
    assert card.endswith("Sent on by me.\n")


def test_nothing_said_is_not_made_up(model, tmp_path):
    assert "has not said" in model_card(model.save_pretrained(tmp_path))


@pytest.mark.parametrize(
    ("licence", "lines"),
    [
        ("CC-BY-4.0", ["license: cc-by-4.0"]),
        ("CC0-1.0; my own footage", ["license: cc0-1.0"]),
        ("Mine: all rights reserved", ["license: other", 'license_name: "Mine:"']),
        ("", ["license: other", 'license_name: "unknown"']),
    ],
)
def test_licences(model, tmp_path, licence, lines):
    path = model.save_pretrained(tmp_path, licence=licence)
    assert front_matter((tmp_path / "README.md").read_text())[: len(lines)] == lines
    assert read_tensors(path)[1]["licence"] == licence


def test_a_card_that_somebody_wrote_stays(model, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "config.json").write_text("old")
    model.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert (tmp_path / "config.json").read_text() != "old"
