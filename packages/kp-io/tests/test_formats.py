import contextlib
import csv
import pickle
import string

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from kp_io import KeypointSequence, load_keypoints, save_keypoints

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).map(str.strip).filter(bool)


@st.composite
def sequences(draw):
    frames, dimensions = draw(st.integers(1, 4)), draw(st.sampled_from([2, 3]))
    coordinates = st.floats(-1e6, 1e6, width=32)
    points = draw(hnp.arrays(np.float32, (frames, 68, dimensions), elements=coordinates, fill=coordinates))
    scores = draw(hnp.arrays(np.float32, (frames, 68), elements=st.floats(0, 1, width=32)))
    return KeypointSequence(
        torch.from_numpy(points),
        torch.from_numpy(scores),
        fps=draw(st.floats(0.5, 1000)),
        image_size=(draw(st.integers(1, 9999)), draw(st.integers(1, 9999))),
        detector=draw(NAMES),
    )


def assert_same(got, expected):
    assert torch.equal(got.keypoints, expected.keypoints)
    assert torch.equal(got.scores, expected.scores)
    for name in ("fps", "image_size", "layout", "detector"):
        assert getattr(got, name) == getattr(expected, name)


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".json", ".frames.json"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=sequences())
def test_round_trip_is_exact(tmp_path, suffix, sequence):
    path = tmp_path / f"a{suffix}"
    save_keypoints(path, sequence)
    assert_same(load_keypoints(path), sequence)


def test_npz_holds_the_documented_arrays(tmp_path, sequence):
    path = tmp_path / "new" / "a.npz"
    save_keypoints(path, sequence)
    with np.load(path, allow_pickle=False) as arrays:
        assert {name: (arrays[name].shape, arrays[name].dtype.kind) for name in arrays.files} == {
            "format_version": ((), "i"),
            "keypoints": ((10, 68, 2), "f"),
            "scores": ((10, 68), "f"),
            "fps": ((), "f"),
            "image_size": ((2,), "i"),
            "layout": ((), "U"),
            "detector": ((), "U"),
        }
        assert arrays["keypoints"].dtype == np.float32
        assert arrays["image_size"].tolist() == [256, 256]
        assert int(arrays["format_version"]) == 1


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".openface.csv", ".json", ".frames.json"])
def test_the_same_keypoints_are_the_same_bytes(tmp_path, sequence, suffix):
    for name in "ab":
        save_keypoints(tmp_path / f"{name}{suffix}", sequence)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_csv_opens_in_pandas_with_the_documented_columns(tmp_path, sequence):
    save_keypoints(tmp_path / "a.csv", sequence)
    table = pd.read_csv(tmp_path / "a.csv")
    points = [f"{axis}_{i}" for axis in ("x", "y", "score") for i in range(68)]
    expected = ["frame", "time_seconds", *points, "fps", "image_width", "image_height", "layout", "detector"]
    assert list(table.columns) == expected
    assert table["frame"].tolist() == list(range(10))
    assert table["time_seconds"].tolist() == pytest.approx([i / 25 for i in range(10)])
    assert table["x_30"].to_numpy() == pytest.approx(sequence.keypoints[:, 30, 0].numpy())
    assert table["score_0"].tolist() == [1] * 4 + [0] * 2 + [1] * 4


def test_csv_of_others_needs_only_the_points(tmp_path, sequence):
    points = sequence.keypoints.numpy()
    table = pd.DataFrame({f"{axis}_{i}": points[:, i, d] for d, axis in enumerate("xy") for i in range(68)})
    table.insert(0, "time_seconds", np.arange(10) / 29.97)
    table.to_csv(tmp_path / "a.csv", index=False)
    got = load_keypoints(tmp_path / "a.csv", image_size=(480, 640))
    torch.testing.assert_close(got.keypoints, sequence.keypoints)
    assert (got.fps, got.image_size, got.detector) == (pytest.approx(29.97), (480, 640), "unknown")
    assert got.scores.eq(1).all()
    with pytest.raises(ValueError, match=r"pass image_size=\(height, width\)"):
        load_keypoints(tmp_path / "a.csv")


@pytest.fixture
def rows(tmp_path, sequence):
    save_keypoints(tmp_path / "a.csv", sequence)
    with (tmp_path / "a.csv").open(newline="") as file:
        return list(csv.reader(file))


