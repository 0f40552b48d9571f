"""What the web page takes: how large, how long, and which kinds of files, by their first bytes."""

from dataclasses import dataclass
from pathlib import Path

#: Kinds of files: name, and which bytes stand where. Only these are opened: decoders know many more, some of which are
#: lists of other files or little programs.
_PICTURES = (
    ("PNG", 0, b"\x89PNG\r\n\x1a\n"),
    ("JPEG", 0, b"\xff\xd8\xff"),
    ("WebP", 8, b"WEBP"),
    ("GIF", 0, b"GIF8"),
    ("BMP", 0, b"BM"),
    ("TIFF", 0, b"II*\0"),
    ("TIFF", 0, b"MM\0*"),
)
_SOUNDS = (
    ("WAV", 8, b"WAVE"),
    ("MP3", 0, b"ID3"),
    *(("MP3", 0, bytes((0xFF, second))) for second in (0xFA, 0xFB, 0xF2, 0xF3, 0xE2, 0xE3)),
    ("AAC", 0, b"\xff\xf1"),
    ("AAC", 0, b"\xff\xf9"),
    ("FLAC", 0, b"fLaC"),
    ("OGG", 0, b"OggS"),
    ("M4A, MP4", 4, b"ftyp"),
    ("WebM", 0, b"\x1aE\xdf\xa3"),
    ("AIFF", 8, b"AIF"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest of everything that one request may bring.

    Attributes:
        picture_megabytes: Size of the portrait's file.
        picture_megapixels: Width × height of the portrait.
        sound_megabytes: Size of the speech's file.
        seconds: Duration of the speech, recorded or spoken from text.
        characters: Length of a text.
    """

    picture_megabytes: float = 10
    picture_megapixels: float = 40
    sound_megabytes: float = 25
    seconds: float = 60
    characters: int = 600

    @property
    def file_megabytes(self) -> float:
        """What no upload may exceed, whatever it is."""
        return max(self.picture_megabytes, self.sound_megabytes)

    @property
    def told(self) -> str:
        """The limits as the page tells them."""
        return (
            f"Pictures up to {self.picture_megabytes:g} MB; speech up to {self.seconds:g} s and "
            f"{self.sound_megabytes:g} MB. What you upload is removed after an hour, or when the server stops."
        )


def check_picture(path: Path, limits: Limits) -> None:
    """Raise a `ValueError` for a file that is too large, or that does not begin as a picture does."""
    _check(path, "a picture", _PICTURES, limits.picture_megabytes)


def check_sound(path: Path, limits: Limits) -> None:
    """Raise a `ValueError` for a file that is too large, or that does not begin as sound does."""
    _check(path, "a sound file", _SOUNDS, limits.sound_megabytes)


def check_text(text: str, limits: Limits) -> None:
    """Raise a `ValueError` for a text that is too long.

    Example:
        >>> check_text("Good morning.", Limits(characters=5))
        Traceback (most recent call last):
        ValueError: expected a text of at most 5 characters, got 13: shorten it
    """
    if len(text) > limits.characters:
        raise ValueError(f"expected a text of at most {limits.characters} characters, got {len(text)}: shorten it")


def _check(path: Path, expected: str, kinds: tuple[tuple[str, int, bytes], ...], max_megabytes: float) -> None:
    if not path.is_file():
        raise ValueError(f"expected {expected}, but {path.name} is no longer here: choose it again")
    megabytes = path.stat().st_size / 1e6
    if megabytes > max_megabytes:
        raise ValueError(f"expected {expected} of at most {max_megabytes:g} MB, got {path.name} of {megabytes:.1f} MB")
    with path.open("rb") as file:
        head = file.read(16)
    if not any(head[at:].startswith(mark) for _, at, mark in kinds):
        names = ", ".join(dict.fromkeys(name for name, _, _ in kinds))
        raise ValueError(f"expected {expected} ({names}), got {path.name}, which is none of these")
