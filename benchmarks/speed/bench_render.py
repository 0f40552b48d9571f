"""Frames of a portrait that speaks, beside a Delaunay warp in OpenCV.

    nox -s bench -- benchmarks/speed/bench_render.py

The face of the demo's picture at 512×512, which it fills: all pixels move. Keypoints nod, turn and speak. Each row
includes the preparation of the portrait. The Delaunay warp is the usual loop: an
affine warp of the rectangle around each triangle, put together by masks. It has no inside of the mouth.
"""

import cv2
import numpy as np
import pytest
import torch

from kp_io import KeypointSequence, annotate_image
from kp_render import render_portrait

FRAMES = 50
SIZE = 512
NOTE = {"against": "Delaunay in OpenCV, two threads", "amount": FRAMES, "unit": "frames"}

pytestmark = pytest.mark.benchmark(group=f"render {FRAMES} frames of {SIZE}×{SIZE}")


@pytest.fixture(scope="module")
def picture():
    data = pytest.importorskip("skimage.data", reason="needs scikit-image for its portrait")
    return cv2.resize(data.astronaut()[:300, 75:375], (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def talk(picture):
    """Return keypoints of the picture as they speak: the first frame is the picture's."""
    still = annotate_image(picture).keypoints[0, :, :2]
    time = torch.arange(FRAMES) / 25
    points = still.expand(FRAMES, -1, -1).clone()
    points += 10 * torch.stack((torch.sin(4 * time), 1 - torch.cos(5 * time)), dim=1)[:, None]
    points[:, [5, 6, 7, 8, 9, 10, 11, *range(55, 60), 65, 66, 67], 1] += 12 * torch.sin(12 * time)[:, None].abs()
    return KeypointSequence(points, image_size=picture.shape[:2])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("paint", [False, True], ids=["warp", "paint"])
def bench_render_portrait(measure, picture, talk, device, paint, threads):
    torch.set_num_threads(threads)
    try:
        row = f"render_portrait{', paint' if paint else ''}, {('one thread', 'two threads')[threads - 1]}"
        drawn = measure(
            lambda: sum(1 for _ in render_portrait(picture, talk, paint=paint, device=str(device))), row=row, **NOTE
        )
    finally:
        torch.set_num_threads(1)
    assert drawn == FRAMES


def bench_delaunay(measure, cpu_only, picture, talk):
    points = talk.keypoints[..., :2].numpy()
    cv2.setNumThreads(2)
    frames = measure(lambda: delaunay(picture, points), row=NOTE["against"], **NOTE | {"against": None})
    assert np.abs(frames[0].astype(int) - picture).mean() < 4
    assert np.abs(frames[-1].astype(int) - picture).max() > 50


def delaunay(picture, points):
    """Return frames whose triangles between keypoints and the edges of the picture are warped one by one."""
    edges = np.array([(x, y) for x in (0, SIZE // 2, SIZE - 1) for y in (0, SIZE // 2, SIZE - 1)], np.float32)
    edges = edges[(edges != SIZE // 2).any(axis=1)]
    source = np.concatenate((points[0], edges))
    division = cv2.Subdiv2D((0, 0, SIZE, SIZE))
    number = {division.insert((float(x), float(y))): index for index, (x, y) in enumerate(source)}
    corners = division.getTriangleList().reshape(-1, 3, 2)
    inside = ((corners >= 0) & (corners < SIZE)).all(axis=(1, 2))
    triangles = [
        [number[division.locate((float(x), float(y)))[2]] for x, y in triangle] for triangle in corners[inside]
    ]
    return [_warped(picture, source, np.concatenate((frame, edges)), triangles) for frame in points]


def _warped(picture, source, target, triangles):
    frame = picture.copy()
    for index in triangles:
        own, other = source[index].astype(np.float32), target[index].astype(np.float32)
        x, y, width, height = cv2.boundingRect(other)
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, SIZE), min(y + height, SIZE)
        matrix = cv2.getAffineTransform(own, other - np.float32((x0, y0)))
        patch = cv2.warpAffine(picture, matrix, (x1 - x0, y1 - y0), borderMode=cv2.BORDER_REPLICATE)
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillConvexPoly(mask, (other - np.float32((x0, y0))).round().astype(int), 1)
        cv2.copyTo(patch, mask, frame[y0:y1, x0:x1])
    return frame
