"""Mean and deviation of the training keypoints (paper, section 4.5)."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.paper.normalizer import PaperNormalizer
from a2k_train.store import ClipStore

__all__ = ["base_point_statistics", "fit_paper_statistics"]

# The paper computes its statistics over the first 10,000 training sequences.
_MAX_CLIPS = 10_000


def base_point_statistics(
    store: ClipStore, *, base_point: int
) -> tuple[Float[Tensor, "k d"], Float[Tensor, "k d"]]:
    """Return mean and deviation of every coordinate, base point subtracted, over measured frames of the first clips.

    One clip is in memory at a time.
    """
    shape = store.keypoints.shape[1:]
    count, total, squares = 0, torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    for index in range(min(len(store), _MAX_CLIPS)):
        clip = store.clip(index)
        points = clip.keypoints[clip.measured].double().cpu()
        centred = points - points[:, [base_point]]
        count += len(points)
        total += centred.sum(dim=0)
        squares += centred.square().sum(dim=0)
    if count < 2:
        raise ValueError(f"expected at least two measured frames in the training clips, got {count}")
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt()
    return mean.float(), std.float()


def fit_paper_statistics(normalizer: PaperNormalizer, store: ClipStore) -> None:
    """Fit the normalizer to training clips."""
    mean, std = base_point_statistics(store, base_point=normalizer.config.base_point)
    normalizer.set_statistics(mean=mean, std=std)
