"""The vertices of MediaPipe's face mesh that correspond to the 68 iBUG points.

The mesh's vertices are at fixed places of the skin, so the choice is anatomical: lid margins, lip edges and nostrils
are rows of vertices by design. If two neighbours are possible (jaw, brows, the points between a lip's corner and its
bow), the one nearer on average to dlib's points in 92 frontal faces was chosen, the same one on both sides.
"""

#: Number of vertices; the last ten are the irises, which correspond to no iBUG point.
MESH_SIZE = 478

_RIGHT_JAW = (127, 234, 93, 58, 172, 136, 149, 148)  # from the ear down, on the outline of the face
_CHIN = (152,)
_LEFT_JAW = (377, 378, 365, 397, 288, 323, 454, 356)
_RIGHT_BROW = (70, 63, 105, 66, 107)  # the upper of the brow's two rows, as iBUG has it
_LEFT_BROW = (336, 296, 334, 293, 300)
_NOSE_BRIDGE = (168, 197, 195, 4)
_NOSE_BASE = (240, 97, 2, 326, 460)
_RIGHT_EYE = (33, 160, 158, 133, 153, 144)  # outer corner, upper lid, inner corner, lower lid
_LEFT_EYE = (362, 385, 387, 263, 373, 380)
_OUTER_LIP = (61, 40, 37, 0, 267, 270, 291, 405, 314, 17, 84, 181)
_INNER_LIP = (78, 82, 13, 312, 308, 317, 14, 87)

#: The vertex of each of the 68 iBUG points, in their order.
MESH_TO_IBUG68: tuple[int, ...] = (
    *(_RIGHT_JAW + _CHIN + _LEFT_JAW),
    *(_RIGHT_BROW + _LEFT_BROW),
    *(_NOSE_BRIDGE + _NOSE_BASE),
    *(_RIGHT_EYE + _LEFT_EYE),
    *(_OUTER_LIP + _INNER_LIP),
)
