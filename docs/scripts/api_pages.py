"""The reference of the packages: which names are public, and where. What they do is in their docstrings."""

import ast
from collections.abc import Iterator
from pathlib import Path

#: What users need of the packages that have no names of their own.
PUBLIC = {
    "a2k_nets": (
        "generate model streaming pretrained config export log_mel normalizer pose head_motion blinks driving "
        "generator discriminator paper.config paper.model paper.generator paper.encoders"
    ),
    "a2k_train": (
        "config config_file open_clips clips store windows prefetch launch fit trainer validate publish evaluate "
        "crossval table evaluation_report ablation ablation_report claims face_statistics spectra losses paper_losses"
    ),
}

PACKAGES = {"kp_io": "kp-io", "kp_metrics": "kp-metrics", "a2k_nets": "a2k-nets", "a2k_train": "a2k-train"}


def api_pages(packages: Path) -> dict[str, str]:
    """Return a page for every package."""
    return {
        f"api/{name}.md": api_page(name, packages / folder / "src" / name, readme=f"../packages/{folder}.md")
        for name, folder in PACKAGES.items()
    }


def api_page(package: str, folder: Path, *, readme: str) -> str:
    """List a package's public names by module; mkdocstrings puts their documentation in their place."""
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    if exported(tree):
        names = [(module.removeprefix(f"{package}."), package, names) for module, names in typed_imports(tree)]
        whence = f"All of these are names of `{package}`: `from {package} import {names[0][2][0]}`."
    else:
        names = [(module, f"{package}.{module}", exports_of(folder, module)) for module in PUBLIC[package].split()]
        whence = f"Every heading is a module: `from {names[0][1]} import {names[0][2][0]}`."
    parts = [f"# {package}", f"{whence} What they are for is in [the package's README]({readme})."]
    for title, home, public in names:
        parts.append(f"## {title}")
        parts += [f"::: {home}.{name}" for name in public]
    return "\n\n".join(parts) + "\n"


def exported(tree: ast.Module) -> list[str]:
    """Return what a module lists in `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", None) for target in node.targets] == ["__all__"]:
            return list(ast.literal_eval(node.value))
    return []


def typed_imports(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Yield the modules that a package imports for type checkers, with the names that it takes from them."""
    for node in tree.body:
        if isinstance(node, ast.If):
            for found in node.body:
                if isinstance(found, ast.ImportFrom):
                    yield str(found.module), [alias.name for alias in found.names]


def exports_of(folder: Path, module: str) -> list[str]:
    """Return what a module below a package's folder exports."""
    path = folder.joinpath(*module.split(".")).with_suffix(".py")
    return exported(ast.parse(path.read_text(encoding="utf-8")))
