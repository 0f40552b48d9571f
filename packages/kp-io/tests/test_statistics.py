import numpy as np
import pytest
import torch

from kp_io.keypoints.statistics import KeypointStatistics


def test_one_pass_equals_two_over_everything_far_from_the_origin():
    generator = torch.Generator().manual_seed(0)
    sequences = [50_000 + torch.randn(length, 5, 2, generator=generator) for length in (1, 7, 30)]
    statistics = KeypointStatistics(base_point=2)
    for sequence in sequences:
        statistics.add(sequence)
    everything = np.concatenate([s.double().numpy() - s.double().numpy()[:, 2:3] for s in sequences])
    np.testing.assert_allclose(statistics.mean.numpy(), everything.mean(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(statistics.std.numpy(), everything.std(axis=0), rtol=1e-10)
    assert statistics.std[2].tolist() == [0, 0]
    assert (statistics.num_sequences, statistics.num_frames) == (3, 38)


def test_nothing_has_no_mean():
    with pytest.raises(ValueError, match="at least one sequence"):
        _ = KeypointStatistics(base_point=0).mean
