"""Every formula a second time, in plain NumPy and loops."""

import math

import numpy as np
import pytest
import torch

import kp_metrics as kpm
from kp_metrics.primitives.ibug68 import MOUTH, STABLE_POINTS


def to_numpy(*tensors):
    return [tensor.numpy().astype(np.float64) if tensor.dtype != torch.bool else tensor.numpy() for tensor in tensors]


def points(p, t, m):
    """All valid (sequence, frame, keypoint)."""
    return [(n, f, k) for n in range(p.shape[0]) for f in range(p.shape[1]) for k in range(p.shape[2]) if m[n, f, k]]


def box(t, m):
    seen = t[m]
    return seen.max(0) - seen.min(0)


def l1(p, t, m):
    return np.mean([np.abs(p[i] - t[i]).mean() for i in points(p, t, m)])


def pck(p, t, m):
    return np.mean([np.linalg.norm(p[i] - t[i]) <= 0.02 * box(t[i[0]], m[i[0]]).max() for i in points(p, t, m)])


def pck_frame(p, t, m):
    return np.mean([np.linalg.norm(p[i] - t[i]) <= 0.02 * box(t[i[:2]], m[i[:2]]).max() for i in points(p, t, m)])


def pck_mmpose(p, t, m):
    shares = []
    for k in range(p.shape[2]):
        hits = [np.linalg.norm((p[i] - t[i]) / box(t[i[:2]], m[i[:2]])) < 0.05 for i in points(p, t, m) if i[2] == k]
        shares += [np.mean(hits)] if hits else []
    return np.mean(shares)


def pck_auc(p, t, m):
    alphas = (np.arange(20_000) + 0.5) / 20_000 * 0.1
    distance = np.array([np.linalg.norm(p[i] - t[i]) / box(t[i[0]], m[i[0]]).max() for i in points(p, t, m)])
    return np.mean([(distance <= alpha).mean() for alpha in alphas])


def eye(t, m, n, f):
    return np.linalg.norm(t[n, f, 36] - t[n, f, 45]) if m[n, f, 36] and m[n, f, 45] else None


def nme(p, t, m):
    return np.mean([np.linalg.norm(p[i] - t[i]) / eye(t, m, *i[:2]) for i in points(p, t, m) if eye(t, m, *i[:2])])


def nme_box(p, t, m):
    return np.mean([np.linalg.norm(p[i] - t[i]) / math.sqrt(box(t[i[:2]], m[i[:2]]).prod()) for i in points(p, t, m)])


def mpjpe(p, t, m):
    return np.mean([np.linalg.norm(p[i] - t[i]) for i in points(p, t, m)])


def similarity(source, destination, scale=True):
    """Umeyama by SVD, for points (n, d)."""
    a, b = source - source.mean(0), destination - destination.mean(0)
    u, s, vh = np.linalg.svd(b.T @ a)
    sign = np.ones(len(s))
    sign[-1] = np.sign(np.linalg.det(u @ vh))
    rotation = u @ np.diag(sign) @ vh
    factor = (s * sign).sum() / (a**2).sum() if scale else 1.0
    return lambda x: factor * (x - source.mean(0)) @ rotation.T + destination.mean(0), rotation, factor


def pa_mpjpe(p, t, m, scale=True):
    errors = []
    for n in range(p.shape[0]):
        for f in range(p.shape[1]):
            valid = m[n, f]
            if valid.sum() >= p.shape[-1]:
                move, _, _ = similarity(p[n, f][valid], t[n, f][valid], scale)
                errors += list(np.linalg.norm(move(p[n, f][valid]) - t[n, f][valid], axis=-1))
    return np.mean(errors)


def lmd(p, t, m, chosen=tuple(range(68))):
    errors = []
    for n in range(p.shape[0]):
        for f in range(p.shape[1]):
            valid = [k for k in chosen if m[n, f, k]]
            if valid:
                a, b = p[n, f][valid], t[n, f][valid]
                errors += list(np.linalg.norm((a - a.mean(0)) - (b - b.mean(0)), axis=-1))
    return np.mean(errors)


def first_frame(m, n, used):
    return next((f for f in range(m.shape[1]) if m[n, f, used].all()), None)


def lip_error(p, t, m):
    errors = []
    skull, lips = list(STABLE_POINTS), list(MOUTH)
    for n in range(p.shape[0]):
        start = first_frame(m, n, lips + skull)
        anchor = t[n, start]
        for f in range(p.shape[1]):
            valid = [k for k in skull if m[n, f, k]]
            if len(valid) >= p.shape[-1]:
                ours = similarity(p[n, f][valid], anchor[valid])[0](p[n, f])
                theirs = similarity(t[n, f][valid], anchor[valid])[0](t[n, f])
                size = np.linalg.norm(anchor[36] - anchor[45])
                errors += [np.linalg.norm(ours[k] - theirs[k]) / size for k in lips if m[n, f, k]]
    return np.mean(errors)


