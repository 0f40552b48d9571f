"""How well a model follows unseen speakers, beside the baselines that give a number its meaning."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.model import Audio2Keypoint
from a2k_nets.pose import apply_similarity, invert_similarity
from a2k_train.clips import Clip
from a2k_train.table import ClipScore
from a2k_train.voices import other_voices
from kp_metrics import (
    head_amplitude_ratio,
    keypoint_l1,
    lip_error,
    mouth_amplitude_ratio,
    mouth_correlation,
    pck,
)

__all__ = ["evaluate"]


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
    shuffles = [] if voices else other_voices(clips, count=derangements, seed=seed)
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
