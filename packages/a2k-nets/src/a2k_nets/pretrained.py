"""Loading a checkpoint of whichever preset."""

from pathlib import Path
from typing import Any

from a2k_nets.checkpoints.checkpoint import build, load_checkpoint, put_state
from a2k_nets.config.paper import PaperConfig
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.residual.model import Audio2Keypoint

AnyModel = Audio2Keypoint | PaperAudio2Keypoint


def load_model(
    source: Path | str | None = None, *, revision: str | None = None, sha256: str | None = None, **download: Any
) -> AnyModel:
    """Load a model of the preset that the checkpoint names, by default the one that comes with the package.

    Args:
        source: A `.safetensors` file, a folder with `model.safetensors`, or an id `owner/name` of the Hugging Face Hub
            (extra `hub`); a folder of that name comes first.
        revision: Branch, tag or commit on the Hub.
        sha256: Digest of the file, checked before it is opened.
        download: Options of `huggingface_hub.hf_hub_download`: `token`, `cache_dir`, `local_files_only` …

    Raises:
        ValueError: The file is damaged, has another digest, is of another version, or is no safetensors file; pickles
            are never opened.
        FileNotFoundError: There is no such file, here or on the Hub, or no network.
        ImportError: An id of the Hub is named and the extra `hub` is not installed.

    Example:
        >>> load_model().config.fps
        25
    """
    state, config = load_checkpoint(source, revision=revision, sha256=sha256, **download)
    model = build(lambda: PaperAudio2Keypoint(config) if isinstance(config, PaperConfig) else Audio2Keypoint(config))
    put_state(model, state)
    return model.eval()
