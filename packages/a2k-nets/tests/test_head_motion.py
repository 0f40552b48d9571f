import pytest
import torch

from a2k_nets.residual.head_motion import HeadMotion

FIRST = torch.diag(torch.tensor([1.5, 1.2, 0.9, 0.4])) + 0.05 * torch.eye(4).roll(1, 0)
SECOND = torch.diag(torch.tensor([-0.6, -0.4, -0.2, 0.3]))
NOISE = torch.tensor([[0.3, 0, 0, 0], [0.1, 0.2, 0, 0], [0, 0, 0.1, 0], [0, 0.05, 0, 0.15]])


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(batch: int, num_frames: int, *, seed: int) -> torch.Tensor:
    return torch.randn(batch, num_frames, 4, generator=seeded(seed))


@pytest.fixture
def process() -> HeadMotion:
    process = HeadMotion()
    process.coefficients.copy_(torch.stack((FIRST, SECOND)))
    process.noise.copy_(NOISE)
    return process


def test_fit_recovers_a_known_process(process):
    tracks = list(process(noise(20, 1_500, seed=0)))
    fitted = HeadMotion()
    fitted.fit(tracks)
    assert torch.allclose(fitted.coefficients, process.coefficients, atol=0.05)
    assert torch.allclose(fitted.noise @ fitted.noise.T, NOISE @ NOISE.T, atol=0.01)


def test_starts_at_the_reference(process):
    poses = process(noise(3, 10, seed=0))
    assert poses.shape == (3, 10, 4)
    assert not poses[:, 0].any()
    assert bool(poses[:, 1:].any())


def test_the_noise_decides(process):
    assert torch.equal(process(noise(1, 50, seed=1)), process(noise(1, 50, seed=1)))
    assert not torch.allclose(process(noise(1, 50, seed=1)), process(noise(1, 50, seed=2)))


@pytest.mark.parametrize("cuts", [(1, 1, 5), (1, 6), (2, 5), (3, 1, 1, 2)])
def test_a_motion_goes_on(process, cuts):
    drawn, log_motion_gain = noise(2, 7, seed=4), torch.linspace(-1, 1, 14).reshape(2, 7)
    whole = process(drawn, log_motion_gain=log_motion_gain)
    poses = torch.zeros(2, 0, 4)
    for piece, gain in zip(drawn.split(cuts, dim=1), log_motion_gain.split(cuts, dim=1), strict=True):
        past = torch.cat((torch.zeros(2, 2, 4), poses), dim=1)[:, -2:] if poses.shape[1] else None
        poses = torch.cat((poses, process(piece, log_motion_gain=gain, past=past)), dim=1)
    assert torch.allclose(poses, whole, atol=1e-5)


def frame_by_frame(process, drawn, gain, past):
    """The definition, in double precision: x_t = A1 x_{t-1} + A2 x_{t-2} + g_t L e_t."""
    first, second = process.coefficients.double()
    shocks = (drawn.double() @ process.noise.double().T) * gain.double().exp()[..., None]
    before, last = past.double().unbind(dim=1)
    poses = []
    for shock in shocks.unbind(dim=1):
        before, last = last, last @ first.T + before @ second.T + shock
        poses.append(last)
    return torch.stack(poses, dim=1)


@pytest.mark.parametrize("frames", [1, 2, 3, 64, 1_500])
def test_it_is_the_recursion(process, frames):
    drawn, gain = noise(2, frames, seed=3), torch.linspace(-2, 1, 2 * frames).reshape(2, frames)
    past = noise(2, 2, seed=9)
    poses = process(drawn, log_motion_gain=gain, past=past)
    assert poses.shape == (2, frames, 4)
    assert torch.allclose(poses.double(), frame_by_frame(process, drawn, gain, past), atol=1e-6)


def test_a_random_walk_of_an_hour_is_the_recursion(process):
    walk = HeadMotion()
    walk.coefficients[0].copy_(torch.eye(4))
    walk.noise.copy_(NOISE)
    drawn, past = noise(1, 90_000, seed=3), torch.zeros(1, 2, 4)
    expected = frame_by_frame(walk, drawn, torch.zeros(1, 90_000), past)
    assert torch.allclose(walk(drawn, past=past).double(), expected, rtol=1e-6, atol=1e-4)


def test_a_livelier_voice_moves_the_head_more(process):
    drawn, ones = noise(8, 200, seed=5), torch.ones(8, 200)
    assert torch.allclose(
        process(drawn, log_motion_gain=0.7 * ones), process(drawn) * torch.tensor(0.7).exp(), atol=1e-4
    )
    # However lively: no head flies away.
    assert process(drawn, log_motion_gain=50 * ones).std() < 6 * process(drawn).std()


def test_log_gain_is_measured_in_logarithms(process):
    tracks = list(process(noise(40, 400, seed=6)))
    fitted = HeadMotion()
    fitted.fit(tracks)
    windows = torch.stack(tracks)[:, :320].reshape(200, 64, 4)
    gain = fitted.measure_log_gain(windows)
    assert abs(float(gain.mean())) < 0.1
    assert torch.allclose(fitted.measure_log_gain(2 * windows), gain + torch.tensor(2.0).log(), atol=1e-5)
    mask = torch.ones(200, 64, dtype=torch.bool)
    mask[:, 30:] = False
    assert torch.allclose(fitted.measure_log_gain(windows, mask), fitted.measure_log_gain(windows[:, :30]), atol=1e-5)


def test_a_random_walk_is_as_large_but_knows_nothing_of_its_past(process):
    tracks = list(process(noise(30, 300, seed=7)))
    walk = HeadMotion()
    walk.fit_random_walk(tracks)
    made = walk(noise(30, 300, seed=8))
    steps = made[:, 1:].diff(dim=1)
    following = (steps[:, 1:] * steps[:, :-1]).mean() / steps.square().mean()
    assert abs(float(following)) < 0.05
    sizes = made.std(dim=1).log().mean(dim=0) - torch.stack([t.std(dim=0).log() for t in tracks]).mean(dim=0)
    assert float(sizes.abs().max()) < 0.3


def test_too_little_footage_is_refused(process):
    tracks = list(process(noise(5, 20, seed=0)))
    with pytest.raises(ValueError, match="at least 100 frames"):
        HeadMotion().fit([*tracks, torch.zeros(2, 4), torch.zeros(0, 4)])


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_tracks_that_are_not_finite_are_refused(wrong):
    track = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    track[7, 1] = wrong
    with pytest.raises(ValueError, match="expected finite head motion"):
        HeadMotion().fit([track])


def test_a_head_that_would_run_away_is_refused():
    drift = torch.linspace(0, 1, 200)[:, None].exp().pow(4) * torch.ones(4)
    jitter = 1e-3 * torch.randn(200, 4, generator=seeded(0))
    with pytest.raises(ValueError, match="stationary"):
        HeadMotion().fit([drift + jitter.cumsum(0)])


def test_a_still_head_stays_still():
    poses = HeadMotion()(noise(1, 30, seed=0))
    assert not poses.any()
