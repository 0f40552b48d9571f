"""OpenFace's tables, COCO's and other JSON, and 300-W's points: written, read back, and read from others."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from kp_io import IBUG68, KeypointSequence, load_keypoints, save_keypoints, write_image
from kp_io.formats.coco import read_coco

HERE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def labelled() -> Path:
    """The folder of hand-labelled faces, or skip: it is not part of the repository."""
    shared = Path(os.environ.get("A2K_SHARED") or Path(__file__).parents[4] / "shared")
    if not (shared / "labelled").is_dir():
        pytest.skip(f"needs the labelled faces in {shared} (set A2K_SHARED)")
    return shared / "labelled"


def pts(points, *, header="version: 1\nn_points: 68\n{\n", footer="}\n"):
    return header + "".join(f"{x} {y}\n" for x, y in points) + footer


# OpenFace


@HERE
@given(
    points=hnp.arrays(np.float32, (3, 68, 2), elements=st.floats(-1e5, 1e5, width=32)),
    confidence=st.floats(0.01, 1),
    fps=st.floats(1, 200),
)
def test_openface_round_trip(tmp_path, points, confidence, fps):
    scores = torch.full((3, 68), confidence)
    before = KeypointSequence(torch.from_numpy(points), scores, fps=fps, image_size=(40, 50), detector="x y")
    save_keypoints(tmp_path / "a.openface.csv", before)
    got = load_keypoints(tmp_path / "a.openface.csv")
    assert torch.equal(got.keypoints, before.keypoints)
    torch.testing.assert_close(got.scores, scores, atol=1e-6, rtol=0)
    assert (got.fps, got.image_size, got.detector) == (fps, (40, 50), "x y")


def test_openface_columns_and_lost_frames(tmp_path, sequence):
    save_keypoints(tmp_path / "a.csv", sequence, variant="openface")
    table = pd.read_csv(tmp_path / "a.csv")
    expected = ["frame", "face_id", "timestamp", "confidence", "success"]
    assert list(table.columns)[:141] == [*expected, *(f"{axis}_{i}" for axis in "xy" for i in range(68))]
    assert table["frame"].tolist() == list(range(1, 11))
    assert table["timestamp"].tolist() == pytest.approx([i / 25 for i in range(10)])
    assert table["success"].tolist() == [1, 1, 1, 1, 0, 0, 1, 1, 1, 1]
    got = load_keypoints(tmp_path / "a.csv")
    torch.testing.assert_close(got.keypoints, sequence.keypoints)
    assert torch.equal(got.scores, sequence.scores)


def test_openface_of_the_program_itself(tmp_path, face):
    """Spaces after commas, other columns, milliseconds, a second face, a frame left out, garbage without success."""
    header = ["frame", "face_id", "timestamp", "confidence", "success", "gaze_0_x", "pose_Rx"]
    header += [f"{axis}_{i}" for axis in "xy" for i in range(68)] + ["X_0", "AU01_r"]
    lines = [", ".join(header)]
    for frame in (1, 2, 3, 5):
        points = (face + frame).T.flatten().tolist() if frame != 2 else [0.0] * 136
        cells = [frame, 0, round((frame - 1) / 30, 3), 0.98, int(frame != 2), 0.1, 0.2, *points, 7, 0]
        lines.append(", ".join(map(str, cells)))
        if frame == 3:
            lines.append(", ".join(map(str, [frame, 1, 0.067, 0.5, 1, 0, 0, *[5.0] * 136, 7, 0])))
    (tmp_path / "a.csv").write_text("\n".join(lines))
    got = load_keypoints(tmp_path / "a.csv", image_size=(300, 300))
    assert (got.fps, got.detector, len(got)) == (30.0, "OpenFace", 5)  # 4 frames in 0.133 s
    torch.testing.assert_close(got.keypoints, torch.stack([face + frame for frame in range(1, 6)]), atol=1e-4, rtol=0)
    assert got.scores.amax(dim=1).tolist() == pytest.approx([0.98, 0, 0.98, 0, 0.98])
    with pytest.raises(ValueError, match=r"a\.csv .*pass image_size"):
        load_keypoints(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("column", "cells", "match"),
    [
        ("x_7", ["left"] + ["1"] * 9, "expected a number in column x_7 of line 2, got 'left'"),
        ("success", ["0"] * 10, "at least one row with success"),
        ("frame", list("1234567899"), "grow from row to row"),
        ("frame", [*"123456789", "1e9"], "frame numbers over 1000000000 frames"),
        ("x_0", None, "missing x_0"),
        ("image_width", ["1.5"] * 10, "whole numbers as image_height"),
        ("x_3", ["1e300"] * 10, "finite"),
    ],
)
def test_broken_openface(tmp_path, sequence, column, cells, match):
    save_keypoints(tmp_path / "a.openface.csv", sequence)
    table = pd.read_csv(tmp_path / "a.openface.csv", dtype=str)
    table = table.drop(columns=column) if cells is None else table.assign(**{column: cells})
    table.to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(ValueError, match=match) as caught:
        load_keypoints(tmp_path / "b.csv")
    assert "b.csv" in str(caught.value)


# COCO


def test_coco_is_as_pycocotools_expects_it(tmp_path, sequence):
    save_keypoints(tmp_path / "a.json", sequence)
    content = json.loads((tmp_path / "a.json").read_text())
    assert [len(content[name]) for name in ("images", "annotations", "categories")] == [10, 10, 1]
    category, annotation = content["categories"][0], content["annotations"][4]
    assert len(category["keypoints"]) == len(set(category["keypoints"])) == 68
    assert [1, 2] in category["skeleton"]
    assert [42, 37] in category["skeleton"]  # eyes are closed
    assert np.array(category["skeleton"]).min() == 1
    triplets = np.array(annotation["keypoints"]).reshape(68, 3)
    np.testing.assert_allclose(triplets[:, :2], sequence.keypoints[4].numpy(), rtol=1e-6)
    assert set(triplets[:, 2]) == {1}  # interpolated: labelled, not seen
    left, top, width, height = annotation["bbox"]
    low, high = sequence.keypoints[4].amin(0).tolist(), sequence.keypoints[4].amax(0).tolist()
    assert (left, top, left + width, top + height) == pytest.approx((*low, *high))


def coco(faces, *, images=1, **annotation):
    entries = [
        {"image_id": i, "keypoints": [v for x, y in face.tolist() for v in (x, y, 2)], **annotation}
        for i, face in faces
    ]
    return {"images": [{"id": i, "height": 300, "width": 400} for i in range(images)], "annotations": entries}


def test_coco_of_others(tmp_path, face):
    path = tmp_path / "a.json"
    content = coco([(0, 0.5 * face), (2, face + 8), (0, face)], images=3)
    content["annotations"][1]["keypoints"][5] = 0
    path.write_text(json.dumps(content))
    got = load_keypoints(path)
    torch.testing.assert_close(got.keypoints, torch.stack([face, face + 4, face + 8]))  # the largest; a gap
    assert (got.image_size, got.fps, got.detector) == ((300, 400), 25.0, "unknown")
    assert got.scores[:, :2].tolist() == [[1, 1], [0, 0], [1, 0]]
    torch.testing.assert_close(read_coco(path, one_based=True).keypoints, got.keypoints - 1)
    content["images"] = [{**image, "frame_id": 2 - image["id"]} for image in content["images"]]
    path.write_text(json.dumps(content))
    torch.testing.assert_close(load_keypoints(path).keypoints, got.keypoints.flip(0))


def broken_coco(face):
    good = coco([(0, face)])
    entry = good["annotations"][0]
    image = good["images"][0]
    yield {**good, "images": "none"}, "expected a list as file.images, got 'none'"
    yield {**good, "images": []}, "at least one image"
    yield {**good, "images": [3]}, r"expected an object as images\[0\]"
    yield {**good, "images": [{**image, "height": "tall"}]}, r"expected a number as images\[0\].height, got 'tall'"
    yield {**good, "images": [{**image, "height": 1.5}]}, r"whole number as images\[0\].height"
    yield {**good, "images": [{"id": 0}]}, r"images\[0\].height, found no such member"
    yield {**good, "images": [image, {"id": 1, "height": 5, "width": 5}]}, "images of one size"
    yield {**good, "annotations": []}, "at least one image, found none"
    yield {**good, "annotations": [{**entry, "keypoints": [1.0] * 51}]}, r"expected 204 numbers as .*\[0\].keypoints"
    yield {**good, "annotations": [{**entry, "keypoints": [None] * 204}]}, r"keypoints\[0\], got None"
    yield {**good, "annotations": [{**entry, "keypoints": [10**400] * 204}]}, r"expected a number as"
    yield {**good, "annotations": [{**entry, "keypoint_scores": [9] * 68}]}, "between 0 and 1"
    yield {**good, "info": {"layout": "coco17"}}, "expected a layout"
    yield {"pictures": []}, r"expected the members images and annotations \(COCO\), or frames"


def test_broken_coco(tmp_path, face):
    for content, match in broken_coco(face):
        (tmp_path / "a.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=match) as caught:
            load_keypoints(tmp_path / "a.json")
        assert "a.json" in str(caught.value)


# Points a frame


def test_frames_are_as_documented(tmp_path, sequence):
    save_keypoints(tmp_path / "a.json", sequence, variant="frames")
    content = json.loads((tmp_path / "a.json").read_text())
    assert (content["format"], content["version"], content["fps"]) == ("keypoint-frames", 1, 25.0)
    assert (content["num_frames"], content["image_width"], content["image_height"]) == (10, 256, 256)
    frame = content["frames"][3]
    assert (frame["frame"], frame["time_seconds"]) == (3, 0.12)
    assert frame["points"][8] == {
        "x": pytest.approx(float(sequence.keypoints[3, 8, 0])),
        "y": pytest.approx(float(sequence.keypoints[3, 8, 1])),
    }
    assert content["parts"][5] == {"name": "right_eye", "start": 36, "stop": 42, "closed": True}
    # A frame a line: a tool for text finds its way, and a difference shows what moved.
    assert sum('"points"' in line for line in (tmp_path / "a.json").read_text().splitlines()) == 10


def test_frames_of_others_need_points_and_a_size(tmp_path, face):
    points = [{"x": x, "y": y} for x, y in face.tolist()]
    content = {"frames": [{"points": points}], "image_width": 9, "image_height": 7, "fps": 30}
    (tmp_path / "a.json").write_text(json.dumps(content))
    got = load_keypoints(tmp_path / "a.json")
    torch.testing.assert_close(got.keypoints[0], face)
    assert (got.image_size, got.fps, bool(got.scores.eq(1).all())) == ((7, 9), 30, True)
    del content["image_width"], content["image_height"]
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert load_keypoints(tmp_path / "a.json", image_size=(5, 6)).image_size == (5, 6)


def broken_frames(face):
    points = [{"x": x, "y": y} for x, y in face.tolist()]
    good = {"frames": [{"points": points}], "image_width": 9, "image_height": 7}
    yield {**good, "version": 2}, "expected version 1, got 2; a newer"
    yield {**good, "frames": []}, "at least one frame"
    yield {**good, "frames": [4]}, r"an object as frames\[0\]"
    yield {**good, "frames": [{}]}, r"a list as frames\[0\].points, found no such member"
    yield {**good, "frames": [{"points": points[:5]}]}, r"expected 68 points \(ibug68\) in frames\[0\].points, got 5"
    yield {**good, "frames": [{"points": [*points[:-1], {"x": 1}]}]}, r"x and y in frames\[0\].points\[67\]"
    yield {**good, "frames": [{"points": points, "scores": [1]}]}, r"68 numbers in frames\[0\].scores"
    yield {**good, "num_frames": 7}, "expected the 7 frames"
    yield {**good, "image_width": True}, "a number as file.image_width, got True"
    yield {**good, "fps": 0}, "positive number of frames"


def test_broken_frames(tmp_path, face):
    for content, match in broken_frames(face):
        (tmp_path / "a.frames.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=match) as caught:
            load_keypoints(tmp_path / "a.frames.json")
        assert "a.frames.json" in str(caught.value)


@pytest.mark.parametrize("suffix", [".json", ".frames.json"])
def test_json_that_is_cut_off_is_told_by_line(tmp_path, sequence, suffix):
    path = tmp_path / f"a{suffix}"
    save_keypoints(path, sequence)
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(ValueError, match=r"a mistake in line \d+, column \d+: .* is it cut off\?"):
        load_keypoints(path)
    path.write_text(text.replace(": 25.0", ": NaN", 1))
    with pytest.raises(ValueError, match="NaN, which is no JSON number"):
        load_keypoints(path)
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"expected JSON in"):
        load_keypoints(path)


# 300-W


@HERE
@given(points=hnp.arrays(np.float32, (1, 68, 2), elements=st.floats(-1e5, 1e5, width=32)))
def test_pts_round_trip(tmp_path, points):
    save_keypoints(tmp_path / "a.pts", KeypointSequence(torch.from_numpy(points), image_size=(40, 50)))
    got = load_keypoints(tmp_path / "a.pts", image_size=(40, 50))
    torch.testing.assert_close(got.keypoints, torch.from_numpy(points), rtol=0, atol=1e-10)
    assert (len(got), got.image_size, bool(got.scores.eq(1).all())) == (1, (40, 50), True)


def test_pts_counts_pixels_from_one_and_takes_the_size_of_the_picture_beside(tmp_path, face):
    (tmp_path / "a.pts").write_text(pts(face.tolist()))
    write_image(tmp_path / "a.jpg", np.zeros((48, 64, 3), np.uint8))
    got = load_keypoints(tmp_path / "a.pts")
    torch.testing.assert_close(got.keypoints[0], face - 1)
    assert got.image_size == (48, 64)
    save_keypoints(tmp_path / "b.pts", got)
    assert (tmp_path / "b.pts").read_text().splitlines()[:3] == ["version: 1", "n_points: 68", "{"]
    with pytest.raises(ValueError, match=r"expected the image size of .*b\.pts"):
        load_keypoints(tmp_path / "b.pts")


def test_pts_of_various_tools(tmp_path, face):
    rows = [f"{x:.6e}  {y:.6e}" for x, y in face.tolist()]
    variants = [
        "version: 1\r\nn_points:  68\r\n{\r\n" + "\r\n".join(rows) + "\r\n}\r\n",
        "\ufeffversion: 1\nn_points: 68\n\n{\n\n" + "\n\n".join(rows) + "\n}",
        "# by hand\n{ // points\n" + "\n".join(f"\t{row} % {i}" for i, row in enumerate(rows)) + "\n}\n# the end",
        "version: 1\n{\n" + "\n".join(row.replace("  ", ", ") for row in rows) + "\n}",
        "n_points: 68\n{\n" + "\n".join(f"{row} 3.5" for row in rows) + "\n}",
    ]
    for text in variants:
        (tmp_path / "a.pts").write_bytes(text.encode())
        got = load_keypoints(tmp_path / "a.pts", image_size=(300, 300)).keypoints[0]
        torch.testing.assert_close(got[:, :2], face - 1, atol=1e-3, rtol=0)
    assert got[:, 2].eq(3.5).all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda text: text.replace("{", ""), "between a line '{'"),
        (lambda text: text[:-3], "is it cut off"),
        (lambda text: text.replace("48.0 110.0", "48.0 nose"), "two or three numbers in line 4 of .*, got '48.0 nose'"),
        (lambda text: text.replace("48.0 110.0", "48.0 inf"), "line 4"),
        (lambda text: text.replace("48.0 110.0", "48.0"), "line 4"),
        (lambda text: text.replace("48.0 110.0", "48.0 110.0 1"), "or all of three"),
        (lambda text: text.replace("48.0 110.0\n", ""), "expected the 68 points that line 2 of .* states, got 67"),
        (lambda text: text.replace("48.0 110.0\n", "").replace(": 68", ": 67"), r"expected 68 points \(ibug68\)"),
    ],
)
def test_broken_pts(tmp_path, face, change, match):
    text = pts(face.tolist())
    assert "48.0 110.0\n" in text
    (tmp_path / "a.pts").write_text(change(text))
    with pytest.raises(ValueError, match=match) as caught:
        load_keypoints(tmp_path / "a.pts", image_size=(300, 300))
    assert "a.pts" in str(caught.value)


def test_what_a_format_cannot_hold_is_refused_and_leaves_no_file(tmp_path, sequence):
    with pytest.raises(ValueError, match=r"one frame for a \.pts.*got 10"):
        save_keypoints(tmp_path / "a.pts", sequence)
    with pytest.raises(ValueError, match=r"a variant out of openface for .*a\.csv, got 'frames'"):
        save_keypoints(tmp_path / "a.csv", sequence, variant="frames")
    with pytest.raises(ValueError, match="out of none"):
        save_keypoints(tmp_path / "a.npz", sequence, variant="frames")
    assert not list(tmp_path.iterdir())


# Files of others


@pytest.mark.corpus
def test_real_pts_lie_on_real_faces(labelled):
    """Known points of one file, counted from 0; and every face of the folder lies within its picture, upright."""
    got = load_keypoints(labelled / "eos" / "image_0010.pts").keypoints[0]
    assert got[0].tolist() == pytest.approx([610.284152, 271.773913], abs=1e-4)
    files = sorted(labelled.rglob("*.pts"))
    assert len(files) == 8
    for file in files:
        size = {"001": (720, 1280), "401": (512, 700)}.get(file.parts[-3])
        sequence = load_keypoints(file, image_size=size)
        points = sequence.keypoints[0]
        height, width = sequence.image_size
        assert bool(((points >= 0) & (points < torch.tensor([width, height]))).all())
        assert points[36, 0] < points[45, 0]
        assert points[27, 1] < points[33, 1] < points[57, 1] < points[8, 1]


@pytest.mark.corpus
def test_real_coco_files(labelled):
    """300-VW's annotations exist in both formats; the JSON was copied from the .pts, with its first pixel 1."""
    folder = labelled / "300vw"
    with pytest.raises(ValueError, match=r"images of one size, .* got 1280×720 and 700×512 px"):
        load_keypoints(folder / "anno_300vw.json")
    for name in ("001/imgs/000006.jpg", "000009.jpg", "2"):
        still = read_coco(folder / "anno_300vw.json", image=name, one_based=True)
        file = {"2": "401/annot/000732.pts"}.get(name, f"001/annot/{name[-10:-4]}.pts")
        same = load_keypoints(folder / file, image_size=still.image_size)
        torch.testing.assert_close(still.keypoints, same.keypoints, atol=1e-3, rtol=0)
    still = read_coco(labelled / "300w" / "test_300w.json", image="indoor_020.png")
    assert (still.image_size, still.layout) == ((768, 726), IBUG68)
    with pytest.raises(ValueError, match="one image called 'outdoor', got 0; there are indoor_029"):
        read_coco(labelled / "300w" / "test_300w.json", image="outdoor")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from([".csv", ".openface.csv", ".json", ".frames.json", ".pts"]),
    place=st.floats(0, 0.9999),
    cut=st.integers(0, 40),
    put=st.sampled_from(["", "0", "-", "9e999", "null", "true", "[]", "{}", '"', ",", "\n", "é", "NaN", "1e30"]),
)
def test_a_damaged_file_is_read_or_is_a_value_error_that_names_it(tmp_path, sequence, suffix, place, cut, put):
    path = tmp_path / f"a{suffix}"
    save_keypoints(path, sequence.frames(3, 4) if suffix == ".pts" else sequence.frames(3, 7))
    text = path.read_text(encoding="utf-8")
    at = int(place * len(text))
    path.write_text(text[:at] + put + text[at + cut :], encoding="utf-8")
    message, points = str(path), torch.zeros(1)
    try:
        points = load_keypoints(path, image_size=(256, 256)).keypoints
    except ValueError as error:  # any other error fails the test
        message = str(error)
    assert str(path) in message
    assert bool(torch.isfinite(points).all())
