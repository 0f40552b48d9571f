"""Annotating a video beside the detector's own loop over frames, and building a corpus with one and two processes.

    nox -s bench -- benchmarks/speed/bench_build.py

The clips are a portrait that moves a little, so that the detector works as it does on any face. Two processes pay for
themselves only when there is more to do than to start them: the rows show both on the same few clips.
"""

import shutil

import pytest
from common.portrait import write_portrait

from kp_io import CorpusOptions, annotate_video, build_corpus, read_video
from kp_io.annotation.annotate import default_detector
from kp_io.detectors.dlib import find_dlib_model

dlib = pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
pytest.importorskip("skimage.data", reason="needs scikit-image")

FRAMES, CLIPS = 50, 8
NOTE = {"amount": FRAMES, "unit": "frames", "against": "dlib's own: HOG and one box, every frame", "rounds": 5}

pytestmark = pytest.mark.usefixtures("cpu_only")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_portrait(tmp_path_factory.mktemp("bench") / "talk.mp4", FRAMES)


@pytest.mark.benchmark(group=f"annotate {FRAMES} frames of 400×400")
def bench_annotate_video(measure, video):
    detector = default_detector()
    sequence = measure(lambda: annotate_video(video, detector=detector), row="annotate_video, 13 boxes", **NOTE)
    assert len(sequence) == FRAMES


@pytest.mark.benchmark(group=f"annotate {FRAMES} frames of 400×400")
def bench_detect_every_frame(measure, video):
    """Our detector on every frame from scratch: what tracking saves."""
    detector = default_detector()

    def loop():
        return [detector.detect(frame)[0] for frame in read_video(video)]

    assert len(measure(loop, row="our detector, HOG and nine boxes, every frame", **NOTE)) == FRAMES


@pytest.mark.benchmark(group=f"annotate {FRAMES} frames of 400×400")
def bench_dlib_alone(measure, video):
    """What one writes first, as dlib's example does it: whole pixels, no tracking."""
    find, predict = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(find_dlib_model()))

    def loop():
        return [predict(frame, find(frame, 0)[0]).num_parts for frame in read_video(video)]

    assert measure(loop, row=NOTE["against"], **NOTE | {"against": None}) == [68] * FRAMES


@pytest.mark.benchmark(group=f"build a corpus of {CLIPS} clips of {FRAMES} frames")
@pytest.mark.parametrize("workers", [1, 2])
def bench_build(measure, video, tmp_path, workers):
    for i in range(CLIPS):
        (tmp_path / "videos" / str(i)).mkdir(parents=True)
        shutil.copy(video, tmp_path / "videos" / str(i))

    def build():
        options = CorpusOptions(val=0, test=0)
        return build_corpus(tmp_path / "videos", tmp_path / "out", options=options, workers=workers)

    summary = measure(
        build,
        row=f"{workers} worker{'s' * (workers > 1)}",
        against=None if workers == 1 else "1 worker",
        amount=CLIPS * FRAMES,
        unit="frames",
        rounds=3,
        setup=lambda: shutil.rmtree(tmp_path / "out", ignore_errors=True),
    )
    assert summary.splits["train"]["num_clips"] == CLIPS
