"""Indices of the iBUG-68 points: the defaults of the face metrics."""

#: Outer eye corners; their distance is the inter-ocular distance (IOD).
EYE_CORNERS: tuple[int, int] = (36, 45)

#: Centre of the upper and of the lower inner lip; their distance is the mouth opening.
INNER_LIP_CENTRES: tuple[int, int] = (62, 66)

#: Outer and inner lip.
MOUTH: tuple[int, ...] = tuple(range(48, 68))

#: Points that move with the skull and not with speech: nose bridge, nose base, eye corners.
STABLE_POINTS: tuple[int, ...] = (27, 28, 29, 30, 33, 36, 39, 42, 45)

#: The point whose position is the head's translation.
BASE_POINT: int = 27

#: The person's right eye (left in the image): outer corner, two upper, inner corner, two lower.
RIGHT_EYE: tuple[int, ...] = tuple(range(36, 42))

#: The person's left eye: inner corner, two upper, outer corner, two lower.
LEFT_EYE: tuple[int, ...] = tuple(range(42, 48))
