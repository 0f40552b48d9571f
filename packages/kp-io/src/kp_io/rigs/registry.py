"""Write files for rigs: a table of formats, chosen by suffix."""

import os
from collections.abc import Callable
from pathlib import Path

from kp_io.filesystem.atomic import atomic_path
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.rigs.arkit_json import write_arkit_json
from kp_io.rigs.bvh import write_bvh
from kp_io.rigs.live_link import write_live_link

#: Writers by the end of the file's name; no reader makes keypoints of these files again.
RIG_FORMATS: dict[str, Callable[[Path, KeypointSequence], None]] = {
    ".arkit.csv": write_live_link,  # ARKit's 52 blend shapes, like the tables of Live Link Face
    ".arkit.json": write_arkit_json,  # likewise, with the motion of the head
    ".bvh": write_bvh,  # the motion of a head bone
}


def rig_suffix(path: str | os.PathLike[str]) -> str | None:
    """Return the key of `RIG_FORMATS` that a file's name ends with, or None.

    Example:
        >>> rig_suffix("talk.arkit.csv"), rig_suffix("talk.csv")
        ('.arkit.csv', None)
    """
    name = Path(path).name.lower()
    return next((suffix for suffix in RIG_FORMATS if name.endswith(suffix)), None)


def save_rig(path: str | os.PathLike[str], sequence: KeypointSequence) -> None:
    """Write what drives a rig, atomically, in the format of the suffix; a missing folder is created.

    Raises:
        ValueError: The suffix is unknown, or the layout is not ibug68.
        OSError: The folder cannot be written.

    Example:
        >>> import tempfile
        >>> from kp_io.transforms.mean_face_3d import mean_face_3d
        >>> still = KeypointSequence(mean_face_3d()[None, :, :2].float() + 100, image_size=(224, 224))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_rig(Path(folder, "talk.arkit.csv"), still)
        ...     Path(folder, "talk.arkit.csv").read_text()[:37]
        'Timecode,BlendShapeCount,EyeBlinkLeft'
    """
    suffix = rig_suffix(path)
    if suffix is None:
        raise ValueError(f"expected a file ending in {', '.join(RIG_FORMATS)}, got {path}")
    with atomic_path(path) as temporary:
        RIG_FORMATS[suffix](temporary, sequence)
