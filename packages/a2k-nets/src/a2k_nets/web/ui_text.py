"""Texts, sliders and languages of the web page, independent of Gradio."""

import html
import logging
from typing import NamedTuple

from a2k_nets.web.pipeline import Request

logger = logging.getLogger(__name__)


class Gain(NamedTuple):
    """A slider from 0 to `maximum` that starts at 1 and sets the argument `option` of `generate_sequence`."""

    option: str
    label: str
    maximum: float = 2.0


#: The sliders of the page.
GAINS = (
    Gain("head_motion", "Head motion"),
    Gain("expression", "Expression"),
    Gain("blink", "Blinks", maximum=1.0),
)

#: Languages of the text: label and eSpeak NG voice.
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

HEADER = (
    "<h1>Animate a portrait</h1>"
    "<p>Turns a picture of a face and speech into a sequence of 68 facial keypoints. Your files stay on the server of "
    "this page. Only use pictures of people who consented.</p>"
)


def note(text: str, *, kind: str = "note") -> str:
    """Return a line of HTML for the page's status area; `kind` is `note` or `error`.

    Example:
        >>> note("a < b", kind="error")
        '<div class="error" role="alert">a &lt; b</div>'
    """
    return f'<div class="{kind}" role="{"alert" if kind == "error" else "status"}">{html.escape(text)}</div>'


def explain(error: Exception, request: Request) -> str:
    """Return the error message for a visitor: what is wrong with the input, or that the error is internal.

    Files have the names that the visitor gave them, without the server's paths.

    Example:
        >>> from pathlib import Path
        >>> explain(ValueError("no sound in /tmp/a2k/1f/talk.wav"), Request(None, Path("/tmp/a2k/1f/talk.wav")))
        'No sound in talk.wav'
    """
    if not isinstance(error, (ValueError, OSError, ImportError, RuntimeError)):
        logger.error("a request failed", exc_info=error)
        return "Internal error. The details are in the log of the server."
    text = " ".join(str(error).split())
    for path in (request.portrait, request.speech):
        if path is not None:
            text = text.replace(str(path), path.name)
    return text[:1].upper() + text[1:]
