"""Keypoints as JSON of the COCO keypoint task: images, annotations, categories."""

import json
from pathlib import Path
from typing import Any

import torch

from kp_io.formats.frame_placement import Choice
from kp_io.formats.json_file import load_json, shortest_floats
from kp_io.formats.json_frames import Entry, PointCount, coco_frames, integer_member, member
from kp_io.keypoints.layout import get_layout, layout_hint
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.transforms.gaps import interpolate_missing

_ONLY_ONE = Choice()

#: COCO's visibility flags, the third number of a point.
_NOT_VISIBLE, _VISIBLE = 1, 2


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
    expected = PointCount(layout.num_keypoints, layout.name, layout_hint)
    frames = coco_frames(value, expected, choice, fps=member(info, "fps", float, "info") if "fps" in info else None)
    points = torch.from_numpy(frames.points)
    points[..., :2] -= float(one_based)
    return KeypointSequence(
        interpolate_missing(points, torch.from_numpy(frames.measured)),
        torch.from_numpy(frames.scores),
        fps=frames.fps,
        image_size=_common_size(frames.entries, image_size),
        layout=layout,
        detector=member(info, "detector", str, "info", default="unknown"),
    )


def _common_size(images: list[Entry], image_size: tuple[int, int] | None) -> tuple[int, int]:
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
