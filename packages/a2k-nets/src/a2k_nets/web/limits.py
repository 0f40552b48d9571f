"""Limits of the web page's inputs: size, duration, and file types by their first bytes."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kp_io import KeypointSequence

#: Offset and magic bytes by file type. No other types are opened: decoders accept more, some of which list other files
#: or contain programs.
_PICTURE_TYPES = {
    "PNG": (0, [b"\x89PNG\r\n\x1a\n"]),
    "JPEG": (0, [b"\xff\xd8\xff"]),
    "WebP": (8, [b"WEBP"]),
    "GIF": (0, [b"GIF8"]),
    "BMP": (0, [b"BM"]),
    "TIFF": (0, [b"II*\0", b"MM\0*"]),
}
_SOUND_TYPES = {
    "WAV": (8, [b"WAVE"]),
    "MP3": (0, [b"ID3", b"\xff\xfa", b"\xff\xfb", b"\xff\xf2", b"\xff\xf3", b"\xff\xe2", b"\xff\xe3"]),
    "AAC": (0, [b"\xff\xf1", b"\xff\xf9"]),
    "FLAC": (0, [b"fLaC"]),
    "OGG": (0, [b"OggS"]),
    "M4A, MP4": (4, [b"ftyp"]),
    "WebM": (0, [b"\x1aE\xdf\xa3"]),
    "AIFF": (8, [b"AIF"]),
}
_KEYPOINT_TYPES = {".npz": (0, [b"PK\3\4"])}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one request.

    Attributes:
        picture_megabytes: Size of the portrait file.
        picture_megapixels: Width × height of the portrait.
        sound_megabytes: Size of the speech file.
        seconds: Duration of the speech, recorded or synthesized.
        characters: Length of a text.
        keypoint_megabytes: Size of a keypoint file, unpacked.
        clip_seconds: Duration of the clip of a keypoint file.
    """

    picture_megabytes: float = 10
    picture_megapixels: float = 40
    sound_megabytes: float = 25
    seconds: float = 60
    characters: int = 600
    keypoint_megabytes: float = 25
    clip_seconds: float = 600

    @property
    def text(self) -> str:
        """The limits as the page shows them."""
        return (
            f"Pictures up to {self.picture_megabytes:g} MB; speech up to {self.seconds:g} s and "
            f"{self.sound_megabytes:g} MB. Uploads are deleted after an hour, or when the server stops."
        )

    @property
    def clip_text(self) -> str:
        """The limits of keypoint files, and where such files come from, as the page shows them."""
        return (
            "Optional keypoint files of another clip, of this page or of <code>kp-io annotate</code>. Style: head and "
            "brows move as much as there. Driving: the head moves as there. "
            f"Up to {self.clip_seconds / 60:g} min and {self.keypoint_megabytes:g} MB."
        )


def check_picture(path: Path, limits: Limits) -> None:
    """Raise a `ValueError` for a file that is too large or no picture, or a picture with too many pixels."""
    from kp_io.media import image_size  # here, so that servers of sound alone do not need kp-io

    _check(path, "a picture", _PICTURE_TYPES, limits.picture_megabytes)
    # The header tells the size: a small file may become gigabytes of pixels.
    height, width = image_size(path) or (0, 0)
    if height * width > 1e6 * limits.picture_megapixels:
        raise ValueError(
            f"expected a picture of at most {limits.picture_megapixels:g} megapixels, "
            f"got {width}×{height} px: make it smaller"
        )


def check_sound(path: Path, limits: Limits) -> None:
    """Raise a `ValueError` for a file that is too large or no sound file."""
    _check(path, "a sound file", _SOUND_TYPES, limits.sound_megabytes)


def read_clip(path: Path, limits: Limits) -> "KeypointSequence":
    """Read the keypoints of a clip as `a2k generate` does, from a `.npz`: it tells its length before it is read.

    Raises:
        ValueError: The file is no keypoint file, or it is too large or too long.
    """
    from kp_io import load_keypoints

    if path.suffix.lower() != ".npz":
        raise ValueError(
            f"expected a keypoint file .npz, got {path.name}: `kp-io annotate` makes one of a video, and "
            "`kp-io convert` of other keypoint files"
        )
    _check(path, "a keypoint file", _KEYPOINT_TYPES, limits.keypoint_megabytes)
    megabytes = _unpacked_bytes(path) / 1e6
    if megabytes > limits.keypoint_megabytes:
        raise ValueError(
            f"expected a keypoint file of at most {limits.keypoint_megabytes:g} MB, got {path.name} of "
            f"{megabytes:.1f} MB when unpacked"
        )
    clip = load_keypoints(path)
    if clip.duration_seconds > limits.clip_seconds:
        raise ValueError(
            f"expected a clip of at most {limits.clip_seconds:g} s, got {path.name} of {clip.duration_seconds:.1f} s"
        )
    return clip


def _unpacked_bytes(path: Path) -> int:
    """Return the size of what is in an archive; 0 if it is damaged, which its reader then reports."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except Exception:  # on damaged bytes, zipfile raises half a dozen unrelated types
        return 0


def check_text(text: str, limits: Limits) -> None:
    """Raise a `ValueError` for a text that is too long.

    Example:
        >>> check_text("Good morning.", Limits(characters=5))
        Traceback (most recent call last):
        ValueError: expected a text of at most 5 characters, got 13: shorten it
    """
    if len(text) > limits.characters:
        raise ValueError(f"expected a text of at most {limits.characters} characters, got {len(text)}: shorten it")


def _check(path: Path, expected: str, types: dict[str, tuple[int, list[bytes]]], max_megabytes: float) -> None:
    if not path.is_file():
        raise ValueError(f"expected {expected}, but {path.name} was removed from the server: choose it again")
    megabytes = path.stat().st_size / 1e6
    if megabytes > max_megabytes:
        raise ValueError(f"expected {expected} of at most {max_megabytes:g} MB, got {path.name} of {megabytes:.1f} MB")
    with path.open("rb") as file:
        head = file.read(16)
    if not any(head.startswith(tuple(magics), offset) for offset, magics in types.values()):
        raise ValueError(f"expected {expected} ({', '.join(types)}), got {path.name}, which is not one of these")
