"""Texts, sliders and languages of the web page, independent of Gradio."""

import html
import logging
import os
import re
from typing import NamedTuple

from a2k_nets.web.pipeline import Request

logger = logging.getLogger(__name__)

#: A path with at least two folders, of which the name of the file is kept.
_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[\\/][^\\/\s\"',;:]+){1,}[\\/]([^\\/\s\"',;:]+)")


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

#: The sliders of a model whose head moves in space.
HEAD_GAINS = (Gain("turn", "Turns"), Gain("nod", "Nods"), Gain("tilt", "Tilts"), Gain("brow", "Brows"))

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

#: Follows the header where there is a live page.
LIVE_LINK = '<p><a href="live/">Live: speak, and a face speaks, in your browser alone</a></p>'

#: Scrolls to the results, where they are below the inputs, as on a phone.
SCROLL_TO_RESULT = """() => {
  const status = document.getElementById("status");
  if (status.getBoundingClientRect().top > window.innerHeight / 2) status.scrollIntoView({behavior: "smooth"});
}"""


def progress_note(*, has_keypoints: bool) -> str:
    """Return what has been made so far and what comes next."""
    return "Made the keypoints; drawing the video …" if has_keypoints else "Found the face; making the keypoints …"


def note(text: str, *, kind: str = "note") -> str:
    """Return a line of HTML for the page's status area; `kind` is `note` or `error`.

    Example:
        >>> note("a < b", kind="error")
        '<div class="error" role="alert">a &lt; b</div>'
    """
    return f'<div class="{kind}" role="{"alert" if kind == "error" else "status"}">{html.escape(text)}</div>'


def explain(error: Exception, request: Request) -> str:
    """Return the error message for a visitor: what is wrong with the input, or that the error is internal.

    Files have the names that the visitor gave them. The server's paths are not shown.

    Example:
        >>> from pathlib import Path
        >>> explain(ValueError("no sound in /tmp/a2k/1f/talk.wav"), Request(None, Path("/tmp/a2k/1f/talk.wav")))
        'No sound in talk.wav'
    """
    if isinstance(error, OSError):
        logger.error("a request failed", exc_info=error)
        reason = error.strerror or (os.strerror(error.errno) if error.errno else "an error of its disk")
        return f"The server could not read or write a file: {reason}. The details are in its log."
    if not isinstance(error, (ValueError, ImportError, RuntimeError)):
        logger.error("a request failed", exc_info=error)
        return "Internal error. The details are in the log of the server."
    text = " ".join(str(error).split())
    for path in (request.portrait, request.speech):
        if path is not None:
            text = text.replace(str(path), path.name)
    text = _PATH.sub(r"\1", text)
    return text[:1].upper() + text[1:]
