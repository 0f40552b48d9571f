"""Indices of the points of a face: the defaults of the face metrics, for iBUG-68 and WFLW-98."""


class FacePoints(tuple[int, ...]):
    """The indices of some points in iBUG-68, and of the same points in WFLW-98.

    As a default it stands for the points of the layout in use, which follows from the number of keypoints.
    """

    wflw98: tuple[int, ...]

    def __new__(cls, ibug68: tuple[int, ...], wflw98: tuple[int, ...]) -> "FacePoints":
        """Return the indices in iBUG-68, which hold those in WFLW-98 as well."""
        points = super().__new__(cls, ibug68)
        points.wflw98 = wflw98
        return points


#: Numbers of points of the known layouts.
IBUG68_POINTS, WFLW98_POINTS = 68, 98

#: Outer eye corners; their distance is the inter-ocular distance (IOD).
EYE_CORNERS = FacePoints((36, 45), (60, 72))

#: Centre of the upper and of the lower inner lip; their distance is the mouth opening.
INNER_LIP_CENTRES = FacePoints((62, 66), (90, 94))

#: Outer and inner lip.
MOUTH = FacePoints(tuple(range(48, 68)), tuple(range(76, 96)))

#: Points that move with the skull and not with speech: nose bridge, nose base, eye corners.
STABLE_POINTS = FacePoints((27, 28, 29, 30, 33, 36, 39, 42, 45), (51, 52, 53, 54, 57, 60, 64, 68, 72))

#: The point whose position is the head's translation, in iBUG-68 and in WFLW-98.
BASE_POINT, WFLW98_BASE_POINT = 27, 51

#: The person's right eye (left in the image): outer corner, two upper, inner corner, two lower.
RIGHT_EYE = FacePoints(tuple(range(36, 42)), (60, 61, 63, 64, 65, 67))

#: The person's left eye: inner corner, two upper, outer corner, two lower.
LEFT_EYE = FacePoints(tuple(range(42, 48)), (68, 69, 71, 72, 73, 75))
