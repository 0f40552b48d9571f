"""Files of each kind, and the command line on them."""

import csv
import json
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import kp_metrics as kpm
from kp_metrics.cli import app
from kp_metrics.files.compare_paths import compare_paths


def write_npz(path, points, **changes):
    arrays = {
        "format_version": 1, "keypoints": points.numpy(), "scores": np.ones(points.shape[:2], np.float32), "fps": 25.0,
        "image_size": (224, 224), "layout": "ibug68", "detector": "test",
    } | changes  # fmt: skip
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def write_csv(path, points):
    frames, count, dimensions = points.shape
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["frame", "time_seconds", *(f"{axis}_{k}" for axis in "xyz"[:dimensions] for k in range(count))]
        )
        for frame in range(frames):
            writer.writerow([frame, frame / 25, *points[frame].T.flatten().tolist()])
    return path


def write_coco(path, points, *, areas=None, scores=None, visibility=2):
    objects = []
    for number, body in enumerate(points):
        flat = torch.cat([body, torch.full((len(body), 1), float(visibility))], -1).flatten().tolist()
        entry = {"id": number, "image_id": number // 2, "category_id": 1, "keypoints": flat}
        entry |= {} if areas is None else {"area": areas[number], "iscrowd": 0}
        objects.append(entry | ({} if scores is None else {"score": scores[number]}))
    path.write_text(json.dumps({"annotations": objects} if scores is None else objects))
    return path


@pytest.fixture
def run():
    def invoke(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "220"})

    return invoke


@pytest.fixture
def faces(make_pair):
    preds, target, _ = make_pair(2, 20)
    return preds, target


def test_readers_agree(tmp_path, faces):
    points = faces[0][0]
    from_npz = kpm.read_keypoints(write_npz(tmp_path / "a.npz", points))
    from_csv = kpm.read_keypoints(write_csv(tmp_path / "a.csv", points))
    assert torch.equal(from_npz.keypoints, points)
    assert torch.equal(from_csv.keypoints, points)
    assert from_npz.fps == from_csv.fps == 25
    assert from_npz.valid.all()
    deep = torch.cat([points, points[..., :1]], -1)
    assert torch.equal(kpm.read_keypoints(write_csv(tmp_path / "b.csv", deep)).keypoints, deep)


def test_interpolated_frames_of_the_truth_do_not_count(tmp_path, faces, run):
    preds, target = faces[0][0], faces[1][0]
    scores = np.ones((20, 68), np.float32)
    scores[4:9] = 0
    ours = write_npz(tmp_path / "p.npz", preds)
    truth = write_npz(tmp_path / "t.npz", target, scores=scores)
    result = run("compare", ours, truth, "-m", "nme", "--json", "--resamples", 0)
    mask = torch.from_numpy(scores > 0)
    expected = kpm.nme(preds, target, mask=mask).item()
    values = {s["row"]: s["value"] for s in json.loads(result.stdout)["scores"]}
    assert values["p"] == pytest.approx(expected, rel=1e-4)


def test_compare_prints_the_usual_table(tmp_path, faces, run):
    ours, truth = write_npz(tmp_path / "ours.npz", faces[0][0]), write_csv(tmp_path / "truth.csv", faces[1][0])
    result = run("compare", ours, truth)
    assert result.exit_code == 0, result.output
    for word in ("hold reference", "ours", "ground truth", "mouth_correlation", "lip_error_over_hold"):
        assert word in result.stdout
    assert f"{kpm.nme(faces[0][0], faces[1][0]).item():.3f}" in result.stdout


def test_compare_folders_alpha_and_output(tmp_path, faces, run):
    for side, points in zip(("p", "t"), faces, strict=True):
        (tmp_path / side).mkdir()
        for number in range(2):
            write_npz(tmp_path / side / f"clip{number}.npz", points[number, : 20 - 4 * number])
    out = tmp_path / "new" / "table.md"
    result = run(
        "compare", tmp_path / "p", tmp_path / "t", "--metrics", "pck,nme", "--alpha", 0.05, "--json", "--out", out
    )
    assert result.exit_code == 0, result.output
    scores = {(s["row"], s["metric"]): s for s in json.loads(result.stdout)["scores"]}
    hits = [
        kpm.pck(faces[0][n, : 20 - 4 * n], faces[1][n, : 20 - 4 * n], alpha=0.05, reduction="none") for n in range(2)
    ]
    expected = torch.cat([h.flatten() for h in hits]).mean().item()
    assert scores["p", "pck"]["value"] == pytest.approx(expected)
    assert scores["p", "pck"]["sequences"] == 2
    assert "| p |" in out.read_text(encoding="utf-8")


