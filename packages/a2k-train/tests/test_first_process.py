"""Two processes: a failure of the first ends both, and the residual losses are those of one process."""

import os
import subprocess
import sys

import pytest
import torch

PROGRAM = """
import os, time
import torch
from a2k_train.recipes.base import Recipe
from a2k_train.training.first_process import on_first_process
from a2k_train.training.launch import launch

if __name__ == "__main__":
    fabric = launch("cpu", devices=2)
    on_first_process(fabric, lambda: time.sleep(0.2))

    class Counting:
        _fabric = fabric
    counts = Recipe._average(Counting, torch.tensor([1 + 2 * fabric.global_rank, 4]))
    assert counts.tolist() == [2.0, 4.0], counts

    def fail():
        raise ValueError("the validation broke")
    try:
        on_first_process(fabric, fail)
    except (ValueError, RuntimeError) as error:
        # In one piece, since both processes write to one pipe.
        os.write(1, f"{fabric.global_rank} {type(error).__name__} {error}\\n".encode())
"""


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this PyTorch has no gloo")
def test_a_failure_of_the_first_ends_the_other(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [sys.executable, *launcher, str(program)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert "0 ValueError the validation broke" in done.stdout
    assert "1 RuntimeError expected the first process to go on" in done.stdout
