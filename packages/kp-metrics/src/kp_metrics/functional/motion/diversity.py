"""Diversity of the predictions of different seeds."""

from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor

from kp_metrics.functional.motion.velocity import sequence_size
from kp_metrics.primitives.checks import check_keypoints, check_mask, working_precision
from kp_metrics.primitives.normalizers import Normalizer, point_norm, usable_size
from kp_metrics.primitives.reduction import Reduction, reduce_values
from kp_metrics.primitives.types import Mask, Values


def diversity(
    samples: Float[Tensor, "s *batch t k d"],
    *,
    normalizer: Normalizer = "interocular",
    mask: Mask = None,
    reduction: Reduction = "mean",
) -> Values:
    """Return the mean distance of a point between two predictions for one input, over all pairs of seeds, in IOD.

    This is not an error: a model that ignores its noise scores 0.

    Args:
        samples: `(S, ..., T, K, D)`: S predictions from different seeds.
        normalizer: Measured on the first sample, one size per sequence.
        mask: `(..., T, K)`, True where a point is valid.
        reduction: Reduces one value per point, see `kp_metrics.functional`.

    Returns:
        In eye distances, from 0 up. NaN where nothing is valid.

    Raises:
        ValueError: There are fewer than two samples, or shapes or types do not match.

    Example:
        >>> samples = torch.tensor([0.0, 3.0, 6.0]).reshape(3, 1, 1, 1)
        >>> diversity(samples, normalizer=1.0)
        tensor(4.)
    """
    check_keypoints(samples, name="samples")
    if samples.ndim < 4 or samples.shape[0] < 2:
        given = tuple(samples.shape)
        raise ValueError(f"expected samples of shape (S, ..., T, K, D) with S of at least 2, got {given}")
    check_mask(mask, samples[0], name="each of samples")
    samples = working_precision(samples)
    size, defined = usable_size(sequence_size(normalizer, samples[0], mask))
    scaled = samples / size.unsqueeze(-2)
    pairs = list(combinations(scaled, 2))
    total = torch.zeros_like(scaled[0, ..., 0])
    for first, second in pairs:
        total = total + point_norm(first - second)
    return reduce_values(total / len(pairs), defined if mask is None else defined & mask, reduction, item_dims=2)
