"""Gather the pages of the site in build/docs: docs/, the READMEs of the packages, and the references.

Pages of docs/ link to each other and to files of the repository, as they are read on a code host; here those links are
turned to where the same text is in the site. build.py makes the site of what this leaves.
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

#: Files of the repository that are pages of the site as well, and the one that the start page stands for.
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    f"{WEIGHTS}/MODEL_CARD.md": "model-card.md",
    **{f"packages/{name}/README.md": f"packages/{name}.md" for name in PACKAGES.values()},
}

LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<target>[^()\s]+)\)")
NAV_ENTRY = re.compile(r"^\s+- .*: (?P<page>\S+\.md)$")


def page_of(file: Path) -> str | None:
    """Return where a file of the repository is in the site, or None for one that is not there."""
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS).as_posix()
    return ELSEWHERE.get(file.relative_to(ROOT).as_posix())


def relink(text: str, source: Path, page: str) -> str:
    """Turn the links of a page to the site; what is a file of the repository only keeps its words.

    Raises:
        ValueError: A link leads to no file.
    """

    def turn(link: re.Match[str]) -> str:
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

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)  # odd ones are code
    return "".join(part if place % 2 else LINK.sub(turn, part) for place, part in enumerate(parts))


def pages() -> dict[str, str]:
    """Return every page of the site, its text by its path."""
    sources = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.glob("*.md"))}
    for name, page in ELSEWHERE.items():
        if page not in sources and (ROOT / name).is_file():
            sources[page] = ROOT / name
    written = {page: relink(path.read_text(encoding="utf-8"), path, page) for page, path in sources.items()}
    return written | api_pages(ROOT / "packages") | cli_pages()


def configuration(text: str, written: dict[str, str]) -> str:
    """Leave out of mkdocs.yml what is in its navigation but not written yet.

    Raises:
        ValueError: A page is not in the navigation.
    """
    entries = [(line, NAV_ENTRY.match(line)) for line in text.splitlines(keepends=True)]
    named = {entry["page"] for _, entry in entries if entry}
    if missing := sorted(set(written) - named):
        raise ValueError(f"expected every page in the navigation of mkdocs.yml, missing: {', '.join(missing)}")
    return "".join(line for line, entry in entries if entry is None or entry["page"] in written)


def assemble() -> None:
    """Write build/docs and build/mkdocs.yml anew."""
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
