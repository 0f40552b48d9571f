"""Who may import whom: the contracts of pyproject.toml, and the finer ones that its tool cannot say."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

#: Third-party libraries that only these modules may import.
HOMES = {
    "nnAudio": {"a2k_nets.blocks.log_mel"},
    "huggingface_hub": {"a2k_nets.checkpoints.hub"},
    "safetensors": {
        "a2k_nets.checkpoints.checkpoint",
        "kp_render.painting.painter",
        "kp_render.training.checkpoint",
    },
    "dlib": {"kp_io.detectors.dlib"},
    "_dlib_pybind11": {"kp_io.detectors.dlib"},
    "espeakng_loader": {"kp_io.tts.synthesis"},
    "PIL": {"kp_io.media.image", "kp_io.media.animation"},
    "mediapipe": {"kp_io.detectors.mediapipe"},
    "gradio": {"a2k_nets.web.app"},
    "prometheus_client": {"a2k_nets.server.measurements"},
    "starlette": {"a2k_nets.server.app"},
    "uvicorn": {"a2k_nets.web.server"},
    "kornia": {
        "kp_render.painting.mouth_crop",
        "kp_render.training.losses",
        "kp_render.warp.filtering",
    },
}

#: The modules of a2k_nets that may know kp_io: the networks are pure tensors.
EDGES = {
    f"a2k_nets.{name}"
    for name in (
        "inference.generate",
        "cli.generate",
        "cli.stream",
        "cli.sync",
        "server.files.jobs",
        "server.live.incoming_sound",
        "sync.corpus",
        "web.limits",
        "web.pipeline",
        "web.videos",
    )
}

#: What each package may import of the others.
ARROWS = {
    "kp_io": set(),
    "kp_metrics": set(),
    "a2k_nets": {"kp_io", "kp_render"},
    "a2k_train": {"a2k_nets", "kp_io", "kp_metrics"},
    "kp_render": {"kp_io"},
}


@cache
def modules(root: Path) -> list[tuple[str, set[str]]]:
    """Every module of the packages with what it imports, wherever in its text."""
    return list(parse_modules(root))


def parse_modules(root: Path) -> Iterator[tuple[str, set[str]]]:
    for source in sorted((root / "packages").glob("*/src")):
        for path in sorted(source.rglob("*.py")):
            name = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
            found: set[str] = set()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    assert node.level == 0, f"expected absolute imports, got a relative one in {path}"
                    found.add(node.module or "")
            yield name, found


def top(found: set[str]) -> set[str]:
    return {imported.split(".")[0] for imported in found}


def test_packages_import_each_other_s_faces(root):
    """A sibling is `kp_io` or a room of it, `kp_io.media`, never a module in a room."""
    deep = [
        f"{name} imports {imported}"
        for name, found in modules(root)
        for imported in found
        if imported.split(".")[0] in set(ARROWS) - {name.split(".")[0]} and imported.count(".") > 1
    ]
    assert not deep


def test_every_package_is_looked_at(root):
    assert {name.split(".")[0] for name, _ in modules(root)} == set(ARROWS)


def test_packages_import_along_the_arrows(root):
    for name, imported in modules(root):
        package = name.split(".")[0]
        assert top(imported) & set(ARROWS) - {package} <= ARROWS[package], name


def test_networks_are_pure_tensors(root):
    knowing = {name for name, imported in modules(root) if name.startswith("a2k_nets") and "kp_io" in top(imported)}
    assert knowing <= EDGES


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_in_one_file(root, library):
    importing = {name for name, imported in modules(root) if library in top(imported)}
    assert importing <= HOMES[library]


def test_contracts_are_kept(root):
    pytest.importorskip("importlinter", reason="nox -s arrows runs import-linter by itself")
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
