"""Speaker-disjoint folds for cross-validation."""

import random
from collections.abc import Sequence


def speaker_folds(speakers: Sequence[str], num_frames: Sequence[int], *, folds: int, seed: int = 0) -> list[list[int]]:
    """Split clips into folds of similar duration, no speaker in two of them.

    Speakers are shuffled, sorted by footage (longest first), and each is added to the shortest fold.

    Args:
        speakers: Speaker of each clip.
        num_frames: Length of each clip.
        folds: Number of folds.
        seed: Seed of the shuffle, which breaks ties.

    Returns:
        The indices of each fold's clips.

    Raises:
        ValueError: There are fewer speakers than folds.

    Example:
        >>> speaker_folds(["ada", "bob", "ada"], [10, 20, 10], folds=2)
        [[0, 2], [1]]
    """
    by_speaker: dict[str, list[int]] = {}
    for index, speaker in enumerate(speakers):
        by_speaker.setdefault(speaker, []).append(index)
    if len(by_speaker) < folds:
        raise ValueError(f"expected at least {folds} speakers for {folds} folds, got {len(by_speaker)}")
    footage = {name: sum(num_frames[index] for index in indices) for name, indices in by_speaker.items()}
    names = sorted(by_speaker)
    random.Random(seed).shuffle(names)
    names.sort(key=lambda name: -footage[name])
    result: list[list[int]] = [[] for _ in range(folds)]
    lengths = [0] * folds
    for name in names:
        shortest = lengths.index(min(lengths))
        result[shortest] += by_speaker[name]
        lengths[shortest] += footage[name]
    return result
