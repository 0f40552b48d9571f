"""How well a score tells motion that belongs to a sound from motion that does not."""

from collections.abc import Hashable, Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kp_metrics.primitives.checks import check_choice, working_precision


def motion_match_auc(
    scores: Float[Tensor, "n n"],
    groups: Sequence[Hashable],
    *,
    candidates: Bool[Tensor, "n n"] | None = None,
    reduction: Literal["mean", "none"] = "mean",
) -> Float[Tensor, "*out"]:
    """Return how often a sound scores higher with its own motion than with another: the area under the ROC curve.

    The scores come from any judge that says how well sound and motion belong together, such as the inner product of
    two encoders. A value of 0.5 is chance. Real pairs of sound and motion give the ceiling that a judge allows. Quote
    generated motion against it, as the share of the ceiling's excess over 0.5.

    For each sound i it is the share of candidates j with `scores[i, j] < scores[i, i]`, where a tie counts half; then
    the mean over the sounds of a group, and the mean over groups, so that a speaker with many windows has no more
    weight. For an interval, give the shares (`reduction="none"`) and the groups to `bootstrap_interval`.

    Args:
        scores: `(N, N)`: entry i, j is the score of sound i with motion j; pairs of one index belong together.
        groups: N labels of what the mean gives the same weight, such as speakers.
        candidates: `(N, N)`, True where motion j is compared with that of sound i; by default where their groups
            differ, since another motion of the same speaker may fit as well. To compare within recordings, mark the
            windows of one recording that do not overlap. The diagonal never counts.
        reduction: `"mean"` over groups, or `"none"`: one share a sound.

    Returns:
        From 0 to 1, higher is better. NaN for a sound without candidates; the mean leaves it out, and is NaN without
        any. A NaN score of a pair that counts gives NaN.

    Raises:
        ValueError: `scores` is not square, the lengths or types do not match, or `reduction` is unknown.

    Example:
        >>> scores = torch.tensor([[3.0, 1.0, 2.0], [0.0, 1.0, 2.0], [0.0, 0.0, 1.0]])
        >>> motion_match_auc(scores, ["ann", "bob", "eve"], reduction="none")
        tensor([1.0000, 0.5000, 1.0000])
        >>> motion_match_auc(scores, ["ann", "bob", "bob"])
        tensor(1.)
    """
    check_choice(reduction, ("mean", "none"), name="reduction")
    count = scores.shape[0]
    if scores.ndim != 2 or scores.shape[1] != count or count == 0:
        raise ValueError(f"expected scores of shape (N, N), got {tuple(scores.shape)}")
    if len(groups) != count:
        raise ValueError(f"expected one of groups for each of the {count} sounds, got {len(groups)}")
    scores = working_precision(scores)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    index = torch.tensor([numbers[group] for group in groups], device=scores.device)
    if candidates is None:
        candidates = index[:, None] != index
    if candidates.shape != scores.shape or candidates.dtype != torch.bool:
        given = f"{candidates.dtype} of shape {tuple(candidates.shape)}"
        raise ValueError(f"expected boolean candidates of shape {tuple(scores.shape)}, got {given}")
    counted = candidates & ~torch.eye(count, dtype=torch.bool, device=scores.device)
    own = scores.diagonal()[:, None]
    beaten = (own > scores).double() + 0.5 * (own == scores).double()
    beaten = beaten.masked_fill((own.isnan() | scores.isnan()) & counted, torch.nan).masked_fill(~counted, 0)
    number = counted.sum(1)
    shares = (beaten.sum(1) / number.clamp(min=1)).masked_fill(number == 0, torch.nan)
    if reduction == "none":
        return shares.to(scores.dtype)
    zeros = shares.new_zeros(len(numbers))
    members = zeros.index_add(0, index, (number > 0).double())
    totals = zeros.index_add(0, index, shares.masked_fill(number == 0, 0))
    return (totals / members)[members > 0].mean().to(scores.dtype)
