"""25 frames: our wrapper of face-alignment's networks beside the library's own `get_landmarks_from_batch`.

    nox -s bench -- benchmarks/speed/bench_face_alignment.py --slow
    nox -s bench -- benchmarks/speed/bench_face_alignment.py --device cuda

Weights need not be the published ones: with any weights the networks take the same time. These are seeded. S3FD runs as
it is, then its answer is replaced by one sure face in every frame: a single candidate, which spares the library its
walk over candidates. The rows "same boxes" leave S3FD out on both sides; otherwise the library looks for the face in
every frame and we in the first one. Rounds of ours and of the library's take turns, and on a CPU it is the processor
time of one thread that counts, so that whatever else the machine does falls on neither. The library's median and the
ratio are written with `--benchmark-json=FILE`, in `extra_info`. On a CPU it takes some ten minutes: only `--slow` runs
it.

The library runs without `torch.compile`; `KP_IO_BENCH_COMPILE=1` gives it its default, which needs a C++ compiler.
"""

import os
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch
from common.device_clock import synchronize, waiting

from kp_io.detectors.face_alignment import weights as files
from kp_io.detectors.face_alignment.detector import FaceAlignmentDetector

library = pytest.importorskip("face_alignment", reason="needs the library face-alignment")
skimage = pytest.importorskip("skimage.data", reason="needs scikit-image")

COMPILE = os.environ.get("KP_IO_BENCH_COMPILE") == "1"
ROUNDS = int(os.environ.get("KP_IO_BENCH_ROUNDS", "3"))
FRAMES, HEIGHT, WIDTH = 25, 360, 640
BOX = [224.0, 32.0, 480.0, 288.0]


class OneFace(torch.nn.Module):
    """S3FD at work, and then a single sure face in each frame: the anchor of stride 64 that is `BOX`."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        """Answer as S3FD does."""
        answer = self.network(images)
        for scores, offsets in zip(answer[::2], answer[1::2], strict=True):
            scores[:, 0], scores[:, 1] = 9, -9
            offsets.zero_()
        answer[8][:, 1, 2, 5] = 18
        return answer


@pytest.fixture(scope="module")
def hub():
    """torch.hub's cache with seeded weights; a fifth of a gigabyte, so not kept."""
    from face_alignment.detection.sfd.net_s3fd import s3fd
    from face_alignment.models import FAN

    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", home)
        folder = Path(home) / "hub" / "checkpoints"
        folder.mkdir(parents=True)
        torch.manual_seed(0)
        torch.save(s3fd().state_dict(), folder / files.BOXES)
        torch.save(FAN(4).state_dict(), folder / files.POINTS_2D)
        yield folder


@pytest.fixture(scope="module")
def frames():
    """A portrait that sways a little, in frames of 640×360."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, 120:520] = skimage.astronaut()[:HEIGHT, :400]
    return [np.roll(picture, round(6 * np.sin(t / 9)), axis=1) for t in range(FRAMES)]


@pytest.fixture(autouse=True)
def clock(request, slow_on_cpu, device):
    """What measures both: processor time on a CPU, which nobody else's work adds to."""
    timer = time.process_time if device.type == "cpu" else time.perf_counter
    group = f"face-alignment, {FRAMES} frames of {WIDTH}×{HEIGHT}"
    request.node.add_marker(pytest.mark.benchmark(group=group, timer=timer))
    return timer


@pytest.mark.parametrize("same", [False, True], ids=["with finding faces", "same boxes"])
@pytest.mark.parametrize("flip", [True, False], ids=["flip", "no flip"])
def bench_face_alignment(clock, benchmark, device, hub, frames, flip, same):
    options = {"device": str(device), "compile": COMPILE, "flip_input": flip}
    theirs = library.FaceAlignment(library.LandmarksType.TWO_D, **options)
    theirs.face_detector.face_detector = OneFace(theirs.face_detector.face_detector)
    # Seeded points are scattered over the crop: they count as a face here, and do not pull the box away.
    ours = FaceAlignmentDetector(device=str(device), flip=flip, batch_size=FRAMES, min_score=-1.0, max_drift=np.inf)
    ours._boxes = OneFace(ours._boxes)
    batch = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    face = torch.tensor(BOX).reshape(2, 2).repeat(34, 1)
    their_times = []

    def library_first():
        synchronize(device)
        start = clock()
        found = theirs.get_landmarks_from_batch(batch, detected_faces=[[[*BOX, 1.0]]] * FRAMES if same else None)
        synchronize(device)
        their_times.append(clock() - start)
        assert [one.shape for one in found] == [(68, 2)] * FRAMES

    def run():
        return ours.track(frames, face) if same else ours.detect(frames[0]) + ours.track(frames[1:], face)

    theirs.get_landmarks_from_batch(batch[:1])
    ours.detect(frames[0])
    if device.type != "cpu":
        theirs.get_landmarks_from_batch(batch)
        ours.track(frames, face)
    found = benchmark.pedantic(waiting(run, device), setup=library_first, rounds=ROUNDS)
    assert len(found) == FRAMES
    library_median = median(their_times)
    benchmark.extra_info.update(
        row=f"ours, {'with' if flip else 'without'} flip{', the same boxes' * same}",
        against=f"the library's own, {library_median:.3g} s",
        ratio=library_median / benchmark.stats.stats.median,
        amount=FRAMES,
        unit="frames",
        device=str(device),
    )
