import pytest
import torch

from a2k_nets.head_motion import HeadMotion

FIRST = torch.diag(torch.tensor([1.5, 1.2, 0.9, 0.4])) + 0.05 * torch.eye(4).roll(1, 0)
SECOND = torch.diag(torch.tensor([-0.6, -0.4, -0.2, 0.3]))
NOISE = torch.tensor([[0.3, 0, 0, 0], [0.1, 0.2, 0, 0], [0, 0, 0.1, 0], [0, 0.05, 0, 0.15]])


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def process() -> HeadMotion:
    process = HeadMotion()
    process.coefficients.copy_(torch.stack((FIRST, SECOND)))
    process.noise.copy_(NOISE)
    return process


def test_fit_recovers_a_known_process(process):
    tracks = list(process(20, 1_500, generator=seeded(0)))
    fitted = HeadMotion()
    fitted.fit(tracks)
    assert torch.allclose(fitted.coefficients, process.coefficients, atol=0.05)
    assert torch.allclose(fitted.noise @ fitted.noise.T, NOISE @ NOISE.T, atol=0.01)


def test_starts_at_the_reference(process):
    poses = process(3, 10, generator=seeded(0))
    assert poses.shape == (3, 10, 4)
    assert not poses[:, 0].any()
    assert bool(poses[:, 1:].any())


def test_the_seed_decides(process):
    assert torch.equal(process(1, 50, generator=seeded(1)), process(1, 50, generator=seeded(1)))
    assert not torch.allclose(process(1, 50, generator=seeded(1)), process(1, 50, generator=seeded(2)))


@pytest.mark.parametrize("batch", [1, 5])
def test_a_longer_speech_begins_with_the_same_motion(process, batch):
    long = process(batch, 103, generator=seeded(4))
    for num_frames in (1, 2, 3, 25, 50, 101):
        short = process(batch, num_frames, generator=seeded(4))
        assert torch.allclose(short, long[:, :num_frames], atol=1e-5)


@pytest.mark.parametrize("cuts", [(1, 1, 5), (1, 6), (2, 5), (3, 1, 1, 2)])
def test_a_motion_goes_on(process, cuts):
    whole = process(2, 7, generator=seeded(4))
    generator = seeded(4)
    poses = process(2, cuts[0], generator=generator)
    for num_frames in cuts[1:]:
        past = torch.cat((torch.zeros(2, 2, 4), poses), dim=1)[:, -2:]
        poses = torch.cat((poses, process(2, num_frames, generator=generator, past=past)), dim=1)
    assert torch.allclose(poses, whole, atol=1e-5)


def test_too_little_footage_is_refused(process):
    tracks = list(process(5, 20, generator=seeded(0)))
    with pytest.raises(ValueError, match="at least 100 frames"):
        HeadMotion().fit([*tracks, torch.zeros(2, 4), torch.zeros(0, 4)])


def test_a_head_that_would_run_away_is_refused():
    drift = torch.linspace(0, 1, 200)[:, None].exp().pow(4) * torch.ones(4)
    jitter = 1e-3 * torch.randn(200, 4, generator=seeded(0))
    with pytest.raises(ValueError, match="stationary"):
        HeadMotion().fit([drift + jitter.cumsum(0)])


def test_a_still_head_stays_still():
    poses = HeadMotion()(1, 30, generator=seeded(0))
    assert not poses.any()
