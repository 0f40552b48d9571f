"""Settings in files: TOML for people, and the same again in every run's folder."""

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tomli_w

from a2k_nets.config import config_from_dict, preset_of, refuse_unknown
from a2k_train.config.train_config import LossWeights, PaperLossWeights, TrainConfig, defaults


def config_to_toml(config: TrainConfig) -> str:
    """Return every setting as TOML, the preset first."""
    return tomli_w.dumps({"preset": preset_of(config.model), **asdict(config)})


def config_from_toml(text: str) -> TrainConfig:
    """Read settings; what is not given is the preset's default, and unknown names are refused with the nearest one.

    Example:
        >>> config_from_toml("model.width = 64").model.width
        64
        >>> config_from_toml("step = 10")
        Traceback (most recent call last):
        ValueError: unknown setting 'step' of TrainConfig; did you mean 'steps'?
    """
    try:
        return _from_dict(tomllib.loads(text))
    except (AttributeError, TypeError, RecursionError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"expected settings in TOML, as in a run's config.toml, got {text[:80]!r}: {error}") from error


def read_config(path: Path | None, *, preset: str | None = None, changes: Sequence[str] = ()) -> TrainConfig:
    """Read the settings of a file and change some of them.

    Args:
        path: A TOML file, or None for the preset's defaults.
        preset: Whose defaults; a file names its own.
        changes: Lines of TOML that replace what the file says, as `model.width = 0.25`.

    Raises:
        ValueError: The file is no such TOML, which the message names, or a change is none.
        OSError: There is no such file, or it cannot be read.

    Example:
        >>> read_config(None, preset="paper", changes=["model.width=0.25", "epochs=10"]).epochs
        10
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8")
            config_from_toml(text)
            values = tomllib.loads(text)
        except UnicodeDecodeError as error:
            raise ValueError(f"expected settings in TOML (UTF-8), got {path}: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    if preset is not None and values.setdefault("preset", preset) != preset:
        raise ValueError(f"expected settings of the preset {preset}, got {values['preset']} in {path}")
    for change in changes:
        try:
            _merge(values, tomllib.loads(change))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(
                f'expected a change such as model.width=0.25 or schedule="constant", got {change!r}'
            ) from error
    return config_from_toml(tomli_w.dumps(values))


def _merge(values: dict[str, Any], changes: dict[str, Any]) -> None:
    """Put changes into nested tables, in place; of `steps` and `epochs`, the one given replaces the other."""
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
    weights: type[LossWeights] | type[PaperLossWeights] = type(base.losses)
    refuse_unknown(weights, losses)
    if "steps" in values or "epochs" in values:
        # Whoever gives one of the two means that one.
        values = {"steps": 0, "epochs": 0, **values}
    return replace(base, model=config_from_dict(model, preset=preset), losses=weights(**losses), **values)
