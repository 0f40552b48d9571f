import pytest
import torch

from a2k_train.training.launch import launch


def test_one_process_unless_told_otherwise():
    fabric = launch()
    assert (fabric.world_size, fabric.global_rank, fabric.device.type) == (1, 0, "cpu")


@pytest.mark.parametrize("device", ["tpu", "cpu:1", "", "cuda:99", "mps:2"])
def test_a_device_that_is_not_there(device):
    with pytest.raises(ValueError, match=r"expected a device that torch finds here \(cpu"):
        launch(device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu():
    assert launch("cuda", precision="bf16-mixed").device.type == "cuda"
