"""Keypoints as JSON of the COCO keypoint task: images, annotations, categories."""

import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from kp_io.formats.json_file import integer_member, is_number, load_json, member, object_list, shortest_floats
from kp_io.keypoints.layout import KeypointLayout, get_layout
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.transforms.gaps import interpolate_missing

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
    path: Path, image_size: tuple[int, int] | None = None, *, image: str | None = None, one_based: bool = False
) -> KeypointSequence:
    """Read the largest face of every image of a COCO file, ordered by `frame_id` if present.

    Images without a face are interpolated, with scores of 0. Without `keypoint_scores`, unlabelled points score 0 and
    all others 1. `image_size` is the height and width of images without a size in the file. With `image`, only that one
    is read: its `file_name`, the end of it, or its id. `one_based` files count pixels from 1, as those converted from
    300-W's `.pts`; COCO counts from 0.

    Raises:
        ValueError: The file is something else or damaged, images differ in size, or `image` matches none or several.
    """
    value = load_json(path)
    try:
        return coco_from_json(value, image_size, image=image, one_based=one_based)
    except ValueError as error:
        raise ValueError(f"{path} is no valid COCO keypoint file: {error}") from error


def coco_from_json(
    value: dict[str, Any], image_size: tuple[int, int] | None, *, image: str | None = None, one_based: bool = False
) -> KeypointSequence:
    """Convert the JSON object of a COCO file to keypoints; see `read_coco`."""
    info: dict[str, Any] = member(value, "info", dict, "file", default={})
    layout = get_layout(member(info, "layout", str, "info", default="ibug68"))
    images = _images(value, image)
    size = _common_size(images, image_size)
    ids = [integer_member(entry, "id", where) for where, entry in images]
    faces = _largest_faces(value, set(ids), layout)
    if not faces:
        raise ValueError("expected an annotation with keypoints for at least one image, found none")
    measured: Bool[Tensor, " t"] = torch.tensor([image_id in faces for image_id in ids])
    any_face = next(iter(faces.values()))
    filled = [faces.get(image_id, any_face) for image_id in ids]
    if len({points.shape for points, _ in filled}) > 1:
        raise ValueError("expected keypoints_z in every annotation, or in none")
    points = torch.stack([points for points, _ in filled])
    points[..., :2] -= float(one_based)
    return KeypointSequence(
        interpolate_missing(points, measured),
        torch.stack([scores for _, scores in filled]) * measured[:, None],
        fps=member(info, "fps", float, "info", default=25.0),
        image_size=size,
        layout=layout,
        detector=member(info, "detector", str, "info", default="unknown"),
    )


def _images(value: dict[str, Any], chosen: str | None) -> list[tuple[str, dict[str, Any]]]:
    """Return the image entries in order, each with its path in the file."""
    images = object_list(value, "images")
    if not images:
        raise ValueError("expected at least one image in images, got none")
    if chosen is not None:
        matching = [(where, entry) for where, entry in images if _matches(entry, chosen)]
        if len(matching) != 1:
            names = ", ".join(str(entry.get("file_name", entry.get("id"))) for _, entry in images[:5])
            raise ValueError(f"expected one image called {chosen!r}, got {len(matching)}; there are {names}, …")
        return matching
    if all("frame_id" in entry for _, entry in images):
        images.sort(key=lambda item: integer_member(item[1], "frame_id", item[0]))
    return images


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


def _largest_faces(value: dict[str, Any], wanted: set[int], layout: KeypointLayout) -> dict[int, _Face]:
    """Return points and scores of the largest labelled face of each wanted image that has one."""
    faces: dict[int, _Face] = {}
    areas: dict[int, float] = {}
    for where, entry in object_list(value, "annotations"):
        image_id = integer_member(entry, "image_id", where)
        if image_id not in wanted:
            continue
        points, scores = _face(entry, layout, where)
        low, high = points[..., :2].amin(dim=0), points[..., :2].amax(dim=0)
        area = float((high - low).prod())
        labelled = bool(scores.any()) or "keypoint_scores" in entry
        if labelled and area > areas.get(image_id, -1.0):
            faces[image_id], areas[image_id] = (points, scores), area
    return faces


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
        raise ValueError(f"expected {count} numbers as {where}.{name} ({meaning}), got {len(values)}")
    wrong = next((i for i, value in enumerate(values) if not is_number(value)), None)
    if wrong is not None:
        raise ValueError(f"expected a number as {where}.{name}[{wrong}], got {values[wrong]!r:.40}")
    return torch.tensor(values, dtype=torch.float64)
