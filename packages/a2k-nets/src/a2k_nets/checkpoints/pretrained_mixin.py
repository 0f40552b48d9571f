"""Saving, loading and sharing of models of either preset."""

import json
import tempfile
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import nn

from a2k_nets.checkpoints.atomic import write_bytes
from a2k_nets.checkpoints.checkpoint import (
    FORMAT_VERSION,
    LICENCE,
    construct,
    load_checkpoint,
    load_state_strict,
    save_checkpoint,
)
from a2k_nets.checkpoints.model_card import model_card
from a2k_nets.checkpoints.resolve import WEIGHTS
from a2k_nets.config.presets import AnyConfig, config_to_dict, preset_of

_Model = TypeVar("_Model", bound="PretrainedMixin")


class PretrainedMixin(nn.Module):
    """A network that is saved to, and loaded from, a folder or the Hugging Face Hub."""

    #: The presets whose checkpoints the class loads.
    presets: ClassVar[tuple[str, ...]]
    config: AnyConfig

    @property
    def preset(self) -> str:
        """Name of the preset."""
        return preset_of(self.config)

    def save_pretrained(self, folder: Path | str, *, about: str = "", licence: str = LICENCE) -> Path:
        """Write the model to a folder; return the path of its weights.

        `model.safetensors` holds weights, settings and licence; `config.json` is a summary for people and the Hub, and
        `README.md` the model card, which is kept if there is one. Each file is written atomically.

        Args:
            folder: Where to; created if it is missing.
            about: Training data, its terms, and accuracy, for the model card (Markdown).
            licence: Licence of the weights, one line that begins with an SPDX identifier.

        Raises:
            OSError: The folder cannot be written.
        """
        folder = Path(folder)
        path = folder / WEIGHTS
        save_checkpoint(path, self.state_dict(), self.config, licence=licence)
        summary = {
            "architectures": [type(self).__name__],
            "library_name": "a2k-nets",
            "format_version": FORMAT_VERSION,
            "preset": self.preset,
            "licence": licence,
            "config": config_to_dict(self.config),
        }
        write_bytes(folder / "config.json", (json.dumps(summary, indent=2) + "\n").encode())
        if not (folder / "README.md").exists():
            write_bytes(folder / "README.md", model_card(path, about=about).encode())
        return path

    def push_to_hub(self, repo: str, *, about: str = "", licence: str = LICENCE, **options: Any) -> str:
        """Upload the files of `save_pretrained` to the Hugging Face Hub (extra `hub`); return the URL of the commit.

        Args:
            repo: `owner/name`; created if it is missing.
            about: For the model card, as in `save_pretrained`.
            licence: As in `save_pretrained`.
            options: `private`, `token`, `branch`, `commit_message`, and options of
                `huggingface_hub.HfApi.upload_folder`.

        Raises:
            ImportError: The extra `hub` is not installed.
        """
        from a2k_nets.checkpoints.hub import upload

        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder, about=about, licence=licence)
            return upload(Path(folder), repo, **options)

    @classmethod
    def from_pretrained(
        cls: type[_Model],
        source: Path | str | None = None,
        *,
        revision: str | None = None,
        sha256: str | None = None,
        **download: Any,
    ) -> _Model:
        """Load a model, by default `small` in the package, in eval mode.

        Args:
            source: `listener` or `small`, the models in the package; a `.safetensors` file, a folder with
                `model.safetensors`, or an id `owner/name` of the Hugging Face Hub (extra `hub`). A local file or folder
                of that name takes precedence.
            revision: Branch, tag or commit on the Hub.
            sha256: Digest of the file, checked before it is opened.
            download: Options of `huggingface_hub.hf_hub_download`: `token`, `cache_dir`, `local_files_only` …

        Raises:
            ValueError: The file is damaged, has another digest, version or preset, or is no safetensors file; pickles
                are never opened.
            FileNotFoundError: There is no such file, locally or on the Hub, or no network (a `ConnectionError`, too).
            PermissionError: The repository on the Hub is gated.
            ImportError: `source` is an id of the Hub and the extra `hub` is not installed.
        """
        return load_pretrained((cls,), source, revision=revision, sha256=sha256, **download)


#: Name in release 0.1.0.
SharedModel = PretrainedMixin


def load_pretrained(classes: tuple[type[_Model], ...], source: Path | str | None, **options: Any) -> _Model:
    """Load a checkpoint into the class of its preset; see `PretrainedMixin.from_pretrained`."""
    state, config = load_checkpoint(source, **options)
    presets: dict[str, Any] = {preset: model_class for model_class in classes for preset in model_class.presets}
    if preset_of(config) not in presets:
        raise ValueError(
            f"expected a checkpoint of the preset {', '.join(presets)}, got {source or 'the embedded one'} of the "
            f"preset {preset_of(config)}; a2k_nets.load_model loads either"
        )
    model: _Model = construct(lambda: presets[preset_of(config)](config))
    load_state_strict(model, state)
    return model.eval()
