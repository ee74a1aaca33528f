"""An adverse event as what ends a time: the first one from a grade on, of some terms, related to a component."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from rules_engine import dates
from rules_engine.grading.event_dates import imputed_start
from rules_engine.grading.validity import event_grade
from rules_engine.hookspecs import hookimpl
from rules_engine.vocabulary import Event, Need, Observation


def adverse_events(observation: Observation) -> pl.LazyFrame:
    """One row per record of an event of at least the grade; a record without a grade or a start is none.

    An incomplete start is dated as in ADAE: the first day that it may be, or the origin where that lies within.
    """
    asked = observation.options["adverse_event"]
    start, end = pl.col("start_date"), pl.col("end_date")
    records = observation.table("adverse_events").filter(event_grade(pl.col("grade")) >= asked["min_grade"])
    if asked["terms"] is not None:
        wanted = [term.lower() for term in asked["terms"]]
        records = records.filter(pl.col("term").str.to_lowercase().is_in(wanted))
    return (
        records.join(observation.clock.select("subject", "t0", "death_date"), on="subject")
        .select(
            "subject",
            date=imputed_start(start, end, pl.col("t0"), pl.col("death_date")),
            imputation=dates.imputed_unit(start),
            source_domain=pl.lit("AE"),
            source_variable=pl.lit("AESTDTC"),
            source_seq="aeseq",
            detail=pl.concat_str("term", pl.lit(", grade "), "grade"),
        )
        .filter(pl.col("date").is_not_null())
    )


ADVERSE_EVENT = Event(
    id="adverse_event",
    version="1",
    title="the first adverse event of the stated grade or higher",
    reference="CONSORT Harms 2022; grades of NCI CTCAE",
    derive=adverse_events,
    reasons={"ADVERSE_EVENT": "ADVERSE EVENT"},
    needs=[Need("adverse_events")],
    options_schema={
        "properties": {
            "adverse_event": {
                "type": "object",
                "additionalProperties": False,
                "description": "Which adverse events end the time.",
                "properties": {
                    "min_grade": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 5,
                        "x-estimand": True,
                        "description": "The lowest grade that counts.",
                    },
                    "terms": {
                        "type": ["array", "null"],
                        "items": {"type": "string"},
                        "default": None,
                        "description": "Reported terms that count, case ignored; null: all.",
                    },
                },
            }
        }
    },
)


@hookimpl
def rules_engine_events() -> Sequence[Event]:
    """Offer the event."""
    return [ADVERSE_EVENT]
