"""Each published variant on a case computed by hand; the arithmetic stands beside it."""

import math

import pytest
import torch

import kp_metrics as kpm
from kp_metrics.primitives import normalizers


def keypoints(*points):
    return torch.tensor([list(points)], dtype=torch.float32)


def test_paper_pck_takes_the_box_of_the_whole_sequence():
    # Frame 1 spans 100 × 0, frame 2 spans 20 × 300: the sequence spans 100 × 300, so the radius is 0.02 × 300 = 6.
    target = torch.tensor([[[0.0, 0.0], [100.0, 0.0]], [[0.0, 0.0], [20.0, 300.0]]])
    # Errors 6 (≤ 6: hit), 6.1 (miss), 5 (3-4-5: hit), 0 (hit): 3 of 4.
    preds = target + torch.tensor([[[6.0, 0.0], [0.0, 6.1]], [[3.0, 4.0], [0.0, 0.0]]])
    assert kpm.pck(preds, target, **kpm.PCK_CONVENTIONS["paper"]).item() == 0.75
    # Radii a frame: 0.02 × 100 = 2 (both miss) and 6 (both hit): 2 of 4.
    assert kpm.pck(preds, target, normalizer="bbox_frame").item() == 0.5


def test_speech2gesture_pck_drops_the_base_point_and_takes_the_box_of_a_frame():
    face = torch.zeros(1, 68, 2)
    # Without base point 27, which alone reaches 1000, the box is 50 × 10: radius 0.2 × 50 = 10.
    face[0, 0] = torch.tensor([50.0, 10.0])
    face[0, 27] = torch.tensor([1000.0, 0.0])
    preds = face.clone()
    preds[0, 1] = torch.tensor([10.0, 0.0])  # at 10: hit
    preds[0, 2] = torch.tensor([8.0, 6.1])  # at 10.06: miss
    preds[0, 27] = torch.tensor([0.0, 0.0])  # dropped
    # 66 of 67.
    assert kpm.pck(preds, face, **kpm.PCK_CONVENTIONS["speech2gesture"]).item() == pytest.approx(66 / 67)


def test_mmpose_pck_is_strict_per_axis_and_means_over_keypoints_first():
    # Box 100 × 40 in each frame. Distances in its units: (3, 0) is 0.03; (0, 2) is 2 / 40 = 0.05, which is not < 0.05.
    target = torch.tensor([[[0.0, 0.0], [100.0, 40.0]]]).repeat(2, 1, 1)
    preds = target + torch.tensor([[[3.0, 0.0], [0.0, 2.0]], [[0.0, 0.0], [50.0, 0.0]]])
    mask = torch.tensor([[True, True], [True, True]])
    # Keypoint 0: 2 of 2. Keypoint 1: 0 of 2. Mean 1/2.
    assert kpm.pck(preds, target, mask=mask, **kpm.PCK_CONVENTIONS["mmpose"]).item() == 0.5
    # With a longer-side radius and ≤ the second point is a hit too: 2 ≤ 0.05 × 100.
    assert kpm.pck(preds, target, alpha=0.05, normalizer="bbox_frame").item() == 0.75


def test_keypoints_first_differs_from_points_where_points_are_masked():
    target = torch.tensor([[[0.0, 0.0], [100.0, 0.0]]]).repeat(3, 1, 1)
    preds = target.clone()
    preds[0, 1, 0] += 50  # the only valid second keypoint is wrong
    mask = torch.tensor([[True, True], [True, False], [True, False]])
    # Over points 3 of 4; over keypoints (3/3 + 0/1) / 2. Frames 2 and 3 have no box of their own: give a constant.
    assert kpm.pck(preds, target, mask=mask, normalizer=100.0).item() == 0.75
    assert kpm.pck(preds, target, mask=mask, normalizer=100.0, average="keypoints").item() == 0.5


def test_pckh_and_torso():
    body = torch.zeros(1, 16, 2)
    body[0, 9, 1] = -20.0  # head 20: radius 0.5 × 20 = 10
    preds = body.clone()
    preds[0, 0, 0] = 10.0
    preds[0, 1, 0] = 10.5
    assert kpm.pck(preds, body, **kpm.PCK_CONVENTIONS["pckh"]).item() == pytest.approx(15 / 16)
    coco = torch.zeros(1, 17, 2)
    coco[0, 12] = torch.tensor([30.0, 40.0])  # torso 50: radius 0.2 × 50 = 10
    preds = coco.clone()
    preds[0, 0, 0] = 10.5
    assert kpm.pck(preds, coco, **kpm.PCK_CONVENTIONS["pck_torso"]).item() == pytest.approx(16 / 17)


