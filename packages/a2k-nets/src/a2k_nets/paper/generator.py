"""The generator of the `paper` preset: a U-Net over time."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from a2k_nets.config.paper import PaperConfig
from a2k_nets.paper.encoders import AudioEncoder, PoseVariantEncoder
from a2k_nets.paper.layers import conv1d, glorot


class PaperGenerator(nn.Module):
    """Generates normalised keypoints from audio, reference face and its code, G(s, k) (paper, section 4.1).

    Args:
        config: Widths, variant, upsampling.
    """

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        c256 = config.channels(256)
        self.audio = AudioEncoder(config)
        self.pose_variant = PoseVariantEncoder(config) if config.uses_reference else None
        c_in = c256 + (config.channels(128) if config.uses_reference else 0)
        c_in += config.channels(32) if config.has_piv_encoder else 0
        self.bottleneck = conv1d(c_in, c256)
        self.up: nn.ModuleList = nn.ModuleList(
            nn.ConvTranspose1d(c256, c256, 4, 2, 1)
            if config.upsampling == "transposed"
            else nn.Upsample(scale_factor=2, mode="nearest")
            for _ in range(config.levels)
        )
        self.merge = nn.ModuleList(conv1d(c256, c256) for _ in range(config.levels))
        self.head = nn.Sequential(*(conv1d(c256, c256) for _ in range(4)), nn.Conv1d(c256, config.motion_channels, 1))
        for module in (self.bottleneck, self.up, self.merge, self.head):
            module.apply(glorot)

    def forward(
        self,
        log_mel: Float[Tensor, "b m f"],
        reference: Float[Tensor, "b c"],
        code: Float[Tensor, "b e"] | None,
        num_frames: int,
    ) -> Float[Tensor, "b c t"]:
        """Return the normalised coordinates of `num_frames` faces, a multiple of 2 ** levels.

        Args:
            log_mel: Log-mel bands.
            reference: The normalised reference face; unused in the variant `audio_only`.
            code: Output of the pose-invariant encoder for the reference; None in variants without it.
            num_frames: T.
        """
        return self.decode(self.audio(log_mel, num_frames), reference, code)

    def decode(
        self, audio: list[Tensor], reference: Float[Tensor, "b c"], code: Float[Tensor, "b e"] | None
    ) -> Float[Tensor, "b c t"]:
        """Return the faces for encoded audio; see `forward`."""
        *skips, x = audio
        inputs = [x]
        if self.pose_variant is not None:
            inputs.append(_repeat_over_time(self.pose_variant(reference), x))
        if code is not None:
            inputs.append(_repeat_over_time(code, x))
        x = self.bottleneck(torch.cat(inputs, dim=1))
        for up, merge, skip in zip(self.up, self.merge, reversed(skips), strict=True):
            x = merge(up(x) + skip)
        faces: Tensor = self.head(x)
        return faces


def _repeat_over_time(features: Float[Tensor, "b d"], like: Float[Tensor, "b c t"]) -> Float[Tensor, "b d t"]:
    return features[..., None].expand(-1, -1, like.shape[2])
