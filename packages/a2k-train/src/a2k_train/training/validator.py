"""Validation during training: a table with baselines, and a video."""

import itertools
import math
from pathlib import Path

import torch

from a2k_nets import AnyModel
from a2k_train.data.clip import Clip
from a2k_train.data.clip_store import ClipStore
from a2k_train.evaluation.evaluate import evaluate
from a2k_train.reports.results_table import ABLATION_COLUMNS, summarize, write_table
from a2k_train.statistics.faces import face_statistics
from kp_io import rasterize, side_by_side, write_video

#: Number of speakers in the video, with their first clip each.
_SPEAKERS_IN_VIDEO = 3

_VIDEO_HEIGHT = 320


class Validator:
    """Scores a model on held-out clips and writes tables and a video.

    Args:
        clips: Held-out clips, scaled like the training clips.
        store: Training clips, for the mean face.
        folder: Output folder: `step-000100/table.md`, `clips.csv`, … and `video.mp4` for each validation.
        seed: Seed of what a model draws.
    """

    def __init__(self, clips: list[Clip], store: ClipStore, folder: Path, *, seed: int = 0) -> None:
        self._clips, self._folder, self._seed = clips, folder, seed
        self._statistics = face_statistics(store.clips())
        firsts = {clip.speaker: clip for clip in reversed(clips)}
        self._video_clips = sorted(firsts.values(), key=lambda clip: clip.id)[:_SPEAKERS_IN_VIDEO]

    def __call__(self, model: AnyModel, step: int) -> float:
        """Write the validation of a step; return the lip error relative to the held reference (lower is better).

        L1 and PCK are in the table, but a static face scores best on them, so they do not select the model.
        """
        folder = self._folder / f"step-{step:06d}"
        device = next(model.parameters()).device
        model.to("cpu")  # the clips are short, and the metrics are computed here
        try:
            scores = evaluate(
                {"model": model}, self._clips, statistics=self._statistics, shuffled_models=(), seed=self._seed
            )
            table = summarize(scores, rows=None, columns=ABLATION_COLUMNS)
            write_table(folder, scores, table)
            self._write_video(model, folder / "video.mp4")
        finally:
            model.to(device)
        score = table.values["model"]["lip_error_ratio"]
        return score if math.isfinite(score) else math.inf

    @torch.no_grad()
    def _write_video(self, model: AnyModel, path: Path) -> None:
        """Write truth and model side by side, with the speech, one clip after the other."""
        frames, sounds = [], []
        for clip in self._video_clips:
            generator = torch.Generator().manual_seed(self._seed)
            waveform = clip.waveform
            preds = model(waveform[None], clip.keypoints[:1], generator=generator)[0]
            low = torch.minimum(clip.keypoints, preds)[..., :2].amin(dim=(0, 1))
            high = torch.maximum(clip.keypoints, preds)[..., :2].amax(dim=(0, 1))
            margin = 0.1 * float((high - low).max())
            side = math.ceil(float((high - low).max()) + 2 * margin)
            # Both in the same square, so that head motion is comparable.
            rows = [
                rasterize(points[..., :2] - low + margin, image_size=(side, side), height=_VIDEO_HEIGHT)
                for points in (clip.keypoints, preds)
            ]
            frames.append(side_by_side(rows, labels=["truth", "model"], height=_VIDEO_HEIGHT))
            sounds.append(waveform)
        config = model.config
        write_video(
            path,
            itertools.chain.from_iterable(frames),
            fps=config.fps,
            audio=torch.cat(sounds),
            sample_rate=config.audio.sample_rate,
        )
