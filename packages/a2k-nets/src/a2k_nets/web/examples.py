"""What the web page offers to try: a portrait and a reading that come along, and a sentence to speak."""

from importlib.util import find_spec
from pathlib import Path

EXAMPLE_TEXTS = ("Good morning! What a lovely day to say a few words.", "She sells sea shells by the sea shore.")

_SPEECH = "sense_and_sensibility_0870.wav"


def example_portrait() -> Path | None:
    """Return scikit-image's photograph of the astronaut Eileen Collins (NASA); None without scikit-image."""
    library = find_spec("skimage")
    if library is None or library.origin is None:
        return None
    picture = Path(library.origin).parent / "data" / "astronaut.png"
    return picture if picture.is_file() else None


def example_speech() -> Path | None:
    """Return the LibriVox reading: it lies in this package when it is built, and in examples/ of a checkout."""
    here = Path(__file__).parents[1]
    places = (here / "examples" / _SPEECH, *(p / "examples" / "assets" / _SPEECH for p in here.parents[3:4]))
    return next((place for place in places if place.is_file()), None)
