"""Augmentations that preserve the relation of speech and lips; random numbers come from the generator's device."""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets import ModelConfig
from a2k_nets.blocks import apply_similarity, constant, fit_similarity, select_points
from a2k_train.data.window_sampler import Batch

#: Video frames in which the lips close when speech ends.
SETTLING_FRAMES = 6

_STABLE = ModelConfig().stable_points


def augment_waveform(waveform: Float[Tensor, "b s"], *, generator: torch.Generator) -> Float[Tensor, "b s"]:
    """Return waveforms with random gain, white noise and, for half of them, another window's voice.

    Gain is -24 to 6 dB, followed by clipping; noise is 10 to 50 dB and the other voice 8 to 30 dB below the speech.
    """
    with generator.device:
        batch = len(waveform)

        def between(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(batch, 1, generator=generator)

        level = waveform.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4)
        hiss = torch.randn(waveform.shape, generator=generator) * level * 10 ** (-between(10, 50) / 20)
        other = torch.roll(waveform, 1, dims=0)
        other_level = torch.roll(level, 1, dims=0)
        present = (torch.rand(batch, 1, generator=generator) < 0.5).float()
        voice = present * other * (level / other_level) * 10 ** (-between(8, 30) / 20)
        return ((waveform + hiss + voice) * 10 ** (between(-24, 6) / 20)).clamp(-1, 1)


def augment_mel(log_mel: Float[Tensor, "b m f"], *, generator: torch.Generator) -> Float[Tensor, "b m f"]:
    """Return normalized spectrograms with stretched formants, random spectral tilt, and masked bands and frames.

    Stretching the mel axis by up to 15 % simulates other vocal tracts; masking follows SpecAugment (Park et al., 2019).
    """
    with generator.device:
        batch, bands, frames = log_mel.shape
        stretch = 1 + 0.15 * (2 * torch.rand(batch, generator=generator) - 1)
        position = (torch.linspace(0, 1, bands)[None] * stretch[:, None]).clamp(0, 1) * 2 - 1
        grid = torch.stack(
            (
                torch.linspace(-1, 1, frames)[None, None, :].expand(batch, bands, frames),
                position[:, :, None].expand(batch, bands, frames),
            ),
            dim=-1,
        )
        x = F.grid_sample(log_mel[:, None], grid, mode="bilinear", padding_mode="border", align_corners=True)[:, 0]
        anchors = 0.4 * torch.randn(batch, 1, 5, generator=generator)
        x = x + F.interpolate(anchors, size=bands, mode="linear", align_corners=True).transpose(1, 2)
        for length, axis, count in ((10, 1, 2), (12, 2, 2)):
            size = x.shape[axis]
            index = torch.arange(size)[None]
            for _ in range(count):
                width = torch.randint(0, length + 1, (batch, 1), generator=generator)
                start = (torch.rand(batch, 1, generator=generator) * (size - width)).long()
                masked = (index >= start) & (index < start + width)
                x = x.masked_fill(masked[:, :, None] if axis == 1 else masked[:, None, :], 0.0)
        return x


def augment_features(features: Float[Tensor, "b c t"], *, generator: torch.Generator) -> Float[Tensor, "b c t"]:
    """Return normalized features of an encoder with noise, and with masked channels and frames.

    A tenth of the channels of each window and two stretches of up to 7 frames become zero; the noise has 0.1 standard
    deviations.
    """
    with generator.device:
        batch, channels, frames = features.shape
        kept = torch.rand(batch, channels, 1, generator=generator) >= 0.1
        x = features * kept / 0.9 + 0.1 * torch.randn(features.shape, generator=generator)
        index = torch.arange(frames)[None]
        for _ in range(2):
            width = torch.randint(0, 8, (batch, 1), generator=generator)
            start = (torch.rand(batch, 1, generator=generator) * (frames - width)).long()
            x = x.masked_fill(((index >= start) & (index < start + width))[:, None], 0.0)
        return x


