"""`a2k serve` in a process of its own: files over HTTP, and a page beside the streams."""

import asyncio
import json
import multiprocessing
import re
import signal
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from serve_process import PATIENCE_SECONDS, SPEECH, ask, eventually, serving, split, start_worker_that_hangs, talk

from a2k_nets.inference.generate import generate_sequence
from a2k_nets.pretrained import load_model
from a2k_nets.server.files import jobs
from a2k_nets.server.files.errors import RequestError
from a2k_nets.server.files.worker import FileWorker
from a2k_nets.server.limits import ServerLimits
from kp_io import load_keypoints, read_audio


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("serve")) as (address, _):
        yield address


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    from kp_io import write_image

    face = pytest.importorskip("skimage.data", reason="a portrait of scikit-image's").astronaut()
    path = tmp_path_factory.mktemp("portrait") / "face.png"
    write_image(path, face)
    return path


class TestFiles:
    def test_a_face_for_a_stream(self, server, portrait):
        pcm = (read_audio(SPEECH)[:32_000] * 32_767).round().to(torch.int16).numpy()
        status, body = ask(server, "/v1/face", files=[("portrait", '; filename="a.png"', portrait.read_bytes())])
        answer = json.loads(body)
        assert status == 200
        assert (answer["image_width"], answer["image_height"]) == (512, 512)
        frames, last = talk(server, split(pcm, 640), face=answer["face"], head_motion=0)
        assert last["frames"] == 50
        assert np.abs(np.array(json.loads(frames[0])["keypoints"]) - answer["face"]).max() < 1

    def test_a_file(self, server, portrait, tmp_path):
        files = [
            ("portrait", '; filename="a.png"', portrait.read_bytes()),
            ("speech", '; filename="../b.wav"', SPEECH.read_bytes()),
            ("format", "", b"npz"),
            ("seed", "", b"4"),
        ]
        status, body = ask(server, "/v1/generate", files=files)
        assert status == 200
        (tmp_path / "answer.npz").write_bytes(body)
        got = load_keypoints(tmp_path / "answer.npz")
        expected = generate_sequence(portrait, SPEECH, model=load_model(), neutralize_mouth=True, seed=4)
        assert torch.allclose(got.keypoints, expected.keypoints, atol=1e-3)

    @pytest.mark.parametrize(
        ("path", "files", "status", "part"),
        [
            ("/v1/face", [("portrait", '; filename="a.png"', b"no picture")], 422, "picture"),
            ("/v1/face", [("portrait", '; filename="a.png"', b"\x89PNG\r\n\x1a\n" + bytes(99))], 422, "portrait.png"),
            ("/v1/face", [("portrait", "", b"text")], 422, "portrait"),
            ("/v1/face", [], 422, "portrait"),
            ("/v1/face", None, 405, ""),
            ("/v1/generate", [("portrait", '; filename="a.png"', b"x"), ("seed", "", b"x")], 422, "speech"),
            ("/v1/face", [("portrait", '; filename="a.png"', bytes(36_000_000))], 413, "35.1 MB"),
        ],
    )
    def test_what_is_wrong(self, server, path, files, status, part):
        got, body = ask(server, path, files=files)
        assert got == status
        assert part in body.decode()
        assert "/a2k-serve-" not in body.decode()

    def test_measurements(self, server):
        status, body = ask(server, "/metrics")
        assert status == 200
        assert "a2k_streams 0.0" in body.decode()
        assert ask(server, "/healthz") == (200, b"ok")


def test_a_page_beside_the_streams(tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<h1>Hello</h1>", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("no", encoding="utf-8")
    with serving(tmp_path, "--page", str(tmp_path / "page")) as (address, _):
        assert ask(address, "/") == (200, b"<h1>Hello</h1>")
        assert ask(address, "/healthz") == (200, b"ok")
        for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/absent.html"):
            assert ask(address, path)[0] == 404


def test_a_stop_answers_requests_that_it_does_not_wait_for(tmp_path, portrait):
    with serving(tmp_path, "--grace", "0", stops_itself=True) as (address, process), ThreadPoolExecutor(1) as thread:
        files = [("portrait", '; filename="a.png"', portrait.read_bytes())]
        asking = thread.submit(ask, address, "/v1/face", files=files)
        while not list(tmp_path.glob("a2k-serve-*/portrait.png")) and not asking.done():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        status, body = asking.result(timeout=PATIENCE_SECONDS)
        assert (status, json.loads(body)["error"]["code"]) == (503, "stopping")
        process.wait(timeout=PATIENCE_SECONDS)  # a second signal, while Python ends, would kill it


def test_nobody_waits_for_the_answer_to_a_client_that_has_gone(tmp_path, portrait):
    with serving(tmp_path) as (address, _):
        place = re.findall(r"//([^:/]+):(\d+)", address)[0]
        body = (
            b'--b\r\nContent-Disposition: form-data; name="portrait"; filename="a.png"\r\n\r\n'
            + portrait.read_bytes()
            + b"\r\n--b--\r\n"
        )
        head = (
            "POST /v1/face HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        for _ in range(6):
            with socket.create_connection(place) as client:
                client.sendall(head.encode() + body)
                while not list(tmp_path.glob("a2k-serve-*/portrait.png")):
                    time.sleep(0.01)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it goes at once
            eventually(lambda: not list(tmp_path.glob("a2k-serve-*")))
        assert 'a2k_file_requests_total{path="/v1/face",status="400"} 6.0' in ask(address, "/metrics")[1].decode()
        files = [("portrait", '; filename="a.png"', portrait.read_bytes())]
        assert ask(address, "/v1/face", files=files)[0] == 200


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_a_request_that_hangs_ends_its_process(tmp_path):
    async def ask_worker():
        worker = FileWorker(ServerLimits(file_seconds=0.5), start_worker_that_hangs)
        with pytest.raises(RequestError) as refused:
            await worker.run(jobs.FileRequest(tmp_path, tmp_path / "portrait.png"))
        assert refused.value.status == 504
        assert multiprocessing.active_children()
        await asyncio.to_thread(eventually, lambda: not multiprocessing.active_children())
        await asyncio.to_thread(worker.stop)

    asyncio.run(ask_worker())
