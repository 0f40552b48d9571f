"""How alike two faces are, by dlib's network of faces."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import dlib
import numpy as np
from rendering.crops import Image
from rendering.turns import ahead

__all__ = ["identity"]

#: Distance of embeddings below which dlib takes two faces for the same person's.
_SAME = 0.6


@cache
def embedder() -> object:
    """Return dlib's network of faces, which comes with face_recognition_models."""
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise ImportError("the benchmark needs face_recognition_models: pip install 'kp-io[dlib]'")
    folder = Path(spec.origin).parent / "models"
    return dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))


def embedding(frame: Image, points: np.ndarray) -> np.ndarray:
    """Return the 128 numbers of a face whose keypoints are known."""
    (left, top), (right, bottom) = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
    places = [dlib.point(int(x), int(y)) for x, y in points.round()]
    shape = dlib.full_object_detection(dlib.rectangle(int(left), int(top), int(right), int(bottom)), places)
    return np.array(embedder().compute_face_descriptor(np.ascontiguousarray(frame), shape))


def identity(portrait: Image, still: np.ndarray, frames: list[Image], driving: np.ndarray) -> dict[str, float]:
    """Return how far the embeddings of rendered faces are from that of the portrait."""
    own = embedding(portrait, still)
    found = [float(np.linalg.norm(embedding(f, p) - own)) for f, p in zip(frames, driving, strict=True)]
    same = np.array(found) < _SAME
    scores = {"identity distance": float(np.mean(found)), "same person": float(np.mean(same))}
    if (front := ahead(driving)).any():
        scores["same person, yaw below 20 degrees"] = float(np.mean(same[front]))
    return scores
