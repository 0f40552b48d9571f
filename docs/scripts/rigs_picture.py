"""The picture of docs/rigs.md: weights of blend shapes over a reading."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kp_io import ARKIT_NAMES, KeypointSequence, derive_blend_shapes

#: What is drawn, one panel each.
_PANELS = (
    ("jawOpen", "mouthLowerDownLeft", "mouthUpperUpLeft"),
    ("mouthSmileLeft", "mouthPucker", "mouthFunnel"),
    ("eyeBlinkLeft",),
)


def draw_rigs(sequence: KeypointSequence, path: Path) -> None:
    """Plot the weights of some blend shapes over time."""
    weights = derive_blend_shapes(sequence).numpy()
    time = np.arange(len(weights)) / sequence.fps
    figure = Figure(figsize=(9, 4.6), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(_PANELS), sharex=True, height_ratios=(1.4, 1.2, 1))
    for panel, names in zip(panels, _PANELS, strict=True):
        for name in names:
            panel.plot(time, weights[:, ARKIT_NAMES.index(name)], label=name)
        panel.set_ylim(-0.02, None)
        panel.margins(x=0)
        panel.legend(loc="upper right", ncols=len(names), frameon=False)
    panels[1].set_ylabel("weight")
    panels[-1].set_xlabel("time, s")
    figure.savefig(path)
