"""pyarrow, which only corpora need."""

from importlib import import_module
from typing import Any


def load_pyarrow() -> Any:
    """Return pyarrow when it is first needed: the rest of kp-io works without it.

    Raises:
        ImportError: It is missing; the message says what to install.
    """
    try:
        for module in ("pyarrow.ipc", "pyarrow.parquet"):
            import_module(module)
        return import_module("pyarrow")
    except ImportError as error:
        raise ImportError('a corpus of Parquet files needs pyarrow: `pip install "kp-io[build]"`') from error
