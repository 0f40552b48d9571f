"""The paper's claims about its variants, as paired tests of scores."""

from collections.abc import Sequence
from dataclasses import dataclass

from a2k_train.evaluation.clip_score import ClipScore
from a2k_train.evaluation.predictions import shuffled_row
from a2k_train.evaluation.velocity_spectra import Spectra
from a2k_train.experiments.hypothesis_tests import PairedTests, TestResult

#: The variants of the paper's Table 1, in its order.
VARIANTS = ("audio_only", "no_piv", "no_discriminator", "final")

#: L1 and PCK (%) in the paper's Table 1.
PUBLISHED = {
    "audio_only": (1.12, 6.9),
    "no_piv": (0.78, 22.6),
    "no_discriminator": (0.56, 23.21),
    "final": (0.85, 22.18),
}

#: A face is generic if its error is at least this share of the mean face's error.
_GENERIC = 0.9

#: A face keeps the identity if its error is at most this many times that of the ground truth.
_SAME_IDENTITY = 1.25

#: Velocity ratios: static below the first, natural within the range.
_STATIC, _NATURAL = 0.5, (0.8, 1.25)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the paper with the results of its tests.

    Attributes:
        name: Title.
        source: Section of the paper.
        says: Summary of the claim.
        conditions: Results of the tests.
    """

    name: str
    source: str
    says: str
    conditions: tuple[TestResult, ...]

    @property
    def verdict(self) -> str:
        """`holds` if all tests are met, `does not hold` if none is and one fails, `not shown` if all are open."""
        met = [condition.met for condition in self.conditions]
        if all(met):
            return "holds"
        if any(met):
            return "holds in part"
        return "does not hold" if False in met else "not shown"


def check_claims(
    scores: Sequence[ClipScore], *, spectra: Spectra | None = None, shuffled_models: Sequence[str] = VARIANTS
) -> list[Claim]:
    """Test the paper's claims on scores of its four variants, the baselines and the ground truth; see `PairedTests`.

    Args:
        scores: Scores of `evaluate` with the names of `VARIANTS`.
        spectra: Velocity spectra of the same clips; without them, comparisons of spectra are open.
        shuffled_models: The models that were also given other speakers' audio.

    Raises:
        ValueError: A variant has no score.
    """
    missing = [name for name in VARIANTS if not any(score.row == name for score in scores)]
    if missing:
        raise ValueError(f"expected scores of {', '.join(VARIANTS)}, got none of {', '.join(missing)}")
    tests = PairedTests(scores, spectra)
    less, more = tests.less, tests.more
    other_voice = shuffled_row("final", shuffled_models)
    return [
        Claim(
            "Audio alone gives a generic face",
            "section 5.2, Figure 3",
            "Without a reference the model learns one face and one first frame, whoever is meant.",
            (
                more("identity_error", "audio_only", "final"),
                more("first_frame_error", "audio_only", "final"),
                more("identity_error", "audio_only", "mean face", factor=_GENERIC),
                more("first_frame_error", "audio_only", "mean face", factor=_GENERIC),
            ),
        ),
        Claim(
            "Without the discriminator the face stays still",
            "section 5.2, Figure 3",
            "Without D the keypoints are static for most of the time.",
            (
                less("velocity_ratio", "no_discriminator", "final"),
                less("mouth_amplitude_ratio", "no_discriminator", "final"),
                less("head_turn_ratio", "no_discriminator", "final"),
                tests.below("velocity_ratio", "no_discriminator", _STATIC),
            ),
        ),
        Claim(
            "The discriminator makes motion like the real one",
            "sections 4.3 and 5.4",
            "With D the sequence resembles real ones: it is not damped, and it is smooth.",
            (
                tests.closer_spectrum("lips", "final", "no_discriminator"),
                tests.closer_spectrum("roll and scale", "final", "no_discriminator"),
                tests.above("velocity_ratio", "final", _NATURAL[0]),
                tests.below("velocity_ratio", "final", _NATURAL[1]),
            ),
        ),
        Claim(
            "Without the PIV encoder the first frame and the identity drift",
            "section 5.2, Figure 3",
            "Without E the model misses the right first frame and deviates from the person's face.",
            (
                more("first_frame_error", "no_piv", "final"),
                more("identity_error", "no_piv", "final"),
                more("identity_drift", "no_piv", "final"),
            ),
        ),
        Claim(
            "The final model keeps the person",
            "sections 5.2 and 5.5, Figure 3",
            "The final model preserves the face of the reference and begins with it.",
            (
                less("identity_error", "final", "mean face"),
                less("first_frame_error", "final", "mean face"),
                less("identity_error", "final", "ground truth", factor=_SAME_IDENTITY),
            ),
        ),
        Claim(
            "The order of L1",
            "Table 1",
            "L1: without D (0.56), without E (0.78), final (0.85), only audio (1.12), best first.",
            (
                less("l1_z", "no_discriminator", "no_piv"),
                less("l1_z", "no_piv", "final"),
                less("l1_z", "final", "audio_only"),
            ),
        ),
        Claim(
            "The order of PCK",
            "Table 1",
            "PCK: without D (23.2 %), without E (22.6 %), final (22.2 %), only audio (6.9 %), best first.",
            (
                more("pck_centred", "no_discriminator", "no_piv"),
                more("pck_centred", "no_piv", "final"),
                more("pck_centred", "final", "audio_only"),
            ),
        ),
        Claim(
            "The movement goes with the speech",
            "abstract, section 1",
            "The final model has learnt how audio and keypoints go together.",
            (
                more("mouth_correlation", "final", other_voice),
                less("lip_error", "final", other_voice),
                less("lip_error", "final", "hold reference"),
            ),
        ),
        Claim(
            "L1 is the suitable measure",
            "section 5.3",
            "L1 suits the task better than PCK; then it must rank the model above still faces and other voices.",
            (
                less("l1_z", "final", "mean face"),
                less("l1_z", "final", "hold reference"),
                less("l1_z", "final", other_voice),
            ),
        ),
    ]
