"""Load the networks of the library face-alignment with their weights; the only file that imports it."""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kp_io.detectors.face_alignment.weights import read_weights
from kp_io.extras import how_to_install

_STACKS = 4  # hourglasses of the published networks, 2D-FAN-4 and 3D-FAN-4


def library_version() -> str:
    """Return the version of the installed library, or raise `ImportError` that says what to install."""
    return str(_library("face_alignment").__version__)


def load_box_network(path: Path) -> nn.Module:
    """Return S3FD, the face box detector."""
    return _with_weights(_library("face_alignment.detection.sfd.net_s3fd").s3fd(), path)


def load_point_network(path: Path) -> nn.Module:
    """Return FAN, which predicts a heatmap of each of a crop's 68 points with each of its four stacks."""
    return _with_weights(_library("face_alignment.models").FAN(_STACKS), path)


def load_depth_network(path: Path) -> nn.Module:
    """Return the network that predicts the depth of 68 points drawn into a crop."""
    return _with_weights(_library("face_alignment.models").ResNetDepth(), path)


def _library(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"the face-alignment detector needs {how_to_install('face-alignment')} and then "
            "`pip install --no-deps face-alignment` (by itself it would bring a second cv2 beside the headless one); "
            f"importing it failed: {error}"
        ) from error


def _with_weights(network: nn.Module, path: Path) -> nn.Module:
    try:
        network.load_state_dict(read_weights(path))
    except RuntimeError as error:
        problem = str(error).strip().splitlines()[-1].strip()
        raise ValueError(f"expected weights of {type(network).__name__} in {path}: {problem}") from error
    network.requires_grad_(False).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    return network
