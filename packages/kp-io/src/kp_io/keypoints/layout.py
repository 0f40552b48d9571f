"""Keypoint layouts: which index is which part of a face."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Part:
    """One drawn line of a face: consecutive keypoints of one colour.

    Attributes:
        name: Name of the part, e.g. `"jaw"`.
        start: First keypoint index.
        stop: One past the last keypoint index.
        closed: Whether the last point is joined to the first one.
        colour: RGB, 0 to 255.
    """

    name: str
    start: int
    stop: int
    closed: bool
    colour: tuple[int, int, int]

    @property
    def indices(self) -> range:
        """The keypoint indices of this part."""
        return range(self.start, self.stop)

    def edges(self) -> Iterator[tuple[int, int]]:
        """Yield the pairs of keypoints that a line joins."""
        yield from pairwise(self.indices)
        if self.closed:
            yield self.stop - 1, self.start


@dataclass(frozen=True, slots=True)
class KeypointLayout:
    """The meaning of keypoint indices.

    Attributes:
        name: Name that files carry, e.g. `"ibug68"`.
        parts: The drawn parts; together they hold every keypoint once.
        mirror: For each keypoint, the index that it takes in a left-right mirrored face.
        base_point: The point that is subtracted for translation invariance (paper, section 4.5).
        stable_points: Points that move with the skull and not with speech.
        left_eye_corner: Outer corner of the eye at the right side of the picture.
        right_eye_corner: Outer corner of the eye at the left side of the picture.

    Example:
        >>> IBUG68.num_keypoints
        68
        >>> IBUG68.part("outer_lip").indices
        range(48, 60)
        >>> IBUG68.mirror[36], IBUG68.mirror[45]
        (45, 36)
    """

    name: str
    parts: tuple[Part, ...]
    mirror: tuple[int, ...]
    base_point: int
    stable_points: tuple[int, ...]
    left_eye_corner: int
    right_eye_corner: int

    @property
    def num_keypoints(self) -> int:
        """Number of keypoints, K."""
        return len(self.mirror)

    def part(self, name: str) -> Part:
        """Return the part of that name, or raise `KeyError` with the names there are."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(f"layout {self.name} has no part {name!r}; it has {', '.join(p.name for p in self.parts)}")


def _mirror_of(*pairs: tuple[range, range]) -> tuple[int, ...]:
    table: dict[int, int] = {}
    for ours, theirs in pairs:
        table.update(zip(ours, theirs, strict=True))
    return tuple(table[i] for i in range(len(table)))


#: The 68 points of iBUG 300-W. "Right" and "left" are the person's own, so the right eye is on the picture's left.
IBUG68 = KeypointLayout(
    name="ibug68",
    parts=(
        Part("jaw", 0, 17, False, (110, 190, 255)),
        Part("right_brow", 17, 22, False, (255, 190, 80)),
        Part("left_brow", 22, 27, False, (255, 190, 80)),
        Part("nose_bridge", 27, 31, False, (120, 230, 130)),
        Part("nose_base", 31, 36, False, (120, 230, 130)),
        Part("right_eye", 36, 42, True, (255, 240, 110)),
        Part("left_eye", 42, 48, True, (255, 240, 110)),
        Part("outer_lip", 48, 60, True, (255, 90, 110)),
        Part("inner_lip", 60, 68, True, (255, 150, 200)),
    ),
    mirror=_mirror_of(
        (range(17), range(16, -1, -1)),
        (range(17, 27), range(26, 16, -1)),
        (range(27, 31), range(27, 31)),
        (range(31, 36), range(35, 30, -1)),
        (range(36, 40), range(45, 41, -1)),
        (range(40, 42), range(47, 45, -1)),
        (range(42, 46), range(39, 35, -1)),
        (range(46, 48), range(41, 39, -1)),
        (range(48, 55), range(54, 47, -1)),
        (range(55, 60), range(59, 54, -1)),
        (range(60, 65), range(64, 59, -1)),
        (range(65, 68), range(67, 64, -1)),
    ),
    base_point=27,
    stable_points=(27, 28, 29, 30, 33, 36, 39, 42, 45),
    left_eye_corner=45,
    right_eye_corner=36,
)

#: Every layout that a file may name.
LAYOUTS: dict[str, KeypointLayout] = {IBUG68.name: IBUG68}


def get_layout(name: str) -> KeypointLayout:
    """Return the layout that a file names, or raise `ValueError` with the names there are.

    Example:
        >>> get_layout("ibug68").base_point
        27
    """
    try:
        return LAYOUTS[name]
    except KeyError:
        raise ValueError(f"expected a layout out of {', '.join(LAYOUTS)}, got {name!r}") from None
