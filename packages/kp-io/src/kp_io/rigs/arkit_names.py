"""The 52 blend shapes of Apple's ARKit, and which of them cannot be derived from 68 points."""


def _both(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}{side}" for name in names for side in ("Left", "Right"))


_EYE = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")

#: ARKit's names, in the order of Live Link Face's tables. Left and right are the person's own.
ARKIT_NAMES: tuple[str, ...] = (
    *(f"eye{name}{side}" for side in ("Left", "Right") for name in _EYE),
    "jawForward", "jawRight", "jawLeft", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft",
    *_both("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch"),
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    *_both("mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown"),
    "browInnerUp",
    *_both("browOuterUp"),
    "cheekPuff",
    *_both("cheekSquint", "noseSneer"),
    "tongueOut",
)  # fmt: skip

#: Blend shapes that stay 0: 68 points have no irises, cheeks, tongue or depth, and pressed lips look like closed ones.
NOT_DERIVED: frozenset[str] = frozenset(
    (
        *_both("eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint"),
        "jawForward", "mouthClose", "mouthShrugLower", "mouthShrugUpper", "cheekPuff", "tongueOut",
        *_both("mouthDimple", "mouthPress", "cheekSquint", "noseSneer"),
    )
)  # fmt: skip
