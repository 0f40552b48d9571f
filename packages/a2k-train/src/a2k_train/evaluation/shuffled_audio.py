"""Assignment of other speakers' audio to clips, for the row "shuffled audio"."""

import random
from collections import Counter

from a2k_train.data.clip import Clip
from kp_metrics import derangements


def mismatched_audio(clips: list[Clip], *, count: int, seed: int) -> list[list[int]]:
    """Return `count` lists that give each clip the index of another speaker's clip.

    Each list is a derangement. If one speaker has more than half of the clips there is none; each clip then gets a
    random clip of another speaker.

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
    others = [[i for i, other in enumerate(speakers) if other != own] for own in speakers]
    return [[rng.choice(choices) for choices in others] for _ in range(count)]
