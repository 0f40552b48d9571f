"""Loading a checkpoint of either preset."""

from pathlib import Path
from typing import Any

from a2k_nets.checkpoints.pretrained_mixin import load_pretrained
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.residual.model import Audio2Keypoint

AnyModel = Audio2Keypoint | PaperAudio2Keypoint


def load_model(
    source: Path | str | None = None, *, revision: str | None = None, sha256: str | None = None, **download: Any
) -> AnyModel:
    """Load a model of the preset that its checkpoint names, by default the one in the package, in eval mode.

    Arguments and errors are those of `Audio2Keypoint.from_pretrained`.

    Example:
        >>> load_model().config.fps
        25
    """
    classes: Any = (Audio2Keypoint, PaperAudio2Keypoint)
    model: AnyModel = load_pretrained(classes, source, revision=revision, sha256=sha256, **download)
    return model
