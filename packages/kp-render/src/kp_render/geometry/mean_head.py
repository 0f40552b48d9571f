"""Depth of a head: of the 68 points, and of a smooth surface through hair and ears.

No person's data is in it. The depths were set by hand from round anatomical lengths and agree with the 3-D mean face of
kp-io, against which `a2k generate` and `kp-io` measure head angles.
"""

import torch
from jaxtyping import Float
from torch import Tensor

#: One half of the face, and the midline: x right, y down, z away from the viewer, millimetres from the nose root.
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

#: The point on the other side of the face.
_MIRROR = {
    **{i: 16 - i for i in range(17)}, **{i: 43 - i for i in range(17, 27)}, **{i: i for i in range(27, 31)},
    **{i: 66 - i for i in range(31, 36)}, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46,
    **{i: 102 - i for i in range(48, 55)}, **{i: 114 - i for i in range(55, 60)},
    **{i: 124 - i for i in range(60, 65)}, 65: 67, 66: 66, 67: 65,
}  # fmt: skip

#: The smooth head: its silhouette is an ellipse around this point, with these half axes, millimetres.
_CENTRE_Y, HALF_WIDTH, _HALF_HEIGHT = 12.0, 82.0, 118.0
#: Depth of the silhouette, and of the front of the surface before the face is added, millimetres.
_RIM_Z, _FRONT_Z = 88.0, 2.0


def mean_head() -> Float[Tensor, "68 3"]:
    """Return the 68 points of a mean head, millimetres from the nose root, facing the viewer.

    Example:
        >>> head = mean_head()
        >>> (head[45] - head[36]).tolist()  # the outer corners of the eyes
        [90.0, 0.0, 0.0]
    """
    head = torch.zeros(68, 3)
    for index, (x, y, z) in _HALF.items():
        head[_MIRROR[index]] = torch.tensor([-x, y, z], dtype=torch.float32)
        head[index] = torch.tensor([x, y, z], dtype=torch.float32)
    return head


def head_radius(x: Tensor, y: Tensor) -> Tensor:
    """Return the distance from the middle of a head, 1 at its silhouette; x and y in millimetres from the nose root."""
    return torch.hypot(x / HALF_WIDTH, (y - _CENTRE_Y) / _HALF_HEIGHT)


def surface_depth(x: Tensor, y: Tensor) -> Tensor:
    """Return the depth of a smooth head without a face, millimetres; far from the head it is that of the silhouette.

    A bell instead of half an ellipsoid: its slope is bounded, so that a turning head never folds.
    """
    return _RIM_Z - (_RIM_Z - _FRONT_Z) * torch.exp(-1.4 * head_radius(x, y).square())