def test_nme_divisors():
    face = torch.zeros(1, 68, 2)
    face[0, 36:42, 0] = 10.0
    face[0, 42:48, 0] = 70.0  # pupils 60 apart
    face[0, 36, 0], face[0, 45, 0] = 0.0, 100.0  # outer corners 100; eye centres 50/6 and 450/6: 66.67 apart
    face[0, 8, 1] = 25.0  # box 100 × 25: root of the area 50
    preds = face + torch.tensor([3.0, 4.0])  # 5 everywhere
    assert kpm.nme(preds, face).item() == pytest.approx(5 / 100)
    assert kpm.nme(preds, face, normalizer="bbox_frame_area").item() == pytest.approx(5 / 50)
    assert kpm.nme(preds, face, normalizer="pupils").item() == pytest.approx(5 / (400 / 6))
    assert kpm.nme(preds, face, normalizer="bbox_frame_diagonal").item() == pytest.approx(5 / math.hypot(100, 25))
    assert kpm.nme(preds, face, normalizer=20.0).item() == pytest.approx(5 / 20)
    assert kpm.nme(preds, face, normalizer=torch.tensor([40.0])).item() == pytest.approx(5 / 40)


def test_lmd_of_atvgnet_sums_over_points_and_does_not_centre():
    target = torch.zeros(2, 3, 2)
    preds = target + torch.tensor([[[3.0, 4.0]], [[0.0, 1.0]]])
    # Frame 1: 3 points × 5 = 15, frame 2: 3 × 1 = 3; mean over frames 9.
    assert kpm.lmd(preds, target, sum_points=True, centre=False).item() == 9
    # Centred, a common offset vanishes.
    assert kpm.lmd(preds, target).item() == 0
    # Twice as many pixels in the crop: twice the distance.
    assert kpm.lmd(preds, target, centre=False, scale=2.0).item() == 2 * 3


def test_lve_squared():
    face, other = torch.zeros(2, 68, 2), torch.zeros(2, 68, 2)
    other[0, 50], other[1, 60], other[1, 10] = torch.tensor([[3.0, 4.0], [0.0, 1.0], [90.0, 0.0]])
    # Largest lip distances 5 and 1 (the jaw's 90 does not count): mean 3, of squares (25 + 1) / 2 = 13.
    assert kpm.lve(other, face).item() == 3
    assert kpm.lve(other, face, squared=True).item() == 13


def test_oks_of_one_point():
    # d = 3, area 100, σ 0.5: exp(−9 / (2 · 100 · 1²)).
    ours = kpm.oks(keypoints((3.0, 0.0)), keypoints((0.0, 0.0)), area=100.0, sigmas=[0.5])
    assert ours.item() == pytest.approx(math.exp(-9 / 200))


def test_keypoint_l1_is_a_mean_over_coordinates():
    # |3| and |−1| over two coordinates: 2; over a box of 10 (longer side): 0.2.
    target = keypoints((0.0, 0.0), (10.0, 5.0))
    preds = target + torch.tensor([3.0, -1.0])
    assert kpm.keypoint_l1(preds, target).item() == 2
    assert kpm.keypoint_l1(preds, target, normalizer="bbox_frame").item() == pytest.approx(0.2)


def test_velocity_and_its_derivatives():
    # x = 0, 1, 4, 9, 16: Δ² = 2 everywhere, Δ³ = 0; at 10 fps over a size of 4: 2 · 100 / 4 = 50.
    steps = torch.tensor([0.0, 1.0, 4.0, 9.0, 16.0]).reshape(5, 1, 1)
    assert kpm.acceleration(steps, fps=10.0, normalizer=4.0).item() == 50
    assert kpm.jitter(steps, fps=10.0, normalizer=4.0).item() == 0
    # Against a still: Δ = 1, 3, 5, 7, mean 4, at 10 fps 40.
    assert kpm.velocity_l1(steps, torch.zeros_like(steps), fps=10.0).item() == 40


