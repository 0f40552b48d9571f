"""A Hub for tests on 127.0.0.1: it serves a folder as huggingface_hub asks for it, and takes what is pushed."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

#: More than a push and a few downloads ask for; a client that goes on and on is turned away.
MOST_REQUESTS = 50

COMMIT = "5" * 40


class HubStandIn(ThreadingHTTPServer):
    """Serves folder/OWNER/NAME/REVISION/FILE; `requests` are what it was asked, `METHOD path`."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.requests: list[str] = []
        self.cut_off = False
        self.gated = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: HubStandIn

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if len(self.server.requests) > MOST_REQUESTS:
            self.send(429, b"")
        elif self.command == "POST":
            self.take(body)
        elif "/resolve/" in self.path:
            self.serve()
        else:
            self.send(404, b"{}")

    def serve(self) -> None:
        repo, _, rest = self.path.lstrip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        folder = self.server.folder / repo
        file = folder / revision / name
        if self.server.gated:
            self.send(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
            return
        if not file.is_file():
            known = (folder.is_dir(), (folder / revision).is_dir())
            code = {(False, False): "RepoNotFound", (True, False): "RevisionNotFound"}.get(known, "EntryNotFound")
            self.send(404, b"", {"X-Error-Code": code, "X-Error-Message": code, "X-Repo-Commit": COMMIT})
            return
        data = file.read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
        self.send(200, data, headers)

    def take(self, body: bytes) -> None:
        """Take a push: the repository is made, the card is looked at, files are told how to come, then they come."""
        if self.path == "/api/repos/create":
            wanted = json.loads(body)
            self.tell({"url": f"{self.server.address}/{wanted['organization']}/{wanted['name']}"})
        elif self.path == "/api/validate-yaml":
            self.tell({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            self.tell({"files": files})
        elif "/commit/" in self.path:
            repo, _, revision = self.path.removeprefix("/api/models/").partition("/commit/")
            for line in body.decode().splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    file = self.server.folder / repo / revision / entry["value"]["path"]
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(base64.b64decode(entry["value"]["content"]))
            self.tell(
                {"commitOid": COMMIT, "commitUrl": f"{self.server.address}/{repo}/commit/{COMMIT}", "success": True}
            )
        else:
            self.send(404, b"{}")

    def tell(self, answer: dict[str, object]) -> None:
        self.send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if self.server.cut_off else data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
