"""How much heads move in pauses of speech."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

# A pause counts from this many frames after its beginning on, when a head had time to stop. Each part needs frames.
_STOPPING, _FEWEST_SILENT, _FEWEST_SPOKEN = 5, 10, 25


def pause_ratio(
    tracks: Float[Tensor, "s t c"], silent: Bool[Tensor, " t"], measured: Bool[Tensor, " t"]
) -> Float[Tensor, ""]:
    """Return the logarithm of the head's squared speed in pauses over that in speech, mean over seeds.

    Every component is taken in its deviations. The first fifth of a second of a pause is left out.

    Args:
        tracks: The six components of the head.
        silent: Frames in silence.
        measured: Frames that count.

    Returns:
        NaN if there are fewer than 10 frames of pauses or 25 of speech.
    """
    stopped = silent.clone()
    for shift in range(1, _STOPPING + 1):
        stopped[shift:] &= silent[:-shift]
    stopped[:_STOPPING] = False
    valid = measured[1:] & measured[:-1]
    pause, speech = stopped[1:] & valid, ~silent[1:] & ~silent[:-1] & valid
    if int(pause.sum()) < _FEWEST_SILENT or int(speech.sum()) < _FEWEST_SPOKEN:
        return tracks.new_tensor(torch.nan)
    velocity = tracks.diff(dim=1)
    energy = (velocity / (velocity.std(dim=1, keepdim=True) + 1e-6)).square().mean(dim=-1)
    ratio: Tensor = (energy[:, pause].mean(dim=1) / energy[:, speech].mean(dim=1)).log().mean()
    return ratio