def insert_silence(batch: Batch, closed: Float[Tensor, "b k 2"], *, share: float, generator: torch.Generator) -> Batch:
    """Return the batch with silence in some windows, from the start or a random frame on, and closing lips.

    Read speech has only short pauses with open lips, but a model in use also hears long silence. The lips close within
    `SETTLING_FRAMES`; the rest of the face holds still. The sound is replaced by room noise of -90 to -45 dB.
    `closed` is each window's reference with closed lips, pixels; `share` is the share of the windows that fall silent.
    """
    windows, frames = batch.mask.shape
    samples = batch.waveform.shape[1] // frames
    with generator.device:
        chosen = torch.rand(windows, 1, generator=generator) < share
        # A third of them are silent throughout.
        begin = (frames * (1.5 * torch.rand(windows, 1, generator=generator) - 0.5)).clamp(min=0).long()
        level = 10 ** ((-90 + 45 * torch.rand(windows, 1, generator=generator)) / 20)
        room = level * torch.randn(batch.waveform.shape, generator=generator)
    begin = begin.masked_fill(~chosen, frames)
    replaced = torch.arange(batch.waveform.shape[1], device=begin.device) >= begin * samples
    since = torch.arange(frames, device=begin.device) - begin
    settled = ((since + 1) / SETTLING_FRAMES).clamp(0, 1)
    # Windows that are silent throughout start with closed lips.
    settled = torch.where(begin == 0, 1.0, settled)
    last = batch.keypoints[torch.arange(windows, device=begin.device), (begin[:, 0] - 1).clamp(0, frames - 1)]
    held = torch.where((begin == 0)[..., None], batch.reference, last)[:, None]
    to_held = fit_similarity(select_points(batch.reference, _STABLE), select_points(held[:, 0], _STABLE))
    closing = torch.lerp(held, apply_similarity(to_held, closed)[:, None], settled[..., None, None])
    silent = since >= 0
    return Batch(
        torch.where(replaced, room, batch.waveform),
        batch.reference,
        torch.where(silent[..., None, None], closing, batch.keypoints),
        batch.mask | silent,
    )


def change_tempo(
    log_mel: Float[Tensor, "b m f"], batch: Batch, *, max_change: float, generator: torch.Generator
) -> tuple[Float[Tensor, "b m f"], Batch]:
    """Return spectrograms and faces slowed down or sped up by a random factor per window.

    Pitch and formants stay. Frames that a faster window lacks at its end are masked; the waveforms do not change.
    The spectrograms have a whole number of frames per video frame. A `max_change` of 0.15 gives 0.85 to 1.15 times the
    speed.
    """
    with generator.device:
        tempo = 1 + max_change * (2 * torch.rand(len(log_mel), 1, generator=generator) - 1)
    keypoints, inside, low = _at_tempo(batch.keypoints.flatten(2).mT, tempo)
    high = (low + 1).clamp(max=batch.mask.shape[1] - 1)
    mask = batch.mask.gather(1, low) & batch.mask.gather(1, high) & inside
    resampled = replace(batch, keypoints=keypoints.mT.reshape(batch.keypoints.shape), mask=mask)
    return _at_tempo(log_mel, tempo)[0], resampled


def _at_tempo(
    x: Float[Tensor, "b c t"], tempo: Float[Tensor, "b 1"]
) -> tuple[Float[Tensor, "b c t"], Bool[Tensor, "b t"], Int64[Tensor, "b t"]]:
    """Return x resampled linearly, whether each frame lies inside x, and the index of its left neighbour in x."""
    frames = x.shape[-1]
    # Time starts at the beginning of the first frame; a frame's time is its middle.
    time = tempo.to(x) * (torch.arange(frames, device=x.device).to(x) + 0.5) - 0.5
    inside = (time >= 0) & (time <= frames - 1)
    time = time.clamp(0, frames - 1)
    low = time.long()
    weight = (time - low)[:, None]
    left, right = (
        x.gather(2, index[:, None].expand(-1, x.shape[1], -1)) for index in (low, (low + 1).clamp(max=frames - 1))
    )
    return torch.lerp(left, right, weight), inside, low


def mirror_faces(batch: Batch, mirror: tuple[int, ...], *, generator: torch.Generator) -> Batch:
    """Return the batch with each face mirrored with probability 0.5, left and right points swapped."""
    with generator.device:
        flip = torch.rand(len(batch.waveform), generator=generator) < 0.5

    def mirrored(points: Tensor) -> Tensor:
        signs = constant((-1.0, *(1.0,) * (points.shape[-1] - 1)), points.dtype, points.device)
        swapped = select_points(points, mirror) * signs
        return torch.where(flip.reshape(-1, *(1,) * (points.ndim - 1)), swapped, points)

    return replace(batch, reference=mirrored(batch.reference), keypoints=mirrored(batch.keypoints))


def rotate_faces(batch: Batch, *, generator: torch.Generator) -> Batch:
    """Return the batch with each window's 2-D faces rotated by up to 10 degrees and scaled by up to 10 %.

    The centre is the reference's mean point. The `residual` preset normalizes rotation and scale itself.
    """
    with generator.device:
        angle, size = 2 * torch.rand(2, len(batch.waveform), 1, generator=generator) - 1
    angle, size = angle.to(batch.reference) * (torch.pi / 18), 1 + 0.1 * size.to(batch.reference)
    centre = batch.reference.mean(dim=1, keepdim=True)
    zero = torch.zeros_like(angle)
    transform = torch.cat((size * angle.cos(), size * angle.sin(), zero, zero), dim=1)

    def transformed(points: Tensor) -> Tensor:
        return apply_similarity(transform, points - centre) + centre

    keypoints = transformed(batch.keypoints.flatten(1, 2)).view_as(batch.keypoints)
    return replace(batch, reference=transformed(batch.reference), keypoints=keypoints)
