r"""Correlation of mouth opening and loudness in several languages, spoken by people and by eSpeak NG.

    python benchmarks/languages.py CORPUS --model RUNS/crossval --table manifest.csv --out OUT \
        --page docs/internals/robustness.md

The table has the language of each clip (columns `id` or `file`, and `language`). With the run folder of a
cross-validation, each clip is scored with a model that has not seen its speaker. Needs the extra `tts`. The output is
`languages.md`.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from common.marked_blocks import put_between_markers
from listening.options import Model, SkipSpeakers, Splits, is_skipped
from listening.texts import TEXTS, VOICES
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets import Audio2Keypoint
from a2k_train.cli.console import progress, readable_errors
from a2k_train.cli.options import Clips, Manifest, open_for_model
from a2k_train.data.clip import Clip, loop_from_random_offset
from a2k_train.evaluation.shuffled_audio import mismatched_audio
from a2k_train.experiments.held_out_models import is_crossval, load_held_out_models
from a2k_train.reports.table_formats import cell_text, to_markdown
from kp_io import read_audio, synthesize_speech
from kp_io.filesystem import atomic_path
from kp_metrics import bootstrap_interval, mouth_correlation, mouth_opening
from kp_metrics.primitives.audio_energy import frame_loudness

#: Width of the moving average of openings and loudness, frames.
SMOOTH = 5
#: Loudness is clamped to this far below the loudest frame.
FLOOR_DB = 40.0
#: Number of faces for speech without video.
FACES = 12


def loudness_envelope(waveform: Tensor, frames: int) -> Tensor:
    """Return the smoothed loudness of every frame, dB relative to the loudest."""
    loudness = frame_loudness(waveform, num_frames=frames)
    level = 20 * torch.log10(loudness / loudness.max().clamp(min=1e-9) + 1e-9)
    return smoothed(level.clamp(min=-FLOOR_DB))


def smoothed(series: Tensor) -> Tensor:
    """Return a centred moving average, which is shorter at the ends."""
    return F.avg_pool1d(series[None], SMOOTH, stride=1, padding=SMOOTH // 2, count_include_pad=False)[0]


def opening_correlation(points: Tensor, loudness: Tensor, measured: Tensor | None = None) -> float:
    """Return Pearson's r of the smoothed mouth opening and a loudness; 0 for a mouth that does not move."""
    opening = smoothed(mouth_opening(points))
    chosen = torch.ones_like(opening, dtype=torch.bool) if measured is None else measured
    pair = torch.stack((opening[chosen], loudness[chosen]))
    return float(torch.corrcoef(pair)[0, 1].nan_to_num()) if pair.shape[1] > 1 else float("nan")


def mismatched_envelope(waveform: Tensor, frames: int) -> Tensor:
    """Return the loudness of other speech from a random offset, looped if it is too short."""
    generator = torch.Generator().manual_seed(len(waveform))
    return loudness_envelope(loop_from_random_offset(waveform, 640 * frames, generator=generator), frames)


@torch.no_grad()
def real_row(name: str, clips: Sequence[Clip], others: Sequence[Tensor], models: Sequence[Audio2Keypoint]) -> list[str]:
    """Return the table cells of the clips of one language, by models that have not seen their speakers.

    The mouth is also compared with the loudness of another clip's speech, which gives the chance level.
    """
    columns: list[list[float]] = [[], [], [], []]
    for clip, other, model in zip(clips, others, models, strict=True):
        points = model(clip.waveform[None], clip.keypoints[:1])[0]
        loudness = loudness_envelope(clip.waveform, clip.num_frames)
        mask = clip.measured[:, None].expand(points.shape[:2])
        columns[0].append(opening_correlation(points, loudness, clip.measured))
        columns[1].append(opening_correlation(clip.keypoints, loudness, clip.measured))
        columns[2].append(opening_correlation(points, mismatched_envelope(other, clip.num_frames), clip.measured))
        columns[3].append(float(mouth_correlation(points, clip.keypoints, mask=mask)))
    speakers = [clip.speaker for clip in clips]
    seconds = sum(clip.num_frames for clip in clips) / 25
    counts = [str(len(clips)), str(len(set(speakers))), f"{seconds:.0f}"]
    return [name, *counts, *(_mean(values, speakers) for values in columns)]


@torch.no_grad()
def spoken_row(name: str, waveform: Tensor, other: Tensor, faces: Tensor, model: Audio2Keypoint) -> list[str]:
    """Return the table cells of speech without video, averaged over several faces."""
    points = model(waveform.expand(len(faces), -1), faces)
    loudness = loudness_envelope(waveform, points.shape[1])
    found = [opening_correlation(face, loudness) for face in points]
    chance = [opening_correlation(face, mismatched_envelope(other, points.shape[1])) for face in points]
    motion = 100 * mouth_opening(points).std(dim=1).mean()
    numbers = (sum(found) / len(found), min(found), sum(chance) / len(chance), float(motion))
    return [name, f"{points.shape[1] / 25:.1f}", *map(cell_text, numbers)]


