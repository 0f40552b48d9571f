"""How well a model follows unseen speakers, beside the baselines that give a number its meaning."""

import csv
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.model import Audio2Keypoint
from a2k_nets.pose import apply_similarity, invert_similarity
from a2k_train.clips import Clip
from kp_metrics import (
    head_amplitude_ratio,
    keypoint_l1,
    lip_error,
    mouth_amplitude_ratio,
    mouth_correlation,
    pck,
)

__all__ = ["COLUMNS", "ClipScore", "Table", "evaluate", "other_voices", "summarize", "write_scores"]

#: Names of the rows, in the order of the table.
ROWS = ("mean face", "hold reference", "shuffled audio", "model, head still", "model", "ground truth")

#: Columns of the table: name in `ClipScore`, title.
COLUMNS = {
    "mouth_correlation": "mouth r ↑",
    "lip_error_ratio": "lip error / hold ↓",
    "mouth_amplitude_ratio": "mouth amplitude",
    "head_amplitude_ratio": "head amplitude",
    "l1": "L1 (% IOD) ↓",
    "pck": "PCK 0.02 (%) ↑",
}


@dataclass(frozen=True, slots=True)
class ClipScore:
    """The metrics of one clip in one row of the table.

    Attributes:
        row: One of `ROWS`.
        fold: Fold of a cross-validation; 0 without one.
        clip: The clip's id.
        speaker: Its speaker.
        mouth_correlation: Pearson's r of predicted and true mouth opening.
        lip_error: Mean error of the lips in the pose-free frame, over the inter-ocular distance.
        mouth_amplitude_ratio: Standard deviation of predicted over true mouth opening.
        head_amplitude_ratio: The same of the head's pose.
        l1: Mean absolute coordinate error, % of the reference's inter-ocular distance.
        pck: Share of keypoints within 0.02 × the larger side of the sequence's box, %.
    """

    row: str
    fold: int
    clip: str
    speaker: str
    mouth_correlation: float
    lip_error: float
    mouth_amplitude_ratio: float
    head_amplitude_ratio: float
    l1: float
    pck: float


@dataclass(frozen=True, slots=True)
class Table:
    """Means over clips, then over folds: `values[row][column]`; NaN where a row has no such number."""

    values: dict[str, dict[str, float]]
    num_clips: int
    num_speakers: int

    def markdown(self) -> str:
        """Return the table in Markdown."""
        lines = [
            "| | " + " | ".join(COLUMNS.values()) + " |",
            "|---|" + "---|" * len(COLUMNS),
        ]
        for row, values in self.values.items():
            cells = ["–" if values[name] != values[name] else f"{values[name]:.2f}" for name in COLUMNS]
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
        return "\n".join(lines)


@torch.no_grad()
def evaluate(
    model: Audio2Keypoint,
    clips: list[Clip],
    *,
    fold: int = 0,
    derangements: int = 5,
    voices: Sequence[Float[Tensor, " _"]] | None = None,
    seed: int = 0,
    on_clip: Callable[[int], None] | None = None,
) -> list[ClipScore]:
    """Score a model on clips of speakers that it has not seen, each from its first frame.

    Args:
        model: The model; it is put in eval mode.
        clips: The clips.
        fold: Number that the scores carry.
        derangements: How many times every clip hears another clip's audio, of another speaker.
        voices: Waveforms of other speakers that every clip hears instead, where the clips themselves offer none.
        seed: Of the derangements and of the head's own motion.
        on_clip: Called with the number of clips done.

    Returns:
        One score for each clip and row.

    Raises:
        ValueError: All clips are of one speaker, so that there is no other's audio.
    """
    model.eval()
    shuffles = [] if voices else [other_voices(clips, seed=seed + k) for k in range(derangements)]
    scores = []
    for index, clip in enumerate(clips):
        reference = clip.keypoints[:1]
        seeded = torch.Generator().manual_seed(seed * 1_000_003 + index)
        preds = {
            "mean face": _place_mean_face(model, reference).expand_as(clip.keypoints),
            "hold reference": reference.expand_as(clip.keypoints),
            "model, head still": model(clip.waveform[None], reference, head_motion=0.0)[0],
            "model": model(clip.waveform[None], reference, generator=seeded)[0],
            "ground truth": clip.keypoints,
        }
        scores += [_score(row, fold, clip, points) for row, points in preds.items()]
        for voice in voices or [clips[shuffle[index]].waveform for shuffle in shuffles]:
            audio = _from_random_moment(voice, len(clip.waveform), generator=seeded)
            points = model(audio[None], reference, head_motion=0.0)[0]
            scores.append(_score("shuffled audio", fold, clip, points))
        if on_clip is not None:
            on_clip(index + 1)
    return scores


