"""Which faces look ahead."""

import numpy as np
import torch

from kp_render.geometry.head_pose import fit_head_pose
from kp_render.geometry.landmarks import STABLE
from kp_render.geometry.mean_head import mean_head

__all__ = ["ahead"]

_MOST_YAW = 20.0


def ahead(points: np.ndarray) -> np.ndarray:
    """Return which of faces `(T, 68, 2)` are turned aside by 20 degrees at most."""
    head = mean_head()[list(STABLE)]
    sight = fit_head_pose(head, torch.from_numpy(points[:, list(STABLE)]).float()).rotation[:, :, 2]
    return (torch.atan2(sight[:, 0], sight[:, 2]).rad2deg().abs() <= _MOST_YAW).numpy()
