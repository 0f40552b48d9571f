"""Many clients of `a2k serve` at a time: how late their frames are, and what a stream costs.

    python benchmarks/serve_load.py --clients 50 --seconds 120 --out benchmarks/results/serve.json
    python benchmarks/report.py    # the table of docs/server.md and docs/internals/performance.md

Each client sends real speech as fast as it is spoken, in pieces of 40 ms, from a time and a place in the recording of
its own. A frame is late by the time from when its last sample was spoken, i.e. its time stamp and the look-ahead, until
it is there. That includes the rest of the piece in which the sample comes. The same is measured of `a2k stream`, a
process a stream. One client's frames are compared with those of `StreamingGenerator`. It needs Linux.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

import numpy as np
import torch
import typer
from common.run_metadata import describe_run
from websockets.asyncio.client import connect

from a2k_nets import Audio2Keypoint, StreamingGenerator
from kp_io import KeypointSequence, read_audio, save_keypoints

SPEECH = Path(__file__).parents[1] / "examples" / "assets" / "sense_and_sensibility_0870.wav"
RATE, FPS, PIECE = 16_000, 25, 640


@dataclass
class Client:
    """What one client sent and got.

    Attributes:
        seed: Of its stream.
        begin: When its first sample was spoken.
        late: Seconds of each frame.
        frames: The frames, if they are kept.
        problem: What went wrong.
    """

    seed: int
    begin: float = 0.0
    late: list[float] = field(default_factory=list)
    frames: list[np.ndarray] = field(default_factory=list)
    problem: str = ""


def cpu_seconds(process: int) -> float:
    """Return the processor time of a process so far (Linux)."""
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def gigabytes(process: int) -> float:
    """Return the memory of a process (Linux)."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e9


@contextmanager
def serving(streams: int) -> Iterator[tuple[str, int]]:
    """Run `a2k serve`; yield its address and the number of its process."""
    command = [sys.executable, "-m", "a2k_nets", "serve", "--port", "0", "--max-streams", str(streams)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}) as run:
        try:
            assert run.stdout is not None
            yield run.stdout.readline().split()[0], run.pid
        finally:
            run.terminate()
            run.wait()


def spoken(speech: np.ndarray, client: int, num_samples: int) -> np.ndarray:
    """Return the 16-bit samples of one client: the recording from a place of its own on, again and again."""
    return np.resize(np.roll(speech, -7_001 * client), num_samples)


async def talk(address: str, client: Client, samples: np.ndarray, look_ahead: float, *, keep: bool) -> None:
    """Send the sound as it is spoken, and note when each frame comes."""
    clock = time.monotonic
    await asyncio.sleep(random.Random(client.seed).random() * 2)
    try:
        async with connect(address, compression=None) as server:
            await server.send(json.dumps({"type": "start", "frames": "binary", "seed": client.seed}))
            assert json.loads(await server.recv())["type"] == "ready"
            client.begin = clock()
            reading = asyncio.create_task(receive(server, client, look_ahead, keep=keep))
            for end in range(PIECE, len(samples) + 1, PIECE):
                await asyncio.sleep(max(0.0, client.begin + end / RATE - clock()))
                await server.send(samples[end - PIECE : end].tobytes())
            await server.send(json.dumps({"type": "end"}))
            last = await reading
            expected = len(samples) // PIECE
            if last["type"] != "end" or last["frames"] != expected or len(client.late) != expected:
                client.problem = f"expected {expected} frames, got {len(client.late)} and {last}"
    except Exception as error:
        client.problem = repr(error)


async def receive(server: Any, client: Client, look_ahead: float, *, keep: bool) -> dict[str, Any]:
    """Return the last message."""
    async for message in server:
        if isinstance(message, str):
            return json.loads(message)
        number = int.from_bytes(message[:4], "little")
        assert number == len(client.late), f"expected frame {len(client.late)}, got {number}"
        client.late.append(time.monotonic() - (client.begin + number / FPS + look_ahead))
        if keep:
            client.frames.append(np.frombuffer(message, "<f4", offset=4).reshape(68, 2))
    return {"type": "nothing"}


