"""Meaning of the 68 points (iBUG 300-W)."""

NUM_KEYPOINTS = 68

#: Points that move with the skull and not with speech: ridge and base of the nose, corners of the eyes.
STABLE = (27, 28, 29, 30, 33, 36, 39, 42, 45)

JAW = tuple(range(17))
BROWS = tuple(range(17, 27))
NOSE = tuple(range(27, 36))

#: The edges of the upper and the lower lip where they meet, both from corner to corner, left to right in the image.
MOUTH_UPPER, MOUTH_LOWER = (60, 61, 62, 63, 64), (60, 67, 66, 65, 64)
#: Likewise the outer edges of the lips.
LIPS_UPPER, LIPS_LOWER = (48, 49, 50, 51, 52, 53, 54), (48, 59, 58, 57, 56, 55, 54)
#: Likewise of the lids: first the eye at the left of the image.
EYES_UPPER, EYES_LOWER = ((36, 37, 38, 39), (42, 43, 44, 45)), ((36, 41, 40, 39), (42, 47, 46, 45))

MOUTH_CORNERS = (48, 54, 60, 64)
EYE_CORNERS = (36, 39, 42, 45)
UPPER_LIP, LOWER_LIP = (49, 50, 51, 52, 53, 61, 62, 63), (55, 56, 57, 58, 59, 65, 66, 67)
UPPER_LIDS, LOWER_LIDS = (37, 38, 43, 44), (40, 41, 46, 47)
