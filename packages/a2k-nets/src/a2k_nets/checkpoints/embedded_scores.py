"""The scores of the embedded models, which their model card states."""

import re

from a2k_nets.checkpoints.resolve import embedded_checkpoint


def embedded_scores(name: str) -> dict[str, str]:
    """Return the scores of an embedded model on unseen speakers that are not from GRID, by the titles of the card.

    They are the row "model" of the first table below "Results of `name`" in `MODEL_CARD.md`, text with the intervals.

    Raises:
        ValueError: The card has no such table.

    Example:
        >>> sorted(embedded_scores("listener"))[:3]
        ['L1 (% IOD)', 'PCK 0.02 (%)', 'closure F1']
    """
    card = embedded_checkpoint(name).with_name("MODEL_CARD.md").read_text(encoding="utf-8")
    section = card.partition(f"## Results of `{name}`\n")[2]
    table = re.search(r"^\| \|.*?\n\n", section, re.MULTILINE | re.DOTALL)
    rows = (
        [] if table is None else [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in table[0].split("\n")]
    )
    for row in rows:
        if row and row[0] == "model":
            return {title.rstrip(" ↑↓"): value for title, value in zip(rows[0][1:], row[1:], strict=True)}
    raise ValueError(f"expected a table with the row 'model' below 'Results of `{name}`' in the model card, found none")
