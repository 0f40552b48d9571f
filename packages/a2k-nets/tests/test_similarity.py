import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from a2k_nets.blocks.similarity import apply_similarity, compose_pose, fit_similarity, invert_similarity, split_pose

STABLE = (0, 1, 2, 3, 4)


@st.composite
def similarities(draw):
    """(4,) float64: a scale of 0.1 to 10, any rotation, shifts of a few hundred."""
    scale = draw(st.floats(0.1, 10))
    angle = draw(st.floats(-math.pi, math.pi))
    shift = draw(st.tuples(st.floats(-500, 500), st.floats(-500, 500)))
    return torch.tensor([scale * math.cos(angle), scale * math.sin(angle), *shift], dtype=torch.float64)


def points(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


seeds = st.integers(0, 10_000)
within = {"atol": 1e-6, "rtol": 1e-9}


@given(similarities(), seeds)
def test_fit_finds_the_similarity_that_was_applied(similarity, seed):
    source = points(seed, 9)
    assert torch.allclose(fit_similarity(source, apply_similarity(similarity, source)), similarity, **within)


@given(similarities(), seeds)
def test_invert_undoes_apply(similarity, seed):
    source = points(seed, 9)
    there = apply_similarity(similarity, source)
    assert torch.allclose(apply_similarity(invert_similarity(similarity), there), source, **within)


@given(seeds)
def test_fit_is_the_least_squares_solution(seed):
    source, target = points(seed, 9), points(seed + 1, 9)
    one, zero = torch.ones(9, dtype=torch.float64), torch.zeros(9, dtype=torch.float64)
    # x' = a·x - b·y + s and y' = b·x + a·y + t, as rows of unknowns (a, b, s, t).
    rows = torch.cat(
        (
            torch.stack((source[:, 0], -source[:, 1], one, zero), dim=1),
            torch.stack((source[:, 1], source[:, 0], zero, one), dim=1),
        )
    )
    solution = torch.linalg.lstsq(rows, torch.cat((target[:, 0], target[:, 1]))).solution
    assert torch.allclose(fit_similarity(source, target), solution, **within)


@settings(max_examples=50)
@given(seeds, st.integers(1, 4), st.integers(0, 4))
def test_compose_undoes_split(seed, num_frames, base_point):
    reference = points(seed, 3, 10)
    moves = torch.tensor([1.0, 0.2, 3.0, -2.0], dtype=torch.float64) + 0.1 * points(seed + 1, 3, num_frames, 2).flatten(
        -2
    )
    keypoints = apply_similarity(moves, reference[:, None] + 0.1 * points(seed + 2, 3, num_frames, 10))
    shape, pose = split_pose(keypoints, reference, stable_points=STABLE, base_point=base_point)
    assert torch.allclose(compose_pose(shape, pose, reference, base_point=base_point), keypoints, **within)


@settings(max_examples=50)
@given(seeds)
def test_split_leaves_no_pose_in_the_shape(seed):
    reference = points(seed, 10)
    keypoints = apply_similarity(points(seed + 1, 4, 2).flatten(-2), points(seed + 2, 4, 10))
    shape, _ = split_pose(keypoints, reference, stable_points=STABLE, base_point=0)
    again, pose = split_pose(shape, reference, stable_points=STABLE, base_point=0)
    assert torch.allclose(again, shape, **within)
    assert torch.allclose(pose, torch.zeros_like(pose), **within)


def test_a_known_turn_of_the_head():
    reference = points(0, 10)
    angle, scale, shift = math.radians(12), 1.1, torch.tensor([0.3, -0.2], dtype=torch.float64)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    base = reference[2]
    moved = scale * (reference - base) @ turn.T + base + shift
    shape, pose = split_pose(moved[None], reference, stable_points=STABLE, base_point=2)
    assert torch.allclose(shape[0], reference, **within)
    assert pose[0].tolist() == pytest.approx([0.3, -0.2, angle, math.log(scale)])


def test_points_that_coincide_give_finite_numbers():
    same = torch.ones(5, 2)
    assert bool(torch.isfinite(fit_similarity(same, points(0, 5).float())).all())
    assert bool(torch.isfinite(invert_similarity(torch.zeros(4))).all())
