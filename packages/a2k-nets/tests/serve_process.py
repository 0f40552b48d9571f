"""`a2k serve` in a process of its own, and what its clients do, for the tests."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from a2k_nets.inference.streaming import StreamingGenerator

for library in ("starlette", "uvicorn", "websockets", "prometheus_client", "python_multipart"):
    pytest.importorskip(library, reason="needs the extra a2k-nets[serve]")

connect = pytest.importorskip("websockets.sync.client").connect

ROOT = Path(__file__).parents[3]
SPEECH = ROOT / "examples" / "assets" / "sense_and_sensibility_0870.wav"

# Machines that test are busy ones.
PATIENCE_SECONDS = 120


#: `a2k serve` with other limits, so that no test waits for those of a day's work.
_WITH_LIMITS = """
import functools
from a2k_nets.server import limits
limits.ServerLimits = functools.partial(limits.ServerLimits, **{limits})
from a2k_nets.cli.app import app
app()
"""


@contextmanager
def serving(
    folder: Path,
    *options: str,
    ends_with: int = 0,
    stops_itself: bool = False,
    limits: dict[str, float] | None = None,
    **environment,
):
    """Run the server; yield the address of its streams, and its process, which a test may stop itself."""
    module = ["-m", "a2k_nets"] if limits is None else ["-c", _WITH_LIMITS.replace("{limits}", repr(limits))]
    command = [sys.executable, *module, "serve", "--port", "0", *options]
    environment = os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1"} | environment
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline()
        assert line.startswith("ws://"), process.stderr.read()
        try:
            yield line.split()[0], process
        finally:
            if not stops_itself:  # a second signal would kill a Python that is about to end
                process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_SECONDS) == ends_with
            assert "Traceback" not in process.stderr.read()
    # Nothing that was uploaded is left.
    assert list(folder.glob("a2k-serve-*")) == []


@contextmanager
def web(folder, *options):
    """Run `a2k web`; yield its address."""
    command = [sys.executable, "-m", "a2k_nets", "web", "--no-open", "--port", "0", *options]
    environment = os.environ | {"TMPDIR": str(folder)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[0]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_SECONDS) == 130


def talk(address, pieces, **start):
    """Stream everything; return the frames and the last message."""
    with connect(address, open_timeout=PATIENCE_SECONDS) as client:
        client.send(json.dumps({"type": "start"} | start))
        assert json.loads(client.recv())["type"] == "ready"
        for piece in pieces:
            client.send(piece)
        client.send('{"type": "end"}')
        messages = list(client)
    return messages[:-1], json.loads(messages[-1])


def alone(model, samples, face=None, **options):
    generator = StreamingGenerator(model.normalizer.mean_face_px if face is None else face, model, **options)
    return torch.cat([generator.push(samples), generator.flush()]).numpy()


def split(pcm, size):
    return [pcm[begin : begin + size].tobytes() for begin in range(0, len(pcm), size)]


def ask(address, path, *, headers=(), files=None):
    """Return status and body of an HTTP request; files are name, file name and bytes, or name and text."""
    url = re.sub(r"^ws(.*)/v1/stream", r"http\1", address) + path
    body = None
    if files is not None:
        parts = [
            f'--limit\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode() + data + b"\r\n"
            for name, filename, data in files
        ]
        body = b"".join(parts) + b"--limit--\r\n"
        headers = [*headers, ("Content-Type", "multipart/form-data; boundary=limit")]
    request = urllib.request.Request(url, data=body, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def eventually(condition):
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def start_worker_that_hangs():
    """Prepare a worker process that never ends a request; here, where that process can import it."""
    from a2k_nets.server.files import jobs

    jobs._answer = lambda *_: time.sleep(10 * PATIENCE_SECONDS)
