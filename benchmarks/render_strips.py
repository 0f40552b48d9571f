"""Draw strips of rendered portraits below the footage that they should look like.

python benchmarks/render_strips.py CORPUS ANNOTATIONS --split val --clips 10 -o strips

Writes a picture a clip, of clips of different speakers spread over the split. Columns are the portrait (the first frame
of the clip with a face) and frames whose keypoints drive it; rows are the footage, kp-render with its painter, the warp
alone, and a Delaunay warp.
"""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np
import torch
from rendering.clips import choose_frames
from rendering.crops import Image
from rendering.warps import PAINTED, WARPED, methods
from rich.console import Console

from kp_io import load_keypoints
from kp_render import load_painting_network

say = Console(highlight=False, soft_wrap=True).print

#: Height of a picture in a strip, and how much larger than the face in the portrait its part is.
_HEIGHT, _PART = 200, 1.35


def strip(video: Path, annotation: Path, weights: Path | None, frames: int) -> Image:
    """Return the rows of a clip as one picture."""
    clip = choose_frames(video, load_keypoints(annotation), frames)
    portrait, still = clip.frames[clip.first], clip.points[clip.first]
    middle, half = still.mean(dim=0).numpy(), _PART / 2 * float((still.amax(dim=0) - still.amin(dim=0)).amax())
    scale = _HEIGHT / (2 * half)
    place = np.array([[scale, 0, _HEIGHT / 2 - scale * middle[0]], [0, scale, _HEIGHT / 2 - scale * middle[1]]])

    def row(first: Image, others: list[Image]) -> Image:
        return np.hstack([cv2.warpAffine(part, place, (_HEIGHT, _HEIGHT)) for part in (first, *others)])

    drawn = methods(portrait, still, load_painting_network(weights))
    rows = [row(portrait, [clip.frames[index] for index in clip.chosen])]
    for name in (PAINTED, WARPED, "Delaunay"):
        rows.append(row(portrait, [drawn[name](clip.points[index]) for index in clip.chosen]))
    return np.vstack(rows)


def main() -> None:
    """Write the strips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--frames", type=int, default=7, help="frames of a clip")
    parser.add_argument("--painter", type=Path, help="weights of `kp-render train`, instead of those in the package")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with (options.corpus / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == options.split]
    speakers = list({row["speaker"]: row for row in reversed(rows)}.values())
    options.out.mkdir(parents=True, exist_ok=True)
    for index in np.linspace(0, len(speakers) - 1, min(options.clips, len(speakers))).round().astype(int):
        name = speakers[index]["id"]
        annotation = options.annotations / f"{name}.npz"
        picture = strip(options.corpus / speakers[index]["file"], annotation, options.painter, options.frames)
        cv2.imwrite(str(options.out / f"{name}.png"), picture[..., ::-1])
        say(str(options.out / f"{name}.png"))


if __name__ == "__main__":
    main()