def summarize(scores: Iterable[ClipScore]) -> Table:
    """Return the means of the scores; the lips' error is divided by the held reference's."""
    scores = list(scores)
    folds = sorted({score.fold for score in scores})
    values: dict[str, dict[str, float]] = {}
    for row in ROWS:
        by_fold = [_row_means([s for s in scores if s.fold == fold], row) for fold in folds]
        values[row] = {name: _mean(means[name] for means in by_fold) for name in COLUMNS}
    return Table(values, num_clips=len({s.clip for s in scores}), num_speakers=len({s.speaker for s in scores}))


def _row_means(scores: list[ClipScore], row: str) -> dict[str, float]:
    ours = [s for s in scores if s.row == row]
    means = {name: _mean(getattr(s, name) for s in ours) for name in COLUMNS if name != "lip_error_ratio"}
    held = _mean(s.lip_error for s in scores if s.row == "hold reference")
    means["lip_error_ratio"] = _mean(s.lip_error for s in ours) / held
    return means


def write_scores(folder: Path, scores: list[ClipScore]) -> Table:
    """Write `clips.csv`, `table.md` and `table.json` into a folder; return the table."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(scores[0])))
        writer.writeheader()
        writer.writerows(asdict(score) for score in scores)
    table = summarize(scores)
    (folder / "table.md").write_text(table.markdown() + "\n", encoding="utf-8")
    (folder / "table.json").write_text(json.dumps(asdict(table), indent=2) + "\n", encoding="utf-8")
    return table


def other_voices(clips: list[Clip], *, seed: int) -> list[int]:
    """Return for each clip the index of one of another speaker: a derangement, drawn by the seed.

    With the clips grouped by speaker in a random order, moving on by the largest group's size never stays within a
    group, unless one speaker has more than half of the clips; then those hear the others' clips in turn.

    Raises:
        ValueError: There is only one speaker.
    """
    order = list(range(len(clips)))
    rng = random.Random(seed)
    rng.shuffle(order)
    rank = {speaker: rng.random() for speaker in sorted({clip.speaker for clip in clips})}
    order.sort(key=lambda i: rank[clips[i].speaker])
    largest = max(sum(clip.speaker == speaker for clip in clips) for speaker in rank)
    voices = [0] * len(clips)
    for place, index in enumerate(order):
        choice = order[(place + largest) % len(order)]
        if clips[choice].speaker == clips[index].speaker:
            others = [i for i in order if clips[i].speaker != clips[index].speaker]
            if not others:
                raise ValueError("expected clips of at least two speakers to shuffle audio, got one speaker")
            choice = others[place % len(others)]
        voices[index] = choice
    return voices


def _score(row: str, fold: int, clip: Clip, preds: Float[Tensor, "t k 2"]) -> ClipScore:
    target, mask = clip.keypoints, clip.measured[:, None].expand(clip.keypoints.shape[:2])
    eyes = float((target[0, 36] - target[0, 45]).norm())
    return ClipScore(
        row=row,
        fold=fold,
        clip=clip.id,
        speaker=clip.speaker,
        mouth_correlation=float(mouth_correlation(preds, target, mask=mask)),
        lip_error=float(lip_error(preds, target, mask=mask)),
        mouth_amplitude_ratio=float(mouth_amplitude_ratio(preds, target, mask=mask)),
        head_amplitude_ratio=float(head_amplitude_ratio(preds, target, mask=mask)),
        l1=100 * float(keypoint_l1(preds, target, mask=mask)) / eyes,
        pck=100 * float(pck(preds, target, mask=mask)),
    )


def _place_mean_face(model: Audio2Keypoint, reference: Float[Tensor, "1 k 2"]) -> Float[Tensor, "1 k 2"]:
    """Return the mean face of the training data in the pose of the reference, pixels."""
    to_pixels = invert_similarity(model.normalizer.to_canonical(reference))
    return apply_similarity(to_pixels, model.normalizer.mean_face[None])


def _from_random_moment(
    waveform: Float[Tensor, " s"], length: int, *, generator: torch.Generator
) -> Float[Tensor, " n"]:
    """Return as many samples, repeating the waveform, from a random moment on.

    Read sentences of one corpus begin, pause and end alike; from their beginnings, another speaker's audio would tell
    something of this one's lips.
    """
    start = int(torch.randint(len(waveform), (), generator=generator))
    return waveform.roll(-start).repeat(-(-length // len(waveform)))[:length]


def _mean(values: Iterable[float]) -> float:
    """Return the mean of the defined values; NaN where there is none."""
    defined = [value for value in values if value == value]
    return fmean(defined) if defined else float("nan")
