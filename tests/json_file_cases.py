"""Cases of JSON files: COCO, and points per frame."""

from keypoint_file_case import GAP, KEPT, POINTS, RAMP, Case, coco, labelled, listed, listing

JSON_CASES = [
    # COCO.
    Case(
        "COCO",
        "a.json",
        coco([{"id": i, "frame_id": i} for i in range(5)], [labelled(i, i) for i in range(5)], fps=30),
        RAMP[:5],
        fps=30.0,
    ),
    Case(
        "COCO, every fifth frame",
        "a.json",
        coco([{"id": i, "frame_id": i} for i in range(0, 50, 5)], [labelled(i, i) for i in range(0, 50, 5)], fps=25),
        RAMP[:46],
        frozenset(i for i in range(46) if i % 5),
    ),
    Case(
        "COCO, times",
        "a.json",
        coco([{"id": i, "timestamp": i / 60} for i in KEPT], [labelled(i, i) for i in KEPT]),
        RAMP,
        GAP,
        60.0,
    ),
    Case(
        "COCO, an image without a face",
        "a.json",
        coco([{"id": i, "frame_id": i} for i in range(5)], [labelled(i, i) for i in (0, 1, 3, 4)], fps=25),
        RAMP[:5],
        frozenset([2]),
    ),
    Case(
        "COCO, scores of 0",
        "a.json",
        coco(
            [{"id": i, "frame_id": i} for i in range(5)],
            [labelled(i, i, keypoint_scores=[float(i != 2)] * POINTS) for i in range(5)],
            fps=25,
        ),
        RAMP[:5],
        frozenset([2]),
    ),
    Case(
        "COCO, shuffled",
        "a.json",
        coco([{"id": i, "frame_id": 8 - i} for i in range(9)], [labelled(i, 8 - i) for i in range(9)], fps=25),
        RAMP[:9],
    ),
    Case(
        "COCO, the largest face",
        "a.json",
        coco(
            [{"id": i, "frame_id": i} for i in range(5)],
            [labelled(i, i + s, scale=1 - s / 9) for s in (3, 0) for i in range(5)],
            fps=25,
        ),
        RAMP[:5],
    ),
    Case(
        "COCO, bodies beside faces",
        "a.json",
        coco(
            [{"id": i, "frame_id": i} for i in range(5)],
            [{"image_id": i, "category_id": 2, "keypoints": [9, 9, 2] * 17} for i in range(5)]
            + [labelled(i, i) for i in range(5)],
            fps=25,
        ),
        RAMP[:5],
    ),
    Case(
        "COCO, two videos",
        "a.json",
        coco(
            [{"id": 100 * v + i, "frame_id": i, "vid_id": f"vid{v}"} for v in (0, 1) for i in range(5)],
            [labelled(100 * v + i, i) for v in (0, 1) for i in range(5)],
        ),
        error="expected one vid_id, got 2: vid0, vid1",
    ),
    Case(
        "COCO, two folders",
        "a.json",
        coco(
            [{"id": 100 * v + i, "frame_id": i, "file_name": f"{v}/{i}.jpg"} for v in (4, 5) for i in range(5)],
            [labelled(100 * v + i, i) for v in (4, 5) for i in range(5)],
        ),
        error="expected one video, got 2: 4, 5",
    ),
    Case(
        "COCO, one of two videos",
        "a.json",
        coco(
            [{"id": 100 * v + i, "frame_id": i, "vid_id": f"vid{v}"} for v in (0, 1) for i in range(5)],
            [labelled(100 * v + i, v + i) for v in (0, 1) for i in range(5)],
        ),
        RAMP[1:6],
        chosen={"track": "vid1"},
    ),
    Case(
        "COCO, two tracks",
        "a.json",
        coco(
            [{"id": i, "frame_id": i} for i in range(5)],
            [labelled(i, i + t, track_id=t) for i in range(5) for t in (0, 1)],
        ),
        error="expected one track_id, got 2",
    ),
    Case(
        "COCO, one of two tracks",
        "a.json",
        coco(
            [{"id": i, "frame_id": i} for i in range(5)],
            [labelled(i, i + t, track_id=t) for i in range(5) for t in (0, 1)],
        ),
        RAMP[1:6],
        chosen={"track": 1},
    ),
    Case(
        "COCO, one image",
        "a.json",
        coco(
            [{"id": i, "frame_id": i, "file_name": f"v/{i:03d}.jpg"} for i in range(5)],
            [labelled(i, i) for i in range(5)],
            fps=25,
        ),
        [3.0],
        chosen={"image": "003.jpg"},
    ),
    # Points per frame.
    Case("frames", "a.json", listing([listed(i, frame=i) for i in range(5)], fps=30), RAMP[:5], fps=30.0),
    Case(
        "frames at 60 fps",
        "a.json",
        listing([listed(i, time_seconds=round(i / 60, 6)) for i in range(50)]),
        RAMP,
        fps=60.0,
    ),
    Case("frames dropped", "a.json", listing([listed(i, frame=i) for i in KEPT], num_frames=50, fps=25), RAMP, GAP),
    Case(
        "frames without points",
        "a.json",
        listing([{**listed(i), "frame": i, **({"points": None} if i == 2 else {})} for i in range(5)]),
        RAMP[:5],
        frozenset([2]),
    ),
    Case(
        "frames of two faces",
        "a.json",
        listing([listed(i, frame=i, face_id=f) for i in range(5) for f in (0, 1)]),
        error="expected one face_id, got 2: 0, 1",
    ),
    Case("frames with a BOM", "a.frames.json", "\ufeff" + listing([listed(i, frame=i) for i in range(5)]), RAMP[:5]),
]
