"""Which languages and voices eSpeak NG has, and the name that it knows a choice of both by."""

import ctypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeechVoices:
    """What `synthesize_speech` can speak in.

    Attributes:
        languages: Codes of languages, such as `en-us`, `de`, `zh`, and the file of eSpeak's that speaks each.
        voices: Ways to speak each of them, such as `f2`, `m3`, `whisper`, `grandpa`.
    """

    languages: Mapping[str, str]
    voices: tuple[str, ...]


class _Voice(ctypes.Structure):
    """`espeak_VOICE` of espeak-ng/speak_lib.h, as far as it is public."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("private_byte", ctypes.c_ubyte),
        ("private_int", ctypes.c_int),
        ("private_pointer", ctypes.c_void_p),
    )


def list_voices(espeak: ctypes.CDLL) -> SpeechVoices:
    """Return what a started library has."""
    languages: dict[str, str] = {}
    # A language without a region comes first: `fr` is French before it is the French of Belgium.
    for voice in sorted(_ask(espeak, None), key=lambda voice: (len(voice.identifier), voice.identifier)):
        for code in _codes(voice.languages):
            languages.setdefault(code, voice.identifier.decode())
    named = (voice.identifier.decode() for voice in _ask(espeak, b"variant"))
    return SpeechVoices(dict(sorted(languages.items())), tuple(sorted(name.rpartition("/")[2] for name in named)))


def choose_voice(known: SpeechVoices, *, language: str | None, voice: str | None) -> str:
    """Return eSpeak's name of a voice in a language.

    Args:
        known: What there is.
        language: A language; None takes the voice's, or English.
        voice: A voice, a language, or both as `de+f2`; None takes the language's own.

    Raises:
        ValueError: There is no such language or voice; the message lists those that there are.

    Example:
        >>> known = SpeechVoices({"de": "gmw/de", "en": "gmw/en"}, ("croak", "f2"))
        >>> choose_voice(known, language="de", voice="f2"), choose_voice(known, language=None, voice="de")
        ('gmw/de+f2', 'gmw/de')
    """
    if language is None and voice:
        first, _, rest = voice.partition("+")
        if rest or _find(first, known.languages):
            language, voice = first, rest or None
    code = _find(language or "en", known.languages)
    if code is None:
        raise ValueError(f"expected a language of eSpeak NG, got {language!r}; there are {', '.join(known.languages)}")
    file = known.languages[code]
    if not voice:
        return file
    name = _find(voice, known.voices)
    if name is None:
        raise ValueError(f"expected a voice of eSpeak NG, got {voice!r}; there are {', '.join(known.voices)}")
    return f"{file}+{name}"


def _find(name: str, names: Iterable[str]) -> str | None:
    """Return the one of the names that is written so but for upper case and underscores."""
    wanted = name.casefold().replace("_", "-")
    return next((known for known in names if known.casefold().replace("_", "-") == wanted), None)


def _ask(espeak: ctypes.CDLL, languages: bytes | None) -> list[_Voice]:
    espeak.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    espeak.espeak_ListVoices.argtypes = [ctypes.POINTER(_Voice)]
    wanted = None
    if languages is not None:
        text = ctypes.create_string_buffer(languages)  # kept alive while the library reads it
        wanted = ctypes.pointer(_Voice(languages=ctypes.cast(text, ctypes.c_void_p).value))
    found = espeak.espeak_ListVoices(wanted)
    voices: list[_Voice] = []
    while found[len(voices)]:
        voices.append(found[len(voices)].contents)
    return voices


def _codes(place: int | None) -> list[str]:
    """Read a list of languages: each a priority, which is one byte, and a string; a priority of 0 ends it."""
    codes = []
    while place and ctypes.string_at(place, 1) != b"\0":
        code = ctypes.string_at(place + 1)
        codes.append(code.decode())
        place += len(code) + 2
    return codes
