"""Settings of a training run, saved in the run's folder only."""

from dataclasses import dataclass, field

from a2k_nets import ModelConfig, PaperConfig
from a2k_nets.config import AnyConfig, ListenerConfig, accept_renamed, check_kinds

_SCHEDULES = ("one-cycle", "constant")
_SAMPLINGS = ("balanced", "epochs")
_PRECISIONS = ("64-true", "32-true", "bf16-mixed")
_TRIPLETS = ("margin", "literal")

# Seeds are multiplied by a million before they reach torch, which takes 64 bits.
_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the `residual` preset's losses; their names are also the keys of the log.

    Attributes:
        expression: L1 of the pose-free displacement, lips weighted by `lip`.
        velocity: L1 of its first differences.
        opening: L1 of lip distances (three inner gaps, outer height, width).
        correlation: One minus the correlation of the mouth opening over a window.
        width_correlation: The same of the mouth width.
        pose: L1 of the head pose.
        head_motion_gain: L1 of the logarithm of a window's head motion relative to the typical head (0.1: `sway`).
        closure: Cross-entropy of closed against open lips.
        adversarial: Least-squares GAN against the motion discriminator; 0 trains without one.
        features: Error of the features of a speech encoder that are predicted from what the network hears; only for
            `a2k-train pretrain`, which sets the others to 0.
        taught: The losses of the lips for a teacher's windows, weighted like those of the clips and summed.
        lip: Weight of lip points relative to other points.
    """

    expression: float = 1.0
    velocity: float = 2.0
    opening: float = 1.0
    correlation: float = 1.0
    width_correlation: float = 0.0
    pose: float = 0.1
    head_motion_gain: float = 0.05
    closure: float = 0.3
    adversarial: float = 0.0
    features: float = 0.0
    taught: float = 1.0
    lip: float = 3.0

    def __post_init__(self) -> None:
        check_kinds(self)


LossWeights.__init__ = accept_renamed(sway="head_motion_gain")(LossWeights.__init__)  # type: ignore[method-assign]  # the name in 0.1.0


@dataclass(frozen=True, slots=True)
class PaperLossWeights:
    """Weights of the `paper` preset's losses; the paper gives none, so all are 1. Their names are the log's keys.

    Attributes:
        discriminator: The discriminator's loss on real and generated motion.
        regression: L1 of normalized keypoints, for the generator and the pose-invariant encoder.
        adversarial: GAN loss of generated motion, for both as well.
        piv: Distance between the codes of the reference and of generated faces, for the generator.
        triplet: Triplet loss of the encoder's codes, see `a2k_train.recipes.paper_losses`.
        margin: Margin of the triplet loss.
        triplet_form: `margin`, or `literal` as printed in the paper (for study: it pulls together what the text says
            to push apart).
    """

    discriminator: float = 1.0
    regression: float = 1.0
    adversarial: float = 1.0
    piv: float = 1.0
    triplet: float = 1.0
    margin: float = 0.5
    triplet_form: str = "margin"

    def __post_init__(self) -> None:
        check_kinds(self)
        _check_choice("triplet_form", self.triplet_form, _TRIPLETS)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of a training; the defaults are the `residual` preset's, `defaults("paper")` returns the paper's.

    Attributes:
        model: The network's settings; their type determines the preset.
        losses: Weights of the losses, of the same preset.
        steps: Optimizer steps; 0 to use `epochs`.
        epochs: Passes over the clips, one window of each; 0 to use `steps`.
        batch_size: Windows per step, over all processes.
        window_frames: Video frames per window (paper: 64, roughly 2.5 seconds).
        sampling: `epochs`: one window of every clip per epoch. `balanced`: windows are drawn by `speaker_balance`.
        learning_rate: Learning rate of all optimizers; with a schedule, its peak.
        schedule: `constant`, or `one-cycle` (linear warm-up, cosine decay).
        weight_decay: Weight decay of AdamW; the paper's Adam has none.
        ema_decay: Decay of the weights' moving average, which is published; 0 publishes the weights themselves.
        gradient_clip: Maximum norm of the gradient; 0 for no clipping.
        random_reference: Share of windows whose reference is a random frame instead of the first.
        speaker_balance: A speaker's share of windows is proportional to footage ** speaker_balance; 1 weights every
            second of footage equally, 0 every speaker.
        max_offset_ms: Leave out clips with a known sync offset above this (`a2k sync`); 0 takes all.
        augment: Mirror faces, and augment the audio.
        silence: Preset `residual`: with augmentation, share of windows with silence, in which the lips close.
        tempo: Preset `residual`: with augmentation, largest relative change of a window's speed.
        sound_variants: Preset `listener`: copies of each clip's sound of which the encoder's features are cached; the
            first is clean, the others are augmented.
        frozen_norm: Preset `paper`: keep batch norm's initial running statistics, so that windows of a batch are
            independent.
        precision: `32-true`, `bf16-mixed` (automatic mixed precision), or `64-true`.
        compile: Compile the generator with torch.compile.
        channels_last: Use channels-last memory for the spectrogram's convolutions: faster on GPUs and many CPUs.
        seed: Seed of everything that is drawn.
        checkpoint_every: Steps between resumable states and lines of the log.
        validate_every: Steps between validations; 0 for none.
        ears: Preset `residual`: checkpoint of `a2k-train pretrain` whose ears the network begins with; none by default.
        taught_windows: Preset `residual`: windows per step, beside `batch_size`, of speech without video, whose faces a
            teacher generates; 0 trains on clips alone.
    """

    model: AnyConfig = field(default_factory=ModelConfig)
    losses: LossWeights | PaperLossWeights = field(default_factory=LossWeights)
    steps: int = 2000
    epochs: int = 0
    batch_size: int = 32
    window_frames: int = 64
    sampling: str = "balanced"
    learning_rate: float = 2e-3
    schedule: str = "one-cycle"
    weight_decay: float = 0.01
    ema_decay: float = 0.998
    gradient_clip: float = 1.0
    random_reference: float = 0.5
    speaker_balance: float = 0.5
    max_offset_ms: float = 0.0
    augment: bool = True
    silence: float = 0.05
    tempo: float = 0.15
    sound_variants: int = 4
    frozen_norm: bool = False
    precision: str = "32-true"
    compile: bool = False
    channels_last: bool = False
    seed: int = 0
    checkpoint_every: int = 100
    validate_every: int = 0
    ears: str = ""
    taught_windows: int = 0

    def __post_init__(self) -> None:
        check_kinds(self)
        for name in ("batch_size", "window_frames", "checkpoint_every", "learning_rate", "sound_variants"):
            if getattr(self, name) <= 0:
                raise ValueError(f"expected a positive {name}, got {getattr(self, name)}")
        for name in (
            "steps",
            "epochs",
            "gradient_clip",
            "weight_decay",
            "validate_every",
            "max_offset_ms",
            "taught_windows",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"expected {name} of at least 0, got {getattr(self, name)}")
        if (self.steps > 0) == (self.epochs > 0):
            raise ValueError(f"expected either steps or epochs above 0, got {self.steps} and {self.epochs}")
        if self.window_frames < 2:
            raise ValueError(f"expected window_frames of at least 2, got {self.window_frames}")
        if not 0 <= self.ema_decay < 1 or not 0 <= self.random_reference <= 1:
            raise ValueError("expected ema_decay in [0, 1) and random_reference in [0, 1]")
        if abs(self.seed) > _LARGEST_SEED:
            raise ValueError(f"expected a seed from -{_LARGEST_SEED} to {_LARGEST_SEED}, got {self.seed}")
        _check_choice("schedule", self.schedule, _SCHEDULES)
        _check_choice("sampling", self.sampling, _SAMPLINGS)
        _check_choice("precision", self.precision, _PRECISIONS)
        if isinstance(self.model, ListenerConfig) and (self.silence or self.tempo):
            raise ValueError(
                "expected silence and tempo of 0 for the preset listener, whose features are computed once, got "
                f"{self.silence:g} and {self.tempo:g}"
            )
        if self.frozen_norm and not isinstance(self.model, PaperConfig):
            raise ValueError("expected frozen_norm only with the preset paper; the other networks have no batch norm")
        learns_features = isinstance(self.losses, LossWeights) and self.losses.features > 0
        if not isinstance(self.model, ModelConfig) and (self.ears or learns_features or self.taught_windows):
            raise ValueError("expected ears, losses.features and taught_windows only with the preset residual")
        if isinstance(self.model, PaperConfig) != isinstance(self.losses, PaperLossWeights):
            raise ValueError(
                f"expected model and losses of one preset, got {type(self.model).__name__} and "
                f"{type(self.losses).__name__}"
            )

    def total_steps(self, steps_per_epoch: int) -> int:
        """Return the number of steps of a run."""
        return self.steps or self.epochs * steps_per_epoch


def defaults(preset: str) -> TrainConfig:
    """Return the default settings of a preset.

    Example:
        >>> defaults("paper").epochs
        300
    """
    if preset == "residual":
        return TrainConfig()
    if preset == "listener":
        weights = LossWeights(width_correlation=0.5)
        return TrainConfig(model=ListenerConfig(), losses=weights, steps=700, silence=0.0, tempo=0.0)
    if preset != "paper":
        raise ValueError(f"expected preset to be listener, residual or paper, got {preset!r}")
    return TrainConfig(
        model=PaperConfig(),
        losses=PaperLossWeights(),
        steps=0,
        epochs=300,
        sampling="epochs",
        learning_rate=1e-4,
        schedule="constant",
        weight_decay=0.0,
        ema_decay=0.0,
        gradient_clip=0.0,
        random_reference=0.0,
        augment=False,
    )


def _check_choice(name: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise ValueError(f"expected {name} to be one of {', '.join(valid)}, got {value!r}")
