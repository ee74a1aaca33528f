"""Numbers at risk under the curves of a time to event, at round months."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from rules_engine.analysis.curves import risk_months
from rules_engine.analysis.options import level_text
from rules_engine.analysis.times import filter_ever_at_risk, filter_timed, is_at_risk
from rules_engine.descriptives.rows import ARM, Rows
from rules_engine.model import EndpointDefinition

ANALYSIS: Final = "at_risk"
METHOD: Final = "subjects that have entered before the time and are not gone before it"


def describe_numbers_at_risk(
    tallies: Mapping[str, pl.DataFrame], endpoints: Mapping[str, EndpointDefinition], arms: Sequence[str]
) -> pl.DataFrame:
    """Rows of the ARD for each endpoint with a time: `variable` `time`, `level` the month, `at_risk`."""
    rows = Rows(ANALYSIS, arms, METHOD)
    for paramcd in endpoints:
        if paramcd not in tallies:
            continue
        tally = filter_timed(tallies[paramcd])
        if tally.is_empty():
            continue
        month = days_per_month(tally)
        ticks = risk_months(float(tally["days"].max() or 0) / month)  # type: ignore[arg-type]
        parts = [*(tally.filter(pl.col(ARM) == arm) for arm in arms), tally]
        sizes = [int(part["count"].sum()) for part in parts]
        at_risk = [_at_risk_on([tick * month for tick in ticks], part) for part in parts]
        for tick, numbers in zip(ticks, zip(*at_risk, strict=True), strict=True):
            label = f"At risk at {tick:g} months"
            rows.add("at_risk", label, numbers, "d", sizes, paramcd=paramcd, variable="time", level=level_text(tick))
    return rows.frame()


def _at_risk_on(days: Sequence[float], tally: pl.DataFrame) -> tuple[int, ...]:
    """How many of the tallied subjects are at risk on each of the days."""
    ever = filter_ever_at_risk(tally)
    return ever.select(
        pl.col("count").filter(is_at_risk(ever, day)).sum().alias(str(place)) for place, day in enumerate(days)
    ).row(0)


def days_per_month(rows: pl.DataFrame) -> float:
    """Days per month as the rows were derived: the ratio of the longest record, free of rounding to speak of."""
    longest = rows.filter(pl.col("days") == pl.col("days").max()).head(1)
    days, months = float(longest["days"].item()), float(longest["months"].item())
    return days / months if months > 0 else days or 1.0
