"""Clients that mean harm, against `a2k serve`, beside a good one: it must get every frame, and the server stay.

    python benchmarks/fuzz/server.py --clients 1000 --seed 1

The seed says what each client does. Exit 1 where the good client lost a frame or got a wrong one, the server ended,
kept a stream or a connection, grew by more than 150 MB, or logged a traceback.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from a2k_nets import Audio2Keypoint, StreamingGenerator
from kp_io import read_audio

SPEECH = Path(__file__).parents[2] / "examples" / "assets" / "sense_and_sensibility_0870.wav"
START = json.dumps({"type": "start"})
#: Megabytes that the server may grow by. It levels off: 82 after 1,000 clients, 101 after 5,000, 108 after 10,000.
_GROWTH = 150.0


def damaged(text: str, draw: random.Random) -> str:
    """Return a message in which characters are changed, cut off or repeated."""
    characters = list(text)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(characters))
        kind = draw.randrange(4)
        if kind == 0:
            characters[at] = chr(draw.choice([draw.randrange(32, 127), draw.randrange(0x20, 0xD800)]))
        elif kind == 1:
            del characters[at:]
        elif kind == 2:
            characters[at:at] = characters[at : at + draw.randint(1, 9)] * draw.randint(1, 40)
        else:
            characters[at : at + 1] = draw.choice(["NaN", "1e999", "null", "[", "{", '"', "-", "\\u0000"])
        if not characters:
            break
    return "".join(characters)


def request(draw: random.Random) -> str:
    """Return a `start` with a few members, right or wrong."""
    values = [
        0,
        1,
        -1,
        0.5,
        1e308,
        1 << 70,
        True,
        None,
        "",
        "opus",
        "binary",
        [],
        {},
        [[0, 0]] * 68,
        [[1e5, 2]] * 68,
        48_000,
    ]
    names = ["face", "rate", "encoding", "frames", "seed", "head_motion", "expression", "blink", "version", "x"]
    return json.dumps({"type": "start"} | {draw.choice(names): draw.choice(values) for _ in range(draw.randint(0, 3))})


async def bytes_of_nothing(host: str, port: int, draw: random.Random) -> None:
    """Send random bytes, or a damaged handshake, by TCP, and go at any time."""
    reader, writer = await asyncio.open_connection(host, port)
    head = (
        f"GET /v1/stream HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n"
    )
    kind = draw.randrange(5)
    data = [
        draw.randbytes(draw.randint(1, 3_000)),
        damaged(head, draw).encode("utf-8", "replace"),
        head.encode()[: draw.randrange(len(head))],
        head.encode() + draw.randbytes(draw.randint(1, 3_000)),
        head.encode() + struct.pack("!BBQ", 0x82, 0xFF, draw.choice([1 << 20, 1 << 62, (1 << 64) - 1])) + bytes(64),
    ][kind]
    writer.write(data)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(reader.read(2_000), draw.random())
    writer.transport.abort()


async def wrong_start(host: str, port: int, draw: random.Random) -> None:
    """Send a damaged first message."""
    async with connect(f"ws://{host}:{port}/v1/stream") as server:
        await server.send(draw.choice([damaged(request(draw), draw), draw.randbytes(9), "[" * 50_000, request(draw)]))
        await drain(server, draw)


async def wrong_sound(host: str, port: int, draw: random.Random) -> None:
    """Send sound that is none, in pieces of any size, with messages between them."""
    async with connect(f"ws://{host}:{port}/v1/stream") as server:
        opus = draw.random() < 0.5
        await server.send(json.dumps({"type": "start", "encoding": "opus" if opus else "s16le", "rate": 48_000}))
        for _ in range(draw.randint(1, 30)):
            size = draw.choice([0, 1, 2, 3, 320, 1_920, 9_999, 1 << 16, (1 << 18) + 2])
            await server.send(draw.randbytes(min(size, 400) if opus else size))
            if draw.random() < 0.05:
                await server.send(damaged('{"type": "end"}', draw))
        await drain(server, draw)


async def vanishing(host: str, port: int, draw: random.Random) -> None:
    """Go in the middle of a stream, without a word."""
    async with connect(f"ws://{host}:{port}/v1/stream") as server:
        await server.send(START)
        for _ in range(draw.randint(0, 20)):
            await server.send(draw.randbytes(1_280))
        server.transport.abort()


async def deaf(host: str, port: int, draw: random.Random) -> None:
    """Send as fast as it goes, and take nothing."""
    async with connect(f"ws://{host}:{port}/v1/stream", max_queue=1) as server:
        await server.send(START)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(draw.uniform(0.2, 2)):
                while True:
                    await server.send(bytes(32_000))
        server.transport.abort()


async def silent(host: str, port: int, draw: random.Random) -> None:
    """Connect, say little or nothing, and wait."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"POST /v1/generate HTTP/1.1\r\nHost: "[: draw.randint(0, 36)])
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(reader.read(100), draw.uniform(0.2, 3))
    writer.transport.abort()


async def wrong_form(host: str, port: int, draw: random.Random) -> None:
    """Send a damaged form, or one that is announced longer than it is."""
    part = '--b\r\nContent-Disposition: form-data; name="portrait"; filename="../../a.png"\r\n\r\n'
    body = (damaged(part, draw) if draw.random() < 0.5 else part).encode("utf-8", "replace")
    body += b"\x89PNG\r\n\x1a\n" + draw.randbytes(draw.randint(0, 5_000)) + b"\r\n--b--\r\n"
    length = len(body) + draw.choice([0, 0, 100, -10, 1 << 40])
    path = draw.choice(["/v1/face", "/v1/generate", "/v1/stream", "/metrics", "/../etc/passwd", "/%00"])
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"{head}Content-Length: {length}\r\n\r\n".encode() + body)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(reader.read(2_000), draw.uniform(0.1, 2))
    writer.transport.abort()


