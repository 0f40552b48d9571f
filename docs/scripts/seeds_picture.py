"""Draw five seeds of the demo side by side: python docs/scripts/seeds_picture.py."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut
from torch import Tensor

from a2k_nets import generate_sequence
from kp_io import KeypointSequence, annotate_image, contact_sheet, face_box, read_audio, side_by_side
from kp_render import mark_generated, render_portrait

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "examples" / "assets" / "sense_and_sensibility_0870.wav"
#: What is shown around the face, in sizes of the face on every side.
MARGIN = 0.6
#: Seeds, one a column; times, one a row, seconds; height of a frame, pixels.
SEEDS, TIMES, HEIGHT = range(5), (1.2, 3.6, 6.0), 168


def speaking_portrait(
    sequence: KeypointSequence, still: KeypointSequence, *, height: int, box: tuple[int, int, int, int] | None = None
) -> Iterator[np.ndarray]:
    """Yield the frames of the demo's portrait, cropped to a box or the face, and marked as generated."""
    left, top, right, bottom = box or face_box(sequence, margin=MARGIN)
    frames = render_portrait(astronaut(), sequence, reference=still.keypoints[0])
    cropped = (frame[top:bottom, left:right] for frame in frames)
    return mark_generated(side_by_side([cropped], height=height))


def draw_seeds(speech: Tensor, path: Path) -> None:
    """Write a picture of the demo's portrait: a row for each time, a column for each seed."""
    still = annotate_image(astronaut())
    columns = []
    for seed in SEEDS:
        sequence = generate_sequence(still, speech, neutralize_mouth=True, seed=seed)
        # The first frame is that of the picture, from which the renderer tells that the keypoints are of this person.
        indices = [0, *(round(second * sequence.fps) for second in TIMES)]
        moments = KeypointSequence(
            sequence.keypoints[indices], sequence.scores[indices], fps=sequence.fps, image_size=sequence.image_size
        )
        _, *frames = speaking_portrait(moments, still, height=HEIGHT, box=face_box(still, margin=MARGIN))
        columns.append(frames)
    cells = [column[row] for row in range(len(TIMES)) for column in columns]
    labels = [f"seed {seed}, {second:g} s" for second in TIMES for seed in SEEDS]
    sheet = contact_sheet(cells, columns=len(columns), labels=labels, height=HEIGHT)
    Image.fromarray(sheet).save(path, quality=85)


if __name__ == "__main__":
    draw_seeds(read_audio(SPEECH, sample_rate=16_000), ROOT / "docs" / "images" / "seeds.jpg")
