"""The presets by name, and their settings as dictionaries and JSON."""

import json
from dataclasses import asdict
from typing import Any

from a2k_nets.config.audio import AudioConfig
from a2k_nets.config.head import HeadConfig
from a2k_nets.config.listener import ListenerConfig
from a2k_nets.config.paper import PaperConfig
from a2k_nets.config.renamed import RENAMED_SETTINGS, rename_settings
from a2k_nets.config.residual import ModelConfig
from a2k_nets.config.validation import refuse_unknown

AnyConfig = ListenerConfig | ModelConfig | PaperConfig

#: Settings class of each preset.
PRESETS: dict[str, type[ListenerConfig] | type[ModelConfig] | type[PaperConfig]] = {
    "listener": ListenerConfig,
    "residual": ModelConfig,
    "paper": PaperConfig,
}


def preset_of(config: AnyConfig) -> str:
    """Return the name of a config's preset.

    Example:
        >>> preset_of(PaperConfig())
        'paper'
    """
    return next(name for name, cls in PRESETS.items() if type(config) is cls)


def config_to_dict(config: AnyConfig) -> dict[str, Any]:
    """Return a config as a dictionary; `config_from_dict` is the inverse."""
    return asdict(config)


def config_to_json(config: AnyConfig) -> str:
    """Return a config as JSON, for the metadata of a checkpoint."""
    return json.dumps(config_to_dict(config), sort_keys=True)


def config_from_dict(values: dict[str, Any], *, preset: str = "residual") -> AnyConfig:
    """Build a config from a dictionary, e.g. of a checkpoint; names of release 0.1.0 are accepted.

    Raises:
        ValueError: A name is unknown (the message gives the nearest valid one), or a value is invalid.

    Example:
        >>> config_from_dict({"width": 64}).width
        64
        >>> config_from_dict({"width": 0.5, "variant": "no_piv"}, preset="paper").variant
        'no_piv'
        >>> config_from_dict({"widht": 64})
        Traceback (most recent call last):
        ValueError: unknown setting 'widht' of ModelConfig; did you mean 'width'?
    """
    if preset not in PRESETS:
        raise ValueError(f"expected a preset out of {', '.join(PRESETS)}, got {preset!r}")
    cls = PRESETS[preset]
    if not isinstance(values, dict):
        raise ValueError(f"expected settings of {cls.__name__} by name, got {values!r}")
    values = rename_settings(values, RENAMED_SETTINGS)
    given: dict[str, Any] = {"audio": _audio(cls, values.pop("audio"))} if "audio" in values else {}
    refuse_unknown(cls, values)
    if values.get("head") is not None:
        given["head"] = _head(values.pop("head"))
    return cls(**given, **_lists_as_tuples(values))


def _lists_as_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _head(values: Any) -> HeadConfig:
    """Return the settings of the head's network."""
    refuse_unknown(HeadConfig, values)
    return HeadConfig(**_lists_as_tuples(values))


def _audio(cls: type[AnyConfig], values: dict[str, Any]) -> AudioConfig:
    """Return the audio settings; defaults are those of the preset."""
    refuse_unknown(AudioConfig, values)
    return AudioConfig(**{**asdict(cls().audio), **values})