def lve(p, t, m):
    return np.mean(
        [
            max(np.linalg.norm(p[n, f, k] - t[n, f, k]) for k in MOUTH if m[n, f, k])
            for n in range(p.shape[0])
            for f in range(p.shape[1])
            if m[n, f, list(MOUTH)].any()
        ]
    )


def mean_eye(t, m, n):
    return np.mean([e for f in range(t.shape[1]) if (e := eye(t, m, n, f))])


def differences(p, m, order):
    for n in range(p.shape[0]):
        for f in range(p.shape[1] - order):
            for k in range(p.shape[2]):
                if m[n, f : f + order + 1, k].all():
                    yield n, np.diff(p[n, f : f + order + 1, k], n=order, axis=0)[0]


def velocity_l1(p, t, m):
    return np.mean([np.abs(d).mean() * 25 for _, d in differences(p - t, m, 1)])


def acceleration(p, t, m):
    return np.mean([np.linalg.norm(d) * 25**2 / mean_eye(t, m, n) for n, d in differences(p, m, 2)])


def jitter(p, t, m):
    return np.mean([np.linalg.norm(d) * 25**3 / mean_eye(t, m, n) for n, d in differences(p, m, 3)])


def velocity_ratio(p, t, m):
    ratios = []
    for n in range(p.shape[0]):
        rms = [math.sqrt(np.mean([(d**2).sum() for i, d in differences(side, m, 1) if i == n])) for side in (p, t)]
        ratios.append(rms[0] / rms[1])
    return np.mean(ratios)


def identity_error(p, t, m):
    errors = []
    skull = list(STABLE_POINTS)
    for n in range(p.shape[0]):
        anchor = t[n, first_frame(m, n, list(range(68)))]
        aligned = [[] for _ in range(68)]
        for f in range(p.shape[1]):
            valid = [k for k in skull if m[n, f, k]]
            if len(valid) >= p.shape[-1]:
                ours = similarity(p[n, f][valid], anchor[valid])[0](p[n, f])
                for k in range(68):
                    if m[n, f, k]:
                        aligned[k].append(ours[k])
        size = np.linalg.norm(anchor[36] - anchor[45])
        errors += [np.linalg.norm(np.mean(aligned[k], 0) - anchor[k]) / size for k in range(68)]
    return np.mean(errors)


def openings(p, m, n):
    """Frame numbers and mouth openings of a sequence."""
    return {
        f: np.linalg.norm(p[n, f, 62] - p[n, f, 66]) / eye(p, m, n, f)
        for f in range(p.shape[1])
        if eye(p, m, n, f) and m[n, f, 62] and m[n, f, 66]
    }


def both_openings(p, t, m, n):
    a, b = openings(p, m, n), openings(t, m, n)
    frames = sorted(a)
    return frames, np.array([a[f] for f in frames]), np.array([b[f] for f in frames])


def mouth_correlation(p, t, m):
    return np.mean([np.corrcoef(*both_openings(p, t, m, n)[1:])[0, 1] for n in range(p.shape[0])])


def mouth_amplitude_ratio(p, t, m):
    return np.mean([a.std() / b.std() for n in range(p.shape[0]) for _, a, b in [both_openings(p, t, m, n)]])


def head_ratios(p, t, m, n):
    skull = list(STABLE_POINTS)
    anchor = t[n, first_frame(m, n, skull)]
    size = np.linalg.norm(anchor[36] - anchor[45])
    series = {"p": [], "t": []}
    for f in range(p.shape[1]):
        valid = [k for k in skull if m[n, f, k]]
        if len(valid) >= 2 and m[n, f, 27]:
            for name, q in (("p", p), ("t", t)):
                _, rotation, factor = similarity(anchor[valid], q[n, f][valid])
                roll = math.atan2(rotation[1, 0], rotation[0, 0])
                series[name].append([*(q[n, f, 27] / size), roll, math.log(factor)])
    return np.std(series["p"], 0) / np.std(series["t"], 0)


def head_amplitude_ratio(p, t, m):
    return np.mean([np.exp(np.log(head_ratios(p, t, m, n)).mean()) for n in range(p.shape[0])])


def head_roll(p, t, m):
    return np.mean([head_ratios(p, t, m, n)[2] for n in range(p.shape[0])])


def closure_f1(p, t, m):
    scores = []
    for n in range(p.shape[0]):
        frames, a, b = both_openings(p, t, m, n)
        bound = b.min() + 0.1 * (b.max() - b.min())
        ours, theirs = ({f for f, v in zip(frames, side, strict=True) if v < bound} for side in (a, b))
        found = [any(abs(f - g) <= 2 for g in theirs) for f in ours]
        hit = [any(abs(f - g) <= 2 for g in ours) for f in theirs]
        precision, recall = np.mean(found) if found else 0, np.mean(hit)
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0)
    return np.mean(scores)


