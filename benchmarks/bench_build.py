"""Annotating a video beside the detector's own loop over frames, and building a corpus with one and two processes.

    nox -s bench -- benchmarks/bench_build.py

The clips are a portrait that moves a little, so that the detector works as it does on any face. Two processes pay for
themselves only when there is more to do than to start them: the rows show both on the same few clips.
"""

import shutil

import numpy as np
import pytest
import torch

from kp_io import CorpusOptions, annotate_video, build_corpus, read_video, write_video
from kp_io.annotate import default_detector

pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
skimage = pytest.importorskip("skimage.data", reason="needs scikit-image")

FRAMES, CLIPS = 50, 4


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    portrait = skimage.astronaut()[:400, 30:430]
    frames = [np.roll(portrait, (round(6 * np.sin(t / 9)), t % 20), axis=(0, 1)) for t in range(FRAMES)]
    path = tmp_path_factory.mktemp("bench") / "talk.mp4"
    write_video(path, frames, audio=0.2 * torch.sin(torch.arange(FRAMES * 640) / 7))
    return path


@pytest.mark.benchmark(group=f"annotate, {FRAMES} frames of 400×400")
def bench_annotate_video(benchmark, video):
    detector = default_detector()
    sequence = benchmark.pedantic(annotate_video, (video,), {"detector": detector}, rounds=3, warmup_rounds=1)
    assert len(sequence) == FRAMES
    benchmark.extra_info["frames a second"] = FRAMES / benchmark.stats.stats.median


@pytest.mark.benchmark(group=f"annotate, {FRAMES} frames of 400×400")
def bench_detect_every_frame(benchmark, video):
    """What one writes first: the detector on every frame, from scratch."""
    detector = default_detector()

    def loop():
        return [detector.detect(frame)[0] for frame in read_video(video)]

    assert len(benchmark.pedantic(loop, rounds=3, warmup_rounds=1)) == FRAMES
    benchmark.extra_info["frames a second"] = FRAMES / benchmark.stats.stats.median


@pytest.mark.benchmark(group=f"build, {CLIPS} clips of {FRAMES} frames")
@pytest.mark.parametrize("workers", [1, 2])
def bench_build(benchmark, video, tmp_path, workers):
    for i in range(CLIPS):
        (tmp_path / "videos" / str(i)).mkdir(parents=True)
        shutil.copy(video, tmp_path / "videos" / str(i))

    def build():
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        return build_corpus(
            tmp_path / "videos", tmp_path / "out", options=CorpusOptions(val=0, test=0), workers=workers
        )

    summary = benchmark.pedantic(build, rounds=3)
    assert summary.splits["train"]["num_clips"] == CLIPS
    benchmark.extra_info["frames a second"] = CLIPS * FRAMES / benchmark.stats.stats.median
