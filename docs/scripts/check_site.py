"""Check a built site for broken links and anchors, and for resources from other hosts."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The anchors, links and required resources of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.parts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the anchors, links and resources of a tag."""
        found = {name: value for name, value in attrs if value}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") not in ("next", "prev", "canonical") and "href" in found:
            self.parts.append(found["href"])
        elif "src" in found:
            self.parts.append(found["src"])


def problems(site: Path) -> Iterator[str]:
    """Yield one line per problem."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links start at the root of a server
        here = path.relative_to(site)
        for reference in page.parts + page.links:
            url = urlsplit(reference)
            if url.scheme or url.netloc:
                if reference in page.parts and url.scheme != "data":
                    yield f"{here} is not whole without {reference}"
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{here} links to {reference}, which is no file"
            elif target in pages and url.fragment and unquote(url.fragment) not in pages[target].anchors:
                yield f"{here} links to {reference}, an anchor that is not there"
