"""Comparison of generated head motion with real head motion and with a random walk.

Audio does not determine head motion, so the distance to the ground truth of the same clip says little.
"""

import copy
import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets import Audio2Keypoint
from a2k_train.data.clip import Clip
from a2k_train.evaluation.evaluate import clip_seed
from a2k_train.evaluation.predictions import GROUND_TRUTH, Prediction
from a2k_train.evaluation.run_model import run_model
from a2k_train.evaluation.velocity_spectra import Spectra, spectral_distance
from a2k_train.reports.table_formats import to_markdown
from a2k_train.statistics.residual import head_tracks
from kp_io.filesystem import atomic_path
from kp_metrics import frechet_distance, head_amplitude_ratio, motion_features

# Columns of `motion_features` of the head pose: four standard deviations and four speeds, without those of the mouth.
_HEAD = [1, 2, 3, 4, 6, 7, 8, 9]

_PARTS = ("base point", "roll and scale")

# Head motion is below this frequency; above it is jitter of the detector.
_HEADS_HZ = 5.0

_RESAMPLES = 200


@dataclass(slots=True)
class HeadReport:
    """Head motion of the ground truth, of models, and of random walks of the same amplitude.

    Attributes:
        spectra: Velocity spectra by row.
        features: By row, the speaker and the features `(n, 8)` of windows of each clip.
        ratios: By row, the head amplitude ratio of each clip.
    """

    spectra: Spectra
    features: dict[str, list[tuple[str, Float[Tensor, "n f"]]]] = field(default_factory=dict)
    ratios: dict[str, list[float]] = field(default_factory=dict)

    @torch.no_grad()
    def evaluate_heads(
        self, model: Audio2Keypoint, training: list[Clip], held_out: list[Clip], *, seed: int = 0
    ) -> None:
        """Add the head motion of held-out clips by a model, and by a random walk fitted to its training clips."""
        random_walk = with_random_walk(model, training)
        for index, clip in enumerate(held_out):
            rows = {GROUND_TRUTH: clip.keypoints}
            for name, network in (("model", model), ("random walk", random_walk)):
                seeded = torch.Generator().manual_seed(clip_seed(seed, index))
                rows[name] = run_model(network, clip.waveform[None], clip.keypoints[:1], generator=seeded)[0]
            mask = clip.measured[:, None].expand(clip.keypoints.shape[:2])
            for name, points in rows.items():
                self.spectra.add(Prediction(name, clip, points))
                windows = motion_features(points, mask)[:, _HEAD].double()
                windows = windows[~windows.isnan().any(dim=1)]
                self.features.setdefault(name, []).append((clip.speaker, windows))
                self.ratios.setdefault(name, []).append(float(head_amplitude_ratio(points, clip.keypoints, mask=mask)))

    def distances(self) -> dict[str, tuple[float, float, float]]:
        """Return the Fréchet distance of each row from the ground truth, with 95 % interval resampling speakers.

        Features are in units of their standard deviation in the ground truth.
        """
        truth = torch.cat([windows for _, windows in self.features[GROUND_TRUTH]])
        mean, std = truth.mean(dim=0), truth.std(dim=0)
        speakers = sorted({speaker for speaker, _ in self.features[GROUND_TRUTH]})
        generator = torch.Generator().manual_seed(0)
        draws = [
            torch.randint(len(speakers), (len(speakers),), generator=generator).tolist() for _ in range(_RESAMPLES)
        ]
        all_speakers = list(range(len(speakers)))
        found = {}
        for row in self.features:
            if row == GROUND_TRUTH:
                continue
            ours, real = (self._by_speaker(name, speakers, mean, std) for name in (row, GROUND_TRUTH))
            value, *resampled = (_distance([ours[i] for i in d], [real[i] for i in d]) for d in (all_speakers, *draws))
            low, high = torch.tensor(resampled).quantile(torch.tensor([0.025, 0.975])).tolist()
            found[row] = (value, low, high)
        return found

    def _by_speaker(self, row: str, speakers: list[str], mean: Tensor, std: Tensor) -> list[Tensor]:
        clips = self.features[row]
        return [(torch.cat([w for name, w in clips if name == speaker]) - mean) / std for speaker in speakers]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        spectra = [f"spectrum of {part}{where}, dB off ↓" for where in ("", f" to {_HEADS_HZ:g} Hz") for part in _PARTS]
        cells = [["", "head amplitude", *spectra, "Fréchet distance ↓"]]
        for row, (value, low, high) in self.distances().items():
            defined = [ratio for ratio in self.ratios[row] if ratio == ratio]
            in_db = [
                f"{spectral_distance(self.spectra, row, part, up_to_hz=highest):.1f}"
                for highest in (math.inf, _HEADS_HZ)
                for part in _PARTS
            ]
            cells.append([row, f"{sum(defined) / len(defined):.2f}", *in_db, f"{value:.2f} [{low:.2f}, {high:.2f}]"])
        return to_markdown(cells)

    def write(self, path: Path) -> None:
        """Write the table as Markdown."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.markdown() + "\n", encoding="utf-8")


def _distance(ours: list[Float[Tensor, "_ f"]], real: list[Float[Tensor, "_ f"]]) -> float:
    first, second = torch.cat(ours), torch.cat(real)
    return float(frechet_distance(first.mean(dim=0), first.T.cov(), second.mean(dim=0), second.T.cov()))


@torch.no_grad()
def with_random_walk(model: Audio2Keypoint, clips: list[Clip]) -> Audio2Keypoint:
    """Return a copy of a model whose head motion is a random walk, independent of audio, as large as in training clips.

    Raises:
        ValueError: The clips have too few frames.
    """
    copied = copy.deepcopy(model)
    copied.head_motion.fit_random_walk(head_tracks(model, clips))
    for parameter in copied.generator.motion_gain_head.parameters():
        torch.nn.init.zeros_(parameter)
    return copied
