"""Where things are."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the talking-face corpus, or skip."""
    folder = Path(os.environ.get("A2K_SHARED") or ROOT.parent / "shared")
    if not (folder / "corpus" / "manifest.csv").is_file():
        pytest.skip(f"needs the talking-face corpus in {folder} (set A2K_SHARED)")
    return folder
