"""The figures of docs/rigs.md: how far corners of mouths sink with the jaw, and what Blender reads.

    python benchmarks/rig_figures.py --clips CLIPS --blender PYTHON --page docs/rigs.md

CLIPS is a folder of annotated clips or a corpus of `kp-io build`: without it, no clips are measured. PYTHON has pip's
`bpy` (for Blender 5.0, Python 3.11): without it, nothing is read back unless this one has it. The rig is that of the
demo's speech by `a2k generate` with the mean face, and a head that is turned besides.
"""

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from common.marked_blocks import put_between_markers
from common.result_tables import power_of_ten
from torch import Tensor

from a2k_nets import Audio2Keypoint, generate_sequence
from a2k_train.cli.console import readable_errors
from a2k_train.data.open_clips import open_clips
from kp_io import KeypointSequence, derive_blend_shapes, read_audio, save_rig
from kp_io.rigs import track_head
from kp_io.transforms.head_pose import HeadPose, compose_head_pose

SPEECH = Path(__file__).parents[1] / "examples" / "assets" / "sense_and_sensibility_0870.wav"
READER = Path(__file__).parent / "blender" / "read_rig.py"

#: Largest yaw, pitch and roll of the turned head, in radians, and how often it goes to and fro.
TURNS, PERIODS = (0.5, 0.3, 0.25), (2.0, 3.0, 5.0)


def turning_speaker() -> KeypointSequence:
    """Return the demo's speech by the mean face, whose head turns, nods and tilts besides."""
    network = Audio2Keypoint.from_pretrained()
    still = KeypointSequence(network.normalizer.mean_face_px[None], image_size=(224, 224))
    spoken = generate_sequence(still, read_audio(SPEECH), model=network)
    track = track_head(spoken)
    phase = torch.linspace(0, 2 * torch.pi, len(spoken), dtype=torch.float64)[:, None]
    angles = track.angles + torch.tensor(TURNS) * torch.sin(phase * torch.tensor(PERIODS))
    ones = torch.ones(len(spoken), dtype=torch.float64)
    pose = HeadPose(angles, ones, track.translation[:, :2] + 112, track.face.new_zeros(3))
    return KeypointSequence(compose_head_pose(track.face, pose).float(), image_size=(224, 224), fps=spoken.fps)


def read_in_blender(sequence: KeypointSequence, python: str) -> dict[str, Any]:
    """Return what Blender reads of a sequence's rig, in its own Python."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"talk{suffix}") for suffix in (".bvh", ".arkit.json")]
        for path in files:
            save_rig(path, sequence)
        done = subprocess.run([python, str(READER), *map(str, files)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"expected Blender to read the rig, got: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def sinking(keypoints: Tensor) -> float:
    """Return the slope of the height of the mouth's corners by the gap of the lips, without the head's motion."""
    face = track_head(KeypointSequence(keypoints, image_size=(224, 224))).face[..., :2]
    height = -face[..., 1]
    gap = (height[:, 61:64] - height[:, [67, 66, 65]]).mean(dim=1)
    corners = height[:, [48, 54]].mean(dim=1)
    pair = torch.cov(torch.stack((gap, corners)))
    return float(pair[0, 1] / pair[0, 0])


def clips_text(clips: Path, splits: str, manifest: Path | None) -> str:
    """Return a sentence on the sinking of the corners in clips of people."""
    store = open_clips(clips, splits=tuple(splits.split(",")), fps=25.0, sample_rate=16_000, manifest=manifest)
    slopes = torch.tensor([sinking(clip.keypoints[clip.measured, :, :2]) for clip in store.clips()])
    slopes = slopes[slopes.isfinite()]
    low, median, high = slopes.double().quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)).tolist()
    return (
        f"In {len(slopes)} clips of real speech, the corners of the mouth sink with the opening jaw by {-median:.2f} "
        f"of the gap, the median of the slopes (quartiles {-high:.2f} and {-low:.2f})."
    )


def blender_text(sequence: KeypointSequence, python: str) -> str:
    """Return a sentence on what Blender reads of a rig."""
    found = read_in_blender(sequence, python)
    moving = int((derive_blend_shapes(sequence).amax(dim=0) > 0).sum())
    return (
        f"Blender {found['blender']} (pip's `bpy`) read {found['frames_imported']} frames of {found['frames']}, in "
        f"which the head turns by up to {found['turned_degrees']:.0f}°: the bone's rotation is that of the JSON to "
        f"{power_of_ten(found['rotation'])} (elements of the matrix), its translation to "
        f"{power_of_ten(found['centimetres'])} cm, and the {found['shape_keys']} shape keys, of which "
        f"{moving} move, to {power_of_ten(found['weights'])}."
    )


def main(
    clips: Annotated[Path | None, typer.Option(help="Annotated clips of people.")] = None,
    splits: Annotated[str, typer.Option(help="Their splits.")] = "train,val",
    manifest: Annotated[Path | None, typer.Option(help="Their manifest.")] = None,
    blender: Annotated[str | None, typer.Option(help="A Python that has bpy.")] = None,
    page: Annotated[Path | None, typer.Option(help="Page to update between markers.")] = None,
) -> None:
    """Measure and print; with --page, update the sentences there."""
    with readable_errors():
        torch.set_num_threads(1)
        texts = {}
        if clips is not None:
            texts["sinking"] = clips_text(clips, splits, manifest)
        if blender or find_spec("bpy"):
            texts["blender"] = blender_text(turning_speaker(), blender or sys.executable)
        if not texts:
            raise ValueError("expected --clips or --blender, got neither, and no bpy here: pip install bpy")
        for name, text in texts.items():
            typer.echo(text)
            if page is not None:
                put_between_markers(page, name, text)


if __name__ == "__main__":
    typer.run(main)
