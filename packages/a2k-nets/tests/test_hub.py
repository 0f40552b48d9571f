"""Models by an id of the Hub: huggingface_hub's own code, against a stand-in on 127.0.0.1."""

import errno
import hashlib
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hub_stand_in import HubStandIn
from typer.testing import CliRunner

from a2k_nets.checkpoints.pretrained_mixin import PretrainedMixin
from a2k_nets.cli.app import app
from a2k_nets.config.paper import PaperConfig
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.pretrained import load_model
from a2k_nets.residual.model import Audio2Keypoint
from kp_io.formats.registry import load_keypoints, save_keypoints
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.audio import write_audio

pytest.importorskip("huggingface_hub", reason="needs the extra hub")

# Every test goes through the network's code, so none may use a token that lies on this machine.
TOKEN = "hf_of_nobody"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[HubStandIn]:
    """A stand-in with its folder in `tmp_path / "hub"`; huggingface_hub knows no other, and an empty cache."""
    from huggingface_hub import constants

    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with HubStandIn(tmp_path / "hub") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        for name, value in {
            "ENDPOINT": server.address,
            "HUGGINGFACE_CO_URL_TEMPLATE": server.address + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_CACHE": str(tmp_path / "cache"),
            "HF_HOME": str(tmp_path / "home"),
            "HF_TOKEN_PATH": str(tmp_path / "home" / "token"),
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": True,
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
        }.items():
            monkeypatch.setattr(constants, name, value)
        # Its retries wait for half a minute; their number stays.
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        yield server
        server.shutdown()
        thread.join(timeout=5)


@pytest.fixture(params=["residual", "paper"])
def any_model(request, model) -> PretrainedMixin:
    if request.param == "residual":
        return model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return PaperAudio2Keypoint(PaperConfig(width=0.05, variant="no_piv")).eval()


@pytest.fixture
def put(hub) -> Callable[..., Path]:
    """Put a model on the Hub as me/model, at a revision; return the path of its weights there."""

    def at(model: PretrainedMixin, revision: str = "main") -> Path:
        return model.save_pretrained(hub.folder / "me" / "model" / revision)

    return at


def same(one: PretrainedMixin, other: PretrainedMixin) -> bool:
    theirs = other.state_dict()
    return one.config == other.config and all(torch.equal(theirs[k], v) for k, v in one.state_dict().items())


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class TestFromTheHub:
    def test_either_preset_by_its_id(self, put, hub, any_model):
        sha256 = digest(put(any_model))
        for loaded in (type(any_model).from_pretrained("me/model"), load_model("me/model", sha256=sha256.upper())):
            assert same(loaded, any_model)
            assert not loaded.training
        assert {request.rsplit("/", 1)[1] for request in hub.requests} <= {"model.safetensors", "agent-harnesses"}

    def test_a_revision(self, put, any_model):
        put(any_model)
        path = put(Audio2Keypoint.from_pretrained(), "v1")
        assert same(load_model("me/model", revision="v1", sha256=digest(path)), Audio2Keypoint.from_pretrained())
        with pytest.raises(FileNotFoundError, match="me/model has no revision v2"):
            load_model("me/model", revision="v2")

    def test_the_other_preset(self, put, any_model):
        put(any_model)
        other = Audio2Keypoint if any_model.preset == "paper" else PaperAudio2Keypoint
        with pytest.raises(ValueError, match="load_model loads either"):
            other.from_pretrained("me/model")

    def test_a_wrong_digest_is_never_opened(self, put, hub, any_model, monkeypatch):
        put(any_model)
        monkeypatch.setattr("a2k_nets.checkpoints.checkpoint.safe_open", lambda *_, **__: pytest.fail("it was opened"))
        with pytest.raises(ValueError, match=f"sha256 {'0' * 64}, got .*it was not opened"):
            load_model("me/model", sha256="0" * 64)

    def test_a_folder_of_that_name_wins(self, put, hub, any_model):
        put(Audio2Keypoint.from_pretrained())
        any_model.save_pretrained("me/model")
        assert same(load_model("me/model"), any_model)
        assert hub.requests == []
        with pytest.raises(ValueError, match="beside a revision"):
            load_model("me/model", revision="main")

    @pytest.mark.parametrize("source", [Path("me/model"), "./me/model", "me/model.safetensors", "me/model/main"])
    def test_a_path_is_never_looked_for_there(self, put, hub, model, source):
        put(model)
        with pytest.raises(FileNotFoundError, match="found no file"):
            load_model(source)
        assert hub.requests == []


class TestPickles:
    @pytest.fixture
    def trap(self, hub, tmp_path) -> Path:
        folder = hub.folder / "you" / "pickled" / "main"
        folder.mkdir(parents=True)
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Mine(tmp_path / "trapped")))
        return tmp_path / "trapped"

    def test_a_repository_of_nothing_else_is_refused(self, trap, hub):
        for load in (load_model, Audio2Keypoint.from_pretrained):
            with pytest.raises(FileNotFoundError, match=r"pickled pytorch_model.bin is never opened"):
                load("you/pickled")
        assert not any("pytorch_model.bin" in request for request in hub.requests)
        assert not trap.exists()

    def test_one_in_disguise(self, trap, hub):
        file = hub.folder / "you" / "pickled" / "main" / "pytorch_model.bin"
        file.rename(file.with_name("model.safetensors"))
        with pytest.raises(ValueError, match="never opened"):
            load_model("you/pickled")
        assert not trap.exists()


class Mine:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


