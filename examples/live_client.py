"""A client of `a2k serve` in twenty lines: a WAV file (16 bit, mono) as a live stream, its frames as lines of JSON."""

import asyncio
import json
import sys
import wave

from websockets.asyncio.client import connect


async def talk(address: str, path: str) -> None:
    """Send the sound as fast as it would be spoken, and print every frame when it comes."""
    async with connect(address) as server:
        with wave.open(path) as sound:
            rate, samples = sound.getframerate(), sound.readframes(sound.getnframes())
        await server.send(json.dumps({"type": "start", "rate": rate, "frames": "json"}))
        reading = asyncio.create_task(print_frames(server))
        size = 2 * (rate // 25)
        for begin in range(0, len(samples), size):
            await server.send(samples[begin : begin + size])
            await asyncio.sleep(0.04)
        await server.send(json.dumps({"type": "end"}))
        await reading


async def print_frames(server: object) -> None:
    """Print what comes; the last message has the type end, or error."""
    async for message in server:
        print(message)  # noqa: T201


asyncio.run(talk(sys.argv[1], sys.argv[2]))
