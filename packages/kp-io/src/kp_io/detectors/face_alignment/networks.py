"""Load the networks of the library face-alignment with their weights; the only file that imports it."""

from pathlib import Path

import torch
from torch import nn

from kp_io.detectors.face_alignment.weights import read_weights

_STACKS = 4  # hourglasses of the published networks, 2D-FAN-4 and 3D-FAN-4


def _library() -> None:
    try:
        import face_alignment  # noqa: F401
    except ImportError as error:
        raise ImportError(
            'the face-alignment detector needs `pip install "kp-io[face-alignment]"` and then '
            "`pip install --no-deps face-alignment` (by itself it would bring a second cv2 beside the headless one); "
            f"importing it failed: {error}"
        ) from error


def library_version() -> str:
    """Return the version of the installed library, or raise `ImportError` that says what to install."""
    _library()
    import face_alignment

    return str(face_alignment.__version__)


def load_box_network(path: Path) -> nn.Module:
    """Return S3FD, the face box detector."""
    _library()
    from face_alignment.detection.sfd.net_s3fd import s3fd

    return _with_weights(s3fd(), path)


def load_point_network(path: Path) -> nn.Module:
    """Return FAN, which predicts a heatmap of each of a crop's 68 points with each of its four stacks."""
    _library()
    from face_alignment.models import FAN

    return _with_weights(FAN(_STACKS), path)


def load_depth_network(path: Path) -> nn.Module:
    """Return the network that predicts the depth of 68 points drawn into a crop."""
    _library()
    from face_alignment.models import ResNetDepth

    return _with_weights(ResNetDepth(), path)


def _with_weights(network: nn.Module, path: Path) -> nn.Module:
    try:
        network.load_state_dict(read_weights(path))
    except RuntimeError as error:
        problem = str(error).strip().splitlines()[-1].strip()
        raise ValueError(f"expected weights of {type(network).__name__} in {path}: {problem}") from error
    network.requires_grad_(False).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    return network
