"""Report of an ablation: evaluation, the paper's Figure 3, and tests of its claims."""

from pathlib import Path

from a2k_train.evaluation.predictions import GROUND_TRUTH
from a2k_train.experiments.claims_report import claims_to_json, claims_to_markdown
from a2k_train.experiments.figure3 import draw_figure3
from a2k_train.experiments.paper_claims import VARIANTS, check_claims
from a2k_train.reports.evaluation_report import Evaluation, write_evaluation
from a2k_train.reports.results_table import Table
from kp_io import write_image
from kp_io.filesystem import atomic_path

_LABELS = {
    GROUND_TRUTH: "truth",
    "audio_only": "only audio",
    "no_piv": "without PIV encoder",
    "no_discriminator": "without discriminator",
    "final": "final model",
}


def write_report(folder: Path | str, evaluation: Evaluation) -> Table:
    """Write everything of `write_evaluation`, `claims.md`, `claims.json` and `figure3.png`; return the table.

    The figure shows keypoints of the typical clip: the ground truth on top, then one row per variant.

    Raises:
        ValueError: A variant of the paper's Table 1 was not evaluated.
    """
    folder = Path(folder)
    claims = check_claims(
        evaluation.scores,
        spectra=evaluation.spectra if evaluation.has_spectra else None,
        shuffled_models=evaluation.shuffled_models,
    )
    table = write_evaluation(folder, evaluation)
    texts = {"claims.md": claims_to_markdown(claims, table), "claims.json": claims_to_json(claims)}
    for name, text in texts.items():
        with atomic_path(folder / name) as path:
            path.write_text(text + "\n", encoding="utf-8")
    rows = next(iter(evaluation.examples.values()))
    labelled = {_LABELS[name]: rows[name] for name in (GROUND_TRUTH, *VARIANTS)}
    write_image(folder / "figure3.png", draw_figure3(labelled, fps=evaluation.fps))
    return table
