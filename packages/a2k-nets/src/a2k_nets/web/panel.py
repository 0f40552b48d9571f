"""What the web page says and offers, apart from how Gradio shows it."""

import html
import logging
from dataclasses import dataclass

from a2k_nets.web.pipeline import Request

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gain:
    """A slider from 0 to `maximum`, 1 at first.

    Attributes:
        option: The option of `generate_sequence` that it sets.
        label: Its name on the page.
        maximum: Its right end.
    """

    option: str
    label: str
    maximum: float = 2.0


#: The sliders of the page.
GAINS = (
    Gain("head_motion", "Head motion"),
    Gain("expression", "Expression"),
    Gain("blink", "Blinks", maximum=1.0),
)

#: Languages of the text, and eSpeak NG's names of them.
VOICES = (
    ("English", "en"),
    ("English (US)", "en-us"),
    ("Deutsch", "de"),
    ("Español", "es"),
    ("Français", "fr"),
    ("Italiano", "it"),
    ("Polski", "pl"),
    ("Português", "pt"),
    ("中文", "cmn"),
)

HEAD = (
    "<h1>Make a portrait speak</h1>"
    "<p>A picture of a face and speech in, 68 moving facial keypoints out. Nothing leaves the machine that serves this "
    "page. Only use pictures of people who agreed.</p>"
)


def note(text: str, *, kind: str = "note") -> str:
    """Return a line for the place where the page tells how things stand; `kind` is `note` or `error`.

    Example:
        >>> note("a < b", kind="error")
        '<div class="error" role="alert">a &lt; b</div>'
    """
    return f'<div class="{kind}" role="{"alert" if kind == "error" else "status"}">{html.escape(text)}</div>'


def explain(error: Exception, request: Request) -> str:
    """Return what to tell a visitor of an error: what is wrong with the input, or that we do not know.

    Files are named as the visitor named them, not as they are called where they lie here.

    Example:
        >>> from pathlib import Path
        >>> explain(ValueError("no sound in /tmp/a2k/1f/talk.wav"), Request(None, Path("/tmp/a2k/1f/talk.wav")))
        'No sound in talk.wav'
    """
    if not isinstance(error, (ValueError, OSError, ImportError, RuntimeError)):
        logger.error("a request failed", exc_info=error)
        return "Something went wrong here; whoever runs this page finds the reason in its log."
    text = " ".join(str(error).split())
    for path in (request.portrait, request.speech):
        if path is not None:
            text = text.replace(str(path), path.name)
    return text[:1].upper() + text[1:]
