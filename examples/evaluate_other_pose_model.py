"""Score any pose model with kp-metrics alone.

    python examples/evaluate_other_pose_model.py --truth person_keypoints.json --preds mine.json --preds theirs.json
    python examples/evaluate_other_pose_model.py                        # two landmark detectors on labelled faces
    python examples/evaluate_other_pose_model.py --labelled faces/

COCO keypoint files may have any number of points; with COCO's 17 the table has OKS. Labelled faces are pictures with a
300-W .pts file of 68 points each; the two detectors are dlib's regression trees with one box and the mean over nine
slightly shifted boxes (`pip install "kp-io[dlib]"`). The brackets are bootstrap intervals over images or faces.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from torch import Tensor

import kp_metrics as kpm
from kp_metrics.files.matching import match_objects
from kp_metrics.files.readers import read_coco

SHARED = Path(os.environ.get("A2K_SHARED", Path(__file__).parents[2] / "shared"))
PICTURES = (".png", ".jpg", ".jpeg", ".ppm", ".bmp")
FACE_METRICS = ("nme", "pck", "pck_auc", "keypoint_l1")


def main(
    labelled: Annotated[Path, typer.Option(help="Folder of pictures with .pts files.")] = SHARED / "labelled",
    truth: Annotated[Path | None, typer.Option(help="COCO keypoint annotations.")] = None,
    preds: Annotated[list[Path] | None, typer.Option(help="COCO keypoint results; may be repeated.")] = None,
    metrics: Annotated[str, typer.Option(help="Names separated by commas; see `kp-metrics list`.")] = "",
) -> None:
    """Print a table of several pose models with intervals."""
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    try:
        if (truth is None) != (not preds):
            raise ValueError("expected --truth and --preds together, got one of them")
        table = score_faces(labelled, names) if truth is None else score_coco(truth, preds or [], names)
    except (ValueError, OSError, ImportError) as error:
        Console(stderr=True, soft_wrap=True).print(f"[red]error:[/red] {error}")
        raise typer.Exit(1) from None
    Console().print(table)


def score_coco(truth: Path, preds: Sequence[Path], names: Sequence[str] = ()) -> kpm.EvaluationTable:
    """Score COCO results against COCO annotations, with objects matched within each image."""
    target = read_coco(truth)
    pairs = {path.stem: match_objects(path.name, read_coco(path), target) for path in preds}
    assert target.area is not None  # COCO files always give areas
    default_metrics = ["pck", "pck_auc", "keypoint_l1"] + ["oks"] * (target.keypoints.shape[1] == len(kpm.COCO_SIGMAS))
    return kpm.evaluate(
        {name: pair.preds.unsqueeze(1) for name, pair in pairs.items()},
        target.keypoints.unsqueeze(1),
        mask=target.valid.unsqueeze(1),
        area=target.area.unsqueeze(1),
        metrics=names or default_metrics,
        groups=target.keys,
    )


def score_faces(folder: Path, names: Sequence[str] = ()) -> kpm.EvaluationTable:
    """Score two landmark detectors on labelled faces."""
    from kp_io import read_image
    from kp_io.detectors.dlib import DlibDetector

    detectors = {"dlib, one box": DlibDetector(num_boxes=1), "dlib, mean of 9 boxes": DlibDetector(num_boxes=9)}
    found: dict[str, list[Tensor]] = {name: [] for name in detectors}
    true: list[Tensor] = []
    missed: list[str] = []
    for points_path, picture in labelled_faces(folder):
        label = read_points(points_path)
        image = read_image(picture)
        detections = {name: nearest(detector.detect(image), label) for name, detector in detectors.items()}
        if any(points is None for points in detections.values()):
            missed.append(picture.name)
            continue
        true.append(label)
        for name, points in detections.items():
            assert points is not None  # checked above
            found[name].append(points)
    if not true:
        raise ValueError(f"expected a labelled face that the detectors find in {folder}, got {len(missed)} missed")
    Console().print(f"{len(true)} faces" + (f"; not found, left out for both: {', '.join(missed)}" if missed else ""))
    preds = {name: torch.stack(points).unsqueeze(1) for name, points in found.items()}
    return kpm.evaluate(preds, torch.stack(true).unsqueeze(1), metrics=names or FACE_METRICS)


def labelled_faces(folder: Path) -> list[tuple[Path, Path]]:
    """Return each .pts file with its picture, which is in the same folder or in the sibling folder `imgs`."""
    pairs = []
    for points in sorted(folder.rglob("*.pts")):
        folders = (points.parent, points.parent.parent / "imgs")
        pictures = [p for parent in folders for suffix in PICTURES if (p := parent / (points.stem + suffix)).is_file()]
        pairs += [(points, picture) for picture in pictures[:1]]
    if not pairs:
        raise ValueError(
            f"expected pictures with .pts files in {folder}, got none; give another folder with --labelled"
        )
    return pairs


def read_points(path: Path) -> Tensor:
    """Read the points `(K, 2)` of a .pts file, in which pixels count from 1."""
    body = path.read_text(encoding="utf-8").partition("{")[2].partition("}")[0].split()
    return torch.tensor([float(number) for number in body]).reshape(-1, 2) - 1


def nearest(detections: Sequence[tuple[Tensor, Tensor]], label: Tensor) -> Tensor | None:
    """Return the detection closest to a labelled face, or None if all are far from it."""
    size = float((label.amax(0) - label.amin(0)).max())
    faces = [points.to(label.dtype) for points, _ in detections]
    faces = [points for points in faces if float((points.mean(0) - label.mean(0)).norm()) < size / 2]
    return min(faces, key=lambda points: float((points - label).norm(dim=-1).mean()), default=None)


if __name__ == "__main__":
    typer.run(main)
