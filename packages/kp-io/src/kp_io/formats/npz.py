"""The native keypoint file: NumPy arrays in a .npz, without objects."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from kp_io.keypoints.layout import get_layout
from kp_io.keypoints.sequence import KeypointSequence

#: The only `format_version` that is written and read.
NPZ_VERSION = 1

#: Every array of the file, with its number of dimensions and its allowed kinds of dtype.
_ARRAYS = {
    "format_version": (0, "iu"), "keypoints": (3, "f"), "scores": (2, "f"), "fps": (0, "fiu"), "image_size": (1, "iu"),
    "layout": (0, "U"), "detector": (0, "U"),
}  # fmt: skip

#: An array is compressed if its beginning shrinks to less than this share.
_WORTHWHILE = 0.8


def write_npz(path: Path, sequence: KeypointSequence) -> None:
    """Write the arrays that `read_npz` reads; equal keypoints give equal bytes."""
    arrays = {
        "format_version": np.int64(NPZ_VERSION),
        "keypoints": sequence.keypoints.detach().cpu().numpy(),
        "scores": sequence.scores.detach().cpu().numpy(),
        "fps": np.float64(sequence.fps),
        "image_size": np.array(sequence.image_size, np.int64),
        "layout": np.str_(sequence.layout.name),
        "detector": np.str_(sequence.detector),
    }
    # As `np.savez_compressed`, which compresses all arrays and takes two seconds for an hour of keypoints.
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = _compression(np.asarray(array))
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)


def _compression(array: np.ndarray) -> int:
    """Return how to store an array: whole numbers and scores shrink several times, floating-point noise hardly."""
    sample = array.reshape(-1)[: 1 << 18].tobytes()
    return zipfile.ZIP_DEFLATED if len(zlib.compress(sample)) < _WORTHWHILE * len(sample) else zipfile.ZIP_STORED


def read_npz(path: Path, image_size: tuple[int, int] | None = None) -> KeypointSequence:
    """Read a file of `write_npz`, or raise `ValueError`; pickled objects are rejected, never loaded."""
    del image_size  # the file holds it
    arrays = _load(path)
    version = int(arrays["format_version"])
    if version != NPZ_VERSION:
        reader = "a newer kp-io" if version > NPZ_VERSION else "the kp-io that wrote it"
        raise ValueError(
            f"expected keypoints of format_version {NPZ_VERSION} in {path}, got {version}; {reader} reads it"
        )
    if arrays["scores"].shape != arrays["keypoints"].shape[:2]:
        shapes = f"keypoints {arrays['keypoints'].shape} and scores {arrays['scores'].shape}"
        raise ValueError(f"expected a score for every keypoint in {path}, got {shapes}")
    if len(arrays["image_size"]) != 2:
        raise ValueError(f"expected image_size (height, width) in {path}, got {arrays['image_size'].tolist()}")
    try:
        return KeypointSequence(
            torch.from_numpy(arrays["keypoints"].astype(np.float32)),
            torch.from_numpy(arrays["scores"].astype(np.float32)),
            fps=float(arrays["fps"]),
            image_size=(int(arrays["image_size"][0]), int(arrays["image_size"][1])),
            layout=get_layout(str(arrays["layout"])),
            detector=str(arrays["detector"]),
        )
    except ValueError as error:
        raise ValueError(f"{path} is no valid keypoint file: {error}") from error


def _load(path: Path) -> dict[str, np.ndarray]:
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"expected a keypoint file (.npz written by kp-io), got {path}, which is no .npz archive or is cut off; "
            "write it again with `kp-io annotate`"
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in _ARRAYS if name not in archive.files]
            if missing:
                raise ValueError(f"it has no {', '.join(missing)}, only {', '.join(archive.files) or 'nothing'}")
            arrays = {name: np.asarray(archive[name]) for name in _ARRAYS}
    except Exception as error:
        # On damaged bytes, zipfile, zlib and NumPy's header parser raise a dozen unrelated exception types.
        is_pickled = "allow_pickle" in str(error)
        reason = "it holds pickled objects, which can run code and are never loaded" if is_pickled else error
        expected = f"a keypoint file with the arrays {', '.join(_ARRAYS)}"
        raise ValueError(f"expected {expected}, got {path}: {reason}") from error
    for name, (ndim, kinds) in _ARRAYS.items():
        array = arrays[name]
        if array.ndim != ndim or array.dtype.kind not in kinds:
            raise ValueError(f"expected {name} with {ndim} dimensions in {path}, got {array.shape} {array.dtype}")
    return arrays
