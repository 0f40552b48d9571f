"""`a2k serve` in a process of its own: its clients, its files, who may use it, and how it ends."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from a2k_nets.inference.generate import generate_sequence
from a2k_nets.inference.streaming import StreamingGenerator
from a2k_nets.pretrained import load_model
from a2k_nets.residual.model import Audio2Keypoint
from kp_io import load_keypoints, read_audio
from kp_io.media import OpusDecoder, resample_audio

for library in ("starlette", "uvicorn", "websockets", "prometheus_client", "python_multipart"):
    pytest.importorskip(library, reason="needs the extra a2k-nets[serve]")

connect = pytest.importorskip("websockets.sync.client").connect
ConnectionClosed = pytest.importorskip("websockets.exceptions").ConnectionClosed
InvalidStatus = pytest.importorskip("websockets.exceptions").InvalidStatus

ROOT = Path(__file__).parents[3]
SPEECH = ROOT / "examples" / "assets" / "sense_and_sensibility_0870.wav"

# Machines that test are busy ones.
PATIENCE_SECONDS = 120
TOKEN = "a-token-of-the-tests"


@contextmanager
def serving(folder: Path, *options: str, ends_with: int = 0, **environment: str):
    """Run the server; yield the address of its streams, and its process."""
    command = [sys.executable, "-m", "a2k_nets", "serve", "--port", "0", *options]
    environment = os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1"} | environment
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline()
        assert line.startswith("ws://"), process.stderr.read()
        try:
            yield line.split()[0], process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_SECONDS) == ends_with
            assert "Traceback" not in process.stderr.read()
    # Nothing that was uploaded is left.
    assert list(folder.glob("a2k-serve-*")) == []


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("serve")) as (address, _):
        yield address


@pytest.fixture(scope="module")
def embedded():
    return Audio2Keypoint.from_pretrained().eval()


@pytest.fixture(scope="module")
def pcm():
    return (read_audio(SPEECH)[:32_000] * 32_767).round().to(torch.int16).numpy()


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


class TestStreams:
    def test_json(self, server, embedded, pcm):
        frames, last = talk(server, split(pcm, 640), seed=3)
        assert last == {"type": "end", "frames": 50, "reason": "client"}
        frames = [json.loads(frame) for frame in frames]
        assert [frame["frame"] for frame in frames] == list(range(50))
        expected = alone(embedded, torch.from_numpy(pcm.astype(np.float32) / 32_768), seed=3)
        assert np.abs(np.array([frame["keypoints"] for frame in frames]) - expected).max() < 1e-3

    def test_binary_with_a_face_and_options(self, server, embedded, pcm):
        face = embedded.normalizer.mean_face * 200 + 400
        frames, last = talk(
            server, split(pcm, 4_321), frames="binary", face=face.tolist(), expression=1.5, neutralize_mouth=True
        )
        samples = torch.from_numpy(pcm.astype(np.float32) / 32_768)
        expected = alone(embedded, samples, face, expression=1.5, neutralize_mouth=True)
        got = np.stack([np.frombuffer(frame, "<f4", offset=4).reshape(68, 2) for frame in frames])
        assert last["frames"] == len(got) == 50
        assert np.abs(got - expected).max() < 1e-3

    def test_another_rate(self, server, embedded):
        sound = resample_audio(read_audio(SPEECH)[:32_000], from_rate=16_000, to_rate=48_000)
        wide = (sound * 32_767).round().to(torch.int16).numpy()
        frames, _ = talk(server, split(wide, 1_920), rate=48_000)
        samples = resample_audio(torch.from_numpy(wide.astype(np.float32) / 32_768), from_rate=48_000, to_rate=16_000)
        expected = alone(embedded, samples)
        got = np.array([json.loads(frame)["keypoints"] for frame in frames])
        assert np.abs(got - expected).max() < 0.05

    def test_opus(self, server, embedded, pcm):
        packets = encode_opus(pcm)
        frames, last = talk(server, packets, encoding="opus")
        decoder = OpusDecoder()
        sound = torch.cat([decoder.push(packet) for packet in packets])
        expected = alone(embedded, resample_audio(sound, from_rate=48_000, to_rate=16_000))
        got = np.array([json.loads(frame)["keypoints"] for frame in frames])
        assert last["frames"] == len(expected)
        assert np.abs(got - expected).max() < 0.05

    def test_errors_are_told(self, server):
        with connect(server) as client:
            client.send('{"type": "start", "rate": "fast"}')
            error = json.loads(client.recv())
            assert (error["type"], error["code"]) == ("error", "malformed")
            with pytest.raises(ConnectionClosed) as closed:
                client.recv()
        assert closed.value.rcvd.code == 1008

    def test_a_message_that_is_too_large(self, server):
        with connect(server) as client:
            client.send('{"type": "start"}')
            client.recv()
            client.send(bytes(1 << 20))
            with pytest.raises(ConnectionClosed) as closed:
                client.recv()
        assert closed.value.rcvd.code == 1009


def encode_opus(pcm):
    import av

    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.time_base = 16_000, "mono", "s16", Fraction(1, 16_000)
    packets = []
    for begin in range(0, len(pcm), 320):
        frame = av.AudioFrame.from_ndarray(pcm[None, begin : begin + 320], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 16_000, begin
        packets += encoder.encode(frame)
    return [bytes(packet) for packet in [*packets, *encoder.encode(None)]]


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    from kp_io import write_image

    face = pytest.importorskip("skimage.data", reason="a portrait of scikit-image's").astronaut()
    path = tmp_path_factory.mktemp("portrait") / "face.png"
    write_image(path, face)
    return path


class TestFiles:
    def test_a_face_for_a_stream(self, server, portrait, pcm):
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


class TestAdmission:
    def test_strangers_pages_are_refused(self, server):
        with pytest.raises(InvalidStatus) as refused, connect(server, origin="https://evil.example"):
            pass
        assert refused.value.response.status_code == 403
        for header in (("Origin", "https://evil.example"), ("Host", "evil.example")):
            assert ask(server, "/metrics", headers=[header])[0] == 403

    def test_a_token_an_origin_and_the_last_place(self, tmp_path, pcm):
        options = ("--max-streams", "1", "--origin", "https://page.example")
        with serving(tmp_path, *options, A2K_TOKEN=TOKEN) as (address, _):
            with pytest.raises(InvalidStatus) as refused, connect(address):
                pass
            assert refused.value.response.status_code == 401
            assert ask(address, "/metrics")[0] == 401
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            assert ask(address, "/metrics", headers=bearer.items())[0] == 200
            protocols = ["a2k.v1", f"a2k.token.{TOKEN}"]
            with connect(address, subprotocols=protocols, origin="https://page.example") as client:
                assert client.subprotocol == "a2k.v1"
                client.send('{"type": "start"}')
                assert json.loads(client.recv())["type"] == "ready"
                with pytest.raises(InvalidStatus) as refused, connect(address, additional_headers=bearer):
                    pass
                assert refused.value.response.status_code == 503

    def test_other_machines_need_a_token_which_is_made(self, tmp_path):
        with serving(tmp_path, "--host", "0.0.0.0") as (address, process):
            made = process.stdout.readline().removeprefix("token: ").strip()
            assert len(made) >= 32
            address = address.replace("0.0.0.0", "127.0.0.1")
            assert ask(address, "/metrics")[0] == 401
            assert ask(address, "/metrics", headers=[("Authorization", f"Bearer {made}")])[0] == 200

    @pytest.mark.parametrize(
        ("options", "part"),
        [
            (["--token-file", "empty"], "expected a token"),
            (["--token-file", "none"], "No such file"),
            (["--origin", "example.org"], "expected an origin"),
            (["--host", "256.0.0.1"], "cannot listen"),
        ],
    )
    def test_what_cannot_be_served(self, tmp_path, options, part):
        (tmp_path / "empty").touch()
        command = [sys.executable, "-m", "a2k_nets", "serve", "--port", "0", *options]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        assert done.returncode == 1
        assert part in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_stop_waits_for_the_frames_of_what_was_said(tmp_path, embedded, pcm):
    with serving(tmp_path) as (address, process), connect(address) as client:
        client.send('{"type": "start", "frames": "binary"}')
        client.recv()
        for piece in split(pcm, 640):
            client.send(piece)
        first = client.recv()
        process.send_signal(signal.SIGTERM)
        *frames, last = [first, *client]
        assert json.loads(last) == {"type": "end", "frames": len(frames), "reason": "server_stop"}
        assert client.close_code == 1001
        got = np.stack([np.frombuffer(frame, "<f4", offset=4).reshape(68, 2) for frame in frames])
        assert np.abs(got - alone(embedded, torch.from_numpy(pcm.astype(np.float32) / 32_768))[: len(got)]).max() < 1e-3


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
    with serving(tmp_path, "--grace", "0") as (address, process), ThreadPoolExecutor(1) as thread:
        files = [("portrait", '; filename="a.png"', portrait.read_bytes())]
        asking = thread.submit(ask, address, "/v1/face", files=files)
        while not list(tmp_path.glob("a2k-serve-*/portrait.png")) and not asking.done():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        status, body = asking.result(timeout=PATIENCE_SECONDS)
        assert (status, json.loads(body)["error"]["code"]) == (503, "stopping")


def test_the_examples(server, tmp_path):
    with wave.open(str(tmp_path / "speech.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes((read_audio(SPEECH)[:12_800] * 32_767).to(torch.int16).numpy().tobytes())
    commands = [[sys.executable, "live_client.py"]]
    node = shutil.which("node")
    option = "--experimental-websocket"  # Node 20 has WebSocket only with it, and later ones take it
    if node and subprocess.run([node, option, "-e", "WebSocket"], capture_output=True, check=False).returncode == 0:
        commands.append([node, option, "live_client.mjs"])
    for command in commands:
        done = subprocess.run(
            [*command, server, str(tmp_path / "speech.wav")],
            cwd=ROOT / "examples",
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        messages = [json.loads(line) for line in done.stdout.splitlines()]
        assert [message["type"] for message in messages] == ["ready", *["frame"] * 20, "end"]


def test_clients_that_mean_harm():
    script = ROOT / "benchmarks" / "fuzz" / "server.py"
    done = subprocess.run(
        [sys.executable, str(script), "--clients", "60", "--seed", "1"],
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
