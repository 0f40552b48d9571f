"""Compare rendered portraits with footage: one frame of a clip is the portrait, its true keypoints drive it.

python benchmarks/render_accuracy.py CORPUS ANNOTATIONS --split val -o render.json

CORPUS is a folder with manifest.csv (id, file, split, speaker) and the videos, ANNOTATIONS one with `<id>.npz` of them.
Rows are kp-render, kp-render --paint, the still picture, one similarity of the whole picture, and a piecewise affine
warp over a Delaunay triangulation (as MakeItTalk uses for cartoons). The detector annotates the frames of the first two
again. `kp-render, generated` is driven by keypoints that a2k generates from the clip's sound, with the head motion of
the footage; only its re-annotation, identity and flicker count, for it is another take than the footage. Flicker is the
mean second difference over time around the face in 12 frames in a row, in grey levels. Figures are means over speakers,
with 95 % bootstrap intervals.
"""

import argparse
import csv
import json
import time
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import dlib
import numpy as np
import torch
from rich.console import Console
from scipy.interpolate import LinearNDInterpolator
from skimage.metrics import structural_similarity

from a2k_nets.inference.generate import generate_sequence
from kp_io import load_keypoints, make_detector, read_video, warp_image_to_head
from kp_io.keypoints import KeypointSequence
from kp_render import load_painting_network, make_painter, make_portrait_warp
from kp_render.geometry.head_pose import fit_head_pose
from kp_render.geometry.landmarks import STABLE
from kp_render.geometry.mean_head import mean_head

say = Console(highlight=False, soft_wrap=True).print

OURS = ("kp-render", "kp-render --paint")
GENERATED = "kp-render, generated"
SCORES = [f"{part} {score}" for part in ("face", "mouth") for score in ("L1", "PSNR", "SSIM")]
SIDE = 96
FRAMES = 12
CLOSED = 0.02
#: What is still: outside of the box of all keypoints, grown by this.
STILL_BOX = 1.5
Image = np.ndarray


def crop(frame: Image, points: np.ndarray, grow: float) -> Image:
    """Cut a square around points, and scale it to one side for all."""
    middle, half = points.mean(axis=0), grow * np.ptp(points, axis=0).max() / 2
    scale = SIDE / (2 * half)
    matrix = np.array([[scale, 0, SIDE / 2 - scale * middle[0]], [0, scale, SIDE / 2 - scale * middle[1]]])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.warpAffine(frame, matrix, (SIDE, SIDE), flags=method, borderMode=cv2.BORDER_REPLICATE)


def errors(frame: Image, truth: Image, points: np.ndarray) -> dict[str, float]:
    """Score a frame in the face and in the mouth."""
    found = {}
    for name, part, grow in (("face", points, 1.1), ("mouth", points[48:], 1.5)):
        ours, true = crop(frame, part, grow), crop(truth, part, grow)
        difference = ours.astype(float) - true
        found[f"{name} L1"] = float(np.abs(difference).mean())
        found[f"{name} PSNR"] = float(10 * np.log10(255**2 / max(np.square(difference).mean(), 1e-3)))
        found[f"{name} SSIM"] = float(structural_similarity(ours, true, channel_axis=2))
    return found


