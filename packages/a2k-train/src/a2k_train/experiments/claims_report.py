"""Results of the tests of the paper's claims, as Markdown and JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from a2k_train.experiments.hypothesis_tests import TestResult
from a2k_train.experiments.paper_claims import PUBLISHED, Claim
from a2k_train.reports.results_table import Table
from a2k_train.reports.table_formats import cell_text, to_json, to_markdown

_MET = {True: "yes", False: "no", None: "open"}

_RULE = (
    "A comparison is met (yes) if the 95 % interval of the mean difference on the same clips, speakers drawn anew, "
    "lies on the asked side of 0; it fails (no) if it lies on the other side; it is open if the interval includes 0. "
    "By how much is how far the number lies on the asked side, with that interval. A claim holds if all its conditions "
    "are met, holds in part if some are, does not hold if none is and one fails, and is not shown if all are open."
)


def claims_to_markdown(claims: Sequence[Claim], table: Table) -> str:
    """Return the published table next to ours, all verdicts, and each claim with its numbers."""
    blocks = ["# The paper's claims, one by one", _RULE, _published_table(table), _verdict_table(claims)]
    for claim in claims:
        conditions = [_test_cells(condition) for condition in claim.conditions]
        blocks += [
            f"## {claim.name}: {claim.verdict}",
            f"The paper ({claim.source}): {claim.says}",
            to_markdown([["condition", "by how much", "met"], *conditions]),
        ]
    return "\n\n".join(blocks)


def claims_to_json(claims: Sequence[Claim]) -> str:
    """Return a JSON list of claims with verdicts and test results."""
    return to_json([{**asdict(claim), "verdict": claim.verdict} for claim in claims])


def _published_table(table: Table) -> str:
    rows = [["", "L1, paper", "L1 here", "PCK, paper", "PCK here"]]
    for name, values in table.values.items():
        published = [f"{number:g}" for number in PUBLISHED[name]] if name in PUBLISHED else ["–", "–"]
        ours = [cell_text(values[metric], table.intervals[name][metric]) for metric in ("l1_z", "pck_centred")]
        rows.append([name, published[0], ours[0], published[1], ours[1]])
    return to_markdown(rows)


def _verdict_table(claims: Sequence[Claim]) -> str:
    rows = [
        [claim.name, claim.verdict, ", ".join(_MET[condition.met] for condition in claim.conditions)]
        for claim in claims
    ]
    return to_markdown([["claim", "verdict", "conditions"], *rows])


def _test_cells(condition: TestResult) -> list[str]:
    margin = f"{condition.value:+.3g}" if condition.value == condition.value else "–"
    if condition.low == condition.low:
        margin += f" [{condition.low:+.3g}, {condition.high:+.3g}]"
    return [condition.text, margin, _MET[condition.met]]
