"""Keypoints as JSON of the COCO keypoint task: images, annotations, categories."""

import json
import logging
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from kp_io.formats.frame_placement import LABELS, Choice, choose_rows
from kp_io.formats.json_file import (
    integer_member,
    is_number,
    load_json,
    member,
    object_list,
    place_entries,
    shortest_floats,
)
from kp_io.keypoints.layout import KeypointLayout, get_layout, layout_hint
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.transforms.gaps import interpolate_missing

logger = logging.getLogger(__name__)

_ONLY_ONE = Choice()

#: COCO's visibility flags, the third number of a point.
_NOT_LABELLED, _NOT_VISIBLE, _VISIBLE = 0, 1, 2


def write_coco(path: Path, sequence: KeypointSequence) -> None:
    """Write an image and an annotation for every frame.

    The visibility is 2, or 1 where the score is 0 (an interpolated point). Members outside the COCO standard hold the
    rest: `keypoint_scores`, `keypoints_z`, and in `info` fps, layout and detector.
    """
    height, width = sequence.image_size
    layout = sequence.layout
    points, scores = shortest_floats(sequence.keypoints), shortest_floats(sequence.scores)
    images, annotations = [], []
    for frame, (face, confidences) in enumerate(zip(points, scores, strict=True)):
        xs, ys = [point[0] for point in face], [point[1] for point in face]
        sides = max(xs) - min(xs), max(ys) - min(ys)
        visible = [_VISIBLE if score > 0 else _NOT_VISIBLE for score in confidences]
        name = f"{frame:06d}.png"
        images.append({"id": frame, "frame_id": frame, "file_name": name, "width": width, "height": height})
        annotation: dict[str, Any] = {
            "id": frame,
            "image_id": frame,
            "category_id": 1,
            "iscrowd": 0,
            "bbox": [min(xs), min(ys), *sides],
            "area": sides[0] * sides[1],
            "num_keypoints": len(face),
            "keypoints": [number for point, v in zip(face, visible, strict=True) for number in (*point[:2], v)],
            "keypoint_scores": confidences,
        }
        if len(face[0]) == 3:
            annotation["keypoints_z"] = [point[2] for point in face]
        annotations.append(annotation)
    names = [f"{part.name}_{i - part.start}" for part in layout.parts for i in part.indices]
    skeleton = [[a + 1, b + 1] for part in layout.parts for a, b in part.edges()]
    metadata = {"fps": sequence.fps, "layout": layout.name, "detector": sequence.detector}
    content = {
        "info": {"description": "facial keypoints written by kp-io", **metadata},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "face", "supercategory": "person", "keypoints": names, "skeleton": skeleton}],
    }
    with path.open("w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False)


def read_coco(
    path: Path,
    image_size: tuple[int, int] | None = None,
    *,
    face: str | int | None = None,
    track: str | int | None = None,
    image: str | int | None = None,
    one_based: bool = False,
) -> KeypointSequence:
    """Read one face of every image of a COCO file; images stand at their `frame_id` or time if they have one.

    Images without a face are interpolated, with scores of 0, as are frames without an image. Without `keypoint_scores`,
    unlabelled points score 0 and all others 1. `one_based` files count pixels from 1, as those converted from 300-W's
    `.pts`; COCO counts from 0.

    Args:
        path: The file.
        image_size: Height and width of images without a size in the file.
        face: Which face of an image with several: its rank by size, from 0, the largest; or its `person_id` or such.
        track: Which `track_id`, or which video (`vid_id`, `video_id`, or folder of the file names).
        image: The only image to read: its `file_name`, the end of it, or its id.
        one_based: Whether the first pixel is 1.

    Raises:
        ValueError: The file is something else or damaged, images differ in size, it holds several videos or tracks and
            none is chosen, or what is chosen is not there.
    """
    value = load_json(path)
    try:
        return coco_from_json(value, image_size, Choice(face, track, image), one_based=one_based)
    except ValueError as error:
        raise ValueError(f"{path} is no valid COCO keypoint file: {error}") from error


def coco_from_json(
    value: dict[str, Any], image_size: tuple[int, int] | None, choice: Choice = _ONLY_ONE, *, one_based: bool = False
) -> KeypointSequence:
    """Convert the JSON object of a COCO file to keypoints; see `read_coco`."""
    info: dict[str, Any] = member(value, "info", dict, "file", default={})
    layout = get_layout(member(info, "layout", str, "info", default="ibug68"))
    images, choice = _images(value, choice)
    size = _common_size(images, image_size)
    fps = member(info, "fps", float, "info") if "fps" in info else None
    places = place_entries(images, fps)
    ids = [integer_member(images[row][1], "id", images[row][0]) for row in places.rows]
    faces = _faces(value, set(ids), layout, choice)
    if not faces:
        raise ValueError("expected an annotation with keypoints for at least one image, found none")
    measured: Bool[Tensor, " t"] = torch.zeros(places.total, dtype=torch.bool)
    any_points, any_scores = next(iter(faces.values()))
    points, scores = any_points.repeat(places.total, 1, 1), any_scores.new_zeros(places.total, len(any_scores))
    for frame, image_id in zip(places.frames.tolist(), ids, strict=True):
        if image_id in faces:
            if faces[image_id][0].shape != any_points.shape:
                raise ValueError("expected keypoints_z in every annotation, or in none")
            points[frame], scores[frame] = faces[image_id]
            measured[frame] = True
    points[..., :2] -= float(one_based)
    return KeypointSequence(
        interpolate_missing(points, measured),
        scores,
        fps=places.fps,
        image_size=size,
        layout=layout,
        detector=member(info, "detector", str, "info", default="unknown"),
    )


def _images(value: dict[str, Any], choice: Choice) -> tuple[list[tuple[str, dict[str, Any]]], Choice]:
    """Return the wanted image entries, each with its path in the file, and what is left to choose."""
    images = object_list(value, "images")
    if not images:
        raise ValueError("expected at least one image in images, got none")
    if choice.image is not None:
        matching = [(where, entry) for where, entry in images if _matches(entry, str(choice.image))]
        if len(matching) != 1:
            names = ", ".join(str(entry.get("file_name", entry.get("id"))) for _, entry in images[:5])
            raise ValueError(f"expected one image called {choice.image!r}, got {len(matching)}; there are {names}, …")
        return matching, replace(choice, image=None)
    columns = {name: [entry.get(name) for _, entry in images] for name in LABELS["track"]}
    columns = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    if not columns and _repeat_in_folders(images):
        columns = {"video": [str(PurePosixPath(str(entry["file_name"])).parent) for _, entry in images]}
    if not columns:
        return images, choice
    # A track is in the annotations: the choice is the video's only where there are several.
    several = any(len(set(map(str, values))) > 1 for values in columns.values())
    rows = choose_rows(columns, len(images), replace(choice, track=choice.track if several else None, face=None))
    return [images[row] for row in rows], replace(choice, track=None) if several else choice


def _repeat_in_folders(images: list[tuple[str, dict[str, Any]]]) -> bool:
    """Return whether several folders hold images of the same name, or of the same number: several videos."""
    paths = [PurePosixPath(str(entry.get("file_name", where))) for where, entry in images]
    numbers = [str(entry.get("frame_id", where)) for where, entry in images]
    repeated = len({path.name for path in paths}) < len(paths) or len(set(numbers)) < len(numbers)
    return repeated and len({path.parent for path in paths}) > 1


def _matches(entry: dict[str, Any], name: str) -> bool:
    file_name = str(entry.get("file_name", ""))
    return file_name == name or file_name.endswith(f"/{name}") or str(entry.get("id")) == name


def _common_size(images: list[tuple[str, dict[str, Any]]], image_size: tuple[int, int] | None) -> tuple[int, int]:
    sizes = [
        (integer_member(entry, "height", where), integer_member(entry, "width", where))
        if image_size is None or "height" in entry or "width" in entry
        else image_size
        for where, entry in images
    ]
    other = next((size for size in sizes if size != sizes[0]), None)
    if other is not None:
        raise ValueError(
            f"expected images of one size, the frames of one video, got {sizes[0][1]}×{sizes[0][0]} and "
            f"{other[1]}×{other[0]} px; choose one with image=, or `kp-io convert --image`"
        )
    return sizes[0]


_Face = tuple[Float64[Tensor, "k d"], Float64[Tensor, " k"]]


def _faces(value: dict[str, Any], wanted: set[int], layout: KeypointLayout, choice: Choice) -> dict[int, _Face]:
    """Return points and scores of the chosen labelled face of each wanted image that has one."""
    found: dict[int, list[tuple[float, _Face]]] = {}
    rank, entries = _choose_annotations(value, wanted, layout, choice)
    for where, entry in entries:
        points, scores = _face(entry, layout, where)
        low, high = points[..., :2].amin(dim=0), points[..., :2].amax(dim=0)
        if bool(scores.any()) or "keypoint_scores" in entry:
            image_id = integer_member(entry, "image_id", where)
            found.setdefault(image_id, []).append((float((high - low).prod()), (points, scores)))
    several = sum(len(faces) > 1 for faces in found.values())
    if several and rank is None:
        logger.warning(
            "%d of %d images have several faces; the largest is read; choose another with face=, or --face",
            several, len(found),
        )  # fmt: skip
    # The sort is stable: of equal faces, the first.
    ranked = {image_id: sorted(faces, key=lambda face: -face[0]) for image_id, faces in found.items()}
    return {image_id: faces[rank or 0][1] for image_id, faces in ranked.items() if len(faces) > (rank or 0)}


def _choose_annotations(
    value: dict[str, Any], wanted: set[int], layout: KeypointLayout, choice: Choice
) -> tuple[int | None, list[tuple[str, dict[str, Any]]]]:
    """Return the annotations of the wanted images, track and person, and the rank by size if that is what is chosen."""
    entries = object_list(value, "annotations")
    entries = [(where, e) for where, e in entries if integer_member(e, "image_id", where) in wanted]
    entries = [(where, e) for where, e in entries if not e.get("iscrowd")]
    if len({str(e.get("category_id")) for _, e in entries}) > 1:
        # Such as bodies beside faces.
        whole = 3 * layout.num_keypoints
        entries = [(where, e) for where, e in entries if len(e.get("keypoints") or ()) == whole] or entries
        categories = {str(e.get("category_id")) for _, e in entries}
        if len(categories) > 1:
            raise ValueError(f"expected annotations of one category, got the category_id {', '.join(categories)}")
    names = [*LABELS["track"], *LABELS["face"]]
    columns = {name: [e.get(name) for _, e in entries] for name in names}
    columns = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    rank = None
    if choice.face is not None and not any(name in columns for name in LABELS["face"]):
        if not str(choice.face).isdecimal():
            raise ValueError(f"expected the rank of a face by size, from 0, got face={choice.face!r}")
        rank, choice = int(choice.face), replace(choice, face=None)
    return rank, [entries[row] for row in choose_rows(columns, len(entries), choice)]


def _face(entry: dict[str, Any], layout: KeypointLayout, where: str) -> _Face:
    count = layout.num_keypoints
    triplets = _numbers(entry, "keypoints", 3 * count, f"x, y, visibility of {count} points, {layout.name}", where)
    points, visibility = triplets.reshape(count, 3)[:, :2], triplets.reshape(count, 3)[:, 2]
    if "keypoints_z" in entry:
        depth = _numbers(entry, "keypoints_z", count, "one a point", where)
        points = torch.cat((points, depth[:, None]), dim=1)
    scores = (visibility > _NOT_LABELLED).double()
    if "keypoint_scores" in entry:
        scores = _numbers(entry, "keypoint_scores", count, "one a point", where)
    return points, scores


def _numbers(entry: dict[str, Any], name: str, count: int, meaning: str, where: str) -> Float64[Tensor, " n"]:
    values = member(entry, name, list, where)
    if len(values) != count:
        points = len(values) / 3
        hint = f" of {points:g} points{layout_hint(int(points))}" if name == "keypoints" and points % 1 == 0 else ""
        raise ValueError(f"expected {count} numbers as {where}.{name} ({meaning}), got {len(values)}{hint}")
    wrong = next((i for i, value in enumerate(values) if not is_number(value)), None)
    if wrong is not None:
        raise ValueError(f"expected a number as {where}.{name}[{wrong}], got {values[wrong]!r:.40}")
    return torch.tensor(values, dtype=torch.float64)
