"""Resolve a file, a folder or an id of the Hub to the path of the weights."""

import hashlib
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

#: File name of the weights in a folder and on the Hub.
WEIGHTS = "model.safetensors"

#: The models in the package: `listener` is the most accurate, `small` streams.
EMBEDDED = ("listener", "small")

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
# Sources with these suffixes are paths; pickles among them are refused when they are read.
_FILE_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def embedded_checkpoint(name: str = "small") -> Path:
    """Return the path of a checkpoint in the package, `listener` or `small`."""
    return Path(str(files("a2k_nets") / "weights" / f"{name}.safetensors"))


def resolve_checkpoint(
    source: Path | str | None = None, *, revision: str | None = None, sha256: str | None = None, **download: Any
) -> Path:
    """Return the path of a checkpoint; the network is used only for an id of the Hub that is no local path.

    Args:
        source: A `.safetensors` file, a folder with `model.safetensors`, or, as a string, the name of a model in the
            package, `listener` or `small`, or an id `owner/name` of the Hugging Face Hub (extra `hub`). A file or
            folder of that name takes precedence. None is `small`.
        revision: Branch, tag or commit on the Hub.
        sha256: Digest of the file, 64 hexadecimal digits.
        download: Options of `huggingface_hub.hf_hub_download`: `token`, `cache_dir`, `local_files_only` …

    Raises:
        ValueError: The file has another digest, or `revision` is given with a local path.
        FileNotFoundError: There is no such file, locally or on the Hub, or no network (then also `ConnectionError`).
        PermissionError: The repository on the Hub is gated.
        ImportError: `source` is an id of the Hub and the extra `hub` is not installed.

    Example:
        >>> resolve_checkpoint().name, resolve_checkpoint("listener").name
        ('small.safetensors', 'listener.safetensors')
    """
    if is_hub_id(source) and not Path(str(source)).exists():
        path = _download(str(source), revision=revision, sha256=sha256, **download)
    else:
        name = "small" if source is None else source
        path = embedded_checkpoint(str(name)) if name in EMBEDDED and not Path(name).exists() else Path(name)
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
    """Return whether a source can be an id of the Hub: a string `owner/name` without the suffix of a weights file.

    Example:
        >>> is_hub_id("owner/name"), is_hub_id("./owner/name"), is_hub_id("owner/name.safetensors")
        (True, False, False)
    """
    return isinstance(source, str) and bool(_HUB_ID.fullmatch(source)) and not source.lower().endswith(_FILE_SUFFIXES)


def check_sha256(path: Path, expected: str) -> None:
    """Check the SHA-256 of a file.

    Raises:
        ValueError: The file has another SHA-256, or `expected` is none.
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


def _download(source: str, **options: Any) -> Path:
    try:
        from a2k_nets.checkpoints.hub import download
    except ImportError as error:
        raise ImportError(f"found no file or folder {source} here, and {error}") from error
    return download(source, WEIGHTS, **options)
