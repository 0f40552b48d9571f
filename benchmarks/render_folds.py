"""Score the painter of kp-render on people that it never saw: five folds by speaker.

python benchmarks/render_folds.py CORPUS ANNOTATIONS EXAMPLES... -o folds

EXAMPLES are folders of `kp-render pairs` for the splits `train` and `val`. For each fold a painter learns from the
others, then it paints one clip of each speaker of the fold. Wild speakers and those of GRID (a studio, one sentence
pattern) have tables of their own. It goes on where it stopped.
"""

import argparse
import csv
import json
import os
import zlib
from collections import defaultdict
from pathlib import Path

import torch
from rendering.clips import FOOTAGE, score_clip
from rendering.tables import Scores, table_of
from rendering.warps import PAINTED, WARPED
from rich.console import Console

from kp_io import load_keypoints
from kp_render import load_painting_network
from kp_render.training.settings import read_settings
from kp_render.training.train_painter import train_painter

say = Console(highlight=False, soft_wrap=True).print

FOLDS, SPLITS = 5, ("train", "val")


def fold_of(speaker: str) -> int:
    """Return the fold of a speaker, always the same."""
    return zlib.crc32(speaker.encode()) % FOLDS


def learn(clips: list[dict[str, str]], examples: list[Path], out: Path, fold: int, steps: int | None) -> Path:
    """Train on the speakers of all other folds, and return the weights."""
    folder = out / f"examples-{fold}"
    folder.mkdir(parents=True, exist_ok=True)
    for row in clips:
        for source in examples:
            for kind in ("pictures", "keypoints"):
                file = source / f"{row['id']}.{kind}.npy"
                if fold_of(row["speaker"]) != fold and file.is_file() and not (folder / file.name).exists():
                    os.link(file, folder / file.name)
    settings = read_settings(None, steps=steps)
    return train_painter(folder, None, out / f"fold-{fold}", settings, on_row=lambda row: say(f"fold {fold}: {row}"))


def main() -> None:
    """Train and score every fold, and print means over speakers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("examples", type=Path, nargs="+")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--frames", type=int, default=6, help="frames of a clip")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with (options.corpus / "manifest.csv").open(encoding="utf-8") as file:
        clips = [row for row in csv.DictReader(file) if row["split"] in SPLITS]
    first_clips = {row["speaker"]: row for row in reversed(clips)}
    done = options.out / "scores.jsonl"
    for fold in range(FOLDS):
        network = load_painting_network(learn(clips, options.examples, options.out, fold, options.steps))
        scored = {json.loads(line)["id"] for line in done.read_text().splitlines()} if done.is_file() else set()
        for speaker, row in first_clips.items():
            points = options.annotations / f"{row['id']}.npz"
            if fold_of(speaker) != fold or row["id"] in scored or not points.is_file():
                continue
            try:
                found = score_clip(
                    options.corpus / row["file"],
                    load_keypoints(points),
                    network,
                    count=options.frames,
                    rows={PAINTED, WARPED, "Delaunay"},
                    generate=False,
                )
            except ValueError as error:
                say(f"{row['id']}: left out: {error}")
                continue
            with done.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"id": row["id"], "speaker": speaker, "scores": found}) + "\n")
    report(done, options.out / "render_folds.json")


def report(done: Path, out: Path) -> None:
    """Print the tables of wild speakers and of those of GRID."""
    groups: dict[str, Scores] = {name: defaultdict(lambda: defaultdict(list)) for name in ("wild", "GRID")}
    for line in done.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        group = groups["GRID" if row["speaker"].startswith("grid") else "wild"]
        for name, values in row["scores"].items():
            group[name][row["speaker"]].append(values)
    tables = {name: {"speakers": len(s[FOOTAGE]), "scores": table_of(s)} for name, s in groups.items() if s}
    out.write_text(json.dumps(tables, indent=1), encoding="utf-8")
    for name, table in tables.items():
        say(f"{name}: {table['speakers']} speakers")
        for key, (mean, low, high) in table["scores"].items():
            say(f"  {key}: {mean} [{low}, {high}]")


if __name__ == "__main__":
    main()
