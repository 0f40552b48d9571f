"""What moves a head in space: controls, and faces placed by them."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from a2k_nets.blocks.constants import constant
from a2k_nets.blocks.similarity import apply_rows, similarity_rows
from a2k_nets.head.brows import move_brows
from a2k_nets.head.space import LiftedFace, lift, project_to

#: A reference turned further to a side than this has hidden half of its face, radians.
LARGEST_YAW = math.radians(60)

#: Heads turn no further than this, in all, whatever the gains: yaw, pitch and roll, radians.
_LIMITS = (math.radians(65), math.radians(50), math.pi)


@dataclass(frozen=True, slots=True, eq=False)
class HeadControls:
    """How much of a head's motion is applied, each part by itself.

    Attributes:
        turn: Gain of the yaw, that is of turns to the left and right.
        nod: Gain of the pitch, that is of nodding.
        tilt: Gain of the roll, that is of tilts to a shoulder.
        brow: Gain of the motion of the brows.
        style: Keypoints `(T, 68, 2)` of a clip; the head moves as much as there. Pixels, at the model's frame rate.
    """

    turn: float = 1.0
    nod: float = 1.0
    tilt: float = 1.0
    brow: float = 1.0
    style: Float[Tensor, "t k 2"] | None = None

    @property
    def pose_gains(self) -> tuple[float, ...]:
        """Gains of a motion in space, in the order of `project`."""
        return self.turn, self.nod, self.tilt, 1.0, 1.0, 1.0

    def refuse_what_needs_space(self) -> None:
        """Refuse controls that a head which moves in the plane of the picture does not have.

        Raises:
            ValueError: There is a gain of turn or nod, or a style.
        """
        if self.turn != 1 or self.nod != 1 or self.style is not None:
            raise ValueError(
                "expected a model whose head moves in space for turn, nod and style, such as listener or small of this "
                "release, got one whose head moves in the plane; leave these options out"
            )


class HeadReferences(NamedTuple):
    """Faces whose heads and brows can be moved, and what that needs of them; all of B faces.

    Attributes:
        faces: `(B, K, 2)`, upright, of any unit.
        lifted: Their poses.
        to_pixels: The similarities that map them to pixels, as `similarity_rows` returns them.
    """

    faces: Float[Tensor, "b k 2"]
    lifted: LiftedFace
    to_pixels: Float[Tensor, "b 3 2"]

    @classmethod
    def of(cls, faces: Float[Tensor, "b k 2"], to_pixels: Float[Tensor, "b 4"]) -> "HeadReferences":
        """Measure faces.

        Args:
            faces: Upright, of any unit.
            to_pixels: The similarities from there to the pixels.

        Raises:
            ValueError: A face is turned to a side by more than 60°.
        """
        lifted = lift(faces)
        refuse_profiles(lifted)
        return cls(faces, lifted, similarity_rows(to_pixels))

    def place(
        self,
        shape: Float[Tensor, "b t k 2"],
        motion: Float[Tensor, "b t 6"],
        brows: Float[Tensor, "b t 3"] | None = None,
    ) -> Float[Tensor, "b t k 2"]:
        """Return faces with their brows and heads moved, in pixels.

        Args:
            shape: Faces in the pose of the references.
            motion: As `project` takes it.
            brows: As `move_brows` takes it; without them the brows stay as they are in `shape`.
        """
        if brows is not None:
            shape = move_brows(shape, self.faces, self.lifted, brows)
        return apply_rows(self.to_pixels[:, None], turn_heads(shape, self.lifted, motion))


def turn_heads(
    shape: Float[Tensor, "b t k 2"], lifted: LiftedFace, motion: Float[Tensor, "b t 6"]
) -> Float[Tensor, "b t k 2"]:
    """Return faces with their heads moved as `project` does, but no further than necks turn."""
    limits = constant(_LIMITS, motion.dtype, motion.device)
    angles = (lifted.angles[:, None] + motion[..., :3]).clamp(-limits, limits)
    return project_to(shape, lifted, angles, motion[..., 3:])


def refuse_profiles(lifted: LiftedFace) -> None:
    """Refuse references that are seen from the side.

    Raises:
        ValueError: A head is turned to a side by more than 60°.
    """
    yaw = float(lifted.angles[:, 0].abs().max())
    if yaw > LARGEST_YAW:
        raise ValueError(
            "expected a reference whose head is turned to a side by at most "
            f"{math.degrees(LARGEST_YAW):.0f} degrees, got {math.degrees(yaw):.0f}; take a picture from further in "
            "front"
        )
