"""Tracks of head, brows and lids in keypoints, real or generated."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_train.data.clip import Clip
from a2k_train.statistics.head.labels import COMPONENTS, head_labels, measure_motion
from kp_metrics import eye_aspect_ratio

#: Columns of the tracks: those of `head_labels`, and how far the lids are closed.
TRACKS = (*COMPONENTS, "lids")

#: The column of the lids.
LIDS = len(COMPONENTS)

# Frames of the running median that is the open eye's aspect ratio: two seconds.
_OPEN_EYE = 51


def real_tracks(clip: Clip) -> Float[Tensor, "t 10"]:
    """Measure the motion in a clip, smoothed as labels are, with its mean subtracted, and its lids.

    Raises:
        ValueError: The clip has fewer than five measured frames.
    """
    points = clip.keypoints[..., :2].cpu()
    return torch.cat((head_labels(clip).motion, lid_closing(points)[:, None]), dim=1)


def generated_tracks(keypoints: Float[Tensor, "t 68 2"]) -> Float[Tensor, "t 10"]:
    """Measure the motion in generated keypoints, with its mean subtracted.

    It is not smoothed: there is no noise of a detector in it.
    """
    motion = measure_motion(keypoints).float()
    return torch.cat((motion - motion.mean(dim=0), lid_closing(keypoints)[:, None]), dim=1)


def lid_closing(keypoints: Float[Tensor, "t 68 2"]) -> Float[Tensor, " t"]:
    """Return by how much the lids are closed: 0 for eyes as open as in the two seconds around, 1 for closed ones.

    Example:
        >>> face = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)).expand(60, 68, 2).clone()
        >>> closing = lid_closing(face)
        >>> face[30:33, [40, 41, 46, 47]] = face[30:33, [38, 37, 44, 43]]
        >>> closing[30].item(), lid_closing(face)[[29, 30]].round(decimals=2).tolist()
        (0.0, [0.0, 1.0])
    """
    ratio = eye_aspect_ratio(keypoints)
    half = _OPEN_EYE // 2
    around = F.pad(ratio[None], (half, half), mode="replicate")[0].unfold(0, _OPEN_EYE, 1)
    return (1 - ratio / around.median(dim=-1).values.clamp(min=1e-3)).clamp(-0.3, 1)


def runs_of(flags: Bool[Tensor, " t"]) -> list[tuple[int, int]]:
    """Return the first frame and the one after the last of each run of True.

    Example:
        >>> runs_of(torch.tensor([True, True, False, True]))
        [(0, 2), (3, 4)]
    """
    edges = F.pad(flags.int(), (1, 1)).diff()
    starts, stops = (edges == 1).nonzero().flatten(), (edges == -1).nonzero().flatten()
    return list(zip(starts.tolist(), stops.tolist(), strict=True))
