"""Predictions of every table row for a clip: baselines, models, and models with other speakers' audio."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets import Audio2Keypoint
from a2k_nets.blocks import apply_similarity, invert_similarity
from a2k_train.data.clip import Clip, loop_from_random_offset
from a2k_train.evaluation.run_model import run_model
from a2k_train.statistics.faces import FaceStatistics

#: Rows without a model, in the order of the table.
BASELINES = ("mean face", "hold reference")

GROUND_TRUTH = "ground truth"


@runtime_checkable
class Model(Protocol):
    """Interface that the models of every preset share."""

    @property
    def config(self) -> Any:
        """Settings; `fps` is one of them."""

    def eval(self) -> Any:
        """Switch to inference."""

    def __call__(self, waveform: Tensor, reference: Tensor, *, generator: torch.Generator | None = None) -> Any:
        """Return keypoints `(B, T, K, D)` for waveforms `(B, S)` and references `(B, K, D)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The keypoints of one row for one clip, `(T, K, D)` in pixels of the clip."""

    row: str
    clip: Clip
    keypoints: Float[Tensor, "t k d"]


def predict_residual(
    model: Audio2Keypoint, clip: Clip, other_audio: Sequence[Float[Tensor, " _"]], *, seed: int
) -> Iterator[tuple[str, Float[Tensor, "t k d"]]]:
    """Yield rows and keypoints of a model of the preset `residual`; its mean face is that of its training data.

    Args:
        model: A model in eval mode.
        clip: The clip.
        other_audio: Waveforms of other speakers, for the row "shuffled audio".
        seed: Random seed of the head motion and the offsets in the other audio.
    """
    reference = clip.keypoints[:1]
    generator = torch.Generator().manual_seed(seed)
    mean_face = model.normalizer.mean_face
    to_pixels = invert_similarity(model.normalizer.to_canonical(reference.to(mean_face.device)))
    yield "mean face", apply_similarity(to_pixels, mean_face[None]).cpu().expand_as(clip.keypoints)
    yield "hold reference", reference.expand_as(clip.keypoints)
    yield "model, head still", run_model(model, clip.waveform[None], reference, head_motion=0.0)[0]
    yield "model", run_model(model, clip.waveform[None], reference, generator=generator)[0]
    yield GROUND_TRUTH, clip.keypoints
    for waveform in other_audio:
        audio = loop_from_random_offset(waveform, len(clip.waveform), generator=generator)
        yield "shuffled audio", run_model(model, audio[None], reference, head_motion=0.0)[0]


def predict_models(
    models: Mapping[str, Model],
    clip: Clip,
    other_audio: Sequence[Float[Tensor, " _"]],
    *,
    statistics: FaceStatistics,
    shuffled_models: Sequence[str],
    seed: int,
) -> Iterator[tuple[str, Float[Tensor, "t k d"]]]:
    """Yield rows and keypoints of several models of any preset, in the order of the table.

    Args:
        models: Models in eval mode, by the names of their rows.
        clip: The clip.
        other_audio: Waveforms of other speakers.
        statistics: Statistics of the training data, for the mean face.
        shuffled_models: Names of the models that are also given the other audio.
        seed: Random seed of the models and of the offsets in the other audio.
    """
    rows = predict_rows(models, clip, statistics=statistics, seed=seed)
    for name in BASELINES:
        yield name, rows.pop(name)
    offsets = torch.Generator().manual_seed(seed)
    audio = [loop_from_random_offset(waveform, len(clip.waveform), generator=offsets) for waveform in other_audio]
    for name in shuffled_models:
        for waveform in audio:
            generator = torch.Generator().manual_seed(seed)
            points = run_model(models[name], waveform[None], clip.keypoints[:1], generator=generator)[0]
            yield shuffled_row(name, shuffled_models), points
    yield from rows.items()


@torch.no_grad()
def predict_rows(
    models: Mapping[str, Model], clip: Clip, *, statistics: FaceStatistics, seed: int
) -> dict[str, Float[Tensor, "t k d"]]:
    """Return the keypoints of the baselines, of each model from the clip's first frame and audio, and the ground truth.

    Args:
        models: Models in eval mode, by the names of their rows.
        clip: The clip.
        statistics: Statistics of the training data, for the mean face.
        seed: Random seed of the models.
    """
    reference = clip.keypoints[0]
    rows = {
        "mean face": statistics.mean_face_at(reference).expand_as(clip.keypoints),
        "hold reference": reference.expand_as(clip.keypoints),
    }
    for name, model in models.items():
        generator = torch.Generator().manual_seed(seed)
        rows[name] = run_model(model, clip.waveform[None], reference[None], generator=generator)[0]
    return {**rows, GROUND_TRUTH: clip.keypoints}


def shuffled_row(name: str, shuffled_models: Sequence[str]) -> str:
    """Return the row name of a model with other speakers' audio; it has the model's name if there are several.

    Example:
        >>> shuffled_row("final", ["final"]), shuffled_row("final", ["no_piv", "final"])
        ('shuffled audio', 'shuffled audio, final')
    """
    return "shuffled audio" if len(shuffled_models) == 1 else f"shuffled audio, {name}"
