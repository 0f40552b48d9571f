"""A clip store on disk: written once, one clip at a time, then memory-mapped."""

import json
import logging
import math
import os
import warnings
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from a2k_train.data.clip import Clip
from a2k_train.data.clip_store import ClipStore, check_consistent
from kp_io.filesystem import is_disk_full, write_error

logger = logging.getLogger(__name__)

_FORMAT = "a2k-train-cache-1"

#: Tensors of a clip and of a store that are stored as files, and their element types.
_TYPES = {"keypoints": torch.float32, "measured": torch.bool, "sound": torch.int16}


def open_cache(folder: Path, clips: Iterable[Clip]) -> ClipStore:
    """Open the store in a folder; if the folder does not exist, write the clips to it first.

    The folder appears complete or not at all. If several processes open it, such as the ranks of a training, one
    writes it and the others wait.

    Args:
        folder: Folder of the store; its name should identify the content.
        clips: Clips to write; not read if the folder exists.

    Raises:
        ValueError: There is no clip, the clips are inconsistent, or the files are damaged.
        OSError: The folder cannot be written.
    """
    if not folder.is_dir():
        lock = FileLock(folder.with_name(f".{folder.name}.lock"))  # released if the process is killed
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            raise type(error)(
                f"cannot write the cache {folder}: {error.strerror or error}; choose another cache folder"
            ) from error
        try:
            if not folder.is_dir():
                _write(folder, clips)
        finally:
            lock.release()
    return _read(folder)


def _write(folder: Path, clips: Iterable[Clip]) -> None:
    part = folder.with_name(f".{folder.name}.part")
    rmtree(part, ignore_errors=True)  # left by a killed process
    part.mkdir()
    logger.info("writing the clips to %s", folder)
    try:
        index = _write_tensors(part, check_consistent(clips))
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
            per_frame = len(clip.sound) // clip.num_frames
            index["shapes"] = {"keypoints": list(clip.keypoints.shape[1:]), "measured": [], "sound": [per_frame]}
            entry = {"ids": clip.id, "speakers": clip.speaker, "splits": clip.split, "lengths": clip.num_frames}
            for key, value in entry.items():
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
    # Read-only: a private writable mapping, such as torch.from_file's, fails if it exceeds the RAM.
    mapped = np.memmap(file, dtype=str(dtype).removeprefix("torch."), mode="r", shape=(num_frames, *shape))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(mapped)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
