"""Keypoint layouts: the meaning of each keypoint index."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the face, drawn as one line: consecutive keypoints of one colour.

    Attributes:
        name: Name of the part, e.g. `"jaw"`.
        start: First keypoint index.
        stop: One past the last keypoint index.
        closed: Whether the last point is connected to the first.
        colour: RGB, 0 to 255.
    """

    name: str
    start: int
    stop: int
    closed: bool
    colour: tuple[int, int, int]

    @property
    def indices(self) -> range:
        """Keypoint indices of this part."""
        return range(self.start, self.stop)

    def edges(self) -> Iterator[tuple[int, int]]:
        """Yield the pairs of keypoints that a line connects."""
        yield from pairwise(self.indices)
        if self.closed:
            yield self.stop - 1, self.start


@dataclass(frozen=True, slots=True)
class KeypointLayout:
    """The meaning of keypoint indices.

    Attributes:
        name: Name stored in files, e.g. `"ibug68"`.
        parts: The drawn parts; together they contain every keypoint once.
        mirror: For each keypoint, its index in the horizontally flipped face.
        base_point: The point that is subtracted for translation invariance (paper, section 4.5).
        stable_points: Points that move with the skull, not with speech.
        left_eye_corner: Outer corner of the eye on the right side of the image.
        right_eye_corner: Outer corner of the eye on the left side of the image.

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
        """Return the part with this name, or raise `KeyError` that lists the names."""
        parts = {part.name: part for part in self.parts}
        if name not in parts:
            raise KeyError(f"layout {self.name} has no part {name!r}; it has {', '.join(parts)}")
        return parts[name]


_IBUG68_MIRROR = (
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),  # jaw, brows, nose
    *range(45, 41, -1), 47, 46, *range(39, 35, -1), 41, 40,  # eyes
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),  # outer and inner lip
)  # fmt: skip

#: The 68 points of iBUG 300-W. "Right" and "left" are the person's own: the right eye is on the left of the image.
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
    mirror=_IBUG68_MIRROR,
    base_point=27,
    stable_points=(27, 28, 29, 30, 33, 36, 39, 42, 45),
    left_eye_corner=45,
    right_eye_corner=36,
)

#: All layouts, by name.
LAYOUTS: dict[str, KeypointLayout] = {IBUG68.name: IBUG68}


def get_layout(name: str) -> KeypointLayout:
    """Return the layout with this name, or raise `ValueError` that lists the names.

    Example:
        >>> get_layout("ibug68").base_point
        27
    """
    if name not in LAYOUTS:
        raise ValueError(f"expected a layout out of {', '.join(LAYOUTS)}, got {name!r}")
    return LAYOUTS[name]


#: Numbers of points of layouts that are not read, for errors that recognize them.
_OTHER_LAYOUTS = {
    17: "COCO's body", 21: "a hand", 29: "COFW's", 51: "iBUG's without the jaw", 98: "WFLW's", 106: "JD-landmark's",
    133: "COCO-WholeBody's", 468: "MediaPipe's", 478: "MediaPipe's with irises",
}  # fmt: skip


def check_num_points(count: int, layout: KeypointLayout, where: str) -> None:
    """Raise `ValueError`, which names the layouts, unless `count` is the layout's number of points.

    Example:
        >>> check_num_points(98, IBUG68, "a.csv")
        Traceback (most recent call last):
        ValueError: expected 68 points (ibug68) in a.csv, got 98, WFLW's; the layouts that can be read are ibug68 (68)
    """
    if count != layout.num_keypoints:
        expected = f"{layout.num_keypoints} points ({layout.name}) in {where}"
        raise ValueError(f"expected {expected}, got {count}{layout_hint(count)}")


def layout_hint(count: int) -> str:
    """Return the end of an error about a number of points: whose it is, if known, and which layouts can be read.

    Example:
        >>> layout_hint(98)
        ", WFLW's; the layouts that can be read are ibug68 (68)"
    """
    owner = f", {_OTHER_LAYOUTS[count]}" if count in _OTHER_LAYOUTS else ""
    known = ", ".join(f"{name} ({layout.num_keypoints})" for name, layout in LAYOUTS.items())
    return f"{owner}; the layouts that can be read are {known}"
