"""Download from and upload to the Hugging Face Hub; the only module that imports huggingface_hub."""

from pathlib import Path
from typing import Any

from a2k_nets.extras import how_to_install

try:
    from huggingface_hub import HfApi, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import RemoteEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError
except ImportError as error:
    raise ImportError(f"the Hugging Face Hub needs huggingface-hub: {how_to_install('hub')}; {error}") from error


def download(
    repo: str, filename: str, *, revision: str | None = None, sha256: str | None = None, **options: Any
) -> Path:
    """Return the path of a repository's file in the local cache, downloaded if needed; the file is not opened.

    Args:
        repo: `owner/name`.
        filename: Name of the file in the repository.
        revision: Branch, tag or commit; by default `main`.
        sha256: Expected digest; only named in the error message of a failed download.
        options: Options of `huggingface_hub.hf_hub_download`.

    Raises:
        FileNotFoundError: There is no such repository, revision or file, or no network; the message gives the URL and
            where to put the file by hand.
    """
    url = hf_hub_url(repo, filename, revision=revision)
    try:
        return Path(hf_hub_download(repo, filename, revision=revision, **options))
    except TypeError:
        raise  # an option that huggingface_hub does not know
    except RemoteEntryNotFoundError as error:
        raise FileNotFoundError(
            f"expected {filename} in the Hub's repository {repo}, found none at {url}; a pickled pytorch_model.bin is "
            "never opened, since loading it could run its code: ask its owner for safetensors"
        ) from error
    except RevisionNotFoundError as error:
        raise FileNotFoundError(f"the Hub's repository {repo} has no revision {revision}: {url}") from error
    except RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"found no file or folder {repo} here, and no repository of that id is open to you on the Hub ({url}); "
            "for a private or gated one, log in with `hf auth login`"
        ) from error
    except Exception as error:  # the exceptions of network failures differ between releases of huggingface_hub
        digest = f"its sha256 must be {sha256}" if sha256 else f"{url.replace('/resolve/', '/blob/')} tells its sha256"
        raise FileNotFoundError(
            f"cannot download {url} ({_root_cause(error)}); try again with a network, or fetch it by hand ({digest}) "
            f"and put it at {repo}/{filename} in the working directory, or pass its path instead"
        ) from error


def upload(
    folder: Path,
    repo: str,
    *,
    token: str | None = None,
    private: bool | None = None,
    branch: str | None = None,
    commit_message: str = "Push model using huggingface_hub.",
    **options: Any,
) -> str:
    """Upload a folder in one commit; return the URL of the commit.

    Args:
        folder: The folder.
        repo: `owner/name`; created if it is missing.
        token: Access token; by default the one of `hf auth login`.
        private: Whether a new repository is private; by default as its owner's settings say.
        branch: Branch to commit to; by default `main`.
        commit_message: First line of the commit's message.
        options: Options of `huggingface_hub.HfApi.upload_folder`.
    """
    api = HfApi(token=token)
    repo = api.create_repo(repo, private=private, exist_ok=True).repo_id
    options |= {"commit_message": commit_message, "revision": branch}
    return str(api.upload_folder(repo_id=repo, folder_path=folder, **options))


def _root_cause(error: BaseException) -> str:
    """Return the first line of the message at the root of a chain of exceptions."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