def languages(
    corpus: Clips,
    table: Annotated[Path, typer.Option(help="CSV with the language of each clip.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for languages.md.")],
    model: Model = None,
    splits: Splits = None,
    more: Annotated[str, typer.Option(help="Further splits that no model has seen; may be empty.")] = "",
    manifest: Manifest = None,
    skip_speakers: SkipSpeakers = None,
    speech: Annotated[Path | None, typer.Option(help="Folder of audio recordings.")] = None,
    page: Annotated[Path | None, typer.Option(help="Page to update between <!-- languages --> markers.")] = None,
) -> None:
    """Correlate mouth opening and loudness of speech, by language."""
    with readable_errors():
        torch.set_num_threads(1)
        crossval = is_crossval(model)
        first_model = Audio2Keypoint.from_pretrained(model / "fold-0" if model and crossval else model)
        store = open_for_model(
            first_model.config, corpus, splits=splits or ("train,val" if crossval else "val"), manifest=manifest
        )
        clips, held_out = store.clips(), load_held_out_models(model, store)
        # Speakers that the first model has not seen.
        faces = {clip.speaker: clip.keypoints[0] for clip, (fold, _) in zip(clips, held_out, strict=True) if fold == 0}
        models = [network for _, network in held_out]
        kept = [index for index, clip in enumerate(clips) if not is_skipped(clip.speaker, skip_speakers)]
        clips, models = [clips[index] for index in kept], [models[index] for index in kept]
        if more:
            others = open_for_model(first_model.config, corpus, splits=more, manifest=manifest).clips()
            clips, models = clips + others, models + [first_model] * len(others)
        language_of = _languages(table)
        names = [clip.id.partition("#")[0] for clip in clips]  # the rest numbers the parts of a split video
        missing = [name for name in names if name not in language_of]
        if missing:
            raise ValueError(f"expected the language of every clip in {table}, found none of {missing[0]}")
        groups: dict[str, list[int]] = {}
        for index in sorted(range(len(clips)), key=lambda index: language_of[names[index]]):
            groups.setdefault(language_of[names[index]], []).append(index)
        real = [["people", "clips", "speakers", "s", "model", "truth", "chance", "mouth r, model and truth"]]
        made = [["sound", "s", "mean of the faces", "least of a face", "chance", "opening moves (% IOD)"]]
        sounds = _sounds(speech)
        references = torch.stack(list(faces.values())[:FACES])
        with progress("rows") as bar:
            voices = [clips[index].waveform for index in mismatched_audio(clips, count=1, seed=0)[0]]
            for done, (language, indices) in enumerate(groups.items()):
                chosen = ([sequence[i] for i in indices] for sequence in (clips, voices, models))
                real.append(real_row(language, *chosen))
                bar(done + 1, len(groups) + len(sounds), {})
            following = [*list(sounds.values())[1:], next(iter(sounds.values()))]
            for done, ((name, waveform), other) in enumerate(zip(sounds.items(), following, strict=True)):
                made.append(spoken_row(name, waveform, other, references, first_model))
                bar(len(groups) + done + 1, len(groups) + len(sounds), {})
        text = "\n\n".join(
            (
                "People: Pearson's r of the opening of the model's and of the true mouth with the loudness of the "
                "speech (chance: the model's with the loudness of somebody else's), and of the two mouths.",
                to_markdown(real),
                f"Speech without a face, given to {len(references)} faces of people whom the model never saw: r of the "
                "mouth's opening with the loudness.",
                to_markdown(made),
            )
        )
        out.mkdir(parents=True, exist_ok=True)
        with atomic_path(out / "languages.md") as path:
            path.write_text(text + "\n", encoding="utf-8")
        if page is not None:
            put_between_markers(page, "languages", text)
        typer.echo(f"{text}\n\n{out / 'languages.md'}")


def _sounds(folder: Path | None) -> dict[str, Tensor]:
    """Return the speech without video: each text by eSpeak NG, English by other voices, and recordings."""
    sounds = {f"eSpeak NG, {language}": synthesize_speech(text, language=language) for language, text in TEXTS.items()}
    for voice in VOICES:
        sounds[f"eSpeak NG, en, {voice}"] = synthesize_speech(TEXTS["en"], language="en", voice=voice)
    for number, path in enumerate(sorted(folder.glob("*.wav")) if folder else ()):
        sounds[f"recording {number + 1}"] = read_audio(path, sample_rate=16_000)
    return sounds


def _languages(table: Path) -> dict[str, str]:
    """Return the language of each clip by id, which is `id` or `file` without suffix in the table."""
    found = {}
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found[row["id"]] = row["language"]
            if row.get("file"):
                found[Path(row["file"]).with_suffix("").as_posix()] = row["language"]
    return found


def _mean(values: list[float], speakers: list[str]) -> str:
    """Return the mean over speakers of the means over their clips, with its interval."""
    defined = [(value, speaker) for value, speaker in zip(values, speakers, strict=True) if value == value]
    counts = Counter(speaker for _, speaker in defined)
    shares = torch.tensor([1 / (len(counts) * counts[speaker]) for _, speaker in defined], dtype=torch.float64)
    series = torch.tensor([value for value, _ in defined], dtype=torch.float64)
    groups = [speaker for _, speaker in defined]
    interval = bootstrap_interval(series, weights=shares, groups=groups) if len(counts) > 1 else None
    return cell_text(float((series * shares).sum()) if defined else float("nan"), interval)


if __name__ == "__main__":
    typer.run(languages)