class TestWithoutANetwork:
    def test_what_was_downloaded_once_is_there(self, put, hub, any_model):
        put(any_model)
        load_model("me/model")
        hub.shutdown()
        hub.server_close()
        assert same(load_model("me/model"), any_model)
        assert same(load_model("me/model", local_files_only=True), any_model)

    def test_what_was_not_is_told_how_to_come_by(self, hub, model):
        hub.shutdown()
        hub.server_close()
        with pytest.raises(FileNotFoundError) as caught:
            load_model("me/model", sha256="a" * 64)
        message = str(caught.value)
        for what in (
            f"{hub.address}/me/model/resolve/main/model.safetensors",
            "refused",
            "a" * 64,
            "put it at me/model",
        ):
            assert what in message
        assert "\n" not in message
        model.save_pretrained("me/model")  # by hand, as it says
        assert same(load_model("me/model"), model)

    def test_offline_by_choice(self, hub, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(FileNotFoundError, match="states its sha256"):
            load_model("me/model")
        assert hub.requests == []

    def test_a_download_that_is_cut_off(self, put, hub, model):
        put(model)
        hub.cut_off = True
        with pytest.raises(FileNotFoundError, match="without sending complete message body"):
            load_model("me/model")
        assert len(hub.requests) < 10

    def test_a_repository_that_is_not_there(self, hub):
        with pytest.raises(FileNotFoundError, match="found no file or folder me/nothing here, and no repository"):
            load_model("me/nothing")


class TestEachErrorHasItsKind:
    def test_no_network_is_a_connection_error_too(self, hub):
        hub.shutdown()
        hub.server_close()
        with pytest.raises(ConnectionError, match="try again with a network"):
            load_model("me/model")

    @pytest.mark.parametrize(
        ("make", "kind", "message"),
        [
            (lambda: OSError(errno.ENOSPC, "No space left on device"), OSError, "No space left on device"),
            (lambda: PermissionError(errno.EACCES, "Permission denied", "/cache"), PermissionError, "cannot write"),
            (lambda: TimeoutError("timed out"), ConnectionError, "timed out"),
            (lambda: KeyError("a mistake in the code"), KeyError, "a mistake in the code"),
            (lambda: TypeError("unknown option"), TypeError, "unknown option"),
        ],
    )
    def test_other_errors(self, monkeypatch, tmp_path, make, kind, message):
        def fail(*_, **__):
            raise make()

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("a2k_nets.checkpoints.hub.hf_hub_download", fail)
        with pytest.raises(kind, match=message) as caught:
            load_model("me/model")
        assert isinstance(caught.value, FileNotFoundError) == isinstance(caught.value, ConnectionError)

    def test_a_revision_that_cannot_be(self, hub):
        with pytest.raises(ValueError, match="expected an id of the Hub"):
            load_model("me/mo--del")
        assert hub.requests == []

    def test_a_gated_repository(self, hub, monkeypatch):
        monkeypatch.setattr(hub, "gated", True)
        with pytest.raises(PermissionError, match=r"is gated: ask for access on .*me/model"):
            load_model("me/model")


class TestWithoutTheExtra:
    def test_it_says_what_to_install(self, monkeypatch, model):
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        monkeypatch.delitem(sys.modules, "a2k_nets.checkpoints.hub", raising=False)
        for load in (load_model, Audio2Keypoint.from_pretrained):
            with pytest.raises(ImportError, match=r"no file or folder me/model here.*huggingface-hub>=.*\[hub\]"):
                load("me/model")
        with pytest.raises(ImportError, match=r"a2k-nets\[hub\]"):
            model.push_to_hub("me/model")

    def test_nothing_else_needs_it(self, tmp_path):
        program = (
            "import sys, a2k_nets.cli.app; from a2k_nets.pretrained import load_model; "
            f"load_model(load_model().save_pretrained({str(tmp_path)!r})); print('huggingface_hub' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "False"


class TestToTheHub:
    def test_there_and_back(self, hub, any_model):
        url = any_model.push_to_hub("me/new", about="Two hours of my own voice.", licence="CC-BY-4.0", token=TOKEN)
        assert url.startswith(f"{hub.address}/me/new/commit/")
        folder = hub.folder / "me" / "new" / "main"
        assert {path.name for path in folder.iterdir()} == {"README.md", "config.json", "model.safetensors"}
        assert "Two hours of my own voice." in (folder / "README.md").read_text()
        assert json.loads((folder / "config.json").read_text())["licence"] == "CC-BY-4.0"
        assert same(load_model("me/new", sha256=digest(folder / "model.safetensors")), any_model)


class TestTheCommand:
    @pytest.fixture
    def generate(self, tmp_path, reference, speech):
        save_keypoints(tmp_path / "face.npz", KeypointSequence(reference, image_size=(240, 320)))
        write_audio(tmp_path / "speech.wav", speech[:6_400], sample_rate=16_000)
        files = ["--image", tmp_path / "face.npz", "--audio", tmp_path / "speech.wav", "-o", tmp_path / "out.npz"]
        return lambda *options: CliRunner().invoke(app, ["generate", *map(str, files), *map(str, options)])

    @pytest.mark.parametrize("option", ["--weights", "--model"])
    def test_an_id(self, generate, put, model, tmp_path, option):
        sha256 = digest(put(model, "v1"))
        result = generate(option, "me/model", "--revision", "v1", "--sha256", sha256)
        assert result.exit_code == 0, result.output
        assert len(load_keypoints(tmp_path / "out.npz")) == 10

    def test_one_line_of_error(self, generate, hub, tmp_path):
        result = generate("--weights", "me/nothing")
        assert result.exit_code == 1
        assert result.stderr.startswith("error: found no file or folder me/nothing")
        assert len(result.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "out.npz").exists()
