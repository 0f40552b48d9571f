"""Tables of generated head motion: size, spectrum, diversity, and what else is compared with real motion."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_train.evaluation.head_space.blinks import Blink, find_lid_blinks
from a2k_train.evaluation.head_space.held_out import HeldOut
from a2k_train.evaluation.head_space.judge import JUDGES
from a2k_train.evaluation.head_space.keypoint_errors import ERRORS
from a2k_train.evaluation.head_space.measure_fold import AR, AR_VARIED, MODEL, REAL, ROWS, WALK
from a2k_train.evaluation.head_space.measures import (
    FPS,
    log_amplitude,
    log_spectrum,
    motion_windows,
    spread_of_takes,
)
from a2k_train.evaluation.head_space.tracks import LIDS, TRACKS
from a2k_train.reports.results_table import Table
from a2k_train.statistics.head.pauses import pause_ratio
from kp_metrics import best_of_n, bootstrap_interval, frechet_distance

#: Columns of the summary.
COLUMNS = {
    "frechet": "Fréchet distance ↓",
    "match_head": "match of head ↑",
    "match_brows": "match of brows ↑",
    "match_lids": "match of lids ↑",
    "pause": "speed² in pauses / speech",
    "blink_rate": "blinks a minute",
    "blink_ms": "blink, ms",
    "blink_left": "lids 0.6 s later",
    "pose_free": "pose-free / real ↓",
    "l1": "L1 (% IOD) ↓",
    "l1_best": "best L1 ↓",
    "pck": "PCK 0.02 (%) ↑",
    "pck_best": "best PCK ↑",
}

_WITH_INTERVAL = ("frechet", "match_head", "match_brows", "match_lids", "pause", "blink_rate")

#: Rows without lids.
_NO_LIDS = (AR, AR_VARIED, WALK)

_RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class HeadTables:
    """Tables of one group of speakers; every speaker has the same weight, intervals resample speakers.

    Attributes:
        amplitude: Deviation over the real one, by component.
        spectrum: Distance of the velocity's spectrum from the real one up to 5 Hz, root mean square in dB.
        spectrum_worst: The largest difference at any frequency, dB.
        diversity: Distance of two seeds over that of two real takes of a speaker.
        summary: Everything else, the columns of `COLUMNS`.
    """

    amplitude: Table
    spectrum: Table
    spectrum_worst: Table
    diversity: Table
    summary: Table


@dataclass(frozen=True, slots=True, eq=False)
class _Clip:
    """Tracks `(S, T, 10)` by row, and errors `(S, 3)` by row, of a clip."""

    speaker: str
    tracks: dict[str, Tensor]
    errors: dict[str, Tensor]
    measured: Tensor
    silent: Tensor


def head_tables(folds: Sequence[HeldOut], keep: Callable[[str], bool] = lambda speaker: True) -> HeadTables:
    """Compute the tables over the clips of all folds.

    Args:
        folds: Results of `measure_fold`, of different speakers.
        keep: Whether a speaker is in the tables.

    Raises:
        ValueError: No speaker is kept.
    """
    clips = [clip for fold in folds for clip in _clips(fold) if keep(clip.speaker)]
    if not clips:
        raise ValueError("expected clips of the chosen speakers for the tables of the head, got none")
    speakers = [clip.speaker for clip in clips]
    real = [clip.tracks[REAL][0] for clip in clips]
    tables: dict[str, dict[str, dict[str, tuple[float, float, float]]]] = {}
    spectra = {row: _rows_mean([log_spectrum(c.tracks[row], c.measured) for c in clips], speakers) for row in ROWS}
    for row in ROWS:
        columns = TRACKS[:LIDS] if row in _NO_LIDS else TRACKS
        logs = torch.stack(
            [log_amplitude(c.tracks[row], track, c.measured) for c, track in zip(clips, real, strict=True)]
        )
        for column, name in enumerate(columns):
            mean, low, high = (torch.tensor(x).exp().item() for x in mean_over_speakers(logs[:, column], speakers))
            tables.setdefault("amplitude", {}).setdefault(row, {})[name] = (mean, low, high)
            difference = spectra[row][column] - spectra[REAL][column]
            rms, worst = float(difference.square().mean().sqrt()), float(difference.abs().max())
            tables.setdefault("spectrum", {}).setdefault(row, {})[name] = (rms, nan, nan)
            tables.setdefault("spectrum_worst", {}).setdefault(row, {})[name] = (worst, nan, nan)
        if row != REAL:
            tables.setdefault("diversity", {})[row] = _diversity(clips, row, columns)
        tables.setdefault("summary", {})[row] = {
            **_distance(clips, row),
            **_matches(folds, row, keep),
            "pause": _pauses(clips, row),
            **({} if row in _NO_LIDS else _blinks(clips, row)),
            **_errors(clips, row),
        }
    tables["summary"]["still head"] = _errors(clips, "still head")
    by_component = {name: name for name in TRACKS}
    made = {
        name: _table(values, COLUMNS if name == "summary" else by_component, clips) for name, values in tables.items()
    }
    return HeadTables(**made)


def mean_over_speakers(values: Float[Tensor, " n"], speakers: Sequence[str]) -> tuple[float, float, float]:
    """Return the mean over speakers of their means, and its 95 % interval; undefined values are left out.

    Example:
        >>> mean, low, high = mean_over_speakers(torch.tensor([1.0, 1.0, 4.0]), ["ann", "ann", "bob"])
        >>> mean, low, high
        (2.5, 1.0, 4.0)
    """
    values = values.double()
    defined = [name for name, value in zip(speakers, values.tolist(), strict=True) if value == value]
    if not defined:
        return nan, nan, nan
    weights = torch.tensor([1 / max(1, defined.count(name)) for name in speakers], dtype=torch.float64)
    kept = ~values.isnan()
    mean = float((values[kept] * weights[kept]).sum() / weights[kept].sum())
    return (mean, *bootstrap_interval(values, weights=weights, groups=list(speakers)))


def _clips(fold: HeldOut) -> list[_Clip]:
    tracks = {row: fold.clips(row) for row in fold.tracks}
    frames = zip(fold.frames(fold.measured), fold.frames(fold.silent), strict=True)
    return [
        _Clip(
            fold.speakers[index],
            {row: parts[index] for row, parts in tracks.items()},
            {row: errors[:, index] for row, errors in fold.errors.items()},
            measured,
            silent,
        )
        for index, (measured, silent) in enumerate(frames)
    ]


def _rows_mean(values: list[Tensor], speakers: list[str]) -> Tensor:
    """Return the mean over speakers of values of one shape, without clips that have none."""
    means = []
    for speaker in dict.fromkeys(speakers):
        own = [v for v, name in zip(values, speakers, strict=True) if name == speaker and not bool(v.isnan().any())]
        if own:
            means.append(torch.stack(own).mean(dim=0))
    return torch.stack(means).mean(dim=0) if means else torch.full_like(values[0], nan)


def _diversity(clips: list[_Clip], row: str, columns: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    found, names = [], []
    for speaker in dict.fromkeys(clip.speaker for clip in clips):
        own = [clip for clip in clips if clip.speaker == speaker]
        if all(len(clip.tracks[row]) > 1 for clip in own):
            logs = spread_of_takes([c.tracks[REAL][0] for c in own], [c.tracks[row] for c in own])
            if logs is not None:
                found.append(logs)
                names.append(speaker)
    if not found:
        return {}
    logs = torch.stack(found)
    return {
        name: tuple(torch.tensor(x).exp().item() for x in mean_over_speakers(logs[:, c], names))  # type: ignore[misc]
        for c, name in enumerate(columns)
    }


def _distance(clips: list[_Clip], row: str) -> dict[str, tuple[float, float, float]]:
    """Return the Fréchet distance of a row from real motion, in deviations of the real features; mean over seeds."""
    if row == REAL:
        return {}
    speakers = list(dict.fromkeys(clip.speaker for clip in clips))
    real: list[Tensor] = []
    ours: list[list[Tensor]] = []
    for speaker in speakers:
        own = [clip for clip in clips if clip.speaker == speaker]
        real.append(torch.cat([motion_windows(c.tracks[REAL][0, :, :LIDS], c.measured) for c in own]))
        count = len(own[0].tracks[row])
        ours.append(
            [torch.cat([motion_windows(c.tracks[row][s, :, :LIDS], c.measured) for c in own]) for s in range(count)]
        )
    everything = torch.cat(real)
    mean, std = everything.mean(dim=0), everything.std(dim=0)
    real = [(windows - mean) / std for windows in real]
    ours = [[(windows - mean) / std for windows in seeds] for seeds in ours]

    def of(chosen: list[int], seeds: Sequence[int]) -> float:
        truth = torch.cat([real[i] for i in chosen])
        distances = []
        for seed in seeds:
            drawn = torch.cat([ours[i][seed] for i in chosen])
            distance = frechet_distance(drawn.mean(dim=0), drawn.T.cov(), truth.mean(dim=0), truth.T.cov())
            distances.append(float(distance))
        return sum(distances) / len(distances)

    generator = torch.Generator().manual_seed(0)
    draws = torch.randint(len(speakers), (_RESAMPLES, len(speakers)), generator=generator).tolist()
    value = of(list(range(len(speakers))), range(len(ours[0])))
    low, high = (
        torch.tensor([of(draw, range(len(ours[0]))) for draw in draws]).quantile(torch.tensor([0.025, 0.975])).tolist()
    )
    return {"frechet": (value, low, high)}


def _matches(folds: Sequence[HeldOut], row: str, keep: Callable[[str], bool]) -> dict[str, tuple[float, float, float]]:
    """Return how often the judges prefer a sound's own motion to that of another speaker."""
    found = {}
    for judge in JUDGES:
        shares, speakers = [], []
        for fold in folds:
            if (row, judge, "others") in fold.shares:
                names = [fold.speakers[clip] for clip in fold.windows.tolist()]
                own = fold.shares[row, judge, "others"].mean(dim=0).tolist()
                kept = [(share, name) for share, name in zip(own, names, strict=True) if keep(name)]
                shares += [share for share, _ in kept]
                speakers += [name for _, name in kept]
        if shares:
            found[f"match_{judge}"] = mean_over_speakers(torch.tensor(shares), speakers)
    return found


