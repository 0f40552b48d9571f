"""Write the Python reference of the packages from the names in their `__init__.pyi` stubs."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGES = {
    "kp_io": "kp-io",
    "kp_metrics": "kp-metrics",
    "a2k_nets": "a2k-nets",
    "a2k_train": "a2k-train",
    "kp_render": "kp-render",
}

#: Rooms (subpackages) whose public names users need beyond those of the package.
ROOMS = {
    "kp_io": ("formats", "keypoints"),
    "a2k_nets": ("config", "paper", "residual", "sync"),
    "a2k_train": ("config",),
}

#: Modules that users need and no stub lists; their public functions and classes are documented.
MODULES = {
    "a2k_nets": (
        "blocks.log_mel",
        "blocks.similarity",
        "blocks.driving_motion",
        "residual.normalizer",
        "residual.generator",
        "residual.head_motion",
        "paper.generator",
        "paper.encoders",
    ),
    "a2k_train": (
        "data.clip_store",
        "data.window_sampler",
        "data.prefetch",
        "statistics.faces",
        "recipes.residual_losses",
        "recipes.paper_losses",
        "training.trainer",
        "training.validator",
        "evaluation.velocity_spectra",
        "reports.results_table",
        "reports.evaluation_report",
        "experiments.ablation_report",
        "experiments.paper_claims",
    ),
}


def api_pages(packages: Path) -> dict[str, str]:
    """Return one page per package, its text by its path in the site."""
    return {
        f"api/{name}.md": api_page(name, packages / folder / "src" / name, readme=f"../packages/{folder}.md")
        for name, folder in PACKAGES.items()
    }


def api_page(package: str, folder: Path, *, readme: str) -> str:
    """List a package's public names by room; mkdocstrings replaces each `:::` line with the documentation of a name."""
    rooms: dict[str, list[str]] = {}
    listed = set()
    for module, name in public_names(folder):
        rooms.setdefault(module.split(".")[0], []).append(f"::: {package}.{module}.{name}")
        listed.add(name)
    example = f"from {package} import {max(listed)}"
    parts = [
        f"# {package}",
        f"Import these names from `{package}`: `{example}`. [The README]({readme}) shows their use.",
    ]
    for room, entries in rooms.items():
        parts += [f"## {room}", *entries]
    for room in ROOMS.get(package, ()):
        found = [(module, name) for module, name in public_names(folder / room) if name not in listed]
        listed |= {name for _, name in found}
        parts += [f"## {package}.{room}", f"Import these names from `{package}.{room}`."]
        parts += [f"::: {package}.{room}.{module}.{name}" for module, name in found]
    for module in MODULES.get(package, ()):
        parts += [f"## {package}.{module}", f"Import these names from `{package}.{module}`."]
        names = defined_names(folder.joinpath(*module.split(".")).with_suffix(".py"))
        parts += [f"::: {package}.{module}.{name}" for name in names if name not in listed]
    return "\n\n".join(parts) + "\n"


def public_names(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of everything that the stub of a package or room lists.

    A name that comes from a room's stub is traced to the module that defines it, because mkdocstrings reads the sources
    and cannot follow lazy imports.
    """
    for node in ast.parse((folder / "__init__.pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            room = folder.joinpath(*node.module.split("."))
            origins = {name: module for module, name in public_names(room)} if (room / "__init__.pyi").is_file() else {}
            for alias in node.names:
                origin = origins.get(alias.name)
                yield f"{node.module}.{origin}" if origin else node.module, alias.name


def defined_names(path: Path) -> list[str]:
    """Return the public functions and classes that a module defines."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return [node.name for node in body if isinstance(node, kinds) and not node.name.startswith("_")]
