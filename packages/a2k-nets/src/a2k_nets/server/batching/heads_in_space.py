"""The heads of many live streams, moved in space as one batch."""

from jaxtyping import Float
from torch import Tensor

from a2k_nets.config.residual import ModelConfig
from a2k_nets.head import HeadNetwork, HeadSteps
from a2k_nets.head.placement import HeadReferences
from a2k_nets.head.space import LiftedFace


class HeadsInSpace:
    """The faces of streams, each in a row of its own, and the state of their heads.

    Args:
        network: The head's network.
        config: Settings of the lips.
        capacity: Number of rows.

    Raises:
        ValueError: The head looks less far ahead than the lips, so that it needs sound that their windows lack.
    """

    def __init__(self, network: HeadNetwork, config: ModelConfig, capacity: int) -> None:
        if network.config.lookahead_hops != config.lookahead_hops:
            raise ValueError(
                "expected a head that looks as far ahead as the lips, got lookahead_hops of "
                f"{network.config.lookahead_hops} and {config.lookahead_hops}"
            )
        self._steps = HeadSteps(network, capacity)
        blank = network.unit.new_zeros(1, config.num_keypoints, 2)
        parts = _parts(HeadReferences.of(blank, blank.new_zeros(1, 4)))
        self._references = [part.new_zeros(capacity, *part.shape[1:]) for part in parts]

    def open(self, row: int, face: Float[Tensor, "1 k 2"], to_pixels: Float[Tensor, "1 4"]) -> None:
        """Begin a stream with an upright face, and the similarity from there to the pixels.

        Raises:
            ValueError: The face is a profile.
        """
        for pool, part in zip(self._references, _parts(HeadReferences.of(face, to_pixels)), strict=True):
            pool[row] = part[0]
        self._steps.clear(row)

    def move(
        self,
        index: Tensor,
        faces: Float[Tensor, "b t k 2"],
        samples: Float[Tensor, "b s"],
        noise: Float[Tensor, "b t n"],
        *,
        gains: Float[Tensor, "b _ 9"],
    ) -> Float[Tensor, "b t k 2"]:
        """Return faces, in the pose of the references, with brows and heads moved, in pixels.

        Args:
            index: The rows, each once, on the CPU.
            faces: Upright.
            samples: The sound under the Fourier windows of these frames.
            noise: As `HeadSteps.advance` takes it.
            gains: Of the motion of the heads, in the order of `project`, and of the brows; of all frames or of each.
        """
        motion = gains * self._steps.advance(samples, noise, index.numpy()).to(faces)
        face, *lifted, to_pixels = (pool.index_select(0, index.to(pool.device)) for pool in self._references)
        return HeadReferences(face, LiftedFace(*lifted), to_pixels).place(faces, motion[..., :6], motion[..., 6:])


def _parts(references: HeadReferences) -> list[Tensor]:
    return [references.faces, *references.lifted, references.to_pixels]
