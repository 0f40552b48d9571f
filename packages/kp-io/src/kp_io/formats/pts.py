"""Keypoints of one image as 300-W's text file: a short header, then one point per line."""

import math
from pathlib import Path

import torch

from kp_io.keypoints.layout import IBUG68, check_num_points
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.image import IMAGE_SUFFIXES, read_image

#: Comment markers of various tools.
_COMMENTS = ("#", "//", "%")

#: Index of the first pixel in this format; elsewhere it is 0.
_FIRST_PIXEL = 1.0


def write_pts(path: Path, sequence: KeypointSequence) -> None:
    """Write the points of one frame, with pixels counted from 1; the format holds nothing else."""
    if len(sequence) != 1:
        raise ValueError(
            f"expected one frame for a .pts, which holds one face, got {len(sequence)}; take one with "
            "sequence.frames(n, n + 1) or `kp-io convert --frame n`"
        )
    points = sequence.keypoints[0].detach().cpu().double()
    points[:, :2] += _FIRST_PIXEL
    rows = [" ".join(str(value) for value in row) for row in points.tolist()]
    path.write_text("\n".join(["version: 1", f"n_points: {len(rows)}", "{", *rows, "}", ""]), encoding="utf-8")


def read_pts(path: Path, image_size: tuple[int, int] | None = None) -> KeypointSequence:
    """Read the points between the braces; blank lines and comments (`#`, `//`, `%`) are skipped.

    The image size, which the format does not hold, is `image_size` or that of an image beside the file with its name. A
    `ValueError` names the line that is not a point.
    """
    keypoints = torch.tensor(_points(path), dtype=torch.float64)
    size = image_size or _size_of_adjacent_image(path)
    if size is None:
        raise ValueError(
            f"expected the image size of {path}, which the format does not hold; pass "
            "image_size=(height, width), or put the image beside it with the same name"
        )
    keypoints[:, :2] -= _FIRST_PIXEL
    try:
        return KeypointSequence(keypoints[None], image_size=size)
    except ValueError as error:
        raise ValueError(f"{path} is no valid file of points: {error}") from error


def _points(path: Path) -> list[list[float]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"expected a text file of points (.pts) in {path}, got something else: {error}") from error
    lines = [(number, _without_comment(line)) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line]
    opening = next((i for i, (_, line) in enumerate(lines) if line == "{"), None)
    closing = next((i for i, (_, line) in enumerate(lines) if line == "}"), None)
    if opening is None or closing is None or closing < opening:
        raise ValueError(f"expected points between a line '{{' and a line '}}' in {path}; is it cut off?")
    rows = [_point(path, number, line) for number, line in lines[opening + 1 : closing]]
    for number, line in lines[:opening]:
        name, _, value = line.partition(":")
        if name.strip() == "n_points" and value.strip() != str(len(rows)):
            stated = f"the {value.strip()} points that line {number} of {path} states"
            raise ValueError(f"expected {stated}, got {len(rows)}")
    check_num_points(len(rows), IBUG68, str(path))
    if len({len(row) for row in rows}) != 1:
        raise ValueError(f"expected points of two numbers, or all of three, in {path}")
    return rows


def _point(path: Path, number: int, line: str) -> list[float]:
    try:
        row = [float(cell) for cell in line.replace(",", " ").split()]
    except ValueError:
        row = []
    if len(row) not in (2, 3) or not all(math.isfinite(value) for value in row):
        raise ValueError(f"expected two or three numbers in line {number} of {path}, got {line[:60]!r}")
    return row


def _without_comment(line: str) -> str:
    for marker in _COMMENTS:
        line = line.partition(marker)[0]
    return line.strip()


def _size_of_adjacent_image(path: Path) -> tuple[int, int] | None:
    candidates = [path.with_suffix(suffix) for suffix in sorted(IMAGE_SUFFIXES)]
    sizes = (read_image(candidate).shape[:2] for candidate in candidates if candidate.is_file())
    return next(sizes, None)
