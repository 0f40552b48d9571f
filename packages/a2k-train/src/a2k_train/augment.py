"""Variations that leave the link between speech and lips as it is; all is drawn on the generator's device."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets.pose import apply_similarity
from a2k_train.windows import Batch

__all__ = ["augment_mel", "augment_waveform", "mirror_faces", "turn_faces"]


def augment_waveform(waveform: Float[Tensor, "b s"], *, generator: torch.Generator) -> Float[Tensor, "b s"]:
    """Return waveforms with another gain and with noise: hiss, and half of them another window's voice behind.

    Gain is -12 to 6 dB, hiss 10 to 50 dB and the other voice 8 to 30 dB below the speech.
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
        return (waveform + hiss + voice) * 10 ** (between(-12, 6) / 20)


def augment_mel(log_mel: Float[Tensor, "b m f"], *, generator: torch.Generator) -> Float[Tensor, "b m f"]:
    """Return normalised spectrograms with stretched formants, another tilt, and masked bands and moments.

    Stretching the mel axis by up to 15 % makes other vocal tracts of the speakers there are; masking
    follows SpecAugment (Park et al., 2019).
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


def mirror_faces(batch: Batch, mirror: tuple[int, ...], *, generator: torch.Generator) -> Batch:
    """Return the batch with half of its faces mirrored, left and right points swapped."""
    with generator.device:
        flip = torch.rand(len(batch.waveform), generator=generator) < 0.5

    def mirrored(points: Tensor) -> Tensor:
        swapped = points[..., list(mirror), :] * points.new_tensor([-1.0] + [1.0] * (points.shape[-1] - 1))
        return torch.where(flip.reshape(-1, *(1,) * (points.ndim - 1)), swapped, points)

    return Batch(batch.waveform, mirrored(batch.reference), mirrored(batch.keypoints), batch.mask)


def turn_faces(batch: Batch, *, generator: torch.Generator) -> Batch:
    """Return the batch with each window's faces, plane ones, turned by up to 10 degrees and scaled by up to 10 %.

    The centre is the reference's mean point. The `residual` preset has no use for it: turning and scaling are what it
    takes away itself.
    """
    with generator.device:
        angle, size = 2 * torch.rand(2, len(batch.waveform), 1, generator=generator) - 1
    angle, size = angle.to(batch.reference) * (torch.pi / 18), 1 + 0.1 * size.to(batch.reference)
    centre = batch.reference.mean(dim=1, keepdim=True)
    zero = torch.zeros_like(angle)
    turn = torch.cat((size * angle.cos(), size * angle.sin(), zero, zero), dim=1)

    def turned(points: Tensor) -> Tensor:
        return apply_similarity(turn, points - centre) + centre

    keypoints = turned(batch.keypoints.flatten(1, 2)).view_as(batch.keypoints)
    return Batch(batch.waveform, turned(batch.reference), keypoints, batch.mask)
