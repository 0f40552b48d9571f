"""`a2k serve` in a process of its own: its live streams, who may use it, and how it ends."""

import json
import shutil
import signal
import subprocess
import sys
import wave
from fractions import Fraction

import numpy as np
import pytest
import torch
from serve_process import PATIENCE_SECONDS, ROOT, SPEECH, alone, ask, serving, split, talk

from a2k_nets.residual.model import Audio2Keypoint
from kp_io import read_audio
from kp_io.media import OpusDecoder, resample_audio

connect = pytest.importorskip("websockets.sync.client").connect
ConnectionClosed = pytest.importorskip("websockets.exceptions").ConnectionClosed
InvalidStatus = pytest.importorskip("websockets.exceptions").InvalidStatus

TOKEN = "a-token-of-the-tests"


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
    with serving(tmp_path, stops_itself=True) as (address, process), connect(address) as client:
        client.send('{"type": "start", "frames": "binary"}')
        client.recv()
        for piece in split(pcm, 640):
            client.send(piece)
        first = client.recv()
        process.send_signal(signal.SIGTERM)
        *frames, last = [first, *client]
        assert json.loads(last) == {"type": "end", "frames": len(frames), "reason": "server_stop"}
        assert client.close_code == 1001
        process.wait(timeout=PATIENCE_SECONDS)  # a second signal, while Python ends, would kill it
        got = np.stack([np.frombuffer(frame, "<f4", offset=4).reshape(68, 2) for frame in frames])
        # What was read before the stop, a frame in each piece; later pieces may have come too late.
        expected = alone(embedded, torch.from_numpy(pcm[: 640 * len(got)].astype(np.float32) / 32_768))
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() < 1e-3


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
