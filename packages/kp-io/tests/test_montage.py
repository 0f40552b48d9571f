import itertools

import numpy as np
import pytest

from kp_io import contact_sheet, side_by_side
from kp_io.drawing.montage import method_sheet


def grey(value, size=(64, 48)):
    return np.full((*size, 3), value, np.uint8)


def test_columns_run_together_and_hold_their_last_frame():
    joined = list(side_by_side([(grey(50 * i) for i in range(4)), [grey(200), grey(210)], grey(99)]))
    assert [frame[30, 20, 0] for frame in joined] == [0, 50, 100, 150]
    assert [frame[30, 70, 0] for frame in joined] == [200, 210, 210, 210]
    assert [frame[30, 120, 0] for frame in joined] == [99] * 4


def test_columns_are_scaled_to_one_height():
    frame = next(side_by_side([[grey(0)], [grey(0, (128, 96))], [grey(0, (32, 64))]]))
    assert frame.shape[0] == 128
    assert next(side_by_side([[grey(0)], [grey(0, (128, 96))]], height=100)).shape[0] == 100


def test_labels_stand_above():
    bare = next(side_by_side([[grey(0, (200, 200))], [grey(0, (200, 200))]]))
    labelled = next(side_by_side([[grey(0, (200, 200))], [grey(0, (200, 200))]], labels=["true", "generated"]))
    strip = labelled.shape[0] - bare.shape[0]
    assert strip >= 20
    np.testing.assert_array_equal(labelled[strip:], bare)
    assert (labelled[:strip, :200] > 128).any()
    assert (labelled[:strip, 203:] > 128).sum() > (labelled[:strip, :200] > 128).sum()


def test_joining_is_lazy():
    endless = (grey(i % 256) for i in itertools.count())
    assert len(list(itertools.islice(side_by_side([endless, [grey(0)]]), 5))) == 5


def test_contact_sheet_reads_left_to_right():
    sheet = contact_sheet([grey(10 * i) for i in range(1, 6)], columns=3)
    assert [sheet[30, x, 0] for x in (20, 70, 120)] == [10, 20, 30]
    assert [sheet[95, x, 0] for x in (20, 70)] == [40, 50]
    assert contact_sheet([grey(1)], columns=4).shape[1] > 48  # the row keeps its width


def test_refused():
    with pytest.raises(ValueError, match="label for each"):
        side_by_side([[grey(0)]], labels=["a", "b"])
    with pytest.raises(ValueError, match="stills"):
        side_by_side([grey(0), grey(1)])
    with pytest.raises(ValueError, match="stills"):
        side_by_side([])
    with pytest.raises(ValueError, match="column 1"):
        next(side_by_side([[grey(0)], []]))
    with pytest.raises(ValueError, match="at least one frame"):
        contact_sheet([], columns=2)
    with pytest.raises(ValueError, match="label for each"):
        contact_sheet([grey(0)], columns=2, labels=[])


def test_methods_stand_in_rows_and_moments_in_columns():
    rows = [[grey(10), grey(20)], [grey(30), grey(40)]]
    bare = method_sheet(rows, labels=["ours", "theirs"])
    sheet = method_sheet(rows, labels=["ours", "theirs"], column_labels=["0.00 s", "1.00 s"])
    strip = sheet.shape[0] - bare.shape[0]
    assert strip >= 20
    np.testing.assert_array_equal(sheet[strip:], bare)
    above = sheet[:strip] > 128
    labels = sheet.shape[1] - 2 * 48
    assert not above[:, : labels - 2].any()
    assert above[:, labels : labels + 48].any()
    assert above[:, labels + 49 :].any()
    with pytest.raises(ValueError, match="label for each of 2 columns"):
        method_sheet(rows, labels=["ours", "theirs"], column_labels=["0.00 s"])
