"""Whether heads that move by themselves move like real ones: beside a random walk, since no error can tell."""

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
from a2k_train.evaluation.random_walk_head import with_random_walk
from a2k_train.evaluation.velocity_spectra import Spectra, spectral_distance
from a2k_train.reports.table_formats import to_markdown
from kp_io.filesystem import atomic_path
from kp_metrics import frechet_distance, head_amplitude_ratio, motion_features

# Of `motion_features`, those of the head's pose: four spreads and four speeds, without the mouth's.
_HEAD = [1, 2, 3, 4, 6, 7, 8, 9]

_PARTS = ("base point", "roll and scale")

# Heads move below this; above it is the detector's trembling.
_HEADS_HZ = 5.0

_DRAWS = 200


@dataclass(slots=True)
class HeadReport:
    """Adds up how heads move in the truth, under models, and under random walks as large.

    Attributes:
        spectra: Velocity spectra by row.
        features: Of each row, speaker and features `(n, 8)` of windows of each clip.
        ratios: Of each row, the clips' head amplitude ratios.
    """

    spectra: Spectra
    features: dict[str, list[tuple[str, Float[Tensor, "n f"]]]] = field(default_factory=dict)
    ratios: dict[str, list[float]] = field(default_factory=dict)

    @torch.no_grad()
    def add(self, model: Audio2Keypoint, training: list[Clip], held_out: list[Clip], *, seed: int = 0) -> None:
        """Let a model and a random walk fitted to its training clips move the heads of others, each with its voice."""
        walker = with_random_walk(model, training)
        for index, clip in enumerate(held_out):
            rows = {GROUND_TRUTH: clip.keypoints}
            for name, network in (("model", model), ("random walk", walker)):
                seeded = torch.Generator().manual_seed(clip_seed(seed, index))
                rows[name] = network(clip.waveform[None], clip.keypoints[:1], generator=seeded)[0]
            mask = clip.measured[:, None].expand(clip.keypoints.shape[:2])
            for name, points in rows.items():
                self.spectra.add(Prediction(name, clip, points))
                windows = motion_features(points, mask)[:, _HEAD].double()
                windows = windows[~windows.isnan().any(dim=1)]
                self.features.setdefault(name, []).append((clip.speaker, windows))
                self.ratios.setdefault(name, []).append(float(head_amplitude_ratio(points, clip.keypoints, mask=mask)))

    def distances(self) -> dict[str, tuple[float, float, float]]:
        """Return each row's Fréchet distance from the truth and its 95 % interval, speakers drawn anew.

        Features count in units of their standard deviation in the truth.
        """
        truth = torch.cat([windows for _, windows in self.features[GROUND_TRUTH]])
        mean, std = truth.mean(dim=0), truth.std(dim=0)
        speakers = sorted({speaker for speaker, _ in self.features[GROUND_TRUTH]})
        generator = torch.Generator().manual_seed(0)
        draws = [torch.randint(len(speakers), (len(speakers),), generator=generator).tolist() for _ in range(_DRAWS)]
        everyone = list(range(len(speakers)))
        found = {}
        for row in self.features:
            if row == GROUND_TRUTH:
                continue
            ours, real = (self._by_speaker(name, speakers, mean, std) for name in (row, GROUND_TRUTH))
            value, *others = (_distance([ours[i] for i in d], [real[i] for i in d]) for d in (everyone, *draws))
            low, high = torch.tensor(others).quantile(torch.tensor([0.025, 0.975])).tolist()
            found[row] = (value, low, high)
        return found

    def _by_speaker(self, row: str, speakers: list[str], mean: Tensor, std: Tensor) -> list[Tensor]:
        clips = self.features[row]
        return [(torch.cat([w for who, w in clips if who == speaker]) - mean) / std for speaker in speakers]

    def markdown(self) -> str:
        """Return the table."""
        spectra = [f"spectrum of {part}{where}, dB off ↓" for where in ("", f" to {_HEADS_HZ:g} Hz") for part in _PARTS]
        cells = [["", "head amplitude", *spectra, "Fréchet distance ↓"]]
        for row, (value, low, high) in self.distances().items():
            defined = [ratio for ratio in self.ratios[row] if ratio == ratio]
            off = [
                f"{spectral_distance(self.spectra, row, part, up_to_hz=highest):.1f}"
                for highest in (math.inf, _HEADS_HZ)
                for part in _PARTS
            ]
            cells.append([row, f"{sum(defined) / len(defined):.2f}", *off, f"{value:.2f} [{low:.2f}, {high:.2f}]"])
        return to_markdown(cells)

    def write(self, path: Path) -> None:
        """Write the table as Markdown."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.markdown() + "\n", encoding="utf-8")


def _distance(ours: list[Float[Tensor, "_ f"]], real: list[Float[Tensor, "_ f"]]) -> float:
    first, second = torch.cat(ours), torch.cat(real)
    return float(frechet_distance(first.mean(dim=0), first.T.cov(), second.mean(dim=0), second.T.cov()))
