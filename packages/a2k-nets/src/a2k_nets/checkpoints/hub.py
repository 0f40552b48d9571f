"""Download from and upload to the Hugging Face Hub; the only module that imports huggingface_hub."""

import errno
from pathlib import Path
from typing import Any

from a2k_nets.extras import how_to_install

try:
    from huggingface_hub import HfApi, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
except ImportError as error:
    raise ImportError(f"the Hugging Face Hub needs huggingface-hub: {how_to_install('hub')}; {error}") from error

# Errors of the local disk that name no file; the others do.
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)

# Where network errors come from, in all releases of huggingface_hub.
_HTTP_LIBRARIES = ("httpx", "httpcore", "requests", "urllib3")  # or with a number behind: httpx2


class DownloadError(ConnectionError, FileNotFoundError):
    """A file is not in the local cache, and the network or the Hub does not answer."""


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
        FileNotFoundError: There is no such repository, revision or file.
        DownloadError: There is no network, the Hub fails, or the download is cut off; the message gives the URL and
            where to put the file by hand. It is a `ConnectionError` and a `FileNotFoundError`.
        PermissionError: The repository is gated and not open to the user.
        ValueError: The id or the revision is not valid.
        OSError: The cache cannot be written.
    """
    url = repo
    try:
        url = hf_hub_url(repo, filename, revision=revision)
        return Path(hf_hub_download(repo, filename, revision=revision, **options))
    except HFValidationError as error:
        raise ValueError(f"expected an id of the Hub, owner/name, and a valid revision, got {repo}: {error}") from error
    except GatedRepoError as error:
        raise PermissionError(
            f"the Hub's repository {repo} is gated: ask for access on {url.partition('/resolve/')[0]}, and log in with "
            "`hf auth login`"
        ) from error
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
    except Exception as error:
        if isinstance(error, OSError) and (error.filename is not None or error.errno in _DISK_ERRORS):
            reason = error.strerror or str(error)
            raise type(error)(f"cannot write {url} to the cache of huggingface_hub: {reason}") from error
        if not _is_of_network(error):
            raise
        digest = f"its sha256 must be {sha256}" if sha256 else f"{url.replace('/resolve/', '/blob/')} states its sha256"
        raise DownloadError(
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


def _is_of_network(error: BaseException) -> bool:
    known = (HfHubHTTPError, LocalEntryNotFoundError, ConnectionError, TimeoutError)
    # huggingface_hub raises a plain OSError where fewer bytes came than announced.
    return isinstance(error, known) or type(error) is OSError or type(error).__module__.startswith(_HTTP_LIBRARIES)


def _root_cause(error: BaseException) -> str:
    """Return the first line of the message at the root of a chain of exceptions."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
