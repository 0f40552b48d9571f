"""`a2k serve` against clients that mean harm, by raw sockets: each is refused or dropped, and harms nobody."""

import json
import re
import socket
import struct
from contextlib import contextmanager

import pytest
from serve_process import PATIENCE_SECONDS, ask, connect, eventually, serving

#: Short ones, so that clients that wait for them are dropped while a test looks on.
LIMITS = {
    "start_seconds": 0.5,
    "idle_seconds": 1.0,
    "stall_seconds": 1.0,
    "connections": 24,
    "uploads": 2,
    "file_seconds": 30.0,
}
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n"
)
STREAM = f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n{UPGRADE}\r\n".encode()
FORM = "Content-Type: multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="%s"'
SECRET = "NAME-OF-A-PERSON"


class Server:
    """A server with short limits and a page, whose log is read in the end."""

    def __init__(self, address, process, page):
        self.address, self.process, self.page = address, process, page
        host, port = re.findall(r"//([^:/]+):(\d+)", address)[0]
        self.place = host, int(port)

    @contextmanager
    def connected(self, data=b""):
        """Connect, and send something."""
        with socket.create_connection(self.place, timeout=PATIENCE_SECONDS) as client:
            client.sendall(data)
            yield client

    def tell(self, data):
        """Send bytes; return all that comes until the server closes the connection."""
        with self.connected(data) as client:
            return read_all(client)

    def get(self, path, *headers, method="GET"):
        """Return the answer to a request that asks to close the connection."""
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "Connection: close"]
        return self.tell(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def is_well(self):
        """Return whether it still answers, with a stream to spare."""
        with connect(self.address, open_timeout=PATIENCE_SECONDS) as client:
            client.send('{"type": "start"}')
            assert json.loads(client.recv())["type"] == "ready"
            client.send('{"type": "end"}')
            assert json.loads(client.recv())["type"] == "end"
        return ask(self.address, "/healthz") == (200, b"ok")

    def measured(self, name):
        body = ask(self.address, "/metrics")[1].decode()
        return float(re.search(rf"^{re.escape(name)} (\S+)$", body, re.MULTILINE)[1])


def read_all(client):
    """Return what comes until the connection is closed; being cut off is an end too."""
    pieces = []
    try:
        while piece := client.recv(1 << 16):
            pieces.append(piece)
    except ConnectionError:
        pass
    return b"".join(pieces)


def request(first, *headers, body=b""):
    return ("\r\n".join([first, "Host: 127.0.0.1", *headers]) + "\r\n\r\n").encode("latin-1") + body


def frame(opcode, data=b"", *, fin=True):
    """Return a small frame of a WebSocket client."""
    return struct.pack("!BB", opcode | 0x80 * fin, 0x80 | len(data)) + bytes(4) + data


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve")
    page = folder / "page"
    (page / ".git").mkdir(parents=True)
    (page / ".git" / "config").write_text(SECRET, encoding="utf-8")
    (page / ".env").write_text(SECRET, encoding="utf-8")
    (page / "index.html").write_text("<h1>Hello</h1>", encoding="utf-8")
    (page / "large.bin").write_bytes(bytes(30_000_000))
    (page / "link").symlink_to("/etc")
    with serving(folder, "--page", str(page), "--max-streams", "4", limits=LIMITS) as (address, process):
        yield Server(address, process, page)
        process.terminate()
        process.wait()
        log = process.stderr.read()
        # Clients cannot fill the log, nor write into it.
        assert log == ""


class TestSlowClients:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"GET /healthz HT",
            request("GET /healthz HTTP/1.1") + b"GET /healthz HTTP/1.1\r\nX: ",
            request("GET /healthz HTTP/1.1", "Content-Length: 1000000", body=b"a"),
            request("POST /v1/face HTTP/1.1", FORM, "Content-Length: 99"),
            request("POST /v1/face HTTP/1.1", FORM, "Content-Length: 99", "Expect: 100-continue"),
            request("POST /metrics HTTP/1.1", "Transfer-Encoding: chunked", body=b"5\r\nab"),
            request("GET /v1/stream HTTP/1.1")[:-2] + UPGRADE.encode()[:-2],
            STREAM,
            STREAM + b"\x81\xfe\x10\x00",
            STREAM + frame(1, b'{"type": "start"}'),
        ],
        ids=["nothing", "head", "second head", "body of GET", "form", "expect", "chunk", "upgrade",
             "no start", "half a message", "no sound"],
    )  # fmt: skip
    def test_one_that_stops_is_dropped(self, server, data):
        with server.connected(data) as client:
            read_all(client)
        assert server.is_well()

    @pytest.mark.parametrize(
        "data",
        [
            b"GET /healthz HTTP/1.1\r\n",
            request("GET /healthz HTTP/1.1") + b"GET /healthz HTTP/1.1\r\n",
            request("GET /healthz HTTP/1.1", "Content-Length: 1000000"),
        ],
        ids=["head", "second head", "body of GET"],
    )
    def test_one_that_trickles_is_dropped(self, server, data):
        with server.connected(data) as client:
            client.settimeout(0.05)
            eventually(lambda: not accepts(client, b"X: 1\r\n"))
        assert server.is_well()


