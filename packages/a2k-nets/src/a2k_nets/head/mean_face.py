"""A 3-D mean face, against which the pose of a head is measured.

No person's data is in it. It is the mean face of kp-io, which the networks do not need; a test compares the two.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

#: Points on the left half of the image and the midline: x right, y down, z away from the viewer, millimetres from the
#: nose root.
_HALF = {
    0: (-72, 6, 78), 1: (-71, 24, 76), 2: (-69, 42, 73), 3: (-65, 59, 67), 4: (-57, 75, 57), 5: (-46, 89, 44),
    6: (-32, 99, 32), 7: (-16, 106, 24), 8: (0, 108, 21),
    17: (-59, -11, 30), 18: (-51, -19, 20), 19: (-40, -22, 12), 20: (-28, -20, 7), 21: (-16, -15, 4),
    27: (0, 0, 0), 28: (0, 12, -7), 29: (0, 24, -15), 30: (0, 36, -24),
    31: (-15, 43, -2), 32: (-8, 46, -7), 33: (0, 48, -10),
    36: (-45, 3, 26), 37: (-36, -2, 18), 38: (-25, -2, 16), 39: (-17, 4, 18), 40: (-25, 7, 17), 41: (-36, 7, 19),
    48: (-25, 71, 11), 49: (-16, 66, 1), 50: (-6, 63, -5), 51: (0, 65, -5),
    57: (0, 82, -1), 58: (-7, 81, 0), 59: (-17, 78, 4),
    60: (-22, 71, 9), 61: (-7, 70, 0), 62: (0, 70, -2), 66: (0, 73, 0), 67: (-7, 73, 1),
}  # fmt: skip

#: The point on the other side of the face, for the points above.
_MIRROR = {
    **{i: 16 - i for i in range(9)}, **{i: 43 - i for i in range(17, 22)}, **{i: i for i in range(27, 31)},
    31: 35, 32: 34, 33: 33, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46,
    48: 54, 49: 53, 50: 52, 51: 51, 57: 57, 58: 56, 59: 55, 60: 64, 61: 63, 62: 62, 66: 66, 67: 65,
}  # fmt: skip

#: Distance of the outer eye corners of the mean face, millimetres.
EYE_DISTANCE = 90.0


def mean_face_3d() -> Float64[Tensor, "68 3"]:
    """Return the mean face, `(68, 3)` millimetres from the nose root, facing the viewer.

    Example:
        >>> face = mean_face_3d()
        >>> (face[45] - face[36]).tolist()  # the outer corners of the eyes
        [90.0, 0.0, 0.0]
    """
    face = torch.zeros(68, 3, dtype=torch.float64)
    for index, (x, y, z) in _HALF.items():
        face[_MIRROR[index]] = torch.tensor([-x, y, z], dtype=torch.float64)
        face[index] = torch.tensor([x, y, z], dtype=torch.float64)
    return face