def test_coco_objects_are_matched_within_images(tmp_path, run):
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(6, 17, 2, generator=generator) * 100 + torch.arange(6)[:, None, None] * 300
    preds = target + torch.randn(6, 17, 2, generator=generator) * 3
    areas = [5000.0 + n for n in range(6)]
    truth = write_coco(tmp_path / "truth.json", target, areas=areas)
    swapped = preds[[1, 0, 3, 2, 5, 4]]
    results = write_coco(tmp_path / "results.json", swapped, scores=[0.9, 0.8] * 3)
    result = run("compare", results, truth, "--json")
    assert result.exit_code == 0, result.output
    scores = {(s["row"], s["metric"]): s for s in json.loads(result.stdout)["scores"]}
    expected = kpm.oks(preds[:, None], target[:, None], area=torch.tensor(areas)).item()
    assert scores["results", "oks"]["value"] == pytest.approx(expected, rel=1e-5)
    assert scores["results", "oks"]["sequences"] == 6
    assert ("hold reference", "pck") not in scores
    few = write_coco(tmp_path / "few.json", swapped[:5], scores=[0.9] * 5)
    assert "a prediction for each of the 6 objects, got none for 1" in run("compare", few, truth).stderr


def test_list_prints_every_metric(run):
    result = run("list")
    assert result.exit_code == 0
    for info in kpm.CATALOGUE:
        assert info.name in re.sub(r"\s", "", result.stdout)


def bad_files(folder, faces):
    good = write_npz(folder / "good.npz", faces[0][0])
    (folder / "text.npz").write_text("no archive")
    (folder / "cut.npz").write_bytes(good.read_bytes()[:2000])
    (folder / "empty.csv").write_text("")
    (folder / "words.csv").write_text("x_0,y_0\na,b\n")
    (folder / "ragged.csv").write_text("x_0,y_0\n1,2\n1\n")
    (folder / "broken.json").write_text("{")
    (folder / "other.json").write_text('{"images": []}')
    (folder / "binary.json").write_bytes(b"\xff\xfe\x00")
    (folder / "empty").mkdir()
    np.savez(folder / "nothing.npz", other=np.zeros(3))
    np.savez(folder / "objects.npz", keypoints=np.array([{"a": 1}], dtype=object))
    write_npz(folder / "later.npz", faces[0][0], format_version=2)
    write_npz(folder / "flat.npz", faces[0][0, 0])
    write_npz(folder / "short.npz", faces[0][0, :7])
    write_npz(folder / "slow.npz", faces[0][0], fps=12.0)
    write_npz(folder / "mesh.npz", faces[0][0], layout="mesh468")
    write_npz(folder / "nan.npz", faces[0][0] * torch.nan)
    return good


