"""The videos of a result: the portrait that speaks, and the keypoints."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from a2k_nets.extras import has_kp_render
from kp_io import KeypointSequence, face_box, open_background, rasterize, read_video, side_by_side, write_video
from kp_io.keypoints import scale_to_height
from kp_io.media import RGBImage

#: Height of the videos, and width of lines on the portrait: one pixel would be too thin on a phone.
HEIGHT_PX, LINE_PX = 480, 2
#: What is shown around the face, in sizes of the face on every side.
MARGIN = 0.6

_PORTRAIT, _KEYPOINTS = "portrait.mp4", "keypoints.mp4"


def write_videos(
    folder: Path,
    sequence: KeypointSequence,
    portrait: RGBImage,
    *,
    reference: KeypointSequence,
    speech: Tensor,
    sample_rate: int,
    on_frame: Callable[[float], None] = lambda fraction: None,
) -> dict[str, Path]:
    """Write the portrait that speaks, where kp-render is installed, and the keypoints beside it.

    Without kp-render, the keypoints are drawn on the portrait, which is shifted, rotated and scaled with the head.

    Args:
        folder: Where the files are written, under fixed names.
        sequence: The keypoints.
        portrait: `(H, W, 3)` uint8 RGB.
        reference: The keypoints of the portrait.
        speech: `(S,)` in [-1, 1].
        sample_rate: Samples per second of the speech.
        on_frame: Called after each frame with the fraction that is done, in [0, 1].

    Returns:
        The files by name, the portrait first.
    """
    files = [_PORTRAIT, _KEYPOINTS] if has_kp_render() else [_KEYPOINTS]
    done = 0

    def write(name: str, frames: Iterable[RGBImage], comment: str | None = None) -> None:
        write_video(
            folder / name, counted(frames), fps=sequence.fps, audio=speech, sample_rate=sample_rate, comment=comment
        )

    def counted(frames: Iterable[RGBImage]) -> Iterator[RGBImage]:
        nonlocal done
        for frame in frames:
            yield frame
            done += 1
            on_frame(done / (len(files) * len(sequence)))

    crop = face_box(sequence, margin=MARGIN)
    if has_kp_render():
        from kp_render.video import COMMENT

        write(_PORTRAIT, _speaking_portrait(sequence, portrait, reference), COMMENT)
        alone = rasterize(sequence, height=HEIGHT_PX, crop=crop)
        write(_KEYPOINTS, side_by_side([read_video(folder / _PORTRAIT), alone], height=HEIGHT_PX), COMMENT)
    else:
        moving = open_background(portrait, sequence, reference=reference.keypoints[0])
        on_portrait = rasterize(sequence, height=HEIGHT_PX, crop=crop, background=moving, thickness=LINE_PX)
        write(_KEYPOINTS, side_by_side([on_portrait, rasterize(sequence, height=HEIGHT_PX, crop=crop)]))
    return {name: folder / name for name in files}


def _speaking_portrait(
    sequence: KeypointSequence, portrait: RGBImage, reference: KeypointSequence
) -> Iterator[RGBImage]:
    """Yield the frames of the portrait, cropped to the face and marked as generated; a larger face is made smaller."""
    from kp_render import mark_generated, render_portrait

    _, top, _, bottom = face_box(sequence, margin=MARGIN)
    if bottom - top > HEIGHT_PX:
        height = round(HEIGHT_PX / (bottom - top) * len(portrait))
        sequence, reference = scale_to_height(sequence, height), scale_to_height(reference, height)
    picture = open_background(portrait, reference, moving=False)
    assert isinstance(picture, np.ndarray)
    left, top, right, bottom = face_box(sequence, margin=MARGIN)
    frames = render_portrait(picture, sequence, reference=reference.keypoints[0])
    return mark_generated(side_by_side([(frame[top:bottom, left:right] for frame in frames)], height=HEIGHT_PX))