def delaunay(picture: Image, still: np.ndarray, target: np.ndarray) -> Image:
    """Warp a picture piecewise affinely from the triangles of the target."""
    height, width = picture.shape[:2]
    grid = [(x, y) for x in (0, width / 2, width - 1) for y in (0, height / 2, height - 1)]
    border = np.array([place for place in grid if place != (width / 2, height / 2)], float)
    source = LinearNDInterpolator(np.concatenate((target, border)), np.concatenate((still, border)))
    places = source(*np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
    return cv2.remap(picture, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def methods(picture: Image, still: torch.Tensor) -> dict[str, Callable[[torch.Tensor], Image]]:
    """Return what is compared: functions from keypoints to a frame."""
    warp = make_portrait_warp(torch.from_numpy(picture).permute(2, 0, 1).float() / 255, still)
    painter = make_painter(warp, load_painting_network())

    def rendered(points: torch.Tensor, draw: Callable[[torch.Tensor], torch.Tensor]) -> Image:
        with torch.inference_mode():
            return (draw(points[None])[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()

    def similarity(points: torch.Tensor) -> Image:
        sequence = KeypointSequence(points[None], image_size=picture.shape[:2])
        return next(warp_image_to_head(picture, sequence, reference=still))

    return {
        "kp-render": lambda points: rendered(points, warp),
        "kp-render --paint": lambda points: rendered(points, painter),
        "Delaunay": lambda points: delaunay(picture, still.numpy(), points.numpy()),
        "similarity": similarity,
        "still": lambda points: picture,
    }


def opening(points: np.ndarray) -> float:
    """Return the opening of the lips, relative to the distance of the outer corners of the eyes."""
    gap = np.linalg.norm(points[[61, 62, 63]] - points[[67, 66, 65]], axis=1).mean()
    return float(gap / np.linalg.norm(points[45] - points[36]))


def score_clip(video: Path, sequence: KeypointSequence) -> dict[str, dict[str, float]]:
    """Return the scores of each method by its name; of kp-render's, also those of the frames annotated again."""
    frames = list(read_video(video))[: len(sequence)]
    points = sequence.keypoints[: len(frames), :, :2]
    measured = (sequence.scores[: len(frames)] > 0).all(dim=1).nonzero().flatten()
    first, rest = int(measured[0]), measured[measured > measured[0] + 5]
    chosen = rest[torch.linspace(0, len(rest) - 1, FRAMES).round().long()].tolist()
    in_a_row = [index for index in range(first, min(first + FRAMES, len(frames))) if index in set(measured.tolist())]
    scores: dict[str, dict[str, float]] = {"footage": flicker([frames[i] for i in in_a_row], points[in_a_row].numpy())}
    found = methods(frames[first], points[first])
    said = generated(video, sequence, first)
    driven = {GENERATED: (found[OURS[0]], said)} | {name: (method, points) for name, method in found.items()}
    for name, (method, driving) in driven.items():
        if max(chosen) >= len(driving):
            continue
        start = time.perf_counter()
        drawn = [method(driving[index]) for index in chosen]
        seconds = time.perf_counter() - start
        scores[name] = {"ms": 1000 * seconds / len(chosen)}
        if name != GENERATED:
            pairs = zip(drawn, chosen, strict=True)
            rows = [errors(frame, frames[index], points[index].numpy()) for frame, index in pairs]
            scores[name] |= {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        if name in (*OURS, GENERATED):
            scores[name] |= annotated_again(drawn, driving[chosen].numpy())
            scores[name] |= identity(frames[first], points[first].numpy(), drawn, driving[chosen].numpy())
            scores[name] |= flicker([method(driving[i]) for i in in_a_row], driving[in_a_row].numpy())
    return scores


def generated(video: Path, sequence: KeypointSequence, first: int) -> torch.Tensor:
    """Return keypoints for the sound of a clip: lips by the network, the head as in the footage."""
    still = KeypointSequence(
        sequence.keypoints[first : first + 1], image_size=sequence.image_size, fps=sequence.fps, layout=sequence.layout
    )
    return generate_sequence(still, video, driving=sequence, neutralize_mouth=False).keypoints[..., :2]


def flicker(frames: list[Image], points: np.ndarray) -> dict[str, float]:
    """Return the mean second difference over time outside of the box around the keypoints, in grey levels."""
    if len(frames) < 3:
        return {}
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    middle, half = (low + high) / 2, STILL_BOX * (high - low).max() / 2
    y, x = np.mgrid[: frames[0].shape[0], : frames[0].shape[1]]
    still = np.maximum(abs(x - middle[0]), abs(y - middle[1])) > half
    if not still.any():
        return {}
    grey = np.stack([frame.mean(axis=2) for frame in frames])
    return {"flicker": float(np.abs(np.diff(grey, n=2, axis=0))[:, still].mean())}


@cache
def embedder() -> object:
    """Return dlib's network of faces, which comes with face_recognition_models."""
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise ImportError("the benchmark needs face_recognition_models: pip install 'kp-io[dlib]'")
    folder = Path(spec.origin).parent / "models"
    return dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))


def embedding(frame: Image, points: np.ndarray) -> np.ndarray:
    """Return the 128 numbers of a face whose keypoints are known."""
    (left, top), (right, bottom) = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
    places = [dlib.point(int(x), int(y)) for x, y in points.round()]
    shape = dlib.full_object_detection(dlib.rectangle(int(left), int(top), int(right), int(bottom)), places)
    return np.array(embedder().compute_face_descriptor(np.ascontiguousarray(frame), shape))


def identity(portrait: Image, still: np.ndarray, frames: list[Image], driving: np.ndarray) -> dict[str, float]:
    """Return how far dlib's embeddings of rendered faces are from that of the portrait; 0.6 is its threshold."""
    own = embedding(portrait, still)
    found = [float(np.linalg.norm(embedding(f, p) - own)) for f, p in zip(frames, driving, strict=True)]
    same = [distance < 0.6 for distance in found]
    scores = {"identity distance": float(np.mean(found)), "same person": float(np.mean(same))}
    head = mean_head()[list(STABLE)]
    sight = fit_head_pose(head, torch.from_numpy(driving[:, list(STABLE)]).float()).rotation[:, :, 2]
    ahead = torch.atan2(sight[:, 0], sight[:, 2]).rad2deg().abs() <= 20
    if ahead.any():
        scores["same person, yaw below 20 degrees"] = float(np.mean(np.array(same)[ahead.numpy()]))
    return scores


def annotated_again(frames: list[Image], driving: np.ndarray) -> dict[str, float]:
    """Return how near the detector's keypoints of rendered frames are to those that drove them."""
    detector = make_detector("dlib")
    seen, wanted, distances = [], [], []
    for frame, true in zip(frames, driving, strict=True):
        if found := detector.detect(frame):
            best = np.asarray(found[0][0])[:, :2]
            seen.append(opening(best))
            wanted.append(opening(true))
            eyes = np.linalg.norm(true[45] - true[36])
            distances.append(float(np.linalg.norm(best[60:] - true[60:], axis=1).mean() / eyes))
    scores = {"found": len(seen) / len(frames)}
    if seen:
        scores["NME inner lips"] = float(np.mean(distances))
    # Closed: the lips are less than 2 % of the distance of the eyes apart.
    closed, meant = (np.array(values) < CLOSED for values in (seen, wanted))
    if meant.any() or closed.any():
        scores["closure F1"] = float(2 * (closed & meant).sum() / (closed.sum() + meant.sum()))
    if len(seen) > 3 and np.std(wanted) > 0.01:
        scores["mouth r"] = float(np.corrcoef(seen, wanted)[0, 1])
    return scores


def interval(values: list[float]) -> list[float]:
    """Return a mean and its 95 % bootstrap interval."""
    sample = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    return [round(float(v), 3) for v in (np.mean(values), *np.quantile(sample, (0.025, 0.975)))]


def main() -> None:
    """Score the clips of a split and print means over speakers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with (options.corpus / "manifest.csv").open(encoding="utf-8") as file:
        clips = [row for row in csv.DictReader(file) if row["split"] == options.split]
    speakers: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in clips:
        points = options.annotations / f"{row['id']}.npz"
        if not points.is_file():
            say(f"{row['id']}: no annotation")
            continue
        for name, found in score_clip(options.corpus / row["file"], load_keypoints(points)).items():
            for key, value in found.items():
                speakers[f"{name}: {key}"][row["speaker"]].append(value)
    table = {key: interval([float(np.mean(v)) for v in found.values()]) for key, found in sorted(speakers.items())}
    # The same clips twice: differences of speakers are narrower than the intervals of either row.
    for one, other in ((OURS[0], "Delaunay"), (OURS[1], "Delaunay"), (OURS[1], OURS[0])):
        for score in SCORES:
            ours, theirs = speakers[f"{one}: {score}"], speakers[f"{other}: {score}"]
            gains = [float(np.mean(found) - np.mean(theirs[speaker])) for speaker, found in ours.items()]
            table[f"{one} minus {other}: {score}"] = interval(gains)
    options.out.write_text(json.dumps({"clips": len(clips), "scores": table}, indent=1), encoding="utf-8")
    for key, (mean, low, high) in table.items():
        say(f"{key}: {mean} [{low}, {high}]")


if __name__ == "__main__":
    main()
