"""Faces of other numbers of points: WFLW's are known, and no index of one layout is taken for another's."""

import pytest
import torch

import kp_metrics as kpm

#: For each iBUG point that the face metrics use, WFLW's.
SAME = {
    **dict(zip((36, 37, 38, 39, 40, 41), (60, 61, 63, 64, 65, 67), strict=True)),
    **dict(zip((42, 43, 44, 45, 46, 47), (68, 69, 71, 72, 73, 75), strict=True)),
    **dict(zip(range(48, 60), range(76, 88), strict=True)),
    **dict(zip(range(60, 68), range(88, 96), strict=True)),
    **{27: 51, 28: 52, 29: 53, 30: 54, 33: 57},
}

FACE_METRICS = {
    "nme": lambda p, t: kpm.nme(p, t),
    "nme of pupils": lambda p, t: kpm.nme(p, t, normalizer="pupils"),
    "mouth_opening": lambda p, t: kpm.mouth_opening(p).mean(),
    "mouth_correlation": kpm.mouth_correlation,
    "mouth_amplitude_ratio": kpm.mouth_amplitude_ratio,
    "closure_f1": kpm.closure_f1,
    "mtm": kpm.mtm,
    "blink_rate": lambda p, t: kpm.blink_rate(p, threshold=0.5),
    "eye_aspect_ratio": lambda p, t: kpm.eye_aspect_ratio(p).mean(),
    "lip_error": kpm.lip_error,
    "lve": kpm.lve,
    "head_amplitude_ratio": kpm.head_amplitude_ratio,
    "head_pose": lambda p, t: kpm.head_pose(p, t[0]).mean(),
    "identity_error": lambda p, t: kpm.identity_error(p, t),
    "align_to_reference": lambda p, t: kpm.align_to_reference(p, t[0]).mean(),
    "beat_align": lambda p, t: kpm.beat_align(p, beats=torch.arange(len(p)) % 5 == 3),
}
#: Means over all points, of which the layouts have different numbers.
OVER_ALL = ("nme", "nme of pupils", "identity_error", "align_to_reference")


@pytest.mark.parametrize("name", FACE_METRICS)
def test_wflw_gives_the_value_of_ibug(name, make_pair):
    preds, target, _ = make_pair(1, 40)
    wide = []
    for points in (preds[0], target[0]):
        other = torch.zeros(len(points), 98, 2)
        other[:, list(SAME.values())] = points[:, list(SAME)]
        wide.append(other)
    metric = FACE_METRICS[name]
    if name in OVER_ALL:
        assert bool(torch.isfinite(metric(*wide)).all())
    else:
        torch.testing.assert_close(metric(*wide), metric(preds[0], target[0]))


def test_wflw_is_normalized_by_its_outer_eye_corners():
    face = torch.zeros(1, 98, 2)
    face[0, 72, 0] = 90.0
    assert kpm.interocular_distance(face).item() == 90
    assert kpm.nme(face + torch.tensor([9.0, 0.0]), face).item() == pytest.approx(0.1)
    pupils = torch.zeros(1, 98, 2)
    pupils[0, 68:76, 0] = 60.0
    assert kpm.pupil_distance(pupils).item() == 60


@pytest.mark.parametrize("count", [17, 106, 133, 468, 478])
@pytest.mark.parametrize("name", FACE_METRICS)
def test_other_layouts_need_indices(name, count):
    points = torch.rand(20, count, 2, generator=torch.Generator().manual_seed(0)) * 100
    with pytest.raises(ValueError, match=r"ind(ex|ices)"):
        FACE_METRICS[name](points, points)


def test_given_indices_are_taken_in_any_layout():
    points = torch.rand(20, 133, 2, generator=torch.Generator().manual_seed(0)) * 100
    assert bool(torch.isfinite(kpm.mouth_opening(points, lips=(85, 89), eyes=(59, 68))).all())
    assert kpm.lmd(points, points, indices=range(71, 91)).item() == 0
    assert kpm.interocular_distance(points, indices=(36, 45)).shape == (20, 1)


def test_the_metric_of_the_mouth_refuses_other_layouts():
    points = torch.rand(1, 4, 133, 2, generator=torch.Generator().manual_seed(0)) * 100
    with pytest.raises(ValueError, match="133 keypoints"):
        kpm.evaluate({"a": points}, points, metrics=["lmd_mouth"], resamples=0)
