"""Plot PCK curves of a cross-validation: each clip is scored by the model that never saw its speaker."""

from pathlib import Path

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from a2k_nets import Audio2Keypoint
from a2k_train import Clip, open_clips, read_config
from a2k_train.data.clip import loop_from_random_offset
from a2k_train.data.speaker_folds import speaker_folds
from a2k_train.evaluation.shuffled_audio import mismatched_audio
from kp_metrics import align_to_reference, interocular_distance, pck_curve

ALPHAS = torch.linspace(0, 0.16, 41)[1:]
LIPS = slice(48, 68)


def draw_pck(clips: Path, crossval: Path, path: Path) -> None:
    """Plot the share of points within a radius, for the whole face and for the lips."""
    folds = sorted(crossval.glob("fold-*"))
    store = open_clips(clips, splits=("train", "val"))
    seed = read_config(folds[0] / "config.toml").seed
    curves: dict[str, list[Tensor]] = {}
    parts = speaker_folds(store.speakers, store.lengths.tolist(), folds=len(folds), seed=seed)
    for folder, part in zip(folds, parts, strict=True):
        model = Audio2Keypoint.from_pretrained(folder).eval()
        held_out = store.select(part).clips()
        voices = mismatched_audio(held_out, count=1, seed=seed)[0]
        for clip, voice in zip(held_out, voices, strict=True):
            for row, points in predict(model, clip, held_out[voice]).items():
                curves.setdefault(row, []).append(both_curves(points, clip))
    plot({row: torch.stack(found).nanmean(0) for row, found in curves.items()}, path)


@torch.inference_mode()
def predict(model: Audio2Keypoint, clip: Clip, other: Clip) -> dict[str, Tensor]:
    """Return a clip's keypoints: model with the head still, the same with shuffled audio, held reference."""
    reference = clip.keypoints[:1]
    wrong = loop_from_random_offset(other.waveform, len(clip.waveform), generator=torch.Generator().manual_seed(0))
    return {
        "model": model(clip.waveform[None], reference)[0],
        "shuffled audio": model(wrong[None], reference)[0],
        "hold reference": reference.expand_as(clip.keypoints),
    }


def both_curves(points: Tensor, clip: Clip) -> Tensor:
    """Return the curves of one clip: `(2, n)`, all points and the lips."""
    size = float(interocular_distance(clip.keypoints[:1]).squeeze())
    mask = clip.measured[:, None].expand(points.shape[:2])
    lips = torch.zeros_like(mask)
    lips[:, LIPS] = mask[:, LIPS]
    fitted, true = (align_to_reference(each, clip.keypoints[0]) for each in (points, clip.keypoints))
    return torch.stack(
        [
            pck_curve(points, clip.keypoints, alphas=ALPHAS, normalizer=size, mask=mask),
            pck_curve(fitted, true, alphas=ALPHAS, normalizer=size, mask=lips),
        ]
    )


def plot(curves: dict[str, Tensor], path: Path) -> None:
    """Draw the mean curves, the model's above the others."""
    figure = Figure(figsize=(9, 3.8), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    for panel, (axes, title) in enumerate(
        zip(figure.subplots(1, 2), ("all points", "lips, head's pose taken out"), strict=True)
    ):
        for row, style in zip(curves, ("C3-", "C0--", "k:"), strict=True):
            axes.plot(ALPHAS, 100 * curves[row][panel], style, label=row)
        axes.set(
            title=title, xlabel="radius, eye distances", ylabel="points within it, %", xlim=(0, None), ylim=(0, 100)
        )
        axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path)
