"""The columns of a corpus, and the constants that every clip shares."""

from importlib import import_module
from typing import Any

from kp_io.extras import how_to_install

#: Version of the columns; increase it when a column changes, is renamed or is removed.
SCHEMA_VERSION = 1

#: Samples per second of every clip's audio.
SAMPLE_RATE = 16000

#: Columns of a shard and their Arrow types.
COLUMNS = {
    "id": "string",
    "speaker": "string",
    "split": "string",
    "num_frames": "int32",
    "fps": "float64",
    "keypoints": "list<float32>",
    "keypoints_shape": "list<int32>",
    "scores": "list<float32>",
    "layout": "string",
    "image_height": "int32",
    "image_width": "int32",
    "face_px": "float32",
    "interpolated": "float32",
    "audio": "binary",
    "sample_rate": "int32",
    "detector": "string",
    "source": "string",
    "sha256": "string",
    "licence": "string",
    "schema_version": "int32",
}

#: Columns that `a2k sync` adds to a finished shard, see `kp_io.corpus.rewrite`; all of them float32.
OPTIONAL_COLUMNS = ("sync_offset_ms", "sync_confidence", "sync_applied_ms")

#: Columns of `failures.parquet`, all of them text.
FAILURE_COLUMNS = ("source", "speaker", "split", "kind", "reason")

#: Clips in a row group, which is what readers and the writer hold in memory at a time.
ROWS_PER_GROUP = 32


def load_pyarrow() -> Any:
    """Import and return pyarrow, which only corpora need.

    Raises:
        ImportError: It is not installed; the message says what to install.
    """
    try:
        for module in ("pyarrow.ipc", "pyarrow.parquet"):
            import_module(module)
        return import_module("pyarrow")
    except ImportError as error:
        raise ImportError(f"a corpus of Parquet files needs pyarrow: {how_to_install('build')}") from error


def arrow_schema() -> Any:
    """Return the Arrow schema of a shard without optional columns."""
    arrow = load_pyarrow()
    types = {"list<float32>": arrow.list_(arrow.float32()), "list<int32>": arrow.list_(arrow.int32())}
    fields = [(name, types.get(kind) or arrow.type_for_alias(kind)) for name, kind in COLUMNS.items()]
    return arrow.schema(fields, metadata={"kp_io.schema_version": str(SCHEMA_VERSION)})