BAD = {
    "missing.npz": "there is no", "text.npz": "expected .*text.npz as an .npz", "cut.npz": "as an .npz file",
    "empty.csv": "expected columns x_0", "words.csv": "expected numbers", "ragged.csv": "different lengths",
    "broken.json": "as JSON", "other.json": "COCO keypoint objects", "binary.json": "as JSON",
    "empty": "two files or two folders", "nothing.npz": "array 'keypoints'.*got other", "objects.npz": "plain arrays",
    "later.npz": "version 1.*got 2", "flat.npz": r"\(T, K, 2 or 3\)", "short.npz": r"\(7, 68, 2\).*\(20, 68, 2\)",
    "slow.npz": "12 fps", "mesh.npz": "mesh468", "nan.npz": "finite",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_one_line_and_exit_code_one(name, tmp_path, faces, run):
    good = bad_files(tmp_path, faces)
    result = run("compare", tmp_path / name, good)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stderr.startswith("error:")
    assert re.search(BAD[name], result.stderr), result.stderr


@pytest.mark.parametrize(("arguments", "message"), [
    (("-m", "pkc"), "did you mean 'pck'"),
    (("--alpha", "0"), "alpha above 0"),
    (("--normalizer", "interoccular", "-m", "nme"), "did you mean 'interocular'"),
    (("-m", "slcc"), "expected audio"),
    (("-m", "pck", "--out", "table.xls"), "table.xls"),
    (("-m", "pck", "--fps", "-3", "-m", "jitter"), "fps above 0"),
])  # fmt: skip
def test_bad_options(arguments, message, tmp_path, faces, run):
    good = bad_files(tmp_path, faces)
    result = run("compare", good, good, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_square_brackets_in_names_are_shown(tmp_path, faces, run):
    good = write_npz(tmp_path / "a[b].npz", faces[0][0])
    truth = write_npz(tmp_path / "truth.npz", faces[1][0])
    assert "a[b]" in run("compare", good, truth, "-m", "pck").stdout
    assert "no[red].npz" in run("compare", tmp_path / "no[red].npz", truth).stderr


def test_folders_without_partners(tmp_path, faces, run):
    for side, name in (("p", "a"), ("t", "b")):
        (tmp_path / side).mkdir()
        write_npz(tmp_path / side / f"{name}.npz", faces[0][0])
    assert "without a partner: a, b" in run("compare", tmp_path / "p", tmp_path / "t").stderr


def test_help_answers_at_once():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "kp_metrics", "--help"], capture_output=True, text=True, check=True
        )
        times.append(time.perf_counter() - start)
        assert "compare" in done.stdout
    # 0.4 s on an idle machine; torch alone would add three.
    assert min(times) < 2


def save_sized(path, size, *, frames=20, scale=1.0, seed=3):
    face = np.random.default_rng(3).uniform(20, 200, (1, 68, 2))
    points = face + np.random.default_rng(seed).normal(size=(frames, 68, 2))
    arrays = {"keypoints": (points * scale + 5 * (scale - 1)).astype(np.float32), "fps": 25.0}
    if path.suffix == ".npz":
        np.savez(path, image_size=np.array(size), **arrays)
        return path
    flat = arrays["keypoints"]
    head = ["frame", *(f"x_{i}" for i in range(68)), *(f"y_{i}" for i in range(68)), "image_width", "image_height"]
    rows = [[i, *p[:, 0].tolist(), *p[:, 1].tolist(), size[1], size[0]] for i, p in enumerate(flat)]
    path.write_text("\n".join(",".join(map(str, row)) for row in (head, *rows)))
    return path


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_pictures_of_different_sizes_are_named(tmp_path, suffix):
    preds = save_sized(tmp_path / f"preds{suffix}", (970, 2204), scale=4.3)
    target = save_sized(tmp_path / f"target{suffix}", (224, 224))
    for metrics in ((), ["keypoint_l1"], ["nme", "mouth_correlation"]):
        with pytest.raises(ValueError, match=r"970×2204 in preds and 224×224 in target \(height × width\)"):
            compare_paths(preds, target, metrics=metrics)


def test_metrics_that_need_no_common_picture_are_the_same_in_both(tmp_path):
    from kp_metrics.files.compare_paths import _SIZE_FREE_METRICS

    target = save_sized(tmp_path / "target.npz", (224, 224))
    tables = []
    for name, scale, size in (("same.npz", 1.0, (224, 224)), ("large.npz", 4.3, (970, 2204))):
        preds = save_sized(tmp_path / name, size, scale=scale, seed=4)
        table = compare_paths(preds, target, metrics=_SIZE_FREE_METRICS, resamples=0)
        tables.append([table.score(preds.stem, metric).value for metric in _SIZE_FREE_METRICS])
    np.testing.assert_allclose(tables[1], tables[0], atol=1e-3)


def test_lengths_that_differ_say_what_helps(tmp_path):
    preds = save_sized(tmp_path / "preds.npz", (224, 224), frames=178)
    target = save_sized(tmp_path / "target.npz", (224, 224), frames=155)
    with pytest.raises(ValueError, match=r"178.*155.*kp-io annotate --wav"):
        compare_paths(preds, target)
