"""Whose voice a face hears when its own is taken away."""

import random
from collections import Counter

from a2k_train.data.clip import Clip
from kp_metrics import derangements


def mismatched_audio(clips: list[Clip], *, count: int, seed: int) -> list[list[int]]:
    """Return, `count` times, for each clip the index of one of another speaker.

    They are derangements. Only where one speaker has more than half of the clips there is none; then every clip hears
    any one of another speaker.

    Raises:
        ValueError: There is only one speaker.
    """
    speakers = [clip.speaker for clip in clips]
    largest = max(Counter(speakers).values())
    if largest == len(clips):
        raise ValueError("expected clips of at least two speakers to shuffle audio, got one speaker")
    if 2 * largest <= len(clips):
        rows: list[list[int]] = derangements(speakers, count=count, seed=seed).tolist()
        return rows
    rng = random.Random(seed)
    others = [[i for i, theirs in enumerate(speakers) if theirs != ours] for ours in speakers]
    return [[rng.choice(choices) for choices in others] for _ in range(count)]