def gaussian(values, sigma):
    out = []
    radius = math.ceil(4 * sigma)
    for i in range(len(values)):
        near = range(max(0, i - radius), min(len(values), i + radius + 1))
        weights = [math.exp(-0.5 * ((i - j) / sigma) ** 2) for j in near]
        out.append(sum(w * values[j] for w, j in zip(weights, near, strict=True)) / sum(weights))
    return np.array(out)


def extrema(values):
    return {
        i: np.sign(values[i] - values[i - 1])
        for i in range(1, len(values) - 1)
        if (values[i] - values[i - 1]) * (values[i + 1] - values[i]) < 0
    }


def warping_path(a, b):
    da, db = np.diff(a, prepend=a[0]), np.diff(b, prepend=b[0])
    cost = np.full((len(a) + 1, len(b) + 1), np.inf)
    cost[0, 0] = 0
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            cost[i, j] = abs(da[i - 1] - db[j - 1]) + min(cost[i - 1, j - 1], cost[i - 1, j], cost[i, j - 1])
    i, j = len(a), len(b)
    while i and j:
        yield i - 1, j - 1
        step = np.argmin([cost[i - 1, j - 1], cost[i - 1, j], cost[i, j - 1]])
        i, j = i - (step != 2), j - (step != 1)


def mtm(p, t, m):
    means = []
    for n in range(p.shape[0]):
        frames, a, b = both_openings(p, t, m, n)
        ours, theirs = gaussian(a, 2.0), gaussian(b, 2.0)
        mine, true = extrema(ours), extrema(theirs)
        order = sorted(true)
        gaps = []
        for i, j in warping_path(theirs, ours):
            if i in true and true[i] == mine.get(j):
                place = order.index(i)
                left = order[place - 1] if place else 0
                right = order[place + 1] if place + 1 < len(order) else len(frames) - 1
                if left <= j <= right:
                    gaps.append(abs(frames[i] - frames[j]) * 40)
        means += [np.mean(gaps)] if gaps else []
    return np.mean(means)


def ear(p, n, f):
    d = lambda i, j: np.linalg.norm(p[n, f, i] - p[n, f, j])  # noqa: E731  # as short as the formula
    return np.mean([(d(c + 1, c + 5) + d(c + 2, c + 4)) / (2 * d(c, c + 3)) for c in (36, 42)])


def blink_rate(p, t, m, threshold=1.3):
    rates = []
    for n in range(p.shape[0]):
        valid = [m[n, f, 36:48].all() for f in range(p.shape[1])]
        closed = "".join("x" if ok and ear(p, n, f) < threshold else "." for f, ok in enumerate(valid))
        runs = [run for run in closed.split(".") if len(run) >= 2]
        rates += [len(runs) / (sum(valid) / 25 / 60)] if sum(valid) else []
    return np.mean(rates)


