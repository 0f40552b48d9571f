"""Mean and standard deviation of the training faces, as the units of L1 and as the baseline "mean face"."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2k_train.data.clip import Clip
from kp_io import IBUG68
from kp_io.keypoints import KeypointStatistics

#: The paper computes its statistics over the first 10,000 training sequences (section 4.5).
MAX_CLIPS = 10_000

# Coordinates with less deviation, such as the base point's, never move and are left out of L1.
_MIN_STD = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class FaceStatistics:
    """Mean and standard deviation of every training coordinate after the base point is subtracted.

    They are in pixels and only valid for clips of the same frame height.

    Attributes:
        mean: `(K, D)`, pixels.
        std: `(K, D)`, pixels; the base point's is 0.
    """

    mean: Float[Tensor, "k d"]
    std: Float[Tensor, "k d"]

    def __post_init__(self) -> None:
        positive = bool((self.std >= 0).all()) and bool((self.std > _MIN_STD).any())
        if self.mean.shape != self.std.shape or not positive:
            raise ValueError(
                "expected mean and std of one shape (K, D), std from 0 up and not all 0, got "
                f"{tuple(self.mean.shape)} and {tuple(self.std.shape)}"
            )

    def mean_face_at(self, reference: Float[Tensor, "k d"]) -> Float[Tensor, "k d"]:
        """Return the mean face, moved to the base point of a reference, pixels."""
        return self.mean.to(reference) + reference[IBUG68.base_point]

    def l1(
        self, preds: Float[Tensor, "t k d"], target: Float[Tensor, "t k d"], *, measured: Bool[Tensor, " t"]
    ) -> float:
        """Return the paper's L1: the error of centred coordinates, each divided by its standard deviation.

        Coordinates that never move are left out.

        Example:
            >>> mean, std = torch.zeros(68, 2), torch.ones(68, 2)
            >>> std[27] = 0.0
            >>> target = torch.zeros(4, 68, 2)
            >>> preds = target.clone()
            >>> preds[:, 0] = 2.0
            >>> round(67 * FaceStatistics(mean, std).l1(preds, target, measured=torch.ones(4).bool()), 4)
            2.0
        """
        error = (preds - preds[:, IBUG68.base_point, None]) - (target - target[:, IBUG68.base_point, None])
        moving = self.std > _MIN_STD
        return float((error.abs()[measured][:, moving] / self.std.to(error)[moving]).mean())


def face_statistics(clips: Iterable[Clip]) -> FaceStatistics:
    """Return the statistics of the first 10,000 training clips, as in the paper.

    Raises:
        ValueError: There is no clip.
    """
    return FaceStatistics(*coordinate_statistics(islice(clips, MAX_CLIPS), base_point=IBUG68.base_point))


def coordinate_statistics(
    clips: Iterable[Clip], *, base_point: int
) -> tuple[Float[Tensor, "k d"], Float[Tensor, "k d"]]:
    """Return mean and standard deviation of all coordinates after the base point is subtracted, in measured frames."""
    running = KeypointStatistics(base_point=base_point)
    for clip in clips:
        if bool(clip.measured.any()):
            running.add(clip.keypoints[clip.measured].cpu())
    return running.mean.float(), running.std.float()


def read_face_statistics(path: Path | str) -> FaceStatistics:
    """Read the `statistics.json` of a corpus from `kp-io build`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not such JSON.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        mean, std = (torch.tensor(content[name], dtype=torch.float32) for name in ("mean", "std"))
        if mean.ndim != 2 or not bool(torch.isfinite(torch.cat((mean, std))).all()):
            raise ValueError(f"mean of shape {tuple(mean.shape)}, or a number that is not finite")
        return FaceStatistics(mean, std)
    except (KeyError, TypeError, IndexError, ValueError, OverflowError, RecursionError, RuntimeError) as error:
        raise ValueError(f"expected the statistics of a corpus in {path}, as kp-io build writes: {error}") from error
