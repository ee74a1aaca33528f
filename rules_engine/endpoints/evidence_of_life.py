"""Step 2: dated facts that require the subject to be alive, and the day until which a subject is known to live.

Being declared lost, leaving the study and death are no such facts. Only complete dates count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from rules_engine import dates
from rules_engine.endpoints.assessment_dates import PART_DATES, read_assessments
from rules_engine.endpoints.days import first_of_each, is_same
from rules_engine.endpoints.sources import (
    ASSESSMENT,
    COMPONENT_LAST,
    COMPONENT_START,
    CUTOFF,
    EVENT,
    LAST_CONTACT,
    ORIGIN,
    TACE,
    THERAPY,
    WITHDRAWAL,
    source,
)  # fmt: skip
from rules_engine.vocabulary import SubjectRecords

#: Columns of an assessment that are days on which the subject was there.
_DAYS = ("whole_day", *PART_DATES)


@dataclass(frozen=True, slots=True)
class _Facts:
    """Records whose column `date` shows that the subject was alive."""

    records: pl.LazyFrame
    date: str
    kind: str

    @property
    def days(self) -> pl.LazyFrame:
        """subject, date."""
        return self.records.select("subject", date=self.date)

    @property
    def all(self) -> pl.LazyFrame:
        """The facts with their source columns; what has no id of its own is named by its kind."""
        return self._described(self.records.filter(pl.col(self.date).is_not_null()))

    def on(self, days: pl.LazyFrame) -> pl.LazyFrame:
        """The facts of these days (subject, date; one for each subject), as `all`."""
        wanted = self.records.join(days.select("subject", _day="date"), on="subject", how="left", maintain_order="left")
        return self._described(wanted.filter(is_same(self.date, "_day")))

    def _described(self, records: pl.LazyFrame) -> pl.LazyFrame:
        named = source(self.kind)
        own = self.kind not in (LAST_CONTACT, WITHDRAWAL, ORIGIN)
        return records.select(
            "subject",
            date=self.date,
            source_domain=named["source_domain"],
            source_variable=named["source_variable"],
            source_seq=pl.col("seq").cast(pl.Int64) if own else named["source_seq"],
            source_id=pl.col("source_id") if own else named["source_id"],
            order=pl.lit(0 if self.kind == LAST_CONTACT else 1, pl.Int8),
        )


def derive_evidence(records: SubjectRecords) -> pl.LazyFrame:
    """One row per dated fact: subject, date, its source columns and `order`, the precedence among facts of one day."""
    assessments = read_assessments(records)
    facts = [*_facts(records), *[_Facts(assessments, column, ASSESSMENT) for column in _DAYS]]
    return pl.concat([one.all for one in facts])


def derive_contact_evidence(records: SubjectRecords) -> pl.LazyFrame:
    """As `derive_evidence`, of the last contact and the origins alone."""
    return pl.concat([one.all for one in _contacts(records)])


def _contacts(records: SubjectRecords) -> list[_Facts]:
    return [_Facts(records.subjects, "last_contact_date", LAST_CONTACT), _Facts(records.origins, "date", ORIGIN)]


def _facts(records: SubjectRecords) -> list[_Facts]:
    """Every kind of fact but the assessments."""
    therapies = records.therapies.with_columns(
        date=pl.when(dates.is_complete(pl.col("start_date"))).then(dates.first_possible_day(pl.col("start_date")))
    )
    return [
        *_contacts(records),
        _Facts(records.subjects, "withdrawal_date", WITHDRAWAL),
        _Facts(therapies, "date", THERAPY),
        _Facts(records.tace, "date", TACE),
        _Facts(records.components, "start_date", COMPONENT_START),
        _Facts(records.components, "last_date", COMPONENT_LAST),
        _Facts(records.clinical_events, "date", EVENT),
        # Whoever read the scan, the subject was there.
        _Facts(records.sightings, "date", ASSESSMENT),
    ]


def derive_last_evidence(records: SubjectRecords) -> pl.LazyFrame:
    """The latest fact of the whole database: subject, last_evidence."""

    def latest() -> pl.LazyFrame:
        seen = read_assessments(records).group_by("subject").agg(date=pl.col("seen_until").max())
        days = pl.concat([seen, *[one.days for one in _facts(records)]])
        return days.group_by("subject").agg(last_evidence=pl.col("date").max())

    return records.step("last evidence", latest)


def derive_last_known_alive(
    records: SubjectRecords, clock: pl.LazyFrame, options: Mapping[str, Any], cutoff: date
) -> pl.LazyFrame:
    """Until when each subject is known to live: subject, lka, and its source (`lka_…` columns).

    Facts after the cut-off, and a death after it, prove the subject alive at the cut-off (`post_cutoff_alive`). A
    subject of whom no fact is recorded (the origin is one, unless it comes from a table of a plugin's) has no row.
    """
    facts = _contacts(records) if options["os_censor"] == "last_contact" else _facts(records)
    if options["os_censor"] != "last_contact":
        facts += _latest_of_assessments(records, clock)
    last_days = clock.select("subject", "last_day")
    # First the latest day of all facts, then the source of that day alone.
    of_kinds = [_latest(one.days.join(last_days, on="subject", maintain_order="left"), cutoff) for one in facts]
    latest = records.hold(pl.concat(of_kinds).group_by("subject").agg(pl.col("date").max(), pl.col("_after").any()))
    known = first_of_each(
        pl.concat([one.on(latest) for one in facts]), "order", "source_id", "source_variable", "source_seq"
    )
    # A truncated record (withdrawal up to the cut-off) says nothing of the time after it.
    truncated = pl.lit(options["withdrawal"] == "truncate") & (pl.col("withdrawal_date") <= cutoff)
    capped = (
        pl.lit(options["post_cutoff_alive"] == "cap_at_cutoff")
        & ~truncated.fill_null(value=False)
        & (pl.col("_after") | (pl.col("death_date") > cutoff))
    )
    at_cutoff = [
        pl.when(capped).then(value).otherwise(name).alias(f"lka_{name}") for name, value in source(CUTOFF).items()
    ]
    return (
        clock.select("subject", "death_date", "t0", "withdrawal_date")
        .join(known.drop("order"), on="subject", how="left")
        .join(latest.select("subject", "_after"), on="subject", how="left")
        .filter(capped | pl.col("date").is_not_null())
        .select(
            "subject",
            pl.when(capped).then(pl.lit(cutoff)).otherwise(pl.max_horizontal("date", "t0")).alias("lka"),
            *at_cutoff,
        )
    )


def _latest(days: pl.LazyFrame, cutoff: date) -> pl.LazyFrame:
    """The latest of a subject's days in the snapshot: subject, date, and whether one lies after the cut-off, _after."""
    day = pl.col("date")
    in_snapshot = day.filter(day <= pl.col("last_day"))
    return days.group_by("subject").agg(date=in_snapshot.max(), _after=day.max() > cutoff)


def _latest_of_assessments(records: SubjectRecords, clock: pl.LazyFrame) -> list[_Facts]:
    """Of each assessment the days that can be a subject's latest, within the snapshot and after it."""
    last_day = pl.col("last_day")
    assessments = read_assessments(records)
    # Of an assessment that goes on after the snapshot, an earlier day may lie inside it.
    beyond = assessments.join(clock.select("subject", "last_day"), on="subject", maintain_order="left").filter(
        pl.col("seen_until") > last_day
    )
    inside = beyond.select(
        "subject", "source_id", "seq",
        date=pl.max_horizontal([pl.when(pl.col(day) <= last_day).then(day) for day in _DAYS]),
    )  # fmt: skip
    return [_Facts(assessments, "seen_until", ASSESSMENT), _Facts(inside, "date", ASSESSMENT)]
