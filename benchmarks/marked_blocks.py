"""Generated parts of a Markdown file, between a pair of comments each."""

from collections.abc import Mapping

__all__ = ["fill_blocks"]


def fill_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """Return the text with what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->` replaced.

    Names that the text has no markers for are left out, since no page shows everything.

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
