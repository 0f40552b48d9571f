from .toml_file import (
    config_from_toml as config_from_toml,
    config_to_toml as config_to_toml,
    read_config as read_config,
)
from .train_config import (
    LossWeights as LossWeights,
    PaperLossWeights as PaperLossWeights,
    TrainConfig as TrainConfig,
    defaults as defaults,
)
