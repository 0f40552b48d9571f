"""The simple loop: dlib's box and points on every frame of every video.

python benchmarks/scaling/dlib_loop.py VIDEO...
"""

import sys

__all__ = ["dlib_loop"]


def dlib_loop(videos: list[str]) -> int:
    """Return the number of frames in which dlib found a face."""
    import dlib

    from kp_io import read_video
    from kp_io.detectors.dlib import find_dlib_model

    find, predict = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(find_dlib_model()))
    found = 0
    for video in videos:
        for frame in read_video(video):
            boxes = find(frame, 0)
            if boxes:
                found += predict(frame, boxes[0]).num_parts > 0
    return found


if __name__ == "__main__":
    dlib_loop(sys.argv[1:])
