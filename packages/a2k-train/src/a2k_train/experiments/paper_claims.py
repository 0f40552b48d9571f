"""What the paper claims of its variants, as conditions that numbers can meet or fail."""

from collections.abc import Sequence
from dataclasses import dataclass

from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.evaluation.predictions import shuffled_row
from a2k_train.evaluation.velocity_spectra import Spectra
from a2k_train.experiments.hypothesis_tests import Condition, Judge

#: The variants of the paper's Table 1, in its order.
VARIANTS = ("audio_only", "no_piv", "no_discriminator", "final")

#: L1 and PCK (%) in the paper's Table 1.
PUBLISHED = {
    "audio_only": (1.12, 6.9),
    "no_piv": (0.78, 22.6),
    "no_discriminator": (0.56, 23.21),
    "final": (0.85, 22.18),
}

#: A face is as far from the person as a mean face if its error is at least this share of the mean face's.
_AS_GENERIC = 0.9

#: A face keeps the person if its error is at most this many times that of the person's own later frames.
_AS_FAITHFUL = 1.25

#: Speeds below this share of the real one are called static, those within the band real.
_STATIC, _REAL = 0.5, (0.8, 1.25)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim with its conditions.

    Attributes:
        name: A few words.
        source: Where the paper says so.
        says: What it says, in our words.
        conditions: What would have to be seen here.
    """

    name: str
    source: str
    says: str
    conditions: tuple[Condition, ...]

    @property
    def verdict(self) -> str:
        """`holds` if all conditions are met, `does not hold` if none is and one fails, `not shown` if all are open."""
        met = [condition.met for condition in self.conditions]
        if all(met):
            return "holds"
        if any(met):
            return "holds in part"
        return "does not hold" if False in met else "not shown"


def judge_claims(
    scores: Sequence[ClipScore], *, spectra: Spectra | None = None, listeners: Sequence[str] = VARIANTS
) -> list[Claim]:
    """Hold the paper's claims against scores of its four variants, of the baselines and of the truth.

    A comparison of two rows is met if the 95 % interval of their paired difference, resampling speakers, lies on the
    asked side of 0, fails if it lies on the other, and is open if it includes 0.

    Args:
        scores: Scores of `evaluate_models` with the names of `VARIANTS`.
        spectra: Velocity spectra of the same; without them their conditions are open.
        listeners: The models that also heard other speakers.

    Raises:
        ValueError: A variant has no score.
    """
    missing = [name for name in VARIANTS if not any(score.row == name for score in scores)]
    if missing:
        raise ValueError(f"expected scores of {', '.join(VARIANTS)}, got none of {', '.join(missing)}")
    judge = Judge(scores, spectra)
    other_voice = shuffled_row("final", list(listeners))
    return [
        Claim(
            "Audio alone gives a generic face",
            "section 5.2, Figure 3",
            "Without a reference the model learns one face and one first frame, whoever is meant.",
            (
                judge.more("identity_error", "audio_only", "final"),
                judge.more("first_frame_error", "audio_only", "final"),
                judge.more("identity_error", "audio_only", "mean face", factor=_AS_GENERIC),
                judge.more("first_frame_error", "audio_only", "mean face", factor=_AS_GENERIC),
            ),
        ),
        Claim(
            "Without the discriminator the face stays still",
            "section 5.2, Figure 3",
            "Without D the keypoints are static for most of the time.",
            (
                judge.less("velocity_ratio", "no_discriminator", "final"),
                judge.less("mouth_amplitude_ratio", "no_discriminator", "final"),
                judge.less("head_turn_ratio", "no_discriminator", "final"),
                judge.below("velocity_ratio", "no_discriminator", _STATIC),
            ),
        ),
        Claim(
            "The discriminator makes motion like the real one",
            "sections 4.3 and 5.4",
            "With D the sequence resembles real ones: it is not damped, and it is smooth.",
            (
                judge.nearer("lips", "final", "no_discriminator"),
                judge.nearer("roll and scale", "final", "no_discriminator"),
                judge.above("velocity_ratio", "final", _REAL[0]),
                judge.below("velocity_ratio", "final", _REAL[1]),
            ),
        ),
        Claim(
            "Without the PIV encoder the first frame and the identity drift",
            "section 5.2, Figure 3",
            "Without E the model misses the right first frame and deviates from the person's face.",
            (
                judge.more("first_frame_error", "no_piv", "final"),
                judge.more("identity_error", "no_piv", "final"),
                judge.more("identity_drift", "no_piv", "final"),
            ),
        ),
        Claim(
            "The final model keeps the person",
            "sections 5.2 and 5.5, Figure 3",
            "The final model preserves the face of the reference and begins with it.",
            (
                judge.less("identity_error", "final", "mean face"),
                judge.less("first_frame_error", "final", "mean face"),
                judge.less("identity_error", "final", "ground truth", factor=_AS_FAITHFUL),
            ),
        ),
        Claim(
            "The order of L1",
            "Table 1",
            "L1: without D (0.56), without E (0.78), final (0.85), only audio (1.12), best first.",
            (
                judge.less("l1_z", "no_discriminator", "no_piv"),
                judge.less("l1_z", "no_piv", "final"),
                judge.less("l1_z", "final", "audio_only"),
            ),
        ),
        Claim(
            "The order of PCK",
            "Table 1",
            "PCK: without D (23.2 %), without E (22.6 %), final (22.2 %), only audio (6.9 %), best first.",
            (
                judge.more("pck_centred", "no_discriminator", "no_piv"),
                judge.more("pck_centred", "no_piv", "final"),
                judge.more("pck_centred", "final", "audio_only"),
            ),
        ),
        Claim(
            "The movement goes with the speech",
            "abstract, section 1",
            "The final model has learnt how audio and keypoints go together.",
            (
                judge.more("mouth_correlation", "final", other_voice),
                judge.less("lip_error", "final", other_voice),
                judge.less("lip_error", "final", "hold reference"),
            ),
        ),
        Claim(
            "L1 is the suitable measure",
            "section 5.3",
            "L1 suits the task better than PCK; then it must rank the model above still faces and other voices.",
            (
                judge.less("l1_z", "final", "mean face"),
                judge.less("l1_z", "final", "hold reference"),
                judge.less("l1_z", "final", other_voice),
            ),
        ),
    ]
