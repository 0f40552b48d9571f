"""The heads of many live streams, moved in space as one batch."""

from jaxtyping import Float
from torch import Tensor

from a2k_nets.blocks.similarity import apply_similarity
from a2k_nets.config.residual import ModelConfig
from a2k_nets.head import HeadNetwork, HeadSteps, lift
from a2k_nets.head.brows import move_brows
from a2k_nets.head.placement import refuse_profiles, turn_heads
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
        blank = network.unit.new_zeros(capacity, config.num_keypoints, 2)
        self._faces, self._to_pixels = blank, blank.new_zeros(capacity, 4)
        self._lifted = LiftedFace(*(x.new_zeros(capacity, *x.shape[1:]) for x in lift(blank[:1])))

    def open(self, row: int, face: Float[Tensor, "1 k 2"], to_pixels: Float[Tensor, "1 4"]) -> None:
        """Begin a stream with an upright face, and the similarity from there to the pixels.

        Raises:
            ValueError: The face is a profile.
        """
        lifted = lift(face)
        refuse_profiles(lifted)
        self._faces[row], self._to_pixels[row] = face[0], to_pixels[0]
        for pool, value in zip(self._lifted, lifted, strict=True):
            pool[row] = value[0]
        self._steps.clear(row)

    def move(
        self,
        index: Tensor,
        faces: Float[Tensor, "b t k 2"],
        samples: Float[Tensor, "b s"],
        noise: Float[Tensor, "b t n"],
        *,
        pose_gains: Float[Tensor, "b t 6"],
        brow: Float[Tensor, "b t"],
    ) -> Float[Tensor, "b t k 2"]:
        """Return faces, in the pose of the references, with brows and heads moved, in pixels.

        Args:
            index: The rows, each once.
            faces: Upright.
            samples: The sound under the Fourier windows of these frames.
            noise: As `HeadSteps.advance` takes it.
            pose_gains: Gains of the motion of the heads, in the order of `project`.
            brow: Gains of the motion of the brows.
        """
        motion = self._steps.advance(samples, noise, index.tolist()).to(faces)
        lifted = LiftedFace(*(pool[index] for pool in self._lifted))
        shape = move_brows(faces, self._faces[index], lifted, brow[..., None] * motion[..., 6:])
        moved = turn_heads(shape, lifted, pose_gains * motion[..., :6])
        return apply_similarity(self._to_pixels[index, None], moved)
