"""Loading a checkpoint of whichever preset."""

from pathlib import Path

from a2k_nets.checkpoint import load_checkpoint
from a2k_nets.model import Audio2Keypoint
from a2k_nets.paper.config import PaperConfig
from a2k_nets.paper.model import PaperAudio2Keypoint

__all__ = ["load_model"]


def load_model(path: Path | str | None = None) -> Audio2Keypoint | PaperAudio2Keypoint:
    """Load a model of the preset that the checkpoint names, by default the one that comes with the package.

    Args:
        path: A `.safetensors` file, or a folder with `model.safetensors`.

    Raises:
        ValueError: The file is damaged, of another version, or no safetensors file; pickles are never opened.
        FileNotFoundError: There is no such file.

    Example:
        >>> load_model().config.fps
        25
    """
    if path is not None and isinstance(load_checkpoint(path)[1], PaperConfig):
        return PaperAudio2Keypoint.from_pretrained(path)
    return Audio2Keypoint.from_pretrained(path)
