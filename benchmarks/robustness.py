"""Scores of a model on degraded speech: noise, reverberation, telephones, converted voices, and silence.

python benchmarks/robustness.py CORPUS --model RUNS/crossval --out OUT --page docs/internals/robustness.md

With the run folder of `a2k-train crossval`, each clip is scored with a model that has not seen its speaker. The output
is `robustness.md`, `robustness.png`, `clips.csv` (every clip under every condition) and `table.json`.
"""

import re
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Annotated

import torch
import typer
from common.marked_blocks import put_between_markers
from listening.conditions import SILENCES_DB, SNRS_DB, degraded, silence
from listening.options import Model, SkipSpeakers, Splits, is_skipped
from torch import Tensor

from a2k_nets import Audio2Keypoint
from a2k_train.cli.console import progress, readable_errors
from a2k_train.cli.options import Clips, Manifest, open_for_model
from a2k_train.data.clip import Clip
from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.evaluation.evaluate import clip_seed
from a2k_train.experiments.held_out_models import is_crossval, load_held_out_models
from a2k_train.reports.plots import plot_against_snr
from a2k_train.reports.results_table import summarize, write_table
from a2k_train.reports.table_formats import cell_text, to_markdown
from kp_io import read_audio
from kp_io.filesystem import atomic_path
from kp_metrics import (
    bootstrap_interval,
    lip_error,
    mouth_amplitude_ratio,
    mouth_correlation,
    mouth_opening,
    silence_opening,
)

COLUMNS = {
    "mouth_correlation": "mouth r ↑",
    "lip_error_ratio": "lip error / hold ↓",
    "mouth_amplitude_ratio": "mouth amplitude",
    "pause_opening": "open in pauses (% IOD)",
}
HELD, TRUTH, CLEAN, OTHER = "hold reference", "ground truth", "clean", "another's speech"
#: Larger mouth openings are called wide, inter-ocular distances.
WIDE = 0.10
SILENCE_SECONDS = 10
#: Number of frames to skip at the beginning of silence, while the mouth may close.
SKIPPED_FRAMES = 25


@dataclass(frozen=True, slots=True)
class ConditionScore(ClipScore):
    """A clip's score under one condition.

    Attributes:
        pause_opening: Median mouth opening in the pauses of the clean speech, % of the eye distance.
    """

    pause_opening: float = nan


@dataclass
class FrameSteps:
    """The largest displacement of any point between frames, % of the eye distance, by row."""

    expression: dict[str, list[Tensor]] = field(default_factory=dict)
    whole: dict[str, list[Tensor]] = field(default_factory=dict)
    not_finite: int = 0

    def add(self, rows: list[str], model: Audio2Keypoint, clip: Clip, points: Tensor) -> None:
        """Add the displacements in keypoints `(R, T, K, 2)`, by row, without and with head motion."""
        self.not_finite += int((~torch.isfinite(points)).sum())
        normalizer, reference = model.normalizer, clip.keypoints[:1]
        shape, _ = normalizer.encode_motion(points, reference.expand(len(points), -1, -1))
        scaled = points / (reference[0, 45] - reference[0, 36]).norm()
        both = clip.measured[1:] & clip.measured[:-1]
        for kept, motion in ((self.expression, shape * normalizer.std_expression), (self.whole, scaled)):
            steps = 100 * motion.diff(dim=1).norm(dim=-1).amax(dim=-1)[:, both]
            for row, ours in zip(rows, steps, strict=True):
                kept.setdefault(row, []).append(ours)


@torch.no_grad()
def score_conditions(
    clips: list[Clip],
    models: list[tuple[int, Audio2Keypoint]],
    *,
    recordings: dict[str, Tensor],
    seed: int,
    steps: FrameSteps,
    bar,
) -> list[ConditionScore]:
    """Score every clip under every condition, with the model that its fold held out."""
    scores: list[ConditionScore] = []
    voices = [clip.waveform for clip in clips]
    for index, (clip, (fold, model)) in enumerate(zip(clips, models, strict=True)):
        others = [voice for other, voice in zip(clips, voices, strict=True) if other.speaker != clip.speaker]
        generator = torch.Generator().manual_seed(clip_seed(seed, index))
        speech = dict(degraded(voices[index], others, recordings=recordings, generator=generator))
        reference = clip.keypoints[:1]
        preds = model(torch.stack(list(speech.values())), reference.expand(len(speech), -1, -1))
        points = torch.cat((reference.expand_as(clip.keypoints)[None], preds, clip.keypoints[None]))
        rows = [HELD, *speech, TRUTH]
        steps.add(rows, model, clip, points)
        scores += score(rows, clip, points, fold=fold)
        bar(index + 1, len(clips), {})
    return scores


