"""What learns to paint: the network, the average of its weights, and its adversary."""

import math
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn, optim

from kp_render.painting.conditions import NUM_CHANNELS, SHIFT_X_CHANNEL, MouthView, network_input
from kp_render.painting.mouth_crop import round_cover
from kp_render.painting.painting_network import PaintingNetwork, corrected
from kp_render.training.checkpoint import load_training, save_training
from kp_render.training.losses import painting_loss
from kp_render.training.patch_adversary import PatchAdversary, adversary_loss, realism_loss
from kp_render.training.settings import TrainingSettings

_WARM_UP = 100
#: Steps over which the loss of realism grows to its weight.
_GROWTH = 200


class Learner:
    """The networks of a training and their optimizers.

    Attributes:
        network: What learns to paint.
        average: The running average of its weights: the result.
        adversary: What learns to tell paint from footage.
        start: Updates that were done before, when it was loaded from `state`.
    """

    def __init__(self, settings: TrainingSettings, state: Path, device: str) -> None:
        self._settings, self._state = settings, state
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network, self.average = PaintingNetwork().to(device), PaintingNetwork().to(device)
            self.adversary = PatchAdversary(NUM_CHANNELS).to(device)
        self.average.load_state_dict(self.network.state_dict())
        rate = settings.learning_rate
        self._paints = optim.AdamW(self.network.parameters(), lr=rate, weight_decay=1e-4)
        # The adversary's gradients change their sign often: a short memory (as in GANs since DCGAN).
        self._judges = optim.AdamW(self.adversary.parameters(), lr=rate, betas=(0.5, 0.99), weight_decay=1e-4)
        self.start = load_training(state, self._networks(), self._optimizers()) if state.is_file() else 0

    def update(self, view: MouthView, truth: Float[Tensor, "b 3 s s"], step: int, *, flipped: bool) -> float:
        """Learn from examples, and return the loss without its adversary; flipped, the network sees them mirrored."""
        settings = self._settings
        rate = settings.learning_rate * min(1.0, (step + 1) / _WARM_UP) * _cosine(step / settings.steps)
        maps = network_input(view)
        painted, shift = paint(self.network, view, maps, flipped=flipped)
        loss = painting_loss(painted, truth, shift, view.keypoints)
        whole = loss
        first = round(settings.adversary_from * settings.steps)
        if settings.adversary and step >= first:
            where = round_cover().to(painted).expand(len(painted), -1, -1, -1)
            _descend(self._judges, adversary_loss(self.adversary, painted, truth, maps, where), rate)
            weight = settings.adversary * min(1.0, (step - first) / _GROWTH)
            whole = loss + weight * realism_loss(self.adversary, painted, maps, where)
        _descend(self._paints, whole, rate)
        keep = min(settings.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(new, 1 - keep)
        return loss.item()

    def save(self, step: int) -> None:
        """Write everything that the training needs to go on after `step` updates."""
        save_training(self._state, self._networks(), self._optimizers(), step)

    def _networks(self) -> dict[str, nn.Module]:
        return {"network": self.network, "average": self.average, "adversary": self.adversary}

    def _optimizers(self) -> dict[str, optim.Optimizer]:
        return {"network": self._paints, "adversary": self._judges}


def paint(
    network: PaintingNetwork, view: MouthView, maps: Float[Tensor, "b c s s"], *, flipped: bool = False
) -> tuple[Float[Tensor, "b 3 s s"], Float[Tensor, "b 2 s s"]]:
    """Paint faces, and return the shift too; flipped, the network sees them in a mirror."""
    if flipped:
        maps = maps.flip(3)
        maps[:, SHIFT_X_CHANNEL] *= -1
    with torch.autocast(maps.device.type, torch.bfloat16, enabled=maps.device.type != "mps"):
        shift, colour = network(maps.contiguous(memory_format=torch.channels_last))
    if flipped:
        shift, colour = shift.flip(3) * torch.tensor([-1.0, 1.0]).to(shift)[:, None, None], colour.flip(3)
    return corrected(view.warped, shift, colour, round_cover().to(colour)), shift


def _cosine(done: float) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * done)


def _descend(optimizer: optim.Optimizer, loss: Tensor, rate: float) -> None:
    """Take one step down a loss, with clipped gradients."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1.0)
    optimizer.step()
