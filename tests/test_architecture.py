"""docs/architecture.md shows the house as it is."""

import importlib.util
import re

import pytest


@pytest.fixture
def drawing(root):
    path = root / "docs" / "scripts" / "draw_architecture.py"
    spec = importlib.util.spec_from_file_location("draw_architecture", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_drawn_from_the_code(drawing):
    drawn = drawing.PICTURE.read_text(encoding="utf-8")
    assert drawn == drawing.draw(), "the rooms or their imports changed: python docs/scripts/draw_architecture.py"


def test_every_file_that_the_page_names_is_there(root):
    page = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    sources = [root, *(root / "packages").glob("*/src")]
    named = re.findall(r"`([\w-]+/[\w/.-]+)`", page)
    assert len(named) > 30
    missing = [name for name in named if not any((source / name).exists() for source in sources)]
    assert not missing


def test_no_folder_or_file_is_too_large(root):
    for source in (root / "packages").glob("*/src/*"):
        for folder in (source, *(path for path in source.rglob("*") if path.is_dir())):
            modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
            assert len(modules) <= 11, f"{folder} has {len(modules)} modules"
            for path in modules:
                assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path
