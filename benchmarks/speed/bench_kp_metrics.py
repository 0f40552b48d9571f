"""PCK over 5,000 sequences of 64 × 68 × 2: kp-metrics beside a NumPy loop over sequences and torch frame by frame.

    nox -s bench -- benchmarks/speed/bench_kp_metrics.py

It takes 0.7 GB of memory; set `KP_METRICS_BENCH_SEQUENCES` to a smaller number for a quick look.
"""

import os

import pytest
import torch
from common.numpy_pck import numpy_pck
from torch import Tensor

import kp_metrics as kpm

SEQUENCES = int(os.environ.get("KP_METRICS_BENCH_SEQUENCES", "5000"))
ALPHA = 0.02
NOTE = {"against": "NumPy, a sequence at a time", "amount": 64 * SEQUENCES, "unit": "frames", "rounds": 5}

pytestmark = pytest.mark.benchmark(group=f"PCK of {SEQUENCES} sequences of 64 × 68 × 2")


@pytest.fixture(scope="module")
def pair(device) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(SEQUENCES, 64, 68, 2, generator=generator).mul_(200)
    preds = torch.randn(SEQUENCES, 64, 68, 2, generator=generator).mul_(3).add_(target)
    return preds.to(device), target.to(device)


def torch_frames(preds: Tensor, target: Tensor) -> float:
    """The same with torch: all sequences at once, a frame at a time."""
    top, bottom = target[:, 0].amax(1), target[:, 0].amin(1)
    for frame in range(1, target.shape[1]):
        top = torch.maximum(top, target[:, frame].amax(1))
        bottom = torch.minimum(bottom, target[:, frame].amin(1))
    radius = ALPHA * (top - bottom).amax(-1)
    hits = 0
    for frame in range(target.shape[1]):
        distance = (preds[:, frame] - target[:, frame]).norm(dim=-1)
        hits += int((distance <= radius[:, None]).sum())
    return hits / preds[..., 0].numel()


def bench_pck(measure, pair):
    result = measure(lambda: kpm.pck(*pair, alpha=ALPHA), row="kp_metrics.pck", **NOTE)
    few = [side[:50].cpu().numpy() for side in pair]
    assert result.item() == pytest.approx(numpy_pck(*few, alpha=ALPHA), abs=0.05)


def bench_pck_class(measure, pair):
    metric = kpm.PCK(alpha=ALPHA).to(pair[0].device)

    def update():
        for start in range(0, SEQUENCES, 500):
            metric.update(pair[0][start : start + 500], pair[1][start : start + 500])

    measure(update, row="kp_metrics.PCK, 500 sequences a batch", **NOTE)
    assert metric.compute().item() == pytest.approx(kpm.pck(*pair, alpha=ALPHA).item(), abs=1e-6)


def bench_numpy_loop(measure, pair):
    arrays = [side.cpu().numpy() for side in pair]
    result = measure(lambda: numpy_pck(*arrays, alpha=ALPHA), row=NOTE["against"], **NOTE | {"against": None})
    assert result == pytest.approx(kpm.pck(*pair, alpha=ALPHA).item(), abs=1e-6)


def bench_torch_frame_by_frame(measure, pair):
    result = measure(lambda: torch_frames(*pair), row="torch, a frame at a time", **NOTE)
    assert result == pytest.approx(kpm.pck(*pair, alpha=ALPHA).item(), abs=1e-6)