def test_closure_scores():
    face = torch.zeros(6, 68, 2)
    face[:, 45, 0] = 100.0
    face[:, 66, 1] = torch.tensor([9.0, 9.0, 9.0, 9.0, 0.0, 9.0])
    closed = face.clone()
    closed[:, 66, 1] = 0.0
    # True closure at frame 4; predicted everywhere. Within ±1 frame lie 3, 4, 5: precision 3/6, hit rate 1/1.
    assert kpm.closure_f1(closed, face, tolerance=1, score="precision").item() == 0.5
    assert kpm.closure_f1(closed, face, tolerance=1, score="hit_rate").item() == 1
    assert kpm.closure_f1(closed, face, tolerance=1).item() == pytest.approx(2 * 0.5 / 1.5)


def test_mtm_of_a_known_delay():
    time = torch.arange(75.0)
    face = torch.zeros(3, 75, 68, 2)
    face[..., 45, 0] = 100.0
    late = face.clone()
    for number, delay in enumerate((0, 1, 2)):
        face[number, :, 66, 1] = 20 + 10 * torch.sin(time / 4)
        late[number, :, 66, 1] = 20 + 10 * torch.sin((time - delay) / 4)
    # 0, 1 and 2 frames at 25 fps: 0, 40 and 80 ms; the smoothed ends may move one extremum by a frame.
    assert kpm.mtm(late, face, reduction="none").tolist() == pytest.approx([0, 40, 80], abs=8)


def test_slcc_scores_speakers_on_their_own_scale():
    face = (torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 100).repeat(4, 8, 1, 1)
    # Ann speaks at 1 and 2 with large lips, Bob at 3 and 4 with small ones: r is negative over all, 1 within each.
    moves, loud = torch.tensor([10.0, 12.0, 1.0, 2.0]), torch.tensor([1.0, 2.0, 3.0, 4.0])
    face[:, 1::2, 48:] += moves[:, None, None, None]
    audio = loud[:, None] * torch.ones(4, 5120)
    expected = torch.corrcoef(torch.stack([loud, moves]))[0, 1]
    assert kpm.slcc(face, audio=audio).item() == pytest.approx(expected.item(), abs=1e-3)
    assert expected < -0.5
    assert kpm.slcc(face, audio=audio, groups=torch.tensor([0, 0, 1, 1])).item() == pytest.approx(1, abs=1e-5)


def test_beat_align_by_hand():
    time = torch.arange(60.0)
    face = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 100
    # The nod turns, and so rests, where sin(t / 6) peaks: t = 9.42, 28.27, 47.12, so at about 9, 28 and 47.
    nod = face + torch.stack([torch.zeros(60), 20 * torch.sin(time / 6)], -1)[:, None]
    beats = torch.zeros(60, dtype=torch.bool)
    beats[[28, 44]] = True
    # On the beat 1 (or one frame beside it); three frames off exp(−9 / 18) = 0.607 at σ = 3.
    score = kpm.beat_align(nod, beats=beats).item()
    assert (math.exp(-1 / 18) + math.exp(-16 / 18)) / 2 - 1e-6 <= score <= (1 + math.exp(-4 / 18)) / 2


def test_silence_opening_ignores_short_stops():
    face = torch.zeros(50, 68, 2)
    face[:, 45, 0] = 100.0
    face[:, 66, 1] = 30.0
    face[20:30, 66, 1] = torch.arange(10.0)  # openings 0 to 0.09 in the silence: median 0.045
    audio = torch.ones(50, 640)
    audio[20:30] = 0  # 400 ms of silence
    audio[40:44] = 0  # 160 ms: a stop within a word
    assert kpm.silence_opening(face, audio=audio.flatten()).item() == pytest.approx(0.045)


def test_normalizers_with_masks():
    face = torch.tensor([[[0.0, 0.0], [4.0, 2.0], [50.0, 90.0]]])
    mask = torch.tensor([[True, True, False]])
    assert normalizers.bbox_size(face, mask).item() == 4
    assert normalizers.bbox_sides(face, mask, per="frame").tolist() == [[4, 2]]
    assert normalizers.bbox_size(face, ~mask & mask).item() == 0
    assert normalizers.point_distance(face, mask, indices=(0, 2)).item() == 0