def score(rows: list[str], clip: Clip, points: Tensor, *, fold: int) -> list[ConditionScore]:
    """Score keypoints `(R, T, K, 2)` against the truth, row by row; pauses are those of the clean speech."""
    target = clip.keypoints.expand_as(points)
    mask = clip.measured[:, None].expand(points.shape[:-1])
    metrics = (mouth_correlation, lip_error, mouth_amplitude_ratio)
    columns = [metric(points, target, mask=mask, reduction="sequence").tolist() for metric in metrics]
    speech = clip.waveform.expand(len(points), -1)
    pauses = (100 * silence_opening(points, audio=speech, mask=mask, reduction="sequence")).tolist()
    return [
        ConditionScore(row, fold, clip.id, clip.speaker, r, error, amplitude, nan, nan, nan, pause_opening=pause)
        for row, r, error, amplitude, pause in zip(rows, *columns, pauses, strict=True)
    ]


@torch.no_grad()
def silence_table(clips: list[Clip], models: list[tuple[int, Audio2Keypoint]], *, seed: int, bar) -> str:
    """Return the table of 10 s without speech; the references are first frames, with and without neutral mouth."""
    speakers = [clip.speaker for clip in clips]
    references = torch.stack([clip.keypoints[0] for clip in clips])
    at_first = mouth_opening(references[:, None])[:, 0]
    cells = [["sound", "reference", "open (% IOD)", "widest (% IOD)", "wide open (% of faces)", "r with the reference"]]
    rows = [(name, level, neutral) for neutral in (False, True) for name, level in SILENCES_DB.items()]
    for done, (name, level, neutral) in enumerate(rows):
        openings = torch.empty(len(clips))
        widest = torch.empty(len(clips))
        for index, (_, model) in enumerate(models):
            generator = torch.Generator().manual_seed(clip_seed(seed, index))
            sound = silence(level, SILENCE_SECONDS * model.config.audio.sample_rate, generator=generator)
            points = model(sound[None], references[index : index + 1], neutralize_mouth=neutral)[0]
            series = mouth_opening(points)[SKIPPED_FRAMES:]
            openings[index], widest[index] = series.mean(), series.max()
            bar(done * len(clips) + index + 1, len(rows) * len(clips), {})
        interval = bootstrap_interval(100 * openings, groups=speakers)
        together = float(torch.corrcoef(torch.stack((openings, at_first)))[0, 1])
        cells.append(
            [
                name,
                "brought to rest" if neutral else "as it is",
                cell_text(100 * float(openings.mean()), interval),
                cell_text(100 * float(widest.max())),
                cell_text(100 * float((widest > WIDE).float().mean())),
                cell_text(together),
            ]
        )
    return to_markdown(cells)


def main_table(
    scores: list[ConditionScore], steps: FrameSteps, out: Path
) -> tuple[str, dict[str, dict[float, tuple]], dict]:
    """Write scores and table; return the table as Markdown, the curves over SNR, and the levels without noise."""
    rows = list(dict.fromkeys(s.row for s in scores if s.row not in (HELD, TRUTH)))
    table = summarize(scores, rows=[HELD, *rows, TRUTH], columns=COLUMNS, with_interval=tuple(COLUMNS), by_speaker=True)
    write_table(out, scores, table, suffixes=("json",))
    cells = [["", *COLUMNS.values(), "step, 99.9 % (% IOD)", "largest step (% IOD)"]]
    for row in table.values:
        displacements = torch.cat(steps.expression[row])
        ours = [cell_text(table.values[row][name], table.intervals[row][name]) for name in COLUMNS]
        cells.append(
            [row, *ours, cell_text(float(displacements.quantile(0.999))), cell_text(float(displacements.max()))]
        )
    curves: dict[str, dict[float, tuple[float, float, float]]] = {}
    for row in rows:
        if (found := re.fullmatch(r"(\w+) (\d+) dB", row)) and int(found[2]) in SNRS_DB:
            middle, ends = table.values[row]["mouth_correlation"], table.intervals[row]["mouth_correlation"]
            curves.setdefault(found[1], {})[float(found[2])] = (middle, *ends)
    return to_markdown(cells), curves, {row: table.values[row]["mouth_correlation"] for row in (CLEAN, OTHER)}


