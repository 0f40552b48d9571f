"""Loading a checkpoint of any preset."""

from pathlib import Path
from typing import Any

from a2k_nets.checkpoints.pretrained_mixin import load_pretrained
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.residual.model import Audio2Keypoint

AnyModel = Audio2Keypoint | PaperAudio2Keypoint


def load_model(
    source: Path | str | None = None, *, revision: str | None = None, sha256: str | None = None, **download: Any
) -> AnyModel:
    """Load a model of the preset that its checkpoint names, by default `listener` in the package, in eval mode.

    Arguments and errors are those of `Audio2Keypoint.from_pretrained`, whose default is `small`.

    Example:
        >>> load_model().preset, load_model("small").preset
        ('listener', 'residual')
    """
    classes: Any = (Audio2Keypoint, PaperAudio2Keypoint)
    model: AnyModel = load_pretrained(
        classes, "listener" if source is None else source, revision=revision, sha256=sha256, **download
    )
    return model
