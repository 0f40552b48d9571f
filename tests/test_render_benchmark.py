"""How the benchmark of kp-render counts and averages; its figures themselves are never tested."""

import sys

import numpy as np
import pytest


@pytest.fixture
def rendering(root, monkeypatch):
    pytest.importorskip("kp_render")
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    yield pytest.importorskip("rendering.tables", reason="the benchmark needs OpenCV, SciPy and scikit-image")
    for name in [name for name in sys.modules if name.split(".")[0] == "rendering"]:
        del sys.modules[name]


def clip(ssim, *counts):
    return {"mouth SSIM": ssim, "NME inner lips": 0.01} | dict(
        zip(("closed, meant", "closed, seen", "closed, both"), counts, strict=True)
    )


def test_speakers_count_alike_and_closed_lips_are_counted_over_all_frames(rendering):
    ours = {"ann": [clip(0.9, 4, 4, 4), clip(0.7, 0, 0, 0)], "bob": [clip(0.6, 1, 3, 0)]}
    theirs = {name: [row | {"mouth SSIM": row["mouth SSIM"] - 0.1} for row in rows] for name, rows in ours.items()}
    table = rendering.table_of({rendering.PAINTED: ours, rendering.WARPED: theirs, "Delaunay": theirs})
    mean, low, high = table[f"{rendering.PAINTED}: mouth SSIM"]
    assert (mean, low, high) == (0.7, 0.6, 0.8)
    assert table[f"{rendering.PAINTED}: closure F1 over frames"][0] == pytest.approx(2 * 4 / (5 + 7), abs=1e-4)
    # Paired by speaker, the same gain for all leaves no doubt.
    np.testing.assert_allclose(table[f"{rendering.PAINTED} minus Delaunay: mouth SSIM"], 0.1)
    assert table[f"{rendering.WARPED} minus Delaunay: mouth SSIM"] == [0, 0, 0]


def test_errors_of_a_frame(rendering):
    from rendering.crops import errors

    chance = np.random.default_rng(0)
    truth = chance.integers(0, 255, (120, 120, 3), np.uint8)
    points = chance.uniform(30, 90, (68, 2))
    same, darker = errors(truth, truth, points), errors(truth // 2, truth, points)
    assert same["mouth SSIM"] == same["face detail"] == 1
    assert same["face L1"] == 0
    assert darker["face L1"] > 20
    assert darker["mouth detail"] == pytest.approx(0.5, abs=0.02)


def test_closed_lips(rendering):
    from rendering.reannotation import f1_of_closures

    counts = np.array([[3, 3, 3], [0, 0, 0], [4, 0, 0]])
    np.testing.assert_allclose(f1_of_closures(*counts.T), [1, 0, 0])
