"""What each row of a table predicts for a clip: baselines, models, models that hear somebody else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_train.data.clip import Clip
from a2k_train.statistics.faces import FaceStatistics

#: Rows that need no model, in the order of the table.
BASELINES = ("mean face", "hold reference")

GROUND_TRUTH = "ground truth"


@runtime_checkable
class Model(Protocol):
    """What every preset of a2k_nets offers."""

    @property
    def config(self) -> Any:
        """Settings; `fps` among them."""

    def eval(self) -> Any:
        """Switch to inference."""

    def __call__(self, waveform: Tensor, reference: Tensor, *, generator: torch.Generator | None = None) -> Any:
        """Return keypoints `(B, T, K, D)` for waveforms `(B, S)` and references `(B, K, D)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The keypoints of one row for one clip, `(T, K, D)` in the clip's pixels."""

    row: str
    clip: Clip
    keypoints: Float[Tensor, "t k d"]


@torch.no_grad()
def predict_rows(
    models: Mapping[str, Model], clip: Clip, *, statistics: FaceStatistics, seed: int
) -> dict[str, Float[Tensor, "t k d"]]:
    """Return the keypoints of the baselines, of each model from the clip's first frame and audio, and of the truth.

    Args:
        models: Models in eval mode, by the names of their rows.
        clip: The clip.
        statistics: Of the training data; they are the mean face.
        seed: Of whatever a model draws.
    """
    reference = clip.keypoints[0]
    rows = {
        "mean face": statistics.mean_face_at(reference).expand_as(clip.keypoints),
        "hold reference": reference.expand_as(clip.keypoints),
    }
    for name, model in models.items():
        rows[name] = model(clip.waveform[None], reference[None], generator=torch.Generator().manual_seed(seed))[0]
    return {**rows, GROUND_TRUTH: clip.keypoints}


def shuffled_row(name: str, listeners: list[str]) -> str:
    """Return the name of the row in which a model hears other speakers; it names the model if there are several.

    Example:
        >>> shuffled_row("final", ["final"]), shuffled_row("final", ["no_piv", "final"])
        ('shuffled audio', 'shuffled audio, final')
    """
    return "shuffled audio" if len(listeners) == 1 else f"shuffled audio, {name}"
