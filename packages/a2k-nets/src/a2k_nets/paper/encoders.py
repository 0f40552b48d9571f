"""Encoders of the `paper` preset: audio, reference face, and pose-invariant code."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.config.paper import PaperConfig
from a2k_nets.paper.layers import conv1d, conv2d, glorot


class AudioEncoder(nn.Module):
    """Encodes a log-mel spectrogram as features at T, T/2, … T/32 frames (paper, section 4.1; speech2gesture).

    Args:
        config: Widths, bands, levels.
    """

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        c64, c128, c256 = (config.channels(full) for full in (64, 128, 256))
        self.spectrogram = nn.Sequential(
            conv2d(1, c64),
            conv2d(c64, c64, 4, stride=2),
            conv2d(c64, c128),
            conv2d(c128, c128, 4, stride=2),
            conv2d(c128, c256),
            conv2d(c256, c256, 4, stride=2),
            conv2d(c256, c256),
            # The remaining frequency axis is folded into the channels.
            conv2d(c256, c256, (3, config.audio.n_mels // 8), padding=0),
        )
        self.first = nn.Sequential(conv1d(c256, c256), conv1d(c256, c256))
        self.down = nn.ModuleList(conv1d(c256, c256, 4, stride=2) for _ in range(config.levels))
        self.apply(glorot)

    def forward(self, log_mel: Float[Tensor, "b m f"], num_frames: int) -> list[Float[Tensor, "b c _"]]:
        """Return the features of every level, those at `num_frames` first."""
        # Time before frequency, as in the layer table of the paper.
        x = self.spectrogram(log_mel.transpose(1, 2)[:, None]).squeeze(3)
        levels = [self.first(F.interpolate(x, size=num_frames, mode="linear", align_corners=False))]
        for down in self.down:
            levels.append(down(levels[-1]))
        return levels


class PoseVariantEncoder(nn.Module):
    """Encodes the reference face, including its pose, for the bottleneck (paper, section 4.1).

    The convolutions replicate the edges, as for a face that stands still, so that the features do not depend on the
    length of the sequence.
    """

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        c128 = config.channels(128)
        self.layers = nn.Sequential(
            conv1d(config.motion_channels, c128, padding_mode="replicate"),
            conv1d(c128, c128, padding_mode="replicate"),
            conv1d(c128, c128, padding_mode="replicate"),
        )
        self.apply(glorot)

    def forward(self, reference: Float[Tensor, "b c"]) -> Float[Tensor, "b d"]:
        """Return a feature vector per face."""
        features: Tensor = self.layers(reference[..., None])
        return features.squeeze(2)


class PoseInvariantEncoder(nn.Module):
    """Encodes what stays constant while a face moves, e(k) (paper, section 4.2).

    Frames are encoded independently and averaged over time, so that codes of faces and sequences are comparable.
    """

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        widths = [config.motion_channels, *(config.channels(full) for full in (*[128] * 4, *[64] * 3, *[32] * 2))]
        self.layers = nn.Sequential(*(conv1d(c_in, c_out, 1) for c_in, c_out in pairwise(widths)))
        self.apply(glorot)

    def forward(self, motion: Float[Tensor, "b c t"]) -> Float[Tensor, "b e"]:
        """Return the code of sequences of normalised faces."""
        codes: Tensor = self.layers(motion)
        return codes.mean(dim=2)
