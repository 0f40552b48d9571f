"""A judge of whether a motion belongs to a sound, trained on real motion of other speakers."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_train.evaluation.head_space.tracks import LIDS

#: Columns of the tracks that each judge sees.
JUDGES = {"head": slice(0, 6), "brows": slice(6, 9), "lids": slice(LIDS, LIDS + 1)}

#: Frames of a window, two seconds, and frames between the windows of a clip that are judged.
WINDOW, HOP = 50, 12

_WIDTH, _CODE, _TAPS, _DILATIONS = 48, 24, 5, (1, 2, 4)
_CLIPS_A_STEP, _RATE, _DECAY, _NOISE, _DROPOUT = 40, 4e-3, 0.05, 0.1, 0.2
# Tracks are seen in deviations of the clip, up to this many.
_LARGEST = 4.0
_INVERSE_TEMPERATURE = 8.0


class _Encoder(nn.Module):
    """A window of a series as a sequence of codes with mean 0, together of length 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, _WIDTH, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(_WIDTH, _WIDTH, _TAPS, padding=_TAPS // 2 * d, dilation=d) for d in _DILATIONS
        )
        self.last = nn.Conv1d(_WIDTH, _CODE, 1)
        self.dropout = nn.Dropout1d(_DROPOUT)

    def forward(self, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b d"]:
        x = self.dropout(self.first(x.mT))
        for layer in self.layers:
            x = x + self.dropout(F.gelu(layer(F.gelu(x))))
        x = self.last(x)
        # Without the mean, only what happens when in the window counts.
        return F.normalize((x - x.mean(dim=-1, keepdim=True)).flatten(1), dim=1)


class Judge(nn.Module):
    """Two encoders, of sound and of motion, whose inner product says how well the two belong together.

    Args:
        speech_mean: Mean of the features of speech.
        speech_std: Their standard deviation.
        columns: Columns of the tracks that it sees.
    """

    speech_mean: Tensor
    speech_std: Tensor

    def __init__(self, speech_mean: Float[Tensor, " f"], speech_std: Float[Tensor, " f"], columns: slice) -> None:
        super().__init__()
        self.columns = columns
        self.speech = _Encoder(len(speech_mean))
        self.motion = _Encoder(2 * (columns.stop - columns.start))
        self.log_temperature = nn.Parameter(torch.tensor(math.log(_INVERSE_TEMPERATURE)))
        self.register_buffer("speech_mean", speech_mean)
        self.register_buffer("speech_std", speech_std)

    def forward(self, speech: Float[Tensor, "n t f"], motion: Float[Tensor, "m t c"]) -> Float[Tensor, "n m"]:
        """Return the score of every sound with every motion; windows of `judged_tracks`."""
        scores: Tensor = self.encode_speech(speech) @ self.motion(motion).T
        return scores

    def encode_speech(self, speech: Float[Tensor, "n t f"]) -> Float[Tensor, "n d"]:
        """Return the codes of sounds, whose product with those of motions is the score."""
        codes: Tensor = self.speech((speech - self.speech_mean) / self.speech_std)
        return codes

    def loss(self, speech: Float[Tensor, "n t f"], motion: Float[Tensor, "n t c"]) -> Float[Tensor, ""]:
        """Return the cross-entropy of finding each sound's motion among all, and the other way (InfoNCE)."""
        scores = self(speech, motion) * self.log_temperature.exp()
        own = torch.arange(len(scores))
        return F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)


def judged_tracks(tracks: Float[Tensor, "*s t c"], columns: slice) -> Float[Tensor, "*s t d"]:
    """Return what a judge sees: positions and velocities in deviations of the clip, so that size is not judged."""
    position = tracks[..., columns]
    velocity = F.pad(position.diff(dim=-2), (0, 0, 1, 0))
    both = torch.cat((position, velocity), dim=-1)
    centred = both - both.mean(dim=-2, keepdim=True)
    return (centred / (both.std(dim=-2, keepdim=True) + 1e-4)).clamp(-_LARGEST, _LARGEST)


def train_judge(
    speech: Sequence[Float[Tensor, "_ f"]],
    tracks: Sequence[Float[Tensor, "_ c"]],
    speakers: Sequence[str],
    columns: slice,
    *,
    steps: int = 500,
    seed: int = 0,
) -> Judge:
    """Train a judge on real motion of training speakers.

    Args:
        speech: Features of speech of each clip, as long as its tracks.
        tracks: Tracks of each clip; clips shorter than a window are left out.
        speakers: Speaker of each clip. A batch holds speakers by the root of their footage, and clips by their length.
        columns: One of `JUDGES`.
        steps: Optimizer steps.
        seed: Seed of weights, windows, noise and dropout.

    Raises:
        ValueError: No clip is as long as a window.
    """
    usable = [i for i, track in enumerate(tracks) if len(track) >= WINDOW]
    if not usable:
        raise ValueError(f"expected clips of at least {WINDOW} frames to train a judge, got none")
    generator = torch.Generator().manual_seed(seed)
    everything = torch.cat([speech[i] for i in usable])
    seen = {i: judged_tracks(tracks[i], columns) for i in usable}
    lengths = torch.tensor([float(len(tracks[i])) for i in usable])
    footage: dict[str, float] = {}
    for i in usable:
        footage[speakers[i]] = footage.get(speakers[i], 0.0) + len(tracks[i])
    weights = lengths / torch.tensor([footage[speakers[i]] for i in usable]).sqrt()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # for weights and dropout
        judge = Judge(everything.mean(dim=0), everything.std(dim=0) + 1e-3, columns).train()
        optimizer = torch.optim.AdamW(judge.parameters(), _RATE, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
        for _ in range(steps):
            sounds, motions = [], []
            for position in torch.multinomial(weights, _CLIPS_A_STEP, replacement=True, generator=generator).tolist():
                clip = usable[position]
                frames = len(tracks[clip])
                for start in torch.rand(
                    1 + (frames > 3 * WINDOW) + (frames > 6 * WINDOW), generator=generator
                ).tolist():
                    first = int(start * (frames - WINDOW + 1))
                    sounds.append(speech[clip][first : first + WINDOW])
                    motions.append(seen[clip][first : first + WINDOW])
            sound, motion = torch.stack(sounds), torch.stack(motions)
            sound = sound + _NOISE * judge.speech_std * torch.randn(sound.shape, generator=generator)
            motion = motion + _NOISE * torch.randn(motion.shape, generator=generator)
            optimizer.zero_grad()
            judge.loss(sound, motion).backward()  # type: ignore[no-untyped-call]  # untyped in torch
            nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return judge.eval()


def window_starts(frames: int, *, most: int = 40) -> list[int]:
    """Return the first frames of the windows of a clip that are judged, at most `most`, evenly spread.

    Example:
        >>> window_starts(49), window_starts(80), len(window_starts(10_000))
        ([], [0, 12, 24], 40)
    """
    starts = list(range(0, frames - WINDOW + 1, HOP))
    return [starts[i * len(starts) // most] for i in range(most)] if len(starts) > most else starts
