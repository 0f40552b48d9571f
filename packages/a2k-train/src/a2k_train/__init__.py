"""Training and evaluation of Audio2Keypoint networks.

`__init__.pyi` lists the public names. Each is loaded when it is first used.
"""

from importlib.metadata import version

import lazy_loader

from a2k_nets.moved_modules import redirect_imports

__version__ = version("a2k-train")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

redirect_imports(
    {
        "a2k_train.ablation": "a2k_train.experiments.ablation",
        "a2k_train.clips": "a2k_train.data.clip",
        "a2k_train.config_file": "a2k_train.config.toml_file",
        "a2k_train.crossval": "a2k_train.experiments.crossval",
        "a2k_train.evaluate": "a2k_train.evaluation.evaluate",
        "a2k_train.fit": "a2k_train.training.fit",
        "a2k_train.open_clips": "a2k_train.data.open_clips",
        "a2k_train.prefetch": "a2k_train.data.prefetch",
        "a2k_train.publish": "a2k_train.experiments.publish",
        "a2k_train.table": "a2k_train.reports.results_table",
        "a2k_train.windows": "a2k_train.data.window_sampler",
    }
)