CASES = {
    "keypoint_l1": (l1, {}),
    "pck": (pck, {}),
    "pck frame": (pck_frame, {"normalizer": "bbox_frame"}),
    "pck mmpose": (pck_mmpose, kpm.PCK_CONVENTIONS["mmpose"]),
    "pck_auc": (pck_auc, {}),
    "nme": (nme, {}),
    "nme box": (nme_box, {"normalizer": "bbox_frame_area"}),
    "mpjpe": (mpjpe, {}),
    "pa_mpjpe": (pa_mpjpe, {}),
    "pa_mpjpe rigid": (lambda p, t, m: pa_mpjpe(p, t, m, scale=False), {"scale": False}),
    "lmd": (lmd, {}),
    "lmd mouth": (lambda p, t, m: lmd(p, t, m, MOUTH), {"indices": MOUTH}),
    "lip_error": (lip_error, {}),
    "lve": (lve, {}),
    "velocity_l1": (velocity_l1, {}),
    "identity_error": (identity_error, {}),
    "velocity_ratio": (velocity_ratio, {}),
    "acceleration": (acceleration, {}),
    "jitter": (jitter, {}),
    "mouth_correlation": (mouth_correlation, {}),
    "mouth_amplitude_ratio": (mouth_amplitude_ratio, {}),
    "head_amplitude_ratio": (head_amplitude_ratio, {}),
    "head_amplitude_ratio roll": (head_roll, {"component": "roll"}),
    "closure_f1": (closure_f1, {}),
    "mtm": (mtm, {}),
    "blink_rate": (blink_rate, {"threshold": 1.3}),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_numpy(case, masked, pair):
    preds, target, mask = pair
    reference, options = CASES[case]
    mask = mask if masked else torch.ones_like(mask)
    ours = getattr(kpm, case.split()[0])(preds, target, mask=mask if masked else None, **options)
    expected = reference(*to_numpy(preds, target, mask))
    assert expected > 0
    np.testing.assert_allclose(ours.item(), expected, rtol=2e-4)


@pytest.mark.parametrize("case", ["mpjpe", "pa_mpjpe", "pa_mpjpe rigid", "lip_error", "jitter", "keypoint_l1", "pck"])
def test_agrees_with_numpy_in_three_dimensions(case, make_pair):
    preds, target, mask = make_pair(sequences=2, frames=10, dimensions=3)
    reference, options = CASES[case]
    ours = getattr(kpm, case.split()[0])(preds, target, mask=mask, **options)
    np.testing.assert_allclose(ours.item(), reference(*to_numpy(preds, target, mask)), rtol=2e-4)


@pytest.mark.parametrize("segment", [32, 25])
def test_velocity_spectrum_agrees_with_scipy(segment):
    from scipy.signal import welch

    series = torch.randn(3, 150, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).cumsum(1)
    frequencies, power = kpm.velocity_spectrum(series, fps=25.0, segment=segment)
    velocity = np.diff(series.numpy(), axis=1) * 25
    expected = welch(velocity, 25.0, nperseg=segment, noverlap=segment - segment // 2, axis=1)
    np.testing.assert_allclose(frequencies, expected[0][1:])
    np.testing.assert_allclose(power, expected[1][:, 1:].mean(-1), rtol=1e-10)


def test_velocity_spectrum_leaves_out_segments_with_masked_frames():
    series = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    mask = torch.arange(100) < 60
    wild = series.clone()
    wild[60:] = torch.nan
    _, masked = kpm.velocity_spectrum(wild, mask=mask)
    _, cut = kpm.velocity_spectrum(series[:60])
    assert torch.allclose(masked, cut)
    assert kpm.velocity_spectrum(series[:20])[1].isnan().all()
    assert kpm.velocity_spectrum(series, mask=torch.zeros(100, dtype=torch.bool))[1].isnan().all()
    assert (kpm.velocity_spectrum(torch.ones(40, 2))[1] == 0).all()


@pytest.mark.parametrize("masked", [False, True])
def test_diversity(masked, make_pair):
    preds, target, mask = make_pair(sequences=2, frames=6)
    samples = torch.stack([preds, target, preds + 1, target * 1.1])
    s, m = samples.numpy().astype(np.float64), (mask if masked else torch.ones_like(mask)).numpy()
    expected = np.mean(
        [
            np.mean([np.linalg.norm(s[(a, *i)] - s[(b, *i)]) for a in range(4) for b in range(a)])
            / mean_eye(s[0], m, i[0])
            for i in points(s[0], s[0], m)
        ]
    )
    ours = kpm.diversity(samples, mask=mask if masked else None)
    np.testing.assert_allclose(ours.item(), expected, rtol=1e-4)


def test_frechet_distance_agrees_with_the_matrix_root():
    from scipy.linalg import sqrtm

    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 40, 5, generator=generator, dtype=torch.float64) * torch.tensor([[[1.0]], [[2.0]]])
    a, b = first.mT.cov(correction=0), second.mT.cov(correction=0)
    root = np.trace(sqrtm(a.numpy() @ b.numpy())).real
    expected = ((first.mean(0) - second.mean(0)) ** 2).sum() + a.trace() + b.trace() - 2 * root
    ours = kpm.frechet_distance(first.mean(0), a, second.mean(0), b)
    np.testing.assert_allclose(ours.item(), expected.item(), rtol=1e-8)


def test_frechet_motion_distance_is_that_of_the_features(make_pair):
    preds, target, mask = make_pair(sequences=3, frames=80)
    mask[:, :40] = True
    sides = [kpm.motion_features(side, mask).double() for side in (preds, target)]
    sides = [rows[~rows.isnan().any(-1)] for rows in sides]
    assert all(2 <= len(rows) < 15 for rows in sides)
    gaussians = [part for rows in sides for part in (rows.mean(0), rows.mT.cov(correction=0))]
    ours = kpm.frechet_motion_distance(preds, target, mask=mask)
    np.testing.assert_allclose(ours.item(), kpm.frechet_distance(*gaussians).item(), rtol=1e-4)


def test_motion_features_of_one_window(make_pair):
    face = make_pair(sequences=1, frames=25)[0]
    features = kpm.motion_features(face)
    opening = np.array(list(openings(face.numpy().astype(np.float64), np.ones((1, 25, 68), bool), 0).values()))
    assert features.shape == (1, 10)
    np.testing.assert_allclose(features[0, 0].item(), opening.std(), rtol=1e-4)
    np.testing.assert_allclose(features[0, 5].item(), np.abs(np.diff(opening)).mean() * 25, rtol=1e-4)