def accepts(client, data):
    """Send something; return whether the connection is still open."""
    try:
        client.sendall(data)
        return bool(client.recv(1 << 16))
    except TimeoutError:
        return True
    except ConnectionError:
        return False


class TestMuchOrNothing:
    def test_an_answer_that_nobody_takes(self, server):
        before = server.measured("process_open_fds")
        with server.connected(request("GET /large.bin HTTP/1.1")) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            eventually(lambda: server.measured("process_open_fds") <= before)

    def test_too_many_connections(self, server):
        held = [socket.create_connection(server.place) for _ in range(100)]
        assert all(read_all(client) == b"" for client in held[70:])
        for client in held:
            client.close()
        eventually(server.is_well)

    def test_huge_heads(self, server):
        for data in (
            request("GET /healthz HTTP/1.1", "X: " + "a" * 100_000),
            request("GET /healthz HTTP/1.1", *(f"X-{i}: 1" for i in range(20_000))),
            request("GET /" + "a" * 100_000 + " HTTP/1.1"),
        ):
            assert server.tell(data).split(b" ")[1:2] in ([b"400"], [])
        upgrade = (
            request("GET /v1/stream HTTP/1.1", *(f"X-{i}: 1" for i in range(500)))[:-2] + UPGRADE.encode() + b"\r\n"
        )
        assert b"101 Switching" not in server.tell(upgrade)

    @pytest.mark.parametrize("opcode", [9, 10, 0], ids=["ping", "pong", "fragment"])
    def test_frames_without_a_message(self, server, opcode):
        begin = frame(1, b'{"type": "start"}') + frame(2, fin=opcode != 0)
        # Between pings, messages keep the stream from being idle; between the fragments of one, there are none.
        piece = frame(opcode, fin=opcode != 0) * 1_000 + (frame(2) if opcode else b"")
        with server.connected(STREAM + begin) as client, pytest.raises(ConnectionError):
            client.sendall(piece * 3_000)  # more than what waits between two sockets
        assert server.is_well()

    def test_tiny_messages_leave_others_their_turn(self, server):
        start = STREAM + frame(1, b'{"type": "start"}')
        with server.connected(start + frame(2) * 20_000):
            assert server.is_well()

    def test_uploads_that_never_end(self, server):
        form = request("POST /v1/face HTTP/1.1", FORM, "Content-Length: 10000")
        with server.connected(form), server.connected(form):
            eventually(lambda: server.get("/v1/face", "Content-Length: 0", method="POST").startswith(b"HTTP/1.1 503"))
        eventually(lambda: not list(server.page.parent.glob("a2k-serve-*")))


