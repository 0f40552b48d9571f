"""What stays on the disk, and `a2k web` before it serves."""

import socket
import sys

from typer.testing import CliRunner

from a2k_nets.cli.app import app
from a2k_nets.web.result_folders import ResultFolders


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_visitor_has_the_last_results_only(tmp_path):
    folders = ResultFolders(tmp_path)
    for number in range(3):
        (folders.renew("anna") / f"{number}.npz").write_bytes(b"keypoints")
        assert files(tmp_path) == [f"{number}.npz"]
    (folders.renew("ben") / "ben.npz").write_bytes(b"keypoints")
    assert files(tmp_path) == ["2.npz", "ben.npz"]
    folders.discard("anna")
    assert files(tmp_path) == ["ben.npz"]
    folders.discard("ben")
    folders.discard("nobody")
    assert list(tmp_path.iterdir()) == []


def run(monkeypatch, tmp_path, *arguments):
    """Run `a2k web`, which must fail in one line and leave nothing behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = CliRunner().invoke(app, ["web", "--no-open", *arguments])
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert list(tmp_path.iterdir()) == []
    return line


def test_without_gradio(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert "a2k-nets[web]" in run(monkeypatch, tmp_path, "--port", "0")


def test_a_port_that_is_taken(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        line = run(monkeypatch, tmp_path, "--port", port)
    assert port in line
    assert "--port" in line


def test_a_host_that_is_not_there(monkeypatch, tmp_path):
    assert "--host" in run(monkeypatch, tmp_path, "--host", "256.0.0.1")


def test_without_kp_render_it_says_what_is_missing(monkeypatch):
    monkeypatch.setattr("a2k_nets.cli.web.has_kp_render", lambda: False)
    monkeypatch.setattr("a2k_nets.web.app.make_app", lambda *_, **__: None)
    monkeypatch.setattr("a2k_nets.web.server.serve", lambda *_: None)
    result = CliRunner().invoke(app, ["web", "--no-open", "--port", "0"])
    assert result.exit_code == 0, result.output
    assert "packages/kp-render[io]" in result.stderr
    assert result.stdout.startswith("http://127.0.0.1:")
