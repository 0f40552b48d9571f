"""Example inputs of the web page: a portrait, a reading, and texts."""

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
    """Return the LibriVox reading: inside the built package, or in examples/ of a checkout."""
    package = Path(__file__).parents[1]
    paths = (package / "examples" / _SPEECH, *(p / "examples" / "assets" / _SPEECH for p in package.parents[3:4]))
    return next((path for path in paths if path.is_file()), None)
