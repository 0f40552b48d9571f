"""List the languages and voices of eSpeak NG, and choose one of them."""

import ctypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeechVoices:
    """Languages and voices of `synthesize_speech`.

    `languages` maps codes, such as `en-us`, `de`, `zh`, to eSpeak's voice files. Each of `voices`, such as `f2`, `m3`,
    `whisper`, `grandpa`, speaks every language.
    """

    languages: Mapping[str, str]
    voices: tuple[str, ...]


class _Voice(ctypes.Structure):
    """Struct `espeak_VOICE` of espeak-ng/speak_lib.h, public fields only."""

    _fields_ = (
        ("name", ctypes.c_char_p), ("languages", ctypes.c_void_p), ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte), ("age", ctypes.c_ubyte), ("variant", ctypes.c_ubyte),
        ("private_byte", ctypes.c_ubyte), ("private_int", ctypes.c_int), ("private_pointer", ctypes.c_void_p),
    )  # fmt: skip


def list_voices(espeak: ctypes.CDLL) -> SpeechVoices:
    """Return the languages and voices of an initialized library."""
    languages: dict[str, str] = {}
    # Shorter names first, so that `fr` is French of France, not of Belgium.
    for voice in sorted(_query_voices(espeak, None), key=lambda voice: (len(voice.identifier), voice.identifier)):
        for code in _language_codes(voice.languages):
            languages.setdefault(code, voice.identifier.decode())
    named = (voice.identifier.decode() for voice in _query_voices(espeak, b"variant"))
    return SpeechVoices(dict(sorted(languages.items())), tuple(sorted(name.rpartition("/")[2] for name in named)))


def choose_voice(known: SpeechVoices, *, language: str | None, voice: str | None) -> str:
    """Return eSpeak's name of a voice in a language, or raise `ValueError` that lists the known ones.

    Without a language, the voice may also be a language, or both as `de+f2`; the default is English.

    Example:
        >>> known = SpeechVoices({"de": "gmw/de", "en": "gmw/en"}, ("croak", "f2"))
        >>> choose_voice(known, language="de", voice="f2"), choose_voice(known, language=None, voice="de")
        ('gmw/de+f2', 'gmw/de')
    """
    if language is None and voice:
        first, _, rest = voice.partition("+")
        if rest or _match_name(first, known.languages):
            language, voice = first, rest or None
    code = _match_name(language or "en", known.languages)
    if code is None:
        raise ValueError(f"expected a language of eSpeak NG, got {language!r}; there are {', '.join(known.languages)}")
    file = known.languages[code]
    if not voice:
        return file
    name = _match_name(voice, known.voices)
    if name is None:
        raise ValueError(f"expected a voice of eSpeak NG, got {voice!r}; there are {', '.join(known.voices)}")
    return f"{file}+{name}"


def _match_name(name: str, names: Iterable[str]) -> str | None:
    """Return the matching name, ignoring case and `_` against `-`."""
    wanted = name.casefold().replace("_", "-")
    return next((known for known in names if known.casefold().replace("_", "-") == wanted), None)


def _query_voices(espeak: ctypes.CDLL, languages: bytes | None) -> list[_Voice]:
    espeak.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    espeak.espeak_ListVoices.argtypes = [ctypes.POINTER(_Voice)]
    wanted = None
    if languages is not None:
        text = ctypes.create_string_buffer(languages)  # kept alive while the library reads it
        wanted = ctypes.pointer(_Voice(languages=ctypes.cast(text, ctypes.c_void_p).value))
    listed = espeak.espeak_ListVoices(wanted)
    voices: list[_Voice] = []
    while listed[len(voices)]:
        voices.append(listed[len(voices)].contents)
    return voices


def _language_codes(address: int | None) -> list[str]:
    """Read eSpeak's language list: pairs of a priority (one byte) and a string, ended by priority 0."""
    codes = []
    while address and ctypes.string_at(address, 1) != b"\0":
        code = ctypes.string_at(address + 1)
        codes.append(code.decode())
        address += len(code) + 2
    return codes
