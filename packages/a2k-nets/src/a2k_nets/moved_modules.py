"""Imports of modules by their paths in release 0.1.0, which keep working with a warning."""

import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

#: New paths of the modules of a2k_nets by old ones.
MOVED = {
    "a2k_nets.export": "a2k_nets.onnx.export",
    "a2k_nets.generate": "a2k_nets.inference.generate",
    "a2k_nets.log_mel": "a2k_nets.blocks.log_mel",
    "a2k_nets.model": "a2k_nets.residual.model",
    "a2k_nets.paper.config": "a2k_nets.config.paper",
    "a2k_nets.pcm": "a2k_nets.inference.pcm_source",
    "a2k_nets.shared_model": "a2k_nets.checkpoints.pretrained_mixin",
    "a2k_nets.streaming": "a2k_nets.inference.streaming",
}


def redirect_imports(moved: Mapping[str, str]) -> None:
    """Let old module paths be imported, with a `DeprecationWarning` that names the new one.

    Args:
        moved: New module paths by old ones.
    """
    sys.meta_path.append(_Finder(moved))  # after all others: an existing module takes precedence


class _MovedModule(ModuleType):
    """A module at an old path, whose attributes are those of the new one."""

    _target: str

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._target), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # An import binds the module in its package, where it hides a public function of that name, e.g. `fit`.
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **kwargs)


class _Finder(MetaPathFinder, Loader):
    def __init__(self, moved: Mapping[str, str]) -> None:
        self._moved = moved

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in self._moved else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new = self._moved[spec.name]
        warnings.warn(f"{spec.name} has moved to {new}", DeprecationWarning, stacklevel=2)
        module = _MovedModule(spec.name)
        module._target = new
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass
