import pytest
import torch
from hypothesis import given, settings, strategies as st

from a2k_nets.residual.expression_edits import BLINK_FRAMES, Blinks, close_lids

COURSE = torch.tensor([0.1, 0.6, 0.9, 0.7, 0.4, 0.2, 0.1, 0.05, 0.0])


def noise(batch: int, frames: int, *, seed: int) -> torch.Tensor:
    return torch.randn(batch, frames, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def blinks() -> Blinks:
    blinks = Blinks()
    blinks.fit(COURSE, per_frame=0.02)
    return blinks


def test_before_a_fit_nobody_blinks():
    closed, _ = Blinks()(noise(2, 500, seed=0))
    assert not closed.any()


def test_as_many_blinks_as_fitted(blinks):
    closed, _ = blinks(noise(1, 50_000, seed=1))
    peaks = int((closed == 0.9).sum())
    assert peaks == pytest.approx(0.02 * 50_000, rel=0.1)


def test_each_blink_takes_the_whole_course(blinks):
    closed, _ = blinks(noise(1, 2_000, seed=2))
    begins = (closed[0] == 0.9).nonzero().flatten() - 2
    assert len(begins) > 20
    assert int(begins.diff().min()) >= BLINK_FRAMES
    for begin in begins[1:-1].tolist():
        assert torch.equal(closed[0, begin : begin + BLINK_FRAMES], COURSE)


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(1, 60), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_pieces_are_the_whole(cuts, seed):
    blinks = Blinks()
    blinks.fit(COURSE, per_frame=0.06)
    drawn = noise(2, sum(cuts), seed=seed)
    whole, last = blinks(drawn)
    age, pieces = None, []
    for piece in drawn.split(cuts, dim=1):
        closed, age = blinks(piece, age=age)
        pieces.append(closed)
    assert torch.equal(torch.cat(pieces, dim=1), whole)
    assert torch.equal(age, last)


def test_lids_meet_and_nothing_else_moves(reference):
    face = reference[:, None]
    closed = close_lids(face, torch.ones(1, 1))
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert torch.allclose(closed[..., upper, :], closed[..., lower, :], atol=1e-4)
    rest = [i for i in range(68) if i not in (37, 38, 40, 41, 43, 44, 46, 47)]
    assert torch.equal(closed[..., rest, :], face[..., rest, :])


@pytest.mark.parametrize(("curve", "per_frame"), [(COURSE[:4], 0.01), (COURSE, 0.2)])
def test_what_cannot_be_is_refused(curve, per_frame):
    with pytest.raises(ValueError, match=f"expected {BLINK_FRAMES} values"):
        Blinks().fit(curve, per_frame=per_frame)


@torch.no_grad()
def test_a_face_blinks_and_the_gain_says_how_far(model, speech, reference):
    model.blinks.fit(COURSE, per_frame=0.05)
    options = {"head_motion": 0.0, "expression": 0.0}
    sound = speech.repeat(8)[None]

    def gaps(blink):
        made = model(sound, reference, blink=blink, generator=torch.Generator().manual_seed(3), **options)
        return (made[0, :, 41] - made[0, :, 37]).norm(dim=-1) / (reference[0, 41] - reference[0, 37]).norm()

    assert torch.allclose(gaps(0.0), torch.ones(1), atol=1e-3)
    assert float(gaps(1.0).min()) == pytest.approx(0.1, abs=0.02)
    assert float(gaps(0.5).min()) == pytest.approx(0.55, abs=0.02)
    # More than closed there is not.
    assert float(gaps(9.0).min()) == pytest.approx(0.0, abs=0.02)
