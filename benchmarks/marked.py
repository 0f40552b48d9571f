"""A generated part of a page, between two comments that readers do not see."""

from pathlib import Path

from kp_io.filesystem.atomic import atomic_path


def put_between_markers(page: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- /NAME -->` in a page of Markdown."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not end:
        raise ValueError(f"expected the lines <!-- {name} --> and <!-- /{name} --> in {page}, found none")
    with atomic_path(page) as path:
        path.write_text(f"{before}{begin}\n{text}\n\n{end}{after}", encoding="utf-8")
