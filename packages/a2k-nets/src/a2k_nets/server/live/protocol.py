"""The messages of a live stream, as docs/server.md describes them."""

import json
import struct
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.config.residual import ModelConfig
from a2k_nets.server.batching.batched_streams import StreamOptions
from a2k_nets.server.live.errors import StreamError
from a2k_nets.server.options import OPTIONS, check_integer, check_options, is_number, shorten

#: The version of the protocol, and its name among WebSocket subprotocols.
VERSION = 1
SUBPROTOCOL = "a2k.v1"

#: Sample rates of the incoming sound, Hz.
RATES = (8_000, 192_000)

#: Largest coordinate of a face in pixels.
_MAX_COORDINATE = 100_000.0

_MEMBERS = {"type", "version", "face", "rate", "encoding", "frames", *OPTIONS}


@dataclass(frozen=True, slots=True, eq=False)
class StreamRequest:
    """What a client asks for.

    Attributes:
        face: Keypoints of the reference `(K, 2)`, pixels; None for the mean face.
        rate: Sample rate of the incoming sound, Hz.
        encoding: `s16le`: mono samples; `opus`: one packet a message.
        frames: Form of the frames that are sent.
        options: Options of the stream.
    """

    face: Tensor | None = None
    rate: int = 16_000
    encoding: Literal["s16le", "opus"] = "s16le"
    frames: Literal["json", "binary"] = "json"
    options: StreamOptions = StreamOptions()  # noqa: RUF009 - frozen


def parse_message(text: str) -> dict[str, Any]:
    """Return a message of a client, a JSON object with the member `type`, or raise `StreamError`."""
    try:
        message = json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise StreamError("malformed", f"expected a message in JSON, got a mistake: {str(error)[:100]}") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise StreamError("malformed", 'expected a JSON object with the member type, e.g. {"type": "end"}')
    return message


def parse_start(text: str, config: ModelConfig) -> StreamRequest:
    """Return the request of a client's first message.

    Raises:
        StreamError: The message is no `start`, or has a member that is unknown, of a wrong type or out of range.

    Example:
        >>> parse_start('{"type": "start", "rate": 48000}', ModelConfig()).rate
        48000
    """
    message = parse_message(text)
    if message["type"] != "start":
        raise _bad("a first message of the type start", message["type"])
    if message.get("version", VERSION) != VERSION:
        raise StreamError("version", f"expected version {VERSION} of the protocol, got {shorten(message['version'])}")
    if unknown := sorted(set(message) - _MEMBERS):
        raise _bad(f"no other members than {', '.join(sorted(_MEMBERS))}", unknown[0])
    try:
        options = StreamOptions(**check_options(message))
        rate = check_integer(message.get("rate", config.audio.sample_rate), "rate", *RATES)
    except ValueError as error:
        raise StreamError("malformed", str(error)) from None
    face = message.get("face")
    return StreamRequest(
        face=None if face is None else _face(face, config),
        rate=rate,
        encoding=_choice(message, "encoding", "s16le", "opus"),
        frames=_choice(message, "frames", "json", "binary"),
        options=options,
    )


def ready_message(config: ModelConfig) -> str:
    """Return the answer to `start`: what the stream's frames are."""
    return json.dumps(
        {
            "type": "ready",
            "version": VERSION,
            "fps": config.fps,
            "num_points": config.num_keypoints,
            "look_ahead_seconds": config.right_context_seconds,
        }
    )


def end_message(num_frames: int, reason: str) -> str:
    """Return the last message of a stream, after its last frame."""
    return json.dumps({"type": "end", "frames": num_frames, "reason": reason})


def error_message(error: StreamError) -> str:
    """Return the last message of a stream that failed."""
    return json.dumps({"type": "error", "code": error.code, "message": error.message})


def json_frame(frame: int, fps: float, points: Float[np.ndarray, "k 2"]) -> str:
    """Return a frame as JSON, with the members of a line of `a2k stream`; pixels have four decimals.

    Example:
        >>> json_frame(5, 25, np.array([[1.5, 0.33333]]))
        '{"type": "frame", "frame": 5, "time_seconds": 0.2, "keypoints": [[1.5, 0.3333]]}'
    """
    rounded = points.astype(np.float64).round(4).tolist()
    return json.dumps({"type": "frame", "frame": frame, "time_seconds": frame / fps, "keypoints": rounded})


def binary_frame(frame: int, points: Float[np.ndarray, "k 2"]) -> bytes:
    """Return a frame as bytes, little-endian: its number as uint32, then x and y of every point as float32.

    Example:
        >>> binary_frame(5, np.array([[1.0, -2.0]])).hex()
        '050000000000803f000000c0'
    """
    return struct.pack("<I", frame) + points.astype("<f4").tobytes()


def _face(value: Any, config: ModelConfig) -> Tensor:
    points = config.num_keypoints
    expected = f"{points} points [x, y] in pixels as face"
    if not (
        isinstance(value, list) and len(value) == points and all(isinstance(p, list) and len(p) == 2 for p in value)
    ):
        raise _bad(expected, value)
    for coordinate in (coordinate for point in value for coordinate in point):
        if not is_number(coordinate) or abs(coordinate) > _MAX_COORDINATE:
            raise _bad(f"{expected}, each at most {_MAX_COORDINATE:g}", coordinate)
    face = torch.tensor(value, dtype=torch.float32)
    corners = face[list(config.eye_corners)]
    if float((corners[0] - corners[1]).norm()) < 1:
        raise StreamError("malformed", f"expected {expected} whose eyes lie at least a pixel apart, got less")
    return face


def _choice(message: dict[str, Any], name: str, *choices: Any) -> Any:
    value = message.get(name, choices[0])
    if value not in choices:
        raise _bad(f"{' or '.join(choices)} as {name}", value)
    return value


def _bad(expected: str, given: Any) -> StreamError:
    return StreamError("malformed", f"expected {expected}, got {shorten(given)}")


def _reject_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")
