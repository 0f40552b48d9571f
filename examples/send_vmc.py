"""Send blend shapes and the head's motion to a VMC receiver (VSeeFace, Warudo, VNyan …) by OSC, in their time.

    pip install python-osc
    kp-io convert talk.npz talk.arkit.json
    python examples/send_vmc.py talk.arkit.json --host 127.0.0.1 --port 39539

The receiver's avatar needs ARKit's 52 blend shapes ("perfect sync"). Start the sound in the same moment.
"""

import argparse
import json
import math
import time
from pathlib import Path

from pythonosc.udp_client import SimpleUDPClient


def rotation(yaw: float, pitch: float, roll: float) -> tuple[float, float, float, float]:
    """Return the quaternion x, y, z, w of Rz(roll) Rx(pitch) Ry(yaw) in Unity's axes, where all keep their sign.

    x is to the avatar's right, y up, z where it looks, left-handed: positive yaw turns it to its right, pitch down,
    roll to its left shoulder.
    """
    z, x, y = roll / 2, pitch / 2, yaw / 2
    (sx, cx), (sy, cy), (sz, cz) = ((math.sin(half), math.cos(half)) for half in (x, y, z))
    # The product of the three quaternions.
    return (
        cz * sx * cy - sz * cx * sy,
        cz * cx * sy + sz * sx * cy,
        sz * cx * cy + cz * sx * sy,
        cz * cx * cy - sz * sx * sy,
    )


def send(frame: dict, names: list[str], client: SimpleUDPClient) -> None:
    """Send one frame: the bone, the weights, and that they are whole."""
    head = frame["head"]
    translation = (-head["x"] / 1000, -head["y"] / 1000, 0.0)  # metres
    client.send_message(
        "/VMC/Ext/Bone/Pos", ["Head", *translation, *rotation(head["yaw"], head["pitch"], head["roll"])]
    )
    for name, weight in zip(names, frame["weights"], strict=True):
        client.send_message("/VMC/Ext/Blend/Val", [name[0].upper() + name[1:], float(weight)])
    client.send_message("/VMC/Ext/Blend/Apply", [])
    client.send_message("/VMC/Ext/OK", [1])


def main() -> None:
    """Send all frames of a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=39539)
    options = parser.parse_args()
    talk = json.loads(options.file.read_text(encoding="utf-8"))
    client = SimpleUDPClient(options.host, options.port)
    begin = time.monotonic()
    for frame in talk["frames"]:
        time.sleep(max(0.0, begin + frame["time_seconds"] - time.monotonic()))
        send(frame, talk["names"], client)


if __name__ == "__main__":
    main()
