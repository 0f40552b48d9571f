"""What models of either preset have in common: how they are saved, loaded and shared."""

import json
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import nn

from a2k_nets.checkpoints.atomic import write_bytes
from a2k_nets.checkpoints.checkpoint import FORMAT_VERSION, LICENCE, build, load_checkpoint, put_state, save_checkpoint
from a2k_nets.checkpoints.model_card import model_card
from a2k_nets.checkpoints.resolve import WEIGHTS
from a2k_nets.config.presets import AnyConfig, config_to_dict, preset_of

_Model = TypeVar("_Model", bound="SharedModel")


class SharedModel(nn.Module):
    """A network with its settings, in a folder or on the Hugging Face Hub."""

    #: Which checkpoints the class loads.
    preset: ClassVar[str]
    config: AnyConfig

    def save_pretrained(self, folder: Path | str, *, about: str = "", licence: str = LICENCE) -> Path:
        """Write a folder to keep or to share; return the path of its weights.

        `model.safetensors` is the whole model, settings and licence inside; `config.json` tells people and the Hub of
        it, and `README.md` is its card, which is left alone where there is one. Each appears whole or not at all.

        Args:
            folder: Where to; it is made if it is missing.
            about: For the card: what the weights saw, under which terms, and how good they are (Markdown).
            licence: Of the weights, an SPDX identifier and what else there is to say in one line.

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
        """Upload what `save_pretrained` writes to the Hugging Face Hub (extra `hub`); return the commit's address.

        Args:
            repo: `owner/name`; it is made if it is missing.
            about: For the card, as in `save_pretrained`.
            licence: Of the weights, as in `save_pretrained`.
            options: Those of `huggingface_hub.PyTorchModelHubMixin.push_to_hub`: `private`, `token`, `branch`,
                `commit_message` …

        Raises:
            ImportError: The extra `hub` is not installed.
        """
        from a2k_nets.checkpoints.hub import HubModel

        return str(HubModel(self, about=about, licence=licence).push_to_hub(repo, **options))

    @classmethod
    def from_pretrained(
        cls: type[_Model],
        source: Path | str | None = None,
        *,
        revision: str | None = None,
        sha256: str | None = None,
        **download: Any,
    ) -> _Model:
        """Load a model, by default the one that comes with the package, ready to generate (in eval mode).

        Args:
            source: A `.safetensors` file, a folder with `model.safetensors`, or an id `owner/name` of the Hugging Face
                Hub (extra `hub`); a folder of that name comes first.
            revision: Branch, tag or commit on the Hub.
            sha256: Digest of the file, checked before it is opened.
            download: Options of `huggingface_hub.hf_hub_download`: `token`, `cache_dir`, `local_files_only` …

        Raises:
            ValueError: The file is damaged, has another digest, is of another version or preset, or is no safetensors
                file; pickles are never opened.
            FileNotFoundError: There is no such file, here or on the Hub, or no network.
            ImportError: An id of the Hub is named and the extra `hub` is not installed.
        """
        state, config = load_checkpoint(source, revision=revision, sha256=sha256, **download)
        if preset_of(config) != cls.preset:
            raise ValueError(
                f"expected a checkpoint of the preset {cls.preset}, got {source or 'the embedded one'} of the preset "
                f"{preset_of(config)}; a2k_nets.pretrained.load_model loads either"
            )
        model = build(lambda: cls(config))
        put_state(model, state)
        return model.eval()