def write_rows(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_broken_csv_is_told_by_line(tmp_path, rows):
    bad = [list(row) for row in rows]
    bad[3][5] = "here"
    with pytest.raises(ValueError, match=r"expected a number in column x_3 of line 4, got 'here'"):
        load_keypoints(write_rows(tmp_path / "b.csv", bad))
    with pytest.raises(ValueError, match="missing x_3"):
        load_keypoints(write_rows(tmp_path / "b.csv", [row[:5] + row[6:] for row in rows]))
    with pytest.raises(ValueError, match=r"line 11 .* is it cut off"):
        load_keypoints(write_rows(tmp_path / "b.csv", [*rows[:-1], rows[-1][:50]]))
    with pytest.raises(ValueError, match="at least one row"):
        load_keypoints(write_rows(tmp_path / "b.csv", rows[:1]))
    bad[3][5] = "nan"
    with pytest.raises(ValueError, match="finite"):
        load_keypoints(write_rows(tmp_path / "b.csv", bad))


def npz_with(path, sequence, **changes):
    save_keypoints(path, sequence)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files} | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"format_version": np.int64(2)}, "expected keypoints of format_version 1 in .*, got 2; a newer kp-io"),
        ({"scores": None}, "it has no scores"),
        ({"keypoints": np.zeros((5, 2), np.float32)}, r"expected keypoints with 3 dimensions"),
        ({"keypoints": np.zeros((9, 68, 2), np.float32)}, "expected a score for every keypoint"),
        ({"keypoints": np.zeros((1, 67, 2)), "scores": np.ones((1, 67))}, r"\(T, 68, 2 or 3\)"),
        ({"keypoints": np.zeros((0, 68, 2)), "scores": np.ones((0, 68))}, "no frame"),
        ({"keypoints": np.full((10, 68, 2), np.nan, np.float32)}, "finite"),
        ({"scores": np.full((10, 68), 7, np.float32)}, "between 0 and 1"),
        ({"fps": np.float64(0)}, "positive"),
        ({"image_size": np.array([1, 2, 3])}, "image_size"),
        ({"layout": np.str_("coco17")}, "expected a layout out of ibug68, got 'coco17'"),
    ],
)
def test_malformed_npz(tmp_path, sequence, changes, match):
    with pytest.raises(ValueError, match=match) as caught:
        load_keypoints(npz_with(tmp_path / "a.npz", sequence, **changes))
    assert "a.npz" in str(caught.value)


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def test_pickles_are_refused_and_never_loaded(tmp_path, sequence):
    inside = npz_with(tmp_path / "a.npz", sequence, detector=np.array(Bomb(), dtype=object))
    with pytest.raises(ValueError, match="pickled objects"):
        load_keypoints(inside)
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match=r"no \.npz archive"):
        load_keypoints(tmp_path / "b.npz")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.999))
def test_truncated_files_are_one_value_error(tmp_path, sequence, share):
    for suffix in (".npz", ".csv"):
        path = tmp_path / f"a{suffix}"
        save_keypoints(path, sequence)
        content = path.read_bytes()
        # A table cut within its last cell, or at the end of a line, is whole as far as anyone can tell.
        cut = int(share * len(content)) if suffix == ".npz" else int(share * (len(content) - 9000))
        path.write_bytes(content[: max(0, cut)])
        if suffix == ".npz":
            with pytest.raises(ValueError, match=r"a\.npz"):
                load_keypoints(path)
        else:
            with contextlib.suppress(ValueError):
                assert len(load_keypoints(path)) < 10


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_flipped_byte_is_read_right_or_is_a_value_error(tmp_path, sequence, place, flip):
    path = tmp_path / "a.npz"
    save_keypoints(path, sequence)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= flip
    path.write_bytes(bytes(content))
    with contextlib.suppress(ValueError):  # any other error fails the test
        assert torch.equal(load_keypoints(path).keypoints, sequence.keypoints)


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe" * 100, string.printable.encode()])
@pytest.mark.parametrize("suffix", [".npz", ".csv", ".openface.csv", ".json", ".frames.json", ".pts"])
def test_foreign_files(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"a{suffix}"):
        load_keypoints(path)


def test_unknown_suffix_and_missing_file(tmp_path, sequence):
    with pytest.raises(ValueError, match=r"ending in \.npz, \.csv, \.json or \.pts, got"):
        save_keypoints(tmp_path / "a.txt", sequence)
    with pytest.raises(FileNotFoundError, match="found no file"):
        load_keypoints(tmp_path / "a.npz")
    assert not list(tmp_path.iterdir())
