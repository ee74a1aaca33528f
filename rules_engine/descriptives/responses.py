"""The responses behind each response endpoint, and where they are not known, why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from rules_engine import terms
from rules_engine.analysis.response_estimates import BEST_FIRST
from rules_engine.descriptives.rows import NOT_STATED, Rows, by_arm
from rules_engine.endpoints.response_reasons import MEANINGS
from rules_engine.model import EndpointDefinition

ANALYSIS: Final = "responses"
VALUE, REASON = "value", "reason"
#: Responses of which nobody knows what they would have been.
UNKNOWN: Final = (terms.NE, terms.MISSING)


def describe_responses(
    tallies: Mapping[str, pl.DataFrame], endpoints: Mapping[str, EndpointDefinition], arms: Sequence[str]
) -> pl.DataFrame:
    """Rows of the ARD for each endpoint (`paramcd`) with a record.

    `n` records and `responders`; `variable` `value`, `level` the response; `variable` `reason`, `level` `NE / rule` for
    a response that is not known.
    """
    rows = Rows(ANALYSIS, arms)
    for paramcd in endpoints:
        tally = tallies.get(paramcd)
        if tally is None or tally.is_empty():
            continue
        sizes = by_arm(tally, arms)
        rows.add("n", "Subjects", sizes, "d", sizes, paramcd=paramcd)
        responding = by_arm(tally.filter(pl.col("responder")), arms)
        rows.add_counts("Responders", responding, sizes, paramcd=paramcd, statistics=("responders", "share_responders"))
        for value in _values(tally):
            having = tally.filter(pl.col("value") == value)
            rows.add_counts(value, by_arm(having, arms), sizes, paramcd=paramcd, variable=VALUE, level=value)
            for rule, words in _reasons(having) if value in UNKNOWN else ():
                ruled = having.filter(pl.col("rule_id").eq_missing(pl.lit(rule, pl.String)))
                rows.add_counts(
                    words, by_arm(ruled, arms), sizes, paramcd=paramcd, variable=REASON,
                    level=f"{value} / {NOT_STATED if rule is None else rule}",
                )  # fmt: skip
    return rows.frame()


def _values(tally: pl.DataFrame) -> list[str]:
    """The responses, best first, further ones after them alphabetically."""
    order = {code: place for place, code in enumerate(BEST_FIRST)}
    return sorted(tally["value"].drop_nulls().unique(), key=lambda code: (order.get(code, len(order)), code))


def _reasons(having: pl.DataFrame) -> Iterator[tuple[str | None, str]]:
    """Why a response is not known: rule and words, in the order of `MEANINGS`."""
    order = list(MEANINGS)
    found = having["rule_id"].unique().to_list()
    for rule in sorted(found, key=lambda name: (order.index(name) if name in order else len(order), str(name))):
        yield rule, NOT_STATED if rule is None else MEANINGS.get(rule, rule)
