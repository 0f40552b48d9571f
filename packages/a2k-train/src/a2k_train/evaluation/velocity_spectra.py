"""Velocity spectra of lips and head, by row."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_train.evaluation.predictions import GROUND_TRUTH, Prediction
from kp_io import IBUG68
from kp_io.filesystem import atomic_path
from kp_metrics import align_to_reference, head_pose, velocity_spectrum

#: Parts of the face, with the units of their positions.
PARTS = {"lips": "IOD", "base point": "IOD", "roll and scale": "rad"}


class Spectra:
    """Mean velocity spectra, accumulated without keeping the predictions.

    Args:
        fps: Frames per second.

    Attributes:
        frequencies: Hz, `(F,)`.

    Example:
        >>> from a2k_train.data.clip import Clip
        >>> face = torch.rand(68, 2) * 100 + torch.arange(50)[:, None, None] % 2
        >>> sound, measured = torch.zeros(32_000, dtype=torch.int16), torch.ones(50, dtype=torch.bool)
        >>> clip = Clip("a", "ada", "val", sound, face, measured)
        >>> spectra = Spectra(fps=25.0)
        >>> spectra.add(Prediction("model", clip, face))
        >>> density = spectra.mean("model", "base point")
        >>> spectra.frequencies[density.argmax()].item()
        12.5
    """

    def __init__(self, *, fps: float) -> None:
        self._fps = fps
        self._sums: dict[tuple[str, str], Float[Tensor, " f"]] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self.frequencies, _ = velocity_spectrum(torch.zeros(1, 1), fps=fps)

    def add(self, prediction: Prediction) -> None:
        """Add one prediction; clips with less than one segment (1.3 s) of measured frames are skipped."""
        clip, row = prediction.clip, prediction.row
        for part, series in _tracks(prediction.keypoints, clip.keypoints[0]):
            _, power = velocity_spectrum(series, fps=self._fps, mask=clip.measured)
            if not bool(power.isnan().any()):
                self._sums[row, part] = self._sums.get((row, part), 0.0) + power.double()
                self._counts[row, part] = self._counts.get((row, part), 0) + 1

    @property
    def rows(self) -> list[str]:
        """Names of the rows, in order of appearance."""
        return list(dict.fromkeys(row for row, _ in self._sums))

    def mean(self, row: str, part: str) -> Float[Tensor, " f"]:
        """Return the mean density over clips, in squared units of the part a second² and Hz.

        Raises:
            KeyError: No clip of the row was long enough.
        """
        return self._sums[row, part] / self._counts[row, part]


def _tracks(
    keypoints: Float[Tensor, "t k d"], reference: Float[Tensor, "k d"]
) -> Iterator[tuple[str, Float[Tensor, "t c"]]]:
    """Yield each part and its track, in eye distances of the reference, or in radians and log scale."""
    eyes = (reference[IBUG68.left_eye_corner] - reference[IBUG68.right_eye_corner]).norm()
    mouth = [*IBUG68.part("outer_lip").indices, *IBUG68.part("inner_lip").indices]
    yield "lips", align_to_reference(keypoints, reference)[:, mouth].flatten(1) / eyes
    yield "base point", keypoints[:, IBUG68.base_point] / eyes
    yield "roll and scale", head_pose(keypoints, reference)[:, -2:]


def spectral_distance(
    spectra: Spectra, row: str, part: str, *, truth: str = GROUND_TRUTH, up_to_hz: float = math.inf
) -> float:
    """Return the distance of a row's spectrum from the true one: root mean square over frequencies of the ratio in dB.

    Both jitter and damped motion give large distances; no motion gives by far the largest.
    """
    ratio = 10 * (spectra.mean(row, part) / spectra.mean(truth, part)).log10()
    return float(ratio[spectra.frequencies <= up_to_hz].square().mean().sqrt())


def write_spectra(path: Path, spectra: Spectra) -> None:
    """Write a CSV with one line per row, part and frequency: the density and its ratio to the true one."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "part", "unit", "frequency_hz", "density", "over_truth"])
        for part, unit in PARTS.items():
            true = spectra.mean(GROUND_TRUTH, part)
            for row in spectra.rows:
                density = spectra.mean(row, part)
                for frequency, value, ratio in zip(spectra.frequencies, density, density / true, strict=True):
                    numbers = [f"{float(number):.6g}" for number in (frequency, value, ratio)]
                    writer.writerow([row, part, f"({unit}/s)²/Hz", *numbers])
