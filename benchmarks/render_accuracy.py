"""Compare rendered portraits with footage: one frame of a clip is the portrait, its true keypoints drive it.

python benchmarks/render_accuracy.py CORPUS ANNOTATIONS --split val -o render.json

CORPUS is a folder with manifest.csv (id, file, split, speaker) and the videos, ANNOTATIONS one with `<id>.npz` of them.
Rows are kp-render with its painter and without, the still picture, one similarity of the whole picture, and a piecewise
affine warp over a Delaunay triangulation (as MakeItTalk uses for cartoons). The detector annotates all frames again,
those of the footage too: better than on these nothing can be read. Rows of generated keypoints are driven by what a2k
generates from the clip's sound, with the head motion of the footage. Flicker is the mean second difference over time
around the face in as many frames in a row, in grey levels. Figures are means over speakers with 95 % bootstrap
intervals; closed lips are counted over the frames of all.
"""

import argparse
import csv
import json
from collections import defaultdict
from pathlib import Path

import torch
from rendering.clips import score_clip
from rendering.tables import Scores, table_of
from rich.console import Console

from kp_io import load_keypoints
from kp_render import load_painting_network

say = Console(highlight=False, soft_wrap=True).print


def main() -> None:
    """Score the clips of a split and print means over speakers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--frames", type=int, default=12, help="frames of a clip")
    parser.add_argument("--painter", type=Path, help="weights of `kp-render train`, instead of those in the package")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with (options.corpus / "manifest.csv").open(encoding="utf-8") as file:
        clips = [row for row in csv.DictReader(file) if row["split"] == options.split]
    network = load_painting_network(options.painter)
    scores: Scores = defaultdict(lambda: defaultdict(list))
    for row in clips:
        points = options.annotations / f"{row['id']}.npz"
        if not points.is_file():
            say(f"{row['id']}: no annotation")
            continue
        found = score_clip(options.corpus / row["file"], load_keypoints(points), network, count=options.frames)
        for name, values in found.items():
            scores[name][row["speaker"]].append(values)
    table = table_of(scores)
    options.out.write_text(json.dumps({"clips": len(clips), "scores": table}, indent=1), encoding="utf-8")
    for key, (mean, low, high) in table.items():
        say(f"{key}: {mean} [{low}, {high}]")


if __name__ == "__main__":
    main()
