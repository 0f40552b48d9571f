"""Cases of tables: our CSV files, those of others, and OpenFace's."""

from keypoint_file_case import EMPTY, GAP, KEPT, NAN, NO_FACE, RAMP, SHUFFLED, Case, cells, openface, seen, table

TABLE_CASES = [
    # Numbers and times of tables.
    Case("plain", "a.csv", table([], [([], cells(i)) for i in range(5)]), RAMP[:5]),
    Case(
        "rows dropped",
        "a.csv",
        table(["frame", "time_seconds"], [([i, f"{i / 25:.3f}"], cells(i)) for i in KEPT]),
        RAMP,
        GAP,
    ),
    Case("rows dropped, numbers alone", "a.csv", table(["frame"], [([i], cells(i)) for i in KEPT]), RAMP, GAP),
    Case(
        "rows dropped, times alone",
        "a.csv",
        table(["time_seconds"], [([i / 30], cells(i)) for i in KEPT]),
        RAMP,
        GAP,
        30.0,
    ),
    Case(
        "rows dropped and counted anew",
        "a.csv",
        table(["frame", "time_seconds"], [([n, i / 25], cells(i)) for n, i in enumerate(KEPT)]),
        RAMP,
        GAP,
    ),
    Case(
        "rows dropped, milliseconds of 29.97",
        "a.csv",
        table(["timestamp_ms"], [([round(i * 1001 / 30)], cells(i)) for i in KEPT]),
        RAMP,
        GAP,
        30000 / 1001,
    ),
    Case(
        "rows dropped, a rate",
        "a.csv",
        table(["frame_id", "fps"], [([i, 50], cells(i)) for i in KEPT]),
        RAMP,
        GAP,
        50.0,
    ),
    Case("shuffled", "a.csv", table(["frame"], [([i], cells(i)) for i in SHUFFLED]), RAMP[:25]),
    Case("shuffled times", "a.csv", table(["time"], [([i / 25], cells(i)) for i in SHUFFLED]), RAMP[:25]),
    Case("numbers from 1", "a.csv", table(["frame"], [([i + 1], cells(i)) for i in range(9)]), RAMP[:9]),
    Case(
        "the first frame is lost",
        "a.csv",
        table(["frame", "time_seconds"], [([i, i / 25], cells(i)) for i in range(1, 9)]),
        [1.0, *RAMP[1:9]],
        frozenset([0]),
    ),
    Case(
        "begins at frame 4",
        "a.csv",
        table(["frame"], [([i], cells(i)) for i in range(4, 9)]),
        [4.0] * 4 + RAMP[4:9],
        frozenset(range(4)),
    ),
    Case(
        "60 fps", "a.csv", table(["time_seconds"], [([round(i / 60, 3)], cells(i)) for i in range(50)]), RAMP, fps=60.0
    ),
    Case(
        "60 fps as timestamp", "a.csv", table(["timestamp"], [([i / 60], cells(i)) for i in range(50)]), RAMP, fps=60.0
    ),
    Case("number twice", "a.csv", table(["frame"], [([i // 2], cells(i)) for i in range(6)]), error="2 times"),
    Case(
        "BOM, spaces, capitals",
        "a.csv",
        table(["Frame", "Time_Seconds"], [([i, i / 50], cells(i)) for i in range(1, 6)], comma=", ", start="\ufeff"),
        [1.0, *RAMP[1:6]],
        frozenset([0]),
        50.0,
    ),
    # Which clip, track or face.
    Case(
        "two clips",
        "a.csv",
        table(["clip", "frame"], [([c, i], cells(i)) for c in "ab" for i in range(5)]),
        error="expected one clip, got 2: a, b; choose one with track=, or --track",
    ),
    Case(
        "one of two clips",
        "a.csv",
        table(["clip", "frame"], [([c, i], cells(i + k)) for k, c in enumerate("ab") for i in range(5)]),
        RAMP[1:6],
        chosen={"track": "b"},
    ),
    Case(
        "no such clip",
        "a.csv",
        table(["clip", "frame"], [([c, i], cells(i)) for c in "ab" for i in range(5)]),
        chosen={"track": "c"},
        error="a track out of a, b, got 'c'",
    ),
    Case("a single clip", "a.csv", table(["clip", "frame"], [(["a", i], cells(i)) for i in range(5)]), RAMP[:5]),
    Case(
        "two people in turn",
        "a.csv",
        table(["person_id", "frame"], [([p, i], cells(i + 9 * p)) for i in range(5) for p in (0, 1)]),
        error="one person_id, got 2: 0, 1; choose one with face=",
    ),
    Case(
        "one of two people",
        "a.csv",
        table(["person_id", "frame"], [([p, i], cells(i + 9 * p)) for i in range(5) for p in (0, 1)]),
        RAMP[9:14],
        chosen={"face": 1},
    ),
    Case(
        "three faces of a picture",
        "a.csv",
        table(["face", "confidence"], [([f, 0.9], cells(f)) for f in range(3)]),
        error="one face, got 3: 0, 1, 2",
    ),
    Case(
        "one face of a picture",
        "a.csv",
        table(["face", "confidence"], [([f, 0.9], cells(f)) for f in range(3)]),
        [2.0],
        chosen={"face": "2"},
    ),
    # Lost frames.
    Case(
        "empty cells",
        "a.csv",
        table(["frame"], [([i], EMPTY if i in (2, 3) else cells(i)) for i in range(6)]),
        RAMP[:6],
        frozenset([2, 3]),
    ),
    Case(
        "success without confidence",
        "a.csv",
        table(["frame", "success"], [([i, int(i != 2)], NO_FACE if i == 2 else cells(i)) for i in range(6)]),
        RAMP[:6],
        frozenset([2]),
    ),
    Case("a word", "a.csv", table(["frame"], [([i], ["left", *cells(i)[1:]]) for i in range(3)]), error="left"),
    Case(
        "half a frame is empty",
        "a.csv",
        table(["frame"], [([i], ["", *cells(i)[1:]]) for i in range(3)]),
        error="finite",
    ),
    # OpenFace.
    Case("OpenFace", "a.csv", openface(seen(range(1, 51))), RAMP, fps=30.0),
    Case(
        "OpenFace, lost",
        "a.csv",
        openface([(*row[:4], 0, NO_FACE) if 21 <= row[0] <= 30 else row for row in seen(range(1, 51))]),
        RAMP,
        frozenset(range(20, 30)),
        30.0,
    ),
    Case(
        "OpenFace begins at frame 6",
        "a.csv",
        openface(seen(range(6, 51)), comma=", "),
        [5.0] * 5 + RAMP[5:],
        frozenset(range(5)),
        30.0,
    ),
    Case(
        "OpenFace begins at frame 6 of 59.94",
        "a.csv",
        openface(seen(range(6, 51), 60000 / 1001)),
        [5.0] * 5 + RAMP[5:],
        frozenset(range(5)),
        60000 / 1001,
    ),
    Case(
        "OpenFace, -nan(ind)",
        "a.csv",
        openface([(*row[:3], 0, 0, NAN) if row[0] == 20 else row for row in seen(range(1, 31))]),
        RAMP[:30],
        frozenset([19]),
        30.0,
    ),
    Case(
        "OpenFace, a stray face", "a.csv", openface([*seen(range(1, 21)), *seen([7, 8], face=1)]), RAMP[:20], fps=30.0
    ),
    Case(
        "OpenFace, two faces",
        "a.csv",
        openface([*seen(range(1, 21)), *seen(range(7, 21), face=1)]),
        error="one face_id, got 2: 0, 1",
    ),
    Case(
        "OpenFace, the second face",
        "a.csv",
        openface([*seen(range(1, 21)), *seen(range(7, 21), face=1)]),
        [6.0] * 6 + RAMP[6:20],
        frozenset(range(6)),
        30.0,
        chosen={"face": 1},
    ),
    Case(
        "nobody",
        "a.csv",
        openface([(*row[:4], 0, NO_FACE) for row in seen(range(1, 6))]),
        error="no frame shows a face",
    ),
]
