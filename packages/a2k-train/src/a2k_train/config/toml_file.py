"""Settings as TOML: for users, and in every run's folder."""

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tomli_w

from a2k_nets.config import RENAMED_SETTINGS, config_from_dict, preset_of, refuse_unknown, rename_settings
from a2k_train.config.train_config import TrainConfig, defaults

#: Names in files of version 0.1.0, by table.
_RENAMED = {"losses": {"sway": "head_motion_gain"}, "model": RENAMED_SETTINGS}


def config_to_toml(config: TrainConfig) -> str:
    """Return all settings as TOML, the preset first."""
    values = asdict(config)
    if values["model"].get("head", ...) is None:  # TOML has no word for nothing
        del values["model"]["head"]
    return tomli_w.dumps({"preset": preset_of(config.model), **values})


def config_from_toml(text: str) -> TrainConfig:
    """Read settings from TOML; missing ones get the preset's defaults, unknown ones are refused with the nearest name.

    Example:
        >>> config_from_toml("model.width = 64").model.width
        64
        >>> config_from_toml("step = 10")
        Traceback (most recent call last):
        ValueError: unknown setting 'step' of TrainConfig; did you mean 'steps'?
    """
    try:
        return _from_dict(_parse(text))
    except (AttributeError, TypeError, RecursionError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"expected settings in TOML, as in a run's config.toml, got {text[:80]!r}: {error}") from error


def read_config(path: Path | None, *, preset: str | None = None, changes: Sequence[str] = ()) -> TrainConfig:
    """Read settings from a file and apply changes.

    Args:
        path: A TOML file, or None for the preset's defaults.
        preset: Preset whose defaults apply; must agree with the preset of the file.
        changes: Lines of TOML that override the file, such as `model.width = 0.25`.

    Raises:
        ValueError: The file or a change is invalid; the message names the file.
        OSError: The file does not exist or cannot be read.

    Example:
        >>> read_config(None, preset="paper", changes=["model.width=0.25", "epochs=10"]).epochs
        10
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8")
            config_from_toml(text)
            values = _parse(text)
        except UnicodeDecodeError as error:
            raise ValueError(f"expected settings in TOML (UTF-8), got {path}: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    if preset is not None and values.setdefault("preset", preset) != preset:
        raise ValueError(f"expected settings of the preset {preset}, got {values['preset']} in {path}")
    for change in changes:
        try:
            _merge(values, _parse(change))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(
                f'expected a change such as model.width=0.25 or schedule="constant", got {change!r}'
            ) from error
    return config_from_toml(tomli_w.dumps(values))


def _parse(text: str) -> dict[str, Any]:
    """Parse TOML, with former names replaced, so that a change replaces what a file gives under the former name."""
    values = tomllib.loads(text)
    for table, names in _RENAMED.items():
        if isinstance(values.get(table), dict):
            values[table] = rename_settings(values[table], names)
    return values


def _merge(values: dict[str, Any], changes: dict[str, Any]) -> None:
    """Merge changes into nested tables, in place; of `steps` and `epochs`, the changed one replaces the other."""
    for name, other in (("steps", "epochs"), ("epochs", "steps")):
        if name in changes and other not in changes:
            values.pop(other, None)
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(values.setdefault(name, {}), dict):
            _merge(values[name], value)
        else:
            values[name] = value


def _from_dict(values: dict[str, Any]) -> TrainConfig:
    preset = values.pop("preset", "residual")
    base = defaults(preset)
    model, losses = values.pop("model", {}), values.pop("losses", {})
    refuse_unknown(TrainConfig, values)
    refuse_unknown(type(base.losses), losses)
    if "steps" in values or "epochs" in values:
        # Only the given one of the two applies.
        values = {"steps": 0, "epochs": 0, **values}
    return replace(base, model=config_from_dict(model, preset=preset), losses=replace(base.losses, **losses), **values)
