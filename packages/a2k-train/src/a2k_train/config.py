"""The settings of a training run, saved in the run and in nothing else."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from a2k_nets.config import ModelConfig, config_from_dict, refuse_unknown

__all__ = ["LossWeights", "TrainConfig", "train_config_from_json", "train_config_to_json"]


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the losses; their names are also the keys of the log.

    Attributes:
        expression: L1 of the pose-free displacement, lips weighted by `lip`.
        velocity: L1 of its first differences.
        opening: L1 of lip distances (three inner gaps, outer height, width).
        correlation: One minus the correlation of the mouth opening over a window.
        pose: L1 of the head's pose.
        adversarial: Least-squares GAN against the motion discriminator; 0 trains without one.
        lip: How many times heavier lip points count than the others.
    """

    expression: float = 1.0
    velocity: float = 2.0
    opening: float = 1.0
    correlation: float = 1.0
    pose: float = 0.1
    adversarial: float = 0.0
    lip: float = 3.0


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How a model is trained.

    Attributes:
        model: The network.
        losses: Weights of the losses.
        steps: Optimizer steps.
        batch_size: Windows a step.
        window_frames: Video frames a window (paper: 64, roughly 2.5 seconds).
        learning_rate: Peak of the one-cycle schedule.
        weight_decay: AdamW's.
        ema_decay: Decay of the weights' moving average, which is what is published.
        gradient_clip: Bound of the gradient's norm.
        random_reference: Share of windows whose reference is any of their frames instead of the first.
        smoothing_frames: Odd length of the Savitzky-Golay filter over training targets; 1 leaves them as they are.
        speaker_balance: Exponent by which a speaker's share of windows grows with the footage there is; 1 draws every
            second of footage alike, 0 every speaker.
        seed: Of everything that is drawn.
        checkpoint_every: Steps between resumable states.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    losses: LossWeights = field(default_factory=LossWeights)
    steps: int = 1200
    batch_size: int = 32
    window_frames: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    ema_decay: float = 0.998
    gradient_clip: float = 1.0
    random_reference: float = 0.5
    smoothing_frames: int = 1
    speaker_balance: float = 0.5
    seed: int = 0
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "window_frames", "checkpoint_every", "learning_rate", "gradient_clip"):
            if getattr(self, name) <= 0:
                raise ValueError(f"expected a positive {name}, got {getattr(self, name)}")
        if self.window_frames < 2:
            raise ValueError(f"expected window_frames of at least 2, got {self.window_frames}")
        if not 0 <= self.ema_decay < 1 or not 0 <= self.random_reference <= 1:
            raise ValueError("expected ema_decay in [0, 1) and random_reference in [0, 1]")
        if self.smoothing_frames % 2 == 0:
            raise ValueError(f"expected an odd smoothing_frames, got {self.smoothing_frames}")


def train_config_to_json(config: TrainConfig) -> str:
    """Return the settings as JSON."""
    return json.dumps(asdict(config), indent=2, sort_keys=True)


def train_config_from_json(text: str) -> TrainConfig:
    """Read the settings back; an unknown name is refused with the nearest valid one.

    Example:
        >>> train_config_from_json('{"steps": 10}').steps
        10
        >>> train_config_from_json('{"step": 10}')
        Traceback (most recent call last):
        ValueError: unknown setting 'step' of TrainConfig; did you mean 'steps'?
    """
    try:
        return _from_dict(json.loads(text))
    except (AttributeError, TypeError) as error:
        raise ValueError(f"expected settings as in a run's config.json, got {text[:80]!r}: {error}") from error


def _from_dict(values: dict[str, Any]) -> TrainConfig:
    model, losses = values.pop("model", {}), values.pop("losses", {})
    refuse_unknown(TrainConfig, values)
    refuse_unknown(LossWeights, losses)
    return TrainConfig(model=config_from_dict(model), losses=LossWeights(**losses), **values)
