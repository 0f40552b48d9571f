"""Gather the pages of the site in build/docs: docs/, the READMEs of the packages, and the references.

Pages of docs/ link to each other and to files of the repository, as a code host shows them. These links are rewritten
here to the pages of the site, which build.py then builds.
"""

import re
import shutil
from os.path import relpath
from pathlib import Path

from api_pages import PACKAGES, api_pages
from cli_pages import cli_pages

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BUILD = ROOT / "build"
WEIGHTS = "packages/a2k-nets/src/a2k_nets/weights"

#: Files outside docs/ that are pages of the site, and README.md, which the start page replaces.
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    f"{WEIGHTS}/MODEL_CARD.md": "model-card.md",
    "packages/kp-render/src/kp_render/weights/MODEL_CARD.md": "portrait-model-card.md",
    **{f"packages/{name}/README.md": f"packages/{name}.md" for name in PACKAGES.values()},
}

LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<target>[^()\s]+)\)")
NAV_ENTRY = re.compile(r"^\s+- .*: (?P<page>\S+\.md)$")


def page_of(file: Path) -> str | None:
    """Return the site page of a file of the repository, or None if it has none."""
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS).as_posix()
    return ELSEWHERE.get(file.relative_to(ROOT).as_posix())


def relink(text: str, source: Path, page: str) -> str:
    """Rewrite the links of a page for the site; a link to a file without a page becomes plain text.

    Raises:
        ValueError: A link does not lead to a file.
    """

    def rewrite(link: re.Match[str]) -> str:
        path, hash_, anchor = link["target"].partition("#")
        if not path or ":" in path:
            return link[0]
        file = (source.parent / path).resolve()
        if not file.exists():
            raise ValueError(f"expected links to files, but {source.relative_to(ROOT)} links to {link['target']}")
        target = page_of(file)
        if target is None:
            return link["text"]
        return f"[{link['text']}]({relpath(target, Path(page).parent)}{hash_}{anchor})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)  # odd indices are code
    return "".join(part if index % 2 else LINK.sub(rewrite, part) for index, part in enumerate(parts))


def pages() -> dict[str, str]:
    """Return the text of every page of the site by its path."""
    sources = {
        path.relative_to(DOCS).as_posix(): path for path in sorted([*DOCS.glob("*.md"), *DOCS.glob("internals/*.md")])
    }
    for name, page in ELSEWHERE.items():
        if page not in sources and (ROOT / name).is_file():
            sources[page] = ROOT / name
    written = {page: relink(path.read_text(encoding="utf-8"), path, page) for page, path in sources.items()}
    return written | api_pages(ROOT / "packages") | cli_pages()


def configuration(text: str, written: dict[str, str]) -> str:
    """Remove entries of pages that do not exist yet from the navigation of mkdocs.yml.

    Raises:
        ValueError: A page is not in the navigation.
    """
    entries = [(line, NAV_ENTRY.match(line)) for line in text.splitlines(keepends=True)]
    named = {entry["page"] for _, entry in entries if entry}
    if missing := sorted(set(written) - named):
        raise ValueError(f"expected every page in the navigation of mkdocs.yml, missing: {', '.join(missing)}")
    return "".join(line for line, entry in entries if entry is None or entry["page"] in written)


def assemble() -> None:
    """Write build/docs and build/mkdocs.yml."""
    written = pages()
    shutil.rmtree(BUILD / "docs", ignore_errors=True)
    for folder in ("images", "assets"):  # assets: see build.py
        shutil.copytree(DOCS / folder, BUILD / "docs" / folder)
    for page, text in written.items():
        path = BUILD / "docs" / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (BUILD / "mkdocs.yml").write_text(configuration(config, written), encoding="utf-8")
