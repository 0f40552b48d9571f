"""Curves to time at growing sizes: generation, PCK and annotation, each with an alternative."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import torch
from common.device_clock import seconds_of
from common.numpy_pck import numpy_pck
from common.portrait import write_portrait

__all__ = ["Curve", "annotation_curves", "generation_curves", "pck_curves"]

#: Longest speech for the preset `paper`; more takes minutes and adds no information.
_LONGEST_FOR_PAPER = 60
#: Most clips for dlib's loop, which does the same on every frame.
_MOST_FOR_DLIB = 16
_CLIP_FRAMES = 25


@dataclass(frozen=True)
class Curve:
    """A cost over size.

    Attributes:
        name: Name in the table.
        panel: Curves of one panel are plotted together, the alternative dashed.
        unit: Unit of the sizes.
        quoted: Number of units that the table gives the cost for.
        sizes: Sizes to measure.
        seconds: Function that measures one size.
        is_alternative: Whether it is the alternative to ours.
    """

    name: str
    panel: str
    unit: str
    quoted: float
    sizes: Sequence[float]
    seconds: Callable[[float], float]
    is_alternative: bool = False


def generation_curves(sizes: Sequence[float], device: torch.device) -> Iterable[Curve]:
    """Return the curves of generation over seconds of speech: ours, and the preset `paper` at full width."""
    from a2k_nets import Audio2Keypoint, PaperAudio2Keypoint

    ours = Audio2Keypoint.from_pretrained().to(device)
    paper = PaperAudio2Keypoint().eval().to(device)
    reference = ours.normalizer.mean_face_px[None]

    def timer(model: Audio2Keypoint | PaperAudio2Keypoint) -> Callable[[float], float]:
        @torch.inference_mode()
        def seconds(size: float) -> float:
            waveform = (0.1 * torch.randn(1, round(16_000 * size))).to(device)
            return seconds_of(lambda: model(waveform, reference, generator=torch.Generator().manual_seed(0)), device)

        return seconds

    short = [size for size in sizes if size <= _LONGEST_FOR_PAPER]
    yield Curve("a2k_nets, preset residual", "generation", "s of speech", 60, sizes, timer(ours))
    yield Curve("preset paper", "generation", "s of speech", 60, short, timer(paper), is_alternative=True)


def pck_curves(sizes: Sequence[float], device: torch.device) -> Iterable[Curve]:
    """Return the curves of PCK over frames, in sequences of a hundred: ours, and NumPy by sequence."""
    import kp_metrics

    def pair(size: float) -> tuple[torch.Tensor, torch.Tensor]:
        target = torch.rand(max(1, round(size / 100)), min(100, round(size)), 68, 2).mul_(200)
        return torch.randn_like(target).mul_(3).add_(target).to(device), target.to(device)

    def ours(size: float) -> float:
        sides = pair(size)
        return seconds_of(lambda: kp_metrics.pck(*sides, alpha=0.02), device)

    def numpy(size: float) -> float:
        preds, target = (side.cpu().numpy() for side in pair(size))
        return seconds_of(lambda: numpy_pck(preds, target, alpha=0.02), torch.device("cpu"))

    yield Curve("kp_metrics.pck", "PCK", "frames", 1e6, sizes, ours)
    yield Curve("NumPy, a sequence at a time", "PCK", "frames", 1e6, sizes, numpy, is_alternative=True)


def annotation_curves(sizes: Sequence[float], folder: Path, corpus: Path | None = None) -> Iterable[Curve]:
    """Return the curves of annotation over clips: the command `kp-io annotate`, and dlib's own loop over frames.

    Args:
        sizes: Numbers of clips.
        folder: Temporary folder.
        corpus: Folder of videos to use as clips, repeatedly if there are fewer; by default one second of a moving
            portrait.
    """
    from kp_io.media.video_reader import VIDEO_SUFFIXES

    if corpus is None:
        videos = [write_portrait(folder / "clip.mp4", _CLIP_FRAMES)]
    else:
        videos = sorted(path for path in corpus.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
        if not videos:
            raise ValueError(f"expected videos in {corpus}, found none")

    def clips(size: float) -> list[Path]:
        return list(islice(cycle(videos), round(size)))

    def ours(size: float) -> float:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            inputs = Path(name) / "in"
            inputs.mkdir()
            for index, video in enumerate(clips(size)):
                shutil.copy(video, inputs / f"{index}{video.suffix}")
            arguments = [sys.executable, "-m", "kp_io", "annotate", str(inputs), "-o", str(Path(name) / "out")]
            return seconds_of(lambda: subprocess.run(arguments, check=True, capture_output=True), torch.device("cpu"))

    def alone(size: float) -> float:
        arguments = [sys.executable, str(Path(__file__).with_name("dlib_loop.py")), *map(str, clips(size))]
        return seconds_of(lambda: subprocess.run(arguments, check=True, capture_output=True), torch.device("cpu"))

    unit = "clips of 1 s" if corpus is None else "clips"
    few = [size for size in sizes if size <= _MOST_FOR_DLIB]
    yield Curve("kp-io annotate", "annotation", unit, 10, sizes, ours)
    yield Curve("dlib's own loop: HOG, one box", "annotation", unit, 10, few, alone, is_alternative=True)
