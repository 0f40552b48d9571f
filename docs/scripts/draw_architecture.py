"""Draw docs/images/architecture.svg, the packages and the rooms in them, from the imports and pyproject.toml.

    python docs/scripts/draw_architecture.py

A row of the picture is a layer of the import contracts. A line leads down to what a room imports; lines that others
imply are left out.
"""

import ast
import textwrap
import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

#: Package, title, column and row of its panel.
PANELS = (
    ("a2k_train", "a2k-train", 0, 0),
    ("a2k_nets", "a2k-nets", 1, 0),
    ("kp_metrics", "kp-metrics", 0, 1),
    ("kp_io", "kp-io", 1, 1),
    ("kp_render", "kp-render", 2, 0),
)
COLOURS = {
    "a2k_train": "#b4541a",
    "a2k_nets": "#2b5fa8",
    "kp_metrics": "#7a3fa0",
    "kp_io": "#2c7a4b",
    "kp_render": "#a0562b",
}

BOX, GAP, ROW, MARGIN, HEADER = (206, 62), 18, 92, 20, 44


def layers(package: str) -> list[list[str]]:
    """Return the rooms of a package by layer, the highest first, as the import contracts list them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for contract in settings["tool"]["importlinter"]["contracts"]:
        if contract.get("containers") == [package]:
            return [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]
    raise ValueError(f"expected a contract for the rooms of {package} in pyproject.toml, found none")


def source(package: str) -> Path:
    """Return the folder of a package's modules."""
    return ROOT / "packages" / package.replace("_", "-") / "src" / package


def purpose(package: str, room: str) -> str:
    """Return the first line of a room's docstring."""
    folder = source(package) / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].rstrip(".")


def imports(package: str) -> set[tuple[str, str]]:
    """Return the pairs of rooms of which the first imports the second."""
    found = set()
    for path in source(package).rglob("*.py"):
        room = path.relative_to(source(package)).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
                target = str(node.module).split(".")[1]
                if target != room and not room.startswith("__"):
                    found.add((room, target))
    return found


def reduced(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Leave out the arrows that a way over other rooms implies."""

    def reachable(start: str, *, without: tuple[str, str]) -> set[str]:
        seen: set[str] = set()
        stack = [start]
        while stack:
            room = stack.pop()
            new = {b for a, b in arrows if a == room and (a, b) != without} - seen
            seen |= new
            stack += new
        return seen

    return {arrow for arrow in arrows if arrow[1] not in reachable(arrow[0], without=arrow)}


def panel_size(package: str) -> tuple[int, int]:
    """Return width and height of a package's panel."""
    rows = layers(package)
    widest = max(map(len, rows))
    return widest * (BOX[0] + GAP) - GAP + 2 * MARGIN, HEADER + len(rows) * ROW - (ROW - BOX[1]) + MARGIN


def draw_panel(package: str, title: str, left: int, top: int, width: int) -> Iterator[str]:
    """Yield the SVG of a package: its rooms in rows, and the lines between them."""
    colour, height = COLOURS[package], panel_size(package)[1]
    yield f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="12" fill="{colour}" fill-opacity=".06"/>'
    yield f'<text x="{left + MARGIN}" y="{top + 28}" class="title" fill="{colour}">{title}</text>'
    places = {}
    for row, rooms in enumerate(layers(package)):
        start = left + (width - len(rooms) * (BOX[0] + GAP) + GAP) / 2
        for column, room in enumerate(rooms):
            places[room] = (start + column * (BOX[0] + GAP), top + HEADER + row * ROW)
    for upper, lower in sorted(reduced(imports(package))):
        (x1, y1), (x2, y2) = places[upper], places[lower]
        x1, y1, x2 = x1 + BOX[0] / 2, y1 + BOX[1], x2 + BOX[0] / 2
        bend = (y1 + y2) / 2
        # A line over several rows runs between the boxes.
        if y2 - y1 > ROW and x1 == x2:
            side = x1 + (BOX[0] + GAP) / 2
            path = f"M{x1:g} {y1:g} C{side:g} {y1 + 20:g} {side:g} {y2 - 20:g} {x2:g} {y2:g}"
        else:
            path = f"M{x1:g} {y1:g} C{x1:g} {bend:g} {x2:g} {bend:g} {x2:g} {y2:g}"
        yield f'<path d="{path}" stroke="{colour}" class="arrow"/>'
    for room, (x, y) in places.items():
        yield f'<rect x="{x:g}" y="{y:g}" width="{BOX[0]}" height="{BOX[1]}" rx="7" fill="#fff" stroke="{colour}"/>'
        yield f'<text x="{x + 10:g}" y="{y + 19:g}" class="room">{room}</text>'
        for line, words in enumerate(
            textwrap.wrap(purpose(package, room).replace("`", ""), 34, max_lines=2, placeholder=" …")
        ):
            yield f'<text x="{x + 10:g}" y="{y + 36 + 14 * line:g}" class="purpose">{escape(words)}</text>'


def draw() -> str:
    """Return the picture as SVG."""
    sizes = {package: panel_size(package) for package, *_ in PANELS}
    columns, rows = ({panel[index] for panel in PANELS} for index in (2, 3))
    widths = [max(sizes[p][0] for p, _, c, _ in PANELS if c == column) for column in sorted(columns)]
    heights = [max(sizes[p][1] for p, _, _, r in PANELS if r == row) for row in sorted(rows)]
    lefts = [MARGIN + sum(widths[:column]) + column * (MARGIN + 10) for column in sorted(columns)]
    tops = (MARGIN, 3 * MARGIN + heights[0] + 10)
    total = (lefts[-1] + widths[-1] + MARGIN, tops[1] + heights[1] + MARGIN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]} {total[1]}" role="img" '
        'aria-label="The packages, the rooms in them, and what imports what">',
        "<style>text{font-family:sans-serif;fill:#222}.title{font-size:20px;font-weight:bold}.room{font-size:14px;"
        "font-weight:bold}.purpose{font-size:11px;fill:#555}.arrow{fill:none;stroke-opacity:.55;stroke-width:1.4}"
        ".package{fill:none;stroke:#888;stroke-width:3}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#888"/></marker></defs>',
        f'<rect width="{total[0]}" height="{total[1]}" fill="#fff"/>',
    ]
    middle, gap = lefts[1] - 15, tops[1] - 25
    arrows = (
        f"M{lefts[0] + widths[0]} {tops[0] + 60}L{lefts[1] - 2} {tops[0] + 60}",
        f"M{lefts[0] + widths[0] / 2} {tops[0] + sizes['a2k_train'][1]}L{lefts[0] + widths[0] / 2} {tops[1] - 2}",
        f"M{lefts[1] + widths[1] / 2} {tops[0] + sizes['a2k_nets'][1]}L{lefts[1] + widths[1] / 2} {tops[1] - 2}",
        f"M{lefts[0] + widths[0] - 40} {tops[0] + sizes['a2k_train'][1]}L{lefts[0] + widths[0] - 40} {gap}"
        f"L{middle + 60} {gap}L{middle + 60} {tops[1] - 2}",
        f"M{lefts[2] + widths[2] / 2} {tops[0] + sizes['kp_render'][1]}L{lefts[2] + widths[2] / 2} {tops[1] + 60}"
        f"L{lefts[1] + widths[1] + 2} {tops[1] + 60}",
    )
    parts += [f'<path d="{path}" class="package" marker-end="url(#head)"/>' for path in arrows]
    for package, title, column, row in PANELS:
        parts += draw_panel(package, title, lefts[column], tops[row], widths[column])
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
