"""From what a user names, a file, a folder or an id of the Hub, to the file of weights that is meant."""

import hashlib
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

#: Name of the weights in a folder, here and on the Hub.
WEIGHTS = "model.safetensors"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
# A path with one of these ends was meant as a path; the pickles among them are refused as such when they are read.
_FILE_ENDINGS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def embedded_checkpoint() -> Path:
    """Return the path of the checkpoint that comes with the package."""
    return Path(str(files("a2k_nets") / "weights" / WEIGHTS))


def find_weights(
    source: Path | str | None = None, *, revision: str | None = None, sha256: str | None = None, **download: Any
) -> Path:
    """Return the file that a source names; only an id of the Hub that is no path here is looked for on the network.

    Args:
        source: A `.safetensors` file, a folder with `model.safetensors`, or, as a string, an id `owner/name` of the
            Hugging Face Hub (extra `hub`). None is the checkpoint that comes with the package.
        revision: Branch, tag or commit on the Hub.
        sha256: Digest that the file must have, 64 hexadecimal digits.
        download: Options of `huggingface_hub.hf_hub_download`: `token`, `cache_dir`, `local_files_only` …

    Raises:
        ValueError: The file has another digest, or a revision is asked of a file that is here.
        FileNotFoundError: There is no such file here or on the Hub, or no network; the message says what helps.
        ImportError: An id of the Hub is named and the extra `hub` is not installed.

    Example:
        >>> find_weights().name
        'model.safetensors'
    """
    if is_hub_id(source) and not Path(str(source)).exists():
        path = _fetch(str(source), revision=revision, sha256=sha256, **download)
    else:
        path = embedded_checkpoint() if source is None else Path(source)
        if revision is not None:
            raise ValueError(
                f"expected an id of the Hub, owner/name, beside a revision, got {path}, which is a local path"
            )
        path = path / WEIGHTS if path.is_dir() else path
        if not path.is_file():
            raise FileNotFoundError(f"expected a checkpoint (.safetensors), found no file {path}")
    if sha256 is not None:
        check_sha256(path, sha256)
    return path


def is_hub_id(source: Path | str | None) -> bool:
    """Tell whether a source can be an id of the Hub: a string `owner/name` that does not end as a file of weights.

    Example:
        >>> is_hub_id("owner/name"), is_hub_id("./owner/name"), is_hub_id("owner/name.safetensors")
        (True, False, False)
    """
    return isinstance(source, str) and bool(_HUB_ID.fullmatch(source)) and not source.lower().endswith(_FILE_ENDINGS)


def check_sha256(path: Path, expected: str) -> None:
    """Raise `ValueError` where a file has another SHA-256 than expected.

    Raises:
        ValueError: As it says, or what is expected is no SHA-256.
    """
    expected = expected.strip().lower()
    if not _SHA256.fullmatch(expected):
        raise ValueError(f"expected sha256 to be 64 hexadecimal digits, got {expected!r}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ValueError(
            f"expected {path} to have the sha256 {expected}, got {found}; it was not opened: it is another version, "
            "cut off or tampered with, so get it again, or ask for the revision that is meant"
        )


def _fetch(source: str, **options: Any) -> Path:
    try:
        from a2k_nets.checkpoints.hub import fetch
    except ImportError as error:
        raise ImportError(f"found no file or folder {source} here, and {error}") from error
    return fetch(source, **options)
