"""What a preset brings to the training loop: its networks, and what it does with a batch."""

from typing import Protocol, runtime_checkable

from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from a2k_nets import Audio2Keypoint, PaperAudio2Keypoint, PaperConfig
from a2k_train.config.train_config import TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.window_sampler import Batch

AnyModel = Audio2Keypoint | PaperAudio2Keypoint


@runtime_checkable
class Recipe(Protocol):
    """Networks, optimizers, and one step of training; the loop knows nothing of losses or of GANs."""

    @property
    def model(self) -> AnyModel:
        """What is published."""
        ...

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Every network by its name in the run's state."""
        ...

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """Every optimizer by its name in the run's state."""
        ...

    @property
    def scheduled(self) -> list[Optimizer]:
        """Those whose learning rate is the settings' and follows their schedule."""
        ...

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Update all networks; return the losses, unweighted and detached, by the names of their weights."""
        ...


def make_recipe(config: TrainConfig, store: ClipStore, fabric: Fabric) -> Recipe:
    """Return the recipe of the preset that the settings are of, its statistics fitted to the clips."""
    if isinstance(config.model, PaperConfig):
        from a2k_train.recipes.paper import PaperRecipe

        return PaperRecipe(config, store, fabric)
    from a2k_train.recipes.residual import ResidualRecipe

    return ResidualRecipe(config, store, fabric)
