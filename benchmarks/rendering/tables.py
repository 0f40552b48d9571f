"""Tables of scores: means over speakers with bootstrap intervals."""

import numpy as np
from rendering.crops import CROP_SCORES
from rendering.reannotation import COUNTS, f1_of_closures
from rendering.warps import PAINTED, WARPED

__all__ = ["PAINTED", "WARPED", "Scores", "table_of"]

#: Scores of clips by the name of the row and the speaker.
Scores = dict[str, dict[str, list[dict[str, float]]]]
_DRAWS = 2000


def table_of(scores: Scores) -> dict[str, list[float]]:
    """Return mean (or F1 over all frames), and both ends of its 95 % bootstrap interval over speakers, by name."""
    table: dict[str, list[float]] = {}
    for row, speakers in scores.items():
        names = sorted({key for clips in speakers.values() for clip in clips for key in clip} - set(COUNTS))
        for name in names:
            values = list(_by_speaker(speakers, name).values())
            table[f"{row}: {name}"] = _interval(np.array(values))
            if name.startswith("NME"):
                table[f"{row}: {name}, median"] = _interval(np.array(values), np.median)
        counts = np.array([[sum(clip.get(key, 0) for clip in clips) for key in COUNTS] for clips in speakers.values()])
        if counts[:, 0].sum():
            table[f"{row}: closure F1 over frames"] = _interval(counts, lambda part: f1_of_closures(*part.sum(axis=0)))
    # The same clips twice: differences of speakers are narrower than the intervals of either row.
    for one, other in ((WARPED, "Delaunay"), (PAINTED, "Delaunay"), (PAINTED, WARPED)):
        for name in CROP_SCORES:
            ours, theirs = (_by_speaker(scores[row], name) for row in (one, other))
            gains = [ours[speaker] - theirs[speaker] for speaker in ours if speaker in theirs]
            if gains:
                table[f"{one} minus {other}: {name}"] = _interval(np.array(gains))
    return table


def _by_speaker(speakers: dict[str, list[dict[str, float]]], name: str) -> dict[str, float]:
    found = {speaker: [clip[name] for clip in clips if name in clip] for speaker, clips in speakers.items()}
    return {speaker: float(np.mean(values)) for speaker, values in found.items() if values}


def _interval(values: np.ndarray, value_of: object = np.mean) -> list[float]:
    """Return a value of all rows and its interval, drawing rows with replacement."""
    assert callable(value_of)
    draws = np.random.default_rng(0).integers(len(values), size=(_DRAWS, len(values)))
    drawn = [value_of(values[index]) for index in draws]
    return [round(float(v), 4) for v in (value_of(values), *np.quantile(drawn, (0.025, 0.975)))]
