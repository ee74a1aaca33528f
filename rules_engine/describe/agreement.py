"""The section `agreement` told: what is compared with what, and how a disagreement counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules_engine.describe.language import joined, percent, sentence, spoken
from rules_engine.model import AGREEMENT_DEFAULTS, Ruleset
from rules_engine.pages import Block, Bullets, SubHeading

_CODES = {
    "plain": "Codes of iRECIST are taken for the plain code that they stand for.",
    "as_recorded": "Codes of iRECIST are compared as recorded: they differ from the plain code that they stand for.",
}
_NOT_EVALUABLE = {
    "category": "A response that is not evaluable is a category like any other.",
    "exclude": "A response that is not evaluable takes no part.",
}
_WEIGHTS = {
    "none": "Every disagreement counts alike (Cohen 1960).",
    "linear": "A disagreement counts the more, the farther the two codes are apart from best to worst (linear weights).",
    "quadratic": "A disagreement counts by the square of the distance of the two codes from best to worst (quadratic weights).",
}


def agreement_blocks(ruleset: Ruleset) -> list[Block]:
    """Every comparison under its name."""
    blocks: list[Block] = []
    for name, stated in (ruleset.document.get("agreement") or {}).items():
        options = {**AGREEMENT_DEFAULTS, **{key: value for key, value in stated.items() if value is not None}}
        blocks += [
            SubHeading(str(stated.get("label") or spoken(name).capitalize())),
            Bullets(list(_told(ruleset, options))),
        ]
    return blocks


def _told(ruleset: Ruleset, options: Mapping[str, Any]) -> Iterator[str]:
    between = [str(one) for one in options["between"]]
    pairs = joined(between) if len(between) == 2 else f"every pair of {joined(between)}"
    yield f"Percentage of agreement, confusion table and kappa of {pairs}."
    if all(one in ruleset.responses for one in between):
        parts = joined([spoken(part) for part in options["components"]])
        yield sentence(f"Timepoint responses are compared visit by visit: {parts}")
    else:
        yield "Responses are compared subject by subject."
    yield _CODES[options["codes"]]
    yield _NOT_EVALUABLE[options["not_evaluable"]]
    yield _WEIGHTS[options["weights"]]
    yield f"Limits of kappa have a level of {percent(options['conf_level'])}."