def _pauses(clips: list[_Clip], row: str) -> tuple[float, float, float]:
    logs = torch.stack([pause_ratio(c.tracks[row][..., :6], c.silent, c.measured) for c in clips])
    mean, low, high = mean_over_speakers(logs, [clip.speaker for clip in clips])
    return tuple(torch.tensor(x).exp().item() for x in (mean, low, high))  # type: ignore[return-value]  # three of them


def _blinks(clips: list[_Clip], row: str) -> dict[str, tuple[float, float, float]]:
    rates, blinks = [], list[Blink]()
    for clip in clips:
        seeds = [find_lid_blinks(track[:, LIDS], clip.measured) for track in clip.tracks[row]]
        minutes = float(clip.measured.sum()) / FPS / 60
        rates.append(sum(map(len, seeds)) / len(seeds) / minutes)
        blinks += [blink for found in seeds for blink in found]
    if not blinks:
        return {"blink_rate": (0.0, nan, nan)}
    frames = torch.tensor([float(blink.frames) for blink in blinks])
    left = torch.tensor([blink.left for blink in blinks])
    return {
        "blink_rate": mean_over_speakers(torch.tensor(rates), [clip.speaker for clip in clips]),
        "blink_ms": (1000 / FPS * float(frames.mean()), nan, nan),
        "blink_left": (float(left[~left.isnan()].mean()) if bool((~left.isnan()).any()) else nan, nan, nan),
    }


