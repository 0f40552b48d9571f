"""Blinks with waiting times and courses out of tables."""

import pytest
import torch

from a2k_nets.head import BLINK_LENGTH, LONGEST_WAIT, BlinkTimes


@pytest.fixture
def blinks():
    blinks = BlinkTimes(4)
    for row in range(4):
        blinks.curves[row, 1 : 4 + row] = 0.5 + 0.1 * row
    blinks.chance[20:60], blinks.chance[60:] = 0.02, 0.05
    return blinks


@pytest.fixture
def noise():
    return torch.randn(6, 2_000, generator=torch.Generator().manual_seed(0))


def starts(closed):
    padded = torch.cat((torch.zeros(1), closed))
    return ((padded[1:] > 0) & (padded[:-1] == 0)).nonzero().flatten()


@pytest.mark.parametrize("size", [1, 7, 500])
def test_pieces_give_the_whole(blinks, noise, size):
    found, state = [], None
    for piece in noise.split(size, dim=1):
        closed, state = blinks(piece, age=state)
        found.append(closed)
    assert torch.equal(torch.cat(found, dim=1), blinks(noise)[0])


def test_waiting_times_are_those_of_the_table(blinks):
    noise = torch.randn(60, 4_000, generator=torch.Generator().manual_seed(1))
    waits = torch.cat([starts(row).diff() for row in blinks(noise)[0]]).double()
    assert int(waits.min()) >= 20
    # The share that waits 60 frames or more, by the chances before.
    assert float((waits >= 60).double().mean()) == pytest.approx(0.98**40, abs=0.03)


def test_every_course_occurs_and_ends_with_open_lids(blinks, noise):
    closed = blinks(noise)[0]
    heights = {round(float(value), 2) for value in closed.unique() if value > 0}
    assert heights == {0.5, 0.6, 0.7, 0.8}
    for row in closed:
        for start in starts(row).tolist():
            if start + BLINK_LENGTH < len(row):
                assert float(row[start + BLINK_LENGTH - 1]) == 0


def test_none_before_the_tables_are_set(noise):
    closed, state = BlinkTimes(3)(noise)
    assert not closed.any()
    assert (state[:, 0] == LONGEST_WAIT).all()
