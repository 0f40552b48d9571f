"""Normalisation between pixels and network inputs and outputs, with statistics stored in the checkpoint."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from a2k_nets.blocks.constants import select_points
from a2k_nets.blocks.similarity import apply_similarity, compose_pose, fit_similarity, invert_similarity, split_pose
from a2k_nets.config.motion import MotionConfig

# Avoids division by zero for coordinates that never move, such as the base point.
_MIN_STD = 1e-3


class Normalizer(nn.Module):
    """Maps faces of any size, position and roll to a canonical frame, and scales channels to unit variance.

    The canonical frame has its origin at the base point of the mean face, which is upright with an inter-ocular
    distance of 1. A similarity from the stable points of the reference to those of the mean face maps into it. The
    statistics are those of the training split (paper, section 4.5).

    Args:
        config: Number of keypoints, stable points, mel bands.
    """

    mean_face: Tensor
    std_face: Tensor
    std_expression: Tensor
    std_pose: Tensor
    mean_mel: Tensor
    std_mel: Tensor

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        self.config = config
        points, bands = config.num_keypoints, config.audio.n_mels
        self.register_buffer("mean_face", torch.zeros(points, 2))
        self.register_buffer("std_face", torch.ones(points, 2))
        self.register_buffer("std_expression", torch.ones(points, 2))
        self.register_buffer("std_pose", torch.ones(4))
        self.register_buffer("mean_mel", torch.zeros(bands))
        self.register_buffer("std_mel", torch.ones(bands))

    def set_statistics(self, **statistics: Tensor) -> None:
        """Set buffers by name, e.g. `mean_face=`; standard deviations are bounded from below."""
        for name, value in statistics.items():
            buffer = getattr(self, name)
            if value.shape != buffer.shape:
                raise ValueError(f"expected {name} of shape {tuple(buffer.shape)}, got {tuple(value.shape)}")
            buffer.copy_(value.clamp(min=_MIN_STD) if name.startswith("std") else value)

    @property
    def mean_face_px(self) -> Float[Tensor, "k 2"]:
        """The mean face in a picture of 224 × 224 px, 60 px between the outer eye corners."""
        return self.mean_face * 60 + 112

    def to_canonical(self, reference: Float[Tensor, "b k 2"]) -> Float[Tensor, "b 4"]:
        """Return the similarity that maps a reference, in pixels, to the canonical frame."""
        stable = self.config.stable_points
        mean_face = select_points(self.mean_face, stable).expand(reference.shape[0], -1, -1)
        return fit_similarity(select_points(reference, stable), mean_face)

    def canonicalize(self, reference: Float[Tensor, "b k 2"]) -> Float[Tensor, "b k 2"]:
        """Map a reference, in pixels, to the canonical frame."""
        return apply_similarity(self.to_canonical(reference), reference)

    def encode_reference(self, canonical: Float[Tensor, "b k 2"]) -> Float[Tensor, "b c"]:
        """Return the z-scored canonical reference as 2·K channels."""
        return rearrange((canonical - self.mean_face) / self.std_face, "b k d -> b (k d)")

    def encode_mel(self, log_mel: Float[Tensor, "b m f"]) -> Float[Tensor, "b m f"]:
        """Return z-scored mel bands."""
        return (log_mel - self.mean_mel[:, None]) / self.std_mel[:, None]

    def encode_motion(
        self, keypoints: Float[Tensor, "b t k 2"], reference: Float[Tensor, "b k 2"]
    ) -> tuple[Float[Tensor, "b t k 2"], Float[Tensor, "b t 4"]]:
        """Return normalised expression and pose of keypoints in pixels, the network's targets.

        The inverse is `decode_motion`.
        """
        to_canonical = self.to_canonical(reference)
        canonical_reference = apply_similarity(to_canonical, reference)
        shape, pose = split_pose(
            apply_similarity(to_canonical[:, None], keypoints),
            canonical_reference,
            stable_points=self.config.stable_points,
            base_point=self.config.base_point,
        )
        return (shape - canonical_reference[:, None]) / self.std_expression, pose / self.std_pose

    def decode_motion(
        self,
        expression: Float[Tensor, "b t k 2"],
        pose: Float[Tensor, "b t 4"],
        reference: Float[Tensor, "b k 2"],
    ) -> Float[Tensor, "b t k 2"]:
        """Return keypoints in the pixels of the reference; zero expression and pose give the reference."""
        to_canonical = self.to_canonical(reference)
        canonical = apply_similarity(to_canonical, reference)
        return self.place_motion(expression, pose, canonical, invert_similarity(to_canonical))

    def place_motion(
        self,
        expression: Float[Tensor, "b t k 2"],
        pose: Float[Tensor, "b t 4"],
        canonical: Float[Tensor, "b k 2"],
        to_pixels: Float[Tensor, "b 4"],
    ) -> Float[Tensor, "b t k 2"]:
        """Return keypoints in pixels as `decode_motion` does, for a canonical reference and the similarity from there.

        A stream computes both once.
        """
        shape = canonical[:, None] + expression * self.std_expression
        moved = compose_pose(shape, pose * self.std_pose, canonical, base_point=self.config.base_point)
        return apply_similarity(to_pixels[:, None], moved)