async def drain(server: ClientConnection, draw: random.Random) -> None:
    """Read for a while, then end or go."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(draw.uniform(0.1, 1)):
            async for _ in server:
                pass
    if draw.random() < 0.5:
        await server.send('{"type": "end"}')


BEHAVIOURS: tuple[Callable[[str, int, random.Random], Awaitable[None]], ...] = (
    bytes_of_nothing, wrong_start, wrong_sound, vanishing, deaf, silent, wrong_form,
)  # fmt: skip


async def good_client(address: str, samples: np.ndarray, is_over: asyncio.Event) -> tuple[np.ndarray, int]:
    """Stream sound as it is spoken until all others are done; return the frames, and the number of samples sent."""
    frames = []

    async def receive(server: ClientConnection) -> None:
        async for message in server:
            if isinstance(message, bytes):
                frames.append(np.frombuffer(message, "<f4", offset=4).reshape(68, 2))

    async with connect(address) as server:
        await server.send(json.dumps({"type": "start", "frames": "binary", "seed": 5}))
        reading, begin, sent = asyncio.create_task(receive(server)), time.monotonic(), 0
        while sent + 640 <= len(samples) and not is_over.is_set():
            await server.send(samples[sent : sent + 640].tobytes())
            sent += 640
            await asyncio.sleep(max(0.0, begin + sent / 16_000 - time.monotonic()))
        await server.send('{"type": "end"}')
        await reading
    return np.stack(frames), sent


async def attack(address: str, clients: int, seed: int, at_once: int) -> tuple[np.ndarray, int, Counter[str]]:
    """Run the good client beside all others; return its frames, its samples, and what the others met."""
    host, port = re.findall(r"//([^:/]+):(\d+)", address)[0]
    speech = (read_audio(SPEECH).numpy() * 32_767).astype("<i2")
    is_over, met, places = asyncio.Event(), Counter(), asyncio.Semaphore(at_once)
    good = asyncio.create_task(good_client(address, np.resize(speech, 16_000 * 3_500), is_over))

    async def one(number: int) -> None:
        draw = random.Random(f"{seed} {number}")
        behave = draw.choice(BEHAVIOURS)
        async with places:
            try:
                async with asyncio.timeout(30):
                    await behave(host, int(port), draw)
                met[f"{behave.__name__}: went"] += 1
            except (OSError, EOFError, WebSocketException, asyncio.IncompleteReadError) as error:
                met[f"{behave.__name__}: {type(error).__name__}"] += 1

    await asyncio.sleep(1)
    await asyncio.gather(*map(one, range(clients)))
    is_over.set()
    frames, sent = await good
    return frames, sent, met


def measured(address: str) -> dict[str, float]:
    """Return the server's own measurements."""
    with urllib.request.urlopen(re.sub(r"^ws(.*)/v1/stream", r"http\1/metrics", address)) as answer:
        lines = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def main(
    clients: Annotated[int, typer.Option(min=1, help="Clients that mean harm.")] = 300,
    seed: Annotated[int, typer.Option(help="Another seed, other clients.")] = 0,
    at_once: Annotated[int, typer.Option(min=1, help="So many at a time.")] = 20,
) -> None:
    """Run the clients; print what they met; exit 1 where they did harm."""
    torch.set_num_threads(1)
    faults = []
    command = [sys.executable, "-m", "a2k_nets", "serve", "--port", "0"]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        ) as server,
    ):
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]
        before = measured(address)
        frames, sent, met = asyncio.run(attack(address, clients, seed, at_once))
        time.sleep(1)
        after = measured(address)
        growth = (after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]) / 1e6
        if after["a2k_streams"]:
            faults.append(f"{after['a2k_streams']:.0f} streams are left")
        if growth > _GROWTH:
            faults.append(f"the server grew by {growth:.0f} MB")
        if after["process_open_fds"] > before["process_open_fds"] + 10:
            faults.append(
                f"of {after['process_open_fds']:.0f} open files, {before['process_open_fds']:.0f} were at first"
            )
        server.terminate()
        if code := server.wait(timeout=60):
            faults.append(f"the server ended with {code}")
        log.seek(0)
        text = log.read()
        if "Traceback" in text:
            faults.append(f"a traceback: {text[-2_000:]}")
    model = Audio2Keypoint.from_pretrained().eval()
    generator = StreamingGenerator(model.normalizer.mean_face_px, model, seed=5)
    samples = np.resize((read_audio(SPEECH).numpy() * 32_767).astype("<i2"), sent).astype(np.float32) / 32_768
    expected = torch.cat([generator.push(torch.from_numpy(samples)), generator.flush()]).numpy()
    if frames.shape != expected.shape or np.abs(frames - expected).max() > 1e-3:
        faults.append(f"the good client got {len(frames)} frames of {len(expected)}, or wrong ones")
    for line, number in sorted(met.items()):
        typer.echo(f"{number:5} {line}")
    typer.echo(f"{clients} clients; the good one got {len(frames)} frames; the server grew by {growth:.1f} MB")
    for fault in faults:
        typer.echo(f"fault: {fault}", err=True)
    if faults:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
