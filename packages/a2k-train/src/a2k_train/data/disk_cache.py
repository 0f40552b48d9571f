"""A store on a disk: written once, a clip at a time, then mapped into memory."""

import json
import logging
import math
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import torch
from torch import Tensor

from a2k_train.data.clip import Clip
from a2k_train.data.clip_store import ClipStore, alike
from kp_io.filesystem import is_disk_full, write_error
from kp_io.filesystem.lock import file_lock

logger = logging.getLogger(__name__)

_FORMAT = "a2k-train-cache-1"

#: Attributes of a clip and of a store that are files, and the types of their elements.
_TYPES = {"keypoints": torch.float32, "measured": torch.bool, "sound": torch.int16}


def open_cache(folder: Path, clips: Iterable[Clip]) -> ClipStore:
    """Open a store that lies in a folder; where there is none yet, write the clips into it first.

    The folder is there whole or not at all. Of several processes that want it, such as the ranks of one training, one
    writes it and the others wait.

    Args:
        folder: Its name should tell everything that decides the clips.
        clips: Only read where the folder is not there yet.

    Raises:
        ValueError: There is no clip, the clips do not fit together, or the files are damaged.
        OSError: The folder cannot be written.
    """
    if not folder.is_dir():
        with _alone(folder):
            if not folder.is_dir():
                _write(folder, clips)
    return _read(folder)


def _write(folder: Path, clips: Iterable[Clip]) -> None:
    part = folder.with_name(f".{folder.name}.part")
    rmtree(part, ignore_errors=True)  # of a process that was killed
    part.mkdir()
    logger.info("writing the clips to %s", folder)
    try:
        index = _write_tensors(part, alike(clips))
        with (part / "index.json").open("w", encoding="utf-8") as file:
            json.dump(index, file, ensure_ascii=False)
            _sync(file)
        part.rename(folder)
    except BaseException as error:
        rmtree(part, ignore_errors=True)
        if isinstance(error, OSError) and is_disk_full(error):
            raise write_error(folder, error) from error
        raise


def _write_tensors(folder: Path, clips: Iterable[Clip]) -> dict[str, Any]:
    index: dict[str, Any] = {"format": _FORMAT, "ids": [], "speakers": [], "splits": [], "lengths": []}
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder / f"{name}.raw").open("wb")) for name in _TYPES}
        for clip in clips:
            for name, dtype in _TYPES.items():
                files[name].write(getattr(clip, name).to(dtype).numpy().tobytes())
            index["shapes"] = {
                "keypoints": list(clip.keypoints.shape[1:]),
                "measured": [],
                "sound": [len(clip.sound) // clip.num_frames],
            }
            for key, value in zip(
                ("ids", "speakers", "splits", "lengths"),
                (clip.id, clip.speaker, clip.split, clip.num_frames),
                strict=True,
            ):
                index[key].append(value)
        for file in files.values():
            _sync(file)
    if not index["ids"]:
        raise ValueError("expected at least one clip, got none")
    return index


def _read(folder: Path) -> ClipStore:
    try:
        index = json.loads((folder / "index.json").read_text("utf-8"))
        if index.pop("format") != _FORMAT:
            raise ValueError("another format")
        shapes = index.pop("shapes")
        tensors = {
            name: _map(folder / f"{name}.raw", dtype, sum(index["lengths"]), shapes[name])
            for name, dtype in _TYPES.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError, FileNotFoundError) as error:
        raise ValueError(f"expected a cache of clips, got the damaged folder {folder} ({error}); remove it") from error
    return ClipStore.from_tensors(tensors["keypoints"], tensors["measured"], tensors["sound"], **index)


def _map(file: Path, dtype: torch.dtype, num_frames: int, shape: list[int]) -> Tensor:
    count = num_frames * math.prod(shape)
    if file.stat().st_size != count * dtype.itemsize:
        raise ValueError(f"{file.name} has {file.stat().st_size} bytes instead of {count * dtype.itemsize}")
    # Read-only: a private mapping that may be written, such as torch.from_file's, is refused where it exceeds the RAM.
    mapped = np.memmap(file, dtype=str(dtype).removeprefix("torch."), mode="r", shape=(num_frames, *shape))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(mapped)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process writes this folder; one that is killed leaves no lock behind."""
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(folder.with_name(f".{folder.name}.lock")))
        except OSError as error:
            raise type(error)(
                f"cannot write the cache {folder}: {error.strerror or error}; choose another cache folder"
            ) from error
        yield


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
