"""How the records of a time to event end: events by kind, censorings by reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from rules_engine.analysis.competing import COMPETING
from rules_engine.descriptives.rows import NOT_STATED, Rows, by_arm
from rules_engine.model import EndpointDefinition

ANALYSIS: Final = "endings"
#: Each way to end, and its words; `variable` of the reasons, and `level` of the whole.
EVENT, COMPETING_EVENT, CENSORED = "event", "competing", "censored"
OUTCOME: Final = "outcome"
ENDINGS: Final = {EVENT: "Events", COMPETING_EVENT: "Competing events", CENSORED: "Censored"}
#: Words for the reasons of censoring and the kinds of event, as the endpoints name them.
REASON_WORDS: Final = {
    "PD": "Progression",
    "RECURRENCE": "Recurrence",
    "CLINICAL_PROGRESSION": "Clinical progression",
    "OTHER": "Other event of the definition",
    "DEATH": "Death",
    "RESPONSE": "Response",
    "DISCONTINUATION": "End of treatment",
    "NEW_THERAPY": "New anticancer therapy",
    "CURATIVE_CONVERSION": "Resection or transplant",
    "REPEAT_TACE": "Repeat TACE",
    "NO_BASELINE": "No adequate baseline assessment",
    "NO_POST_BASELINE": "No evaluable assessment after baseline",
    "MISSED_VISITS": "Event after missed visits",
    "DEATH_NOT_EVENT": "Death, not an event of this endpoint",
    "PENDING_IUPD": "Unconfirmed progression, re-assessment pending",
    "WITHDRAWAL": "Withdrawal of consent",
    "LOST_TO_FOLLOWUP": "Lost to follow-up",
    "END_OF_STUDY": "End of study",
    "CUTOFF": "Ongoing at the data cut-off",
}


def describe_endings(
    tallies: Mapping[str, pl.DataFrame], endpoints: Mapping[str, EndpointDefinition], arms: Sequence[str]
) -> pl.DataFrame:
    """Rows of the ARD for each endpoint (`paramcd`) with a record.

    `n` records; `variable` `outcome`, `level` `event`, `competing` or `censored`; and under each of these as `variable`, its
    reasons as `level`.
    """
    rows = Rows(ANALYSIS, arms)
    for paramcd, endpoint in endpoints.items():
        tally = tallies.get(paramcd)
        if tally is None or tally.is_empty():
            continue
        sizes = by_arm(tally, arms)
        rows.add("n", "Subjects", sizes, "d", sizes, paramcd=paramcd)
        parts = _parts(tally)
        for ending, words in ENDINGS.items():
            rows.add_counts(words, by_arm(parts[ending], arms), sizes, paramcd=paramcd, variable=OUTCOME, level=ending)
        for ending, part in parts.items():
            for reason in _in_order(part):
                ended = part.filter(pl.col("reason").eq_missing(pl.lit(reason, pl.String)))
                rows.add_counts(
                    reason_words(endpoint, reason), by_arm(ended, arms), sizes, paramcd=paramcd, variable=ending,
                    level=NOT_STATED if reason is None else reason,
                )  # fmt: skip
    return rows.frame()


def _parts(tally: pl.DataFrame) -> dict[str, pl.DataFrame]:
    is_competing = pl.col("event_type").eq_missing(pl.lit(COMPETING))
    return {
        EVENT: tally.filter("event"),
        COMPETING_EVENT: tally.filter(~pl.col("event") & is_competing),
        CENSORED: tally.filter(~pl.col("event") & ~is_competing),
    }


def _in_order(part: pl.DataFrame) -> list[str | None]:
    """The reasons in the order of `REASON_WORDS`, further ones after them alphabetically."""
    order = list(REASON_WORDS)
    return sorted(
        part["reason"].unique().to_list(), key=lambda r: (order.index(r) if r in order else len(order), str(r))
    )


def reason_words(endpoint: EndpointDefinition, reason: str | None) -> str:
    """Words for a reason: our own, else the ruleset's text for it, else its code."""
    if reason in REASON_WORDS:
        return REASON_WORDS[reason]
    event = (endpoint.options.get("event_reasons") or {}).get(reason)
    censoring = ((endpoint.options.get("censoring_reasons") or {}).get(reason) or {}).get("text")
    return str(event or censoring or reason or "not stated").capitalize()
