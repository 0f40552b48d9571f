"""Measure the accuracy of offset estimates for known shifts of the audio, by clip length and by confidence.

python benchmarks/sync_accuracy.py CORPUS --folds RUN      # RUN of `a2k-train crossval CORPUS --run RUN`
python benchmarks/sync_accuracy.py CORPUS --splits val     # the embedded weights, which have seen the clips
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets import Audio2Keypoint
from a2k_nets.sync.offset import CONFIDENT, SyncOffset, measure_offset
from a2k_train.config.toml_file import config_from_toml
from a2k_train.data.clip import Clip
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.open_clips import open_clips
from a2k_train.data.speaker_folds import speaker_folds

FRAME_MS = 40.0
#: Shifts of the audio, frames; positive for late audio.
SHIFTS = (-8, -6, -4, -2, 0, 1, 3, 5, 7)
#: Shifts by fractions of a frame, milliseconds, compared with the estimate without a shift.
PARTS_MS = (10, 20, 30)
LENGTHS = ((2, 3), (3, 4), (4, 5), (5, 8), (8, 1000))
BINS = (0, 0.5, 0.7, 0.9, 0.99, 1.001)

say = Console(highlight=False, soft_wrap=True).print


@dataclass(frozen=True)
class Trial:
    """The estimate for a clip with shifted audio."""

    clip: Clip
    shift_ms: float
    found: SyncOffset
    seconds: float
    foreign: bool = False

    @property
    def error(self) -> float:
        """Error of the estimate, frames."""
        return (self.found.milliseconds - self.shift_ms) / FRAME_MS

    @property
    def right(self) -> bool:
        """Whether the estimate is within one frame."""
        return round(abs(self.error)) <= 1


def shift_audio(waveform: Tensor, milliseconds: float) -> Tensor:
    """Return audio delayed by a shift, with silence before it; earlier for negative shifts."""
    samples = round(milliseconds * 16)
    return F.pad(waveform, (samples, -samples))


def trials(store: ClipStore, model_of: Callable[[int], Audio2Keypoint]) -> list[Trial]:
    """Return the estimates for every clip with every shift, and once with another speaker's audio."""
    result = []
    for index in range(len(store)):
        clip, model = store.clip(index), model_of(index)
        if clip.num_frames < 50:
            continue
        other = next(
            (
                store.clip(j % len(store))
                for j in range(index + 1, index + len(store))
                if store.speakers[j % len(store)] != clip.speaker and store.lengths[j % len(store)] >= 50
            ),
            None,
        )
        sounds = [(ms, shift_audio(clip.waveform, ms), False) for ms in [FRAME_MS * s for s in SHIFTS] + list(PARTS_MS)]
        for shift, sound, foreign in [*sounds, *([] if other is None else [(0.0, other.waveform, True)])]:
            start = time.perf_counter()
            found = measure_offset(model, sound, clip.keypoints)
            result.append(Trial(clip, shift, found, time.perf_counter() - start, foreign))
    return result


def row(name: str, chosen: Sequence[Trial]) -> str:
    """Return a row of the table."""
    if not chosen:
        return f"| {name} | 0 | – | – | – |"
    sure = [trial for trial in chosen if trial.found.is_confident]
    right = [sum(trial.right for trial in part) / max(1, len(part)) for part in (chosen, sure)]
    clips = len({trial.clip.id for trial in chosen})
    return f"| {name} | {clips} | {right[0]:.1%} | {len(sure) / len(chosen):.1%} | {right[1]:.1%} |"


def report(found: list[Trial]) -> None:
    """Print the tables."""
    whole = [t for t in found if not t.foreign and t.shift_ms % FRAME_MS == 0]
    say(f"| clips | number | right to ±1 frame | confident (≥ {CONFIDENT}) | right where confident |")
    say("|---|---|---|---|---|")
    for low, high in LENGTHS:
        name = f"{low}–{high} s" if high < 1000 else f"{low} s and more"
        say(row(name, [t for t in whole if low * 25 <= t.clip.num_frames < high * 25]))
    say(row("all", whole))
    say(row("5 s and more, val", [t for t in whole if t.clip.num_frames >= 125 and t.clip.split == "val"]))
    foreign = [t for t in found if t.foreign]
    if foreign:
        share = sum(t.found.is_confident for t in foreign) / len(foreign)
        say(f"another speaker's sound: confident in {share:.1%} of {len(foreign)} clips")
    say("\n| confidence | trials | mean confidence | right |\n|---|---|---|---|")
    for low, high in pairwise(BINS):
        part = [t for t in whole if low <= t.found.confidence < high]
        if part:
            mean = sum(t.found.confidence for t in part) / len(part)
            right = sum(t.right for t in part) / len(part)
            say(f"| {low:g}–{min(high, 1):g} | {len(part)} | {mean:.3f} | {right:.3f} |")
    own = {t.clip.id: t.found for t in whole if t.shift_ms == 0}
    parts = [t for t in found if t.shift_ms in PARTS_MS and own[t.clip.id].is_confident and t.found.is_confident]
    errors = torch.tensor([abs(t.found.milliseconds - own[t.clip.id].milliseconds - t.shift_ms) for t in parts])
    if len(errors):
        middle, most = errors.quantile(torch.tensor([0.5, 0.9])).tolist()
        say(f"\nmoved by {PARTS_MS} ms: found to {middle:.1f} ms (median), {most:.1f} ms (90 %)")
    late = {name: offset for name, offset in own.items() if offset.is_confident and abs(offset.milliseconds) > 60}
    say(f"{len(late)} of {len(own)} clips confidently off by more than 60 ms as they are: they count as wrong above")
    for name, offset in sorted(late.items(), key=lambda item: -abs(item[1].milliseconds)):
        say(f"  {name}: {offset.milliseconds:+.0f} ms, {offset.confidence:.2f}")
    times, lengths = [t.seconds for t in found], [t.clip.num_frames / 25 for t in found]
    say(f"{1000 * sum(times) / len(times):.0f} ms a measurement, of {sum(lengths) / len(lengths):.1f} s")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--splits", default="train,val")
    parser.add_argument("--folds", type=Path, help="run of `a2k-train crossval` on the same splits")
    parser.add_argument("--model", type=Path, help="checkpoint instead of the embedded one")
    options = parser.parse_args()
    torch.set_num_threads(1)
    store = open_clips(options.corpus, splits=tuple(options.splits.split(",")))
    if options.folds is None:
        model = Audio2Keypoint.from_pretrained(options.model or "listener")
        report(trials(store, lambda _: model))
        return
    runs = sorted(options.folds.glob("fold-*"))
    seed = config_from_toml((runs[0] / "config.toml").read_text("utf-8")).seed
    parts = speaker_folds(store.speakers, store.lengths.tolist(), folds=len(runs), seed=seed)
    models = [Audio2Keypoint.from_pretrained(run) for run in runs]
    fold_of = {index: fold for fold, part in enumerate(parts) for index in part}
    report(trials(store, lambda index: models[fold_of[index]]))


if __name__ == "__main__":
    main()
