"""Files whose container is whole and whose content makes no sense: one ValueError that names the file."""

import io
import json
import zipfile

import numpy as np
import pytest

from kp_metrics.files.readers import read_keypoints

POINTS = [1.0, 2.0, 2] * 17
GOOD = {"image_id": 1, "category_id": 1, "keypoints": POINTS, "area": 9.0, "bbox": [0, 0, 3, 3]}


@pytest.mark.parametrize(
    "change",
    [
        {"keypoints": 1e-320},
        {"keypoints": {"x": 1}},
        {"keypoints": [None, *POINTS[1:]]},
        {"keypoints": [10**400, *POINTS[1:]]},
        {"keypoints": [float("nan"), *POINTS[1:]]},
        {"keypoints": [[1.0], *POINTS[1:]]},
        {"keypoints": ["1", *POINTS[1:]]},
        {"area": []},
        {"area": None},
        {"area": float("inf")},
        {"bbox": [1, 2]},
        {"bbox": "box"},
        {"score": [[]]},
        {"score": True},
    ],
)
def test_coco_objects_that_hold_no_numbers(tmp_path, change):
    path = tmp_path / "objects.json"
    path.write_text(json.dumps([GOOD, {**GOOD, **change}]))
    with pytest.raises(ValueError, match=r"^expected a .*number.* object 1 of .*objects\.json"):
        read_keypoints(path)


def test_json_too_deep_to_read(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"expected .*deep\.json as JSON"):
        read_keypoints(path)


@pytest.mark.parametrize("content", [b"frame,x_0,y_0\n0,\xff,1\n", b'frame,x_0,y_0\n0,"' + b"1" * 200_000])
def test_tables_that_are_no_text(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"expected a table of keypoints \(\.csv\) in .*table\.csv"):
        read_keypoints(path)


def npz(path, **members):
    """Write a whole archive of these members, bytes as they are."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            file = io.BytesIO()
            if isinstance(content, bytes):
                file.write(content)
            else:
                np.save(file, content)
            archive.writestr(f"{name}.npy", file.getvalue())
    return path


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": np.array("one")},
        {"format_version": np.array([1, 1])},
        {"format_version": b"no array"},
        {"format_version": np.array(np.nan)},
        {"fps": np.zeros((2, 2))},
        {"layout": np.array(1)},
        {"scores": np.full((3, 5), "x")},
        {"scores": np.zeros((3, 5), complex)},
        {"keypoints": b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5, 2"},
        {"keypoints": np.zeros((3, 5, 2), int)},
    ],
)
def test_archives_of_other_arrays(tmp_path, change):
    path = npz(tmp_path / "faces.npz", **{"format_version": np.array(1), "keypoints": np.zeros((3, 5, 2)), **change})
    with pytest.raises(ValueError, match=r"^expected .*faces\.npz"):
        read_keypoints(path)


def test_an_archive_that_is_damaged_within(tmp_path):
    path = npz(tmp_path / "faces.npz", keypoints=np.random.default_rng(0).random((30, 68, 2)))
    whole = path.read_bytes()
    for place in range(0, len(whole), 997):
        path.write_bytes(whole[:place] + b"\xff\x00\xff\x7f" + whole[place + 4 :])
        try:
            read_keypoints(path)
        except ValueError as error:
            assert "faces.npz" in str(error)  # noqa: PT017 - some of the places are of no matter
