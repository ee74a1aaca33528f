"""Whose time a figure of single subjects shows: the endpoint that its clock is taken from."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine.report.view import ReportView

#: Days per month of an axis; figures only, no estimate is made with it.
DAYS_PER_MONTH = 30.4375


def starts(view: ReportView, names: Sequence[str]) -> tuple[str, pl.DataFrame] | None:
    """PARAMCD, and `subject`, `start_date`, of the first time-to-event endpoint on one of the streams, else of the first of all."""
    of_stream = [one for one in view.time_to_event if view.ruleset.endpoints[one].response in names]
    for paramcd in [*of_stream, *view.time_to_event]:
        rows = view.time_to_event[paramcd]
        if rows.height:
            return paramcd, rows.select("subject", "start_date")
    return None


def survival(view: ReportView) -> str | None:
    """PARAMCD of the endpoint whose only event is death: it lasts as long as a subject is known to have been followed."""
    for paramcd, rows in view.time_to_event.items():
        events = view.ruleset.endpoints[paramcd].options.get("events") or ()
        if list(events) == ["death"] and rows.height:
            return paramcd
    return None


def month_ticks(last_month: float, most: int = 10) -> list[int]:
    """Round months from 0 to the last one, at most `most` steps apart."""
    step = next((one for one in (1, 2, 3, 6, 12, 24, 48, 120) if last_month / one <= most), 240)
    return list(range(0, int(last_month) + 1, step))
