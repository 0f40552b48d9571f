"""Models on the Hugging Face Hub; the only place that knows huggingface_hub, imported when the Hub is asked for."""

from pathlib import Path
from typing import Any

from a2k_nets.checkpoints.pretrained_mixin import SharedModel
from a2k_nets.checkpoints.resolve import WEIGHTS
from a2k_nets.pretrained import load_model

try:
    from huggingface_hub import PyTorchModelHubMixin, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import RemoteEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError
except ImportError as error:
    raise ImportError(f'the Hugging Face Hub needs the extra hub: pip install "a2k-nets[hub]" ({error})') from error


def fetch(repo: str, *, revision: str | None = None, sha256: str | None = None, **options: Any) -> Path:
    """Return the weights of a repository on the Hub, out of the cache where they are there; nothing is opened.

    Args:
        repo: `owner/name`.
        revision: Branch, tag or commit; by default `main`.
        sha256: What the file should have, only to name it where the download fails.
        options: Those of `huggingface_hub.hf_hub_download`.

    Raises:
        FileNotFoundError: There is no such repository, revision or file, or no network; the message names the address
            and where to put the file by hand.
    """
    url = hf_hub_url(repo, WEIGHTS, revision=revision)
    try:
        return Path(hf_hub_download(repo, WEIGHTS, revision=revision, **options))
    except TypeError:
        raise  # an option that huggingface_hub does not know
    except RemoteEntryNotFoundError as error:
        raise FileNotFoundError(
            f"expected {WEIGHTS} in the Hub's repository {repo}, found none at {url}; a pickled pytorch_model.bin is "
            "never opened, since loading it could run its code: ask its owner for safetensors"
        ) from error
    except RevisionNotFoundError as error:
        raise FileNotFoundError(f"the Hub's repository {repo} has no revision {revision}: {url}") from error
    except RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"found no file or folder {repo} here, and no repository of that id is open to you on the Hub ({url}); "
            "for a private or gated one, log in with `hf auth login`"
        ) from error
    except Exception as error:  # every release has its own kinds for what can happen to a network
        digest = f"its sha256 must be {sha256}" if sha256 else f"{url.replace('/resolve/', '/blob/')} tells its sha256"
        raise FileNotFoundError(
            f"cannot download {url} ({_root(error)}); try again with a network, or fetch it by hand ({digest}) and put "
            f"it at {repo}/{WEIGHTS} in the folder where you work, or name its path instead"
        ) from error


class HubModel(PyTorchModelHubMixin):
    """A model as the Hub's mixin sees it: written as we write it, and read from safetensors or not at all.

    The mixin would fall back to `pytorch_model.bin`, a pickle, and the model's own `from_pretrained` leaves the mixin's
    aside, since that reads a `config.json` that no digest covers; the config is within the weights' file.

    Args:
        model: Of either preset.
        options: Of its `save_pretrained`: `about`, `licence`.
    """

    def __init__(self, model: SharedModel, **options: Any) -> None:
        self.model = model
        self.options = options

    def _save_pretrained(self, save_directory: Path) -> None:
        self.model.save_pretrained(save_directory, **self.options)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, revision: str | None, **options: Any) -> "HubModel":
        known = ("cache_dir", "force_download", "local_files_only", "token", "sha256")
        return cls(load_model(model_id, revision=revision, **{k: options[k] for k in known if k in options}))


def _root(error: BaseException) -> str:
    """Return the first line of what is at the bottom of a chain of errors."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
