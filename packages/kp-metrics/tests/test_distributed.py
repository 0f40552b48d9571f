"""Two processes give the same numbers as one."""

import os
import subprocess
import sys

import pytest
import torch

import kp_metrics as kpm


def build():
    return {
        "pck": kpm.PCK(),
        "by keypoint": kpm.PCK(average="keypoints", num_keypoints=68),
        "mouth": kpm.MouthCorrelation(),
        "lip": kpm.LipError(),
        "frechet": kpm.FrechetMotionDistance(),
        "slcc": kpm.SLCC(),
        "faulty": kpm.NME(),
    }


def feed(metrics, preds, target, mask, audio):
    for name, metric in metrics.items():
        extra = {"audio": audio} if name == "slcc" else {}
        metric.update(preds, target, mask, **extra)


def work(rank, world, folder):
    torch.set_num_threads(1)
    os.environ |= {"GLOO_SOCKET_IFNAME": "lo"}
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)
    metrics = build()
    data = torch.load(f"{folder}/data.pt", weights_only=True)
    # Three sequences for one process and five for the other.
    preds, target, mask, audio = (part[:3] if rank == 0 else part[3:] for part in data)
    feed(metrics, preds, target, mask, audio)
    if rank == 1:
        metrics["faulty"].update(torch.full_like(preds, torch.nan), target)
    results = {name: metric.compute() for name, metric in metrics.items() if name != "faulty"}
    try:
        metrics["faulty"].compute()
    except ValueError as error:
        results["faulty"] = str(error)
    torch.save(results, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(not torch.distributed.is_available(), reason="needs torch.distributed")
def test_two_processes_agree_with_one(tmp_path, make_pair):
    preds, target, mask = make_pair(sequences=8, frames=40, scattered=False)
    audio = torch.randn(8, 40 * 640, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 9)[:, None]
    alone = build()
    feed(alone, preds, target, mask, audio)
    torch.save([preds, target, mask, audio], tmp_path / "data.pt")
    # As a script: however the tests are collected, a process can always run this file.
    processes = [subprocess.Popen([sys.executable, __file__, str(rank), str(tmp_path)]) for rank in range(2)]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    for rank in range(2):
        results = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, metric in alone.items():
            if name != "faulty":
                assert torch.allclose(results[name], metric.compute(), rtol=1e-5), name
        # One process's fault is raised in both: neither goes on with half a result.
        assert "expected finite coordinates" in results["faulty"]


if __name__ == "__main__":
    work(int(sys.argv[1]), 2, sys.argv[2])
