"""What the answers of `a2k web` say to browsers, and which files of another page it shows."""

import urllib.error
import urllib.request

import pytest
from serve_process import PATIENCE_SECONDS, web

pytest.importorskip("gradio", reason="needs the extra a2k-nets[web]")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    page = tmp_path_factory.mktemp("page")
    (page / "index.html").write_text("<h1>Hello</h1>", encoding="utf-8")
    (page / ".env").write_text("a secret", encoding="utf-8")
    with web(tmp_path_factory.mktemp("web"), "--page", str(page)) as address:
        yield address


def answer(url):
    """Return the status, the headers and the body."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as got:
            return got.status, got.headers, got.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


@pytest.mark.parametrize("path", ["", "live/", "absent", "config"])
def test_headers_that_restrict_browsers(address, path):
    _, headers, _ = answer(address + path)
    assert len(headers.get_all("content-security-policy")) == 1
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_hidden_files_are_not_shown(address):
    assert answer(address + "live/index.html")[2] == b"<h1>Hello</h1>"
    for path in ("live/.env", "live/%2eenv", "live/x/../.env"):
        assert answer(address + path)[0] == 404