def report(clips: list[Clip], main: str, quiet: str, steps: FrameSteps) -> str:
    """Return both tables with their explanation."""
    real = 100 * torch.cat([mouth_opening(clip.keypoints)[clip.measured] for clip in clips])
    first = 100 * torch.stack([mouth_opening(clip.keypoints[:1])[0] for clip in clips])
    ours = torch.cat([part for row, parts in steps.whole.items() if row not in (HELD, TRUTH) for part in parts])
    true = torch.cat(steps.whole[TRUTH])
    finite = "all finite" if not steps.not_finite else f"**not finite in {steps.not_finite} numbers**"
    wide = 100 * float((real > 100 * WIDE).float().mean())
    return "\n\n".join(
        (
            f"{len(clips)} clips, {len({clip.speaker for clip in clips})} speakers; means over speakers. The "
            f"keypoints are {finite}.",
            main,
            "A step is that of the point which goes furthest from one frame to the next, without the head's motion. "
            f"With it, the largest step under any condition is {ours.max():.1f} % of the eye distance and 99.9 % are "
            f"below {ours.quantile(0.999):.1f} %; in the real faces it is {true.max():.1f} %, and 99.9 % are below "
            f"{true.quantile(0.999):.1f} %.",
            f"{SILENCE_SECONDS} seconds without speech, of which the first is not counted. The references' mouths are "
            f"open by {first.mean():.1f} % of the eye distance; real mouths of these clips by {real.mean():.1f} %, and "
            f"by more than {100 * WIDE:.0f} %, which is called wide, in {wide:.0f} % of their frames.",
            quiet,
        )
    )


def robustness(
    corpus: Clips,
    out: Annotated[Path, typer.Option("-o", "--out", help="Output folder for tables and plot.")],
    model: Model = None,
    splits: Splits = None,
    manifest: Manifest = None,
    recording: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE: a recorded noise, e.g. street=traffic.wav; may be repeated.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(help="Page to update between <!-- robustness --> markers, with the picture in images/ of docs/."),
    ] = None,
    skip_speakers: SkipSpeakers = None,
    every: Annotated[int, typer.Option(min=1, help="Use only every n-th clip, for a quick look.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of noises, rooms and voices.")] = 0,
) -> None:
    """Score a model on every clip under every condition, and on silence."""
    with readable_errors():
        torch.set_num_threads(1)
        recordings = dict(_recording(text) for text in recording or ())
        first_model = Audio2Keypoint.from_pretrained(model / "fold-0" if is_crossval(model) else model)
        store = open_for_model(
            first_model.config,
            corpus,
            splits=splits or ("train,val" if is_crossval(model) else "val"),
            manifest=manifest,
        )
        pairs = zip(store.clips(), load_held_out_models(model, store), strict=True)
        kept = [pair for pair in pairs if not is_skipped(pair[0].speaker, skip_speakers)][::every]
        clips, models, steps = [clip for clip, _ in kept], [held_out for _, held_out in kept], FrameSteps()
        out.mkdir(parents=True, exist_ok=True)
        with progress("clips") as bar:
            scores = score_conditions(clips, models, recordings=recordings, seed=seed, steps=steps, bar=bar)
        with progress("faces") as bar:
            quiet = silence_table(clips, models, seed=seed, bar=bar)
        main, curves, levels = main_table(scores, steps, out)
        plot_against_snr(out / "robustness.png", curves, levels)
        text = report(clips, main, quiet, steps)
        with atomic_path(out / "robustness.md") as path:
            path.write_text(text + "\n", encoding="utf-8")
        if page is not None:
            put_between_markers(page, "robustness", text)
            images = next(folder / "images" for folder in page.resolve().parents if (folder / "images").is_dir())
            plot_against_snr(images / "robustness.png", curves, levels)
        typer.echo(f"{text}\n\n{out / 'robustness.md'}, {out / 'robustness.png'}")


def _recording(text: str) -> tuple[str, Tensor]:
    name, equals, file = text.partition("=")
    if not (name.isidentifier() and equals and file):
        raise ValueError(f"expected a recording as NAME=FILE, e.g. street=traffic.wav, got {text!r}")
    return name, read_audio(Path(file), sample_rate=16_000)


if __name__ == "__main__":
    typer.run(robustness)