def as_one_process(samples: np.ndarray, face: KeypointSequence, folder: Path, look_ahead: float) -> dict[str, float]:
    """Return what one `a2k stream` costs that gets the same pieces in the same time."""
    save_keypoints(folder / "face.npz", face)
    command = [sys.executable, "-m", "a2k_nets", "stream", "--image", str(folder / "face.npz")]
    pipe, late = subprocess.PIPE, []
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=os.environ | {"OMP_NUM_THREADS": "1"}) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        head = 5 * RATE  # until it has started
        # Beside the reading: a pipe holds less than the frames of that.
        writing = Thread(target=lambda: (run.stdin.write(samples[:head].tobytes()), run.stdin.flush()))
        writing.start()
        # The look-ahead holds back the last frame, so that each piece from here on brings the frame that is read.
        for _ in range(head // PIECE - 1):
            run.stdout.readline()
        writing.join()
        begin, before = time.monotonic(), cpu_seconds(run.pid)
        for end in range(head + PIECE, len(samples) + 1, PIECE):
            time.sleep(max(0.0, begin + (end - head) / RATE - time.monotonic()))
            run.stdin.write(samples[end - PIECE : end].tobytes())
            run.stdin.flush()
            number = json.loads(run.stdout.readline())["frame"]
            late.append(time.monotonic() - (begin + number / FPS + look_ahead - head / RATE))
        cpu, memory = cpu_seconds(run.pid) - before, gigabytes(run.pid)
        run.stdin.close()
        run.stdout.read()
    seconds = (len(samples) - head) / RATE
    return {"cores": cpu / seconds, "gigabytes": memory, "p99_ms": 1e3 * float(np.quantile(late, 0.99))}


async def load(address: str, clients: list[Client], speech: np.ndarray, seconds: float, look_ahead: float) -> None:
    """Run all clients."""
    num_samples = int(seconds * FPS) * PIECE
    await asyncio.gather(
        *(
            talk(address, client, spoken(speech, client.seed, num_samples), look_ahead, keep=client.seed == 0)
            for client in clients
        )
    )


def main(
    clients: Annotated[int, typer.Option(min=1, help="Live streams at a time.")] = 50,
    seconds: Annotated[float, typer.Option(min=10, help="Length of each.")] = 120.0,
    out: Annotated[Path | None, typer.Option(help="JSON file for the results.")] = None,
) -> None:
    """Measure, print and write; exit 1 where a frame was lost or wrong."""
    torch.set_num_threads(1)
    model = Audio2Keypoint.from_pretrained().eval()
    look_ahead = model.config.right_context_seconds
    speech = (read_audio(SPEECH).numpy() * 32_767).astype("<i2")
    load_before = os.getloadavg()[0]
    talkers = [Client(seed) for seed in range(clients)]
    with serving(clients) as (address, process):
        idle, begin = cpu_seconds(process), time.monotonic()
        asyncio.run(load(address, talkers, speech, seconds, look_ahead))
        cpu = cpu_seconds(process) - idle
        cores = cpu / (time.monotonic() - begin)
        memory = gigabytes(process)
    late = 1e3 * np.concatenate([client.late for client in talkers])
    face = model.normalizer.mean_face_px
    generator = StreamingGenerator(face, model, seed=0)
    samples = torch.from_numpy(spoken(speech, 0, int(seconds * FPS) * PIECE).astype(np.float32) / 32_768)
    expected = torch.cat([generator.push(samples), generator.flush()]).numpy()
    got = np.stack(talkers[0].frames)
    wrong = float(np.abs(got - expected).max()) if got.shape == expected.shape else float("inf")
    with_still = KeypointSequence(face[None], image_size=(224, 224))
    folder = Path(out).parent if out else Path()
    alone = as_one_process(spoken(speech, 0, 20 * RATE), with_still, folder, look_ahead)
    (folder / "face.npz").unlink()
    problems = [f"client {client.seed}: {client.problem}" for client in talkers if client.problem]
    expected_frames = clients * int(seconds * FPS)
    result = {
        "machine_info": describe_run(torch.device("cpu")),
        "clients": clients,
        "seconds": seconds,
        "frames": len(late),
        "lost": expected_frames - len(late),
        "late_ms": {f"p{q:g}": float(np.quantile(late, q / 100)) for q in (50, 90, 99, 99.9, 100)},
        "px_from_streaming_generator": wrong,
        "cores": cores,
        "cpu_ms_a_frame": 1e3 * cpu / len(late),
        "gigabytes": memory,
        "one_process_a_stream": alone,
        "load_when_it_began": load_before,
        "load_when_it_ended": os.getloadavg()[0],
        "problems": problems[:5],
    }
    text = json.dumps(result, indent=1)
    typer.echo(text)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    if problems or result["lost"] or wrong > 1e-3:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
