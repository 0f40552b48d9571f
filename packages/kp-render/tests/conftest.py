"""A real portrait, NASA's picture of Eileen Collins (public domain), and its keypoints by kp-io's detector."""

import numpy as np
import pytest
import torch


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    data = pytest.importorskip("skimage.data", reason="scikit-image has the portrait")
    return data.astronaut()


@pytest.fixture(scope="session")
def still(picture) -> torch.Tensor:
    kp_io = pytest.importorskip("kp_io")
    return kp_io.annotate_image(picture).keypoints[0, :, :2]


@pytest.fixture(scope="session")
def tensor(picture) -> torch.Tensor:
    return torch.from_numpy(picture[:288, 60:388].copy()).permute(2, 0, 1).float() / 255


@pytest.fixture(scope="session")
def face(still) -> torch.Tensor:
    """The keypoints in the part of the picture that `tensor` shows."""
    return still - torch.tensor([60.0, 0.0])
