"""Draw the pictures of README and docs: `nox -s pictures`.

    python docs/scripts/make_pictures.py                   # from the demo's portrait and speech
    python docs/scripts/make_pictures.py CLIPS CROSSVAL    # also pck.png, from a cross-validation of these clips

No picture shows footage of a corpus: the portrait is scikit-image's.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pck_picture import draw_pck
from PIL import Image
from portrait_picture import draw_portrait
from rigs_picture import draw_rigs
from seeds_picture import MARGIN, draw_seeds, speaking_portrait
from skimage.data import astronaut
from torch import Tensor

from a2k_nets import generate_sequence
from kp_io import (
    KeypointSequence,
    annotate_image,
    contact_sheet,
    face_box,
    rasterize,
    read_audio,
    side_by_side,
    write_image,
)
from kp_metrics import mouth_opening

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SPEECH = ROOT / "examples" / "assets" / "sense_and_sensibility_0870.wav"
SAMPLE_RATE = 16_000


def moments(opening: np.ndarray) -> list[int]:
    """Return one frame per quarter: alternately that of the widest and of the narrowest mouth."""
    quarters = np.array_split(np.arange(len(opening)), 4)
    return [
        int(quarter[(np.argmin if place % 2 else np.argmax)(opening[quarter])])
        for place, quarter in enumerate(quarters)
    ]


def show(sequence: KeypointSequence, *, height: int, labels: list[str] | None = None) -> list[np.ndarray]:
    """Draw the portrait that speaks, and the keypoints next to it."""
    portrait = speaking_portrait(sequence, annotate_image(astronaut()), height=height)
    keypoints = rasterize(sequence, height=height, crop=face_box(sequence, margin=MARGIN))
    return list(side_by_side([portrait, keypoints], labels=labels))


def draw_animation(sequence: KeypointSequence, path: Path) -> None:
    """Write an animated picture of all frames."""
    first, *rest = [Image.fromarray(frame) for frame in show(sequence, height=300)]
    duration = round(1000 / sequence.fps)
    first.save(path, save_all=True, append_images=rest, duration=duration, loop=0, quality=45, method=4)


def draw_mouth(opening: np.ndarray, speech: Tensor, path: Path, *, fps: float) -> None:
    """Plot the speech and the generated mouth opening."""
    figure = Figure(figsize=(9, 3.6), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    sound, mouth = figure.subplots(2, sharex=True, height_ratios=(1, 1.6))
    sound.plot(np.arange(len(speech)) / SAMPLE_RATE, speech.numpy(), linewidth=0.4, color="0.35")
    sound.set(ylabel="speech", yticks=[])
    mouth.plot(np.arange(len(opening)) / fps, opening, color="C3")
    picked = np.array(moments(opening))
    mouth.plot(picked / fps, opening[picked], "o", color="black", markersize=5)
    mouth.set(ylabel="inner lips apart,\neye distances", xlabel="time, s", ylim=(-0.004, None))
    mouth.margins(x=0)
    figure.savefig(path)


def main() -> None:
    """Draw the pictures that the arguments request."""
    speech = read_audio(SPEECH, sample_rate=SAMPLE_RATE)
    sequence = generate_sequence(astronaut(), speech)
    draw_animation(sequence, IMAGES / "demo.webp")
    opening = mouth_opening(sequence.keypoints, reduction="none").numpy()
    draw_mouth(opening, speech, IMAGES / "mouth.png", fps=sequence.fps)
    draw_rigs(sequence, IMAGES / "rigs.png")
    draw_portrait(astronaut(), IMAGES / "portrait.jpg")
    draw_seeds(speech, IMAGES / "seeds.jpg")
    frames = show(sequence, height=280, labels=["the portrait speaks", "generated keypoints"])
    write_image(
        IMAGES / "demo.png", contact_sheet([frames[index] for index in moments(opening)], columns=2, height=304)
    )
    if len(sys.argv) > 2:
        draw_pck(Path(sys.argv[1]), Path(sys.argv[2]), IMAGES / "pck.png")


if __name__ == "__main__":
    main()