def _errors(clips: list[_Clip], row: str) -> dict[str, tuple[float, float, float]]:
    speakers = [clip.speaker for clip in clips]
    errors = torch.stack([clip.errors[row] for clip in clips], dim=1)  # (S, C, 3)
    real = torch.stack([clip.errors[REAL][0] for clip in clips])
    l1, hits, face = (errors[..., ERRORS.index(name)] for name in ERRORS)
    mean = mean_over_speakers
    own, of_real = (mean(x, speakers)[0] for x in (face.mean(dim=0), real[:, ERRORS.index("pose_free")]))
    return {
        "pose_free": (own / of_real, nan, nan),
        "l1": mean(l1.mean(dim=0), speakers),
        "l1_best": mean(best_of_n(l1), speakers),
        "pck": mean(hits.mean(dim=0), speakers),
        "pck_best": mean(best_of_n(hits, higher_is_better=True), speakers),
    }


def _table(
    values: Mapping[str, Mapping[str, tuple[float, float, float]]], columns: Mapping[str, str], clips: list[_Clip]
) -> Table:
    """Return a table of means with intervals; what a row has not is NaN."""
    missing = (nan, nan, nan)
    full = {row: {name: found.get(name, missing) for name in columns} for row, found in values.items()}
    return Table(
        {row: {name: value for name, (value, _, _) in found.items()} for row, found in full.items()},
        {row: {name: (low, high) for name, (_, low, high) in found.items()} for row, found in full.items()},
        len(clips),
        len({clip.speaker for clip in clips}),
        dict(columns),
        _WITH_INTERVAL if MODEL in values and "frechet" in columns else (),
    )
