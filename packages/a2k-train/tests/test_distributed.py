"""Two processes reach the weights that one reaches with the same batches."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from a2k_nets.checkpoints.checkpoint import read_tensors
from a2k_train.config.toml_file import config_to_toml

PROGRAM = """
import sys
from pathlib import Path
import torch
from a2k_train.config.toml_file import read_config
from a2k_train.training.fit import fit
from a2k_train.training.launch import launch
from a2k_train.data.open_clips import open_clips

if __name__ == "__main__":
    torch.set_num_threads(1)
    config = read_config(Path(sys.argv[1]))
    fabric = launch("cpu", precision=config.precision)
    fit(config, open_clips(sys.argv[2], splits=("train",)), sys.argv[3], fabric=fabric)
"""


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this PyTorch has no gloo")
def test_two_gloo_processes_and_one(tiny_paper, corpus, tmp_path):
    config = replace(tiny_paper, precision="64-true", frozen_norm=True, steps=3, gradient_clip=1.0)
    settings, program = tmp_path / "settings.toml", tmp_path / "program.py"
    settings.write_text(config_to_toml(config))
    program.write_text(PROGRAM)
    weights = []
    for processes in (1, 2):
        run = tmp_path / f"run-{processes}"
        # torchrun's own command line, on a free port.
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        done = subprocess.run(
            [sys.executable, *launcher, str(program), str(settings), str(corpus), str(run)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        weights.append(read_tensors(run / "state.safetensors")[0])
    one, two = weights
    assert one.keys() == two.keys()
    moved = 0
    for name, tensor in one.items():
        assert torch.allclose(tensor, two[name], rtol=0, atol=1e-6), name
        moved += not torch.equal(tensor, two[name])
    # Sums in another order leave their trace somewhere: the second run was not the first one again.
    assert moved > 0
