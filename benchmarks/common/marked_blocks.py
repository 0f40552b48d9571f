"""Generated parts of Markdown pages, between pairs of HTML comments."""

from collections.abc import Mapping
from pathlib import Path

from kp_io.filesystem import atomic_path


def fill_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """Return the text with the content between `<!-- NAME:begin -->` and `<!-- NAME:end -->` replaced.

    Names without markers in the text are skipped, since no page shows everything.

    Raises:
        ValueError: A block begins and does not end, begins twice, or ends before it begins.

    Example:
        >>> print(fill_blocks("<!-- a:begin -->old<!-- a:end -->", {"a": "new", "b": "nowhere"}))
        <!-- a:begin -->
        new
        <!-- a:end -->
    """
    for name, content in blocks.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        if (counts := (text.count(begin), text.count(end))) == (0, 0):
            continue
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if counts != (1, 1) or not found:
            raise ValueError(f"expected one {begin} and one {end} after it, got {counts[0]} and {counts[1]}")
        text = f"{before}{begin}\n{content.strip()}\n{end}{after}"
    return text


def put_between_markers(page: Path, name: str, text: str) -> None:
    """Replace the content between `<!-- NAME -->` and `<!-- /NAME -->` in a Markdown page."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not end:
        raise ValueError(f"expected the lines <!-- {name} --> and <!-- /{name} --> in {page}, found none")
    with atomic_path(page) as path:
        path.write_text(f"{before}{begin}\n{text}\n\n{end}{after}", encoding="utf-8")