class TestPathsAndHeads:
    @pytest.mark.parametrize(
        "path",
        [
            "/.git/config", "/.env", "/%2eenv", "/x/../.env", "/..%2f..%2fetc/passwd", "/../../etc/passwd",
            "//etc/passwd", "/%00", "/index.html%00", "/\\..\\x", "/link/passwd", "/%ff%fe", "/%",
            "/" + "a/" * 4_000, "/" + "a" * 4_000,
            "/%0d%0aSet-Cookie:x", "/v1/", "/v1/stream/..", "*", "http://evil.example/.env",
        ],
    )  # fmt: skip
    def test_odd_paths(self, server, path):
        answer = server.get(path)
        assert answer.split(b" ")[1] in (b"400", b"404")
        assert SECRET.encode() not in answer
        assert b"root:" not in answer
        assert b"set-cookie" not in answer.lower()

    @pytest.mark.parametrize(
        "headers",
        [
            ["Content-Length: 4", "Transfer-Encoding: chunked"],
            ["Content-Length: 4", "Content-Length: 5"],
            ["Content-Length: -1"],
            ["Content-Length: 4, 5"],
            ["Transfer-Encoding: chunked, identity"],
            ["Transfer-Encoding: xchunked"],
            ["Transfer-Encoding : chunked"],
            ["Host: evil.example"],
        ],
        ids=repr,
    )
    def test_lengths_that_can_be_read_in_two_ways(self, server, headers):
        smuggled = request("GET /metrics HTTP/1.1")
        answer = server.tell(request("POST /v1/face HTTP/1.1", *headers, body=b"0\r\n\r\n" + smuggled))
        assert answer.split(b" ")[1] in (b"400", b"501")
        assert answer.count(b"HTTP/1.1 ") == 1

    @pytest.mark.parametrize(
        "data",
        [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02",
            b"GET\r\n\r\n",
            bytes(9),
            request("GET /\xff HTTP/1.1"),
        ],
        ids=["HTTP/2", "TLS", "a word", "zeros", "bytes in a path"],
    )
    def test_what_is_no_http(self, server, data):
        assert b"HTTP/1.1 200" not in server.tell(data)

    @pytest.mark.parametrize(
        "host", ["127.0.0.1/../x", "x@127.0.0.1", "127.0.0.1?", "", "evil.example", "[::1", "127.0.0.1#x"]
    )
    def test_odd_hosts(self, server, host):
        answer = server.tell(f"GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert answer.split(b" ")[1] in (b"400", b"403")

    @pytest.mark.parametrize("path", ["/", "/index.html", "/absent", "/healthz", "/metrics", "/v1/face"])
    def test_headers_that_restrict_browsers(self, server, path):
        head = server.get(path).partition(b"\r\n\r\n")[0].lower()
        for header in (
            b"\r\nx-content-type-options: nosniff\r\n",
            b"\r\nreferrer-policy: no-referrer\r\n",
            b"\r\ncross-origin-resource-policy: same-origin",
            b"\r\ncontent-security-policy: default-src 'self'",
        ):
            assert header in head
        assert b"uvicorn" not in head

    def test_pages_of_others(self, server):
        evil = "Origin: https://evil.example"
        for method, path in (("POST", "/v1/face"), ("GET", "/metrics"), ("OPTIONS", "/v1/face")):
            answer = server.get(path, evil, "Access-Control-Request-Method: POST", "Content-Length: 0", method=method)
            assert answer.split(b" ")[1] in (b"400", b"403")
            assert b"access-control-allow-origin" not in answer.lower()
        assert b" 403 " in server.tell(request("GET /v1/stream HTTP/1.1", evil)[:-2] + UPGRADE.encode() + b"\r\n")

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"--b", b"--b\r\n\r\n", b"\xff" * 999, b"--b--\r\ntrailing " + SECRET.encode(),
            PART % b"portrait" + b"\r\nX: " + b"a" * 100_000 + b"\r\n\r\nx\r\n--b--\r\n",
            b"".join(PART % (b"a%d" % number) + b"\r\n\r\nx\r\n" for number in range(99)) + b"--b--\r\n",
        ],
        ids=range(7),
    )  # fmt: skip
    def test_forms_that_are_none(self, server, body):
        form = request(
            "POST /v1/face HTTP/1.1",
            FORM,
            f"Content-Length: {len(body)}",
            "Connection: close",
            body=body,
        )
        assert server.tell(form).split(b" ")[1] in (b"400", b"422")

    def test_text_that_is_none(self, server):
        assert b"101 Switching" in server.tell(STREAM + frame(1, b"\xff\xfe") + frame(8))
        assert server.is_well()
