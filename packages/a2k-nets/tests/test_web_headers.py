"""What the answers of `a2k web` say to browsers, and which files of another page it shows."""

import pytest

from a2k_nets.pretrained import load_model

pytest.importorskip("gradio", reason="needs the extra a2k-nets[web]")
TestClient = pytest.importorskip("fastapi.testclient").TestClient


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    from a2k_nets.web.app import make_app

    page = tmp_path_factory.mktemp("page")
    (page / "index.html").write_text("<h1>Hello</h1>", encoding="utf-8")
    (page / ".env").write_text("a secret", encoding="utf-8")
    with TestClient(make_app(load_model(), tmp_path_factory.mktemp("web"), live_page=page)) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/live/", "/absent", "/config"])
def test_headers_that_restrict_browsers(client, path):
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers.get_list("content-security-policy") == [headers["content-security-policy"]]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_hidden_files_are_not_shown(client):
    assert client.get("/live/index.html").text == "<h1>Hello</h1>"
    for path in ("/live/.env", "/live/%2eenv", "/live/x/../.env"):
        assert client.get(path).status_code == 404
