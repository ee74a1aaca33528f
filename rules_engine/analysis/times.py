"""The times in the rows of an endpoint, ready for the estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rules_engine.analysis.options import Flags, Numbers
from rules_engine.analysis.survival import SurvivalTable, is_event, survival_table

NO_SUBJECTS = "no subjects"
BEYOND = "later than the last observed time"
#: An entry before every time, also before an event on day 0.
BEFORE_DAY_ZERO = -1


@dataclass(frozen=True)
class Times:
    """Times of subjects in days, whether each ended in an event, and days of delayed entry (None = none)."""

    days: Numbers
    event: Flags
    event_type: Numbers
    entry: Numbers | None

    @classmethod
    def of(cls, rows: pl.DataFrame, *, reverse: bool = False) -> Times:
        """The times in endpoint rows; `reverse` makes censoring the event (follow-up).

        Under delayed entry a subject without an entry day is at risk from the start.
        """
        delayed = _has_delayed_entry(rows)
        kind = "event_type" if "event_type" in rows.columns else "event"
        return cls(
            days=rows["days"].cast(pl.Float64).to_numpy(),
            event=is_event(rows["event"].to_numpy(), reverse=reverse),
            event_type=rows[kind].cast(pl.Float64).to_numpy(),
            entry=rows["entry_days"].fill_null(BEFORE_DAY_ZERO).cast(pl.Float64).to_numpy() if delayed else None,
        )

    def table(self) -> SurvivalTable:
        """The Kaplan–Meier table of these subjects."""
        return survival_table(self.days, self.event, self.entry)


def filter_ever_at_risk(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without those that end on or before their delayed entry: such a subject is never at risk."""
    if not _has_delayed_entry(rows):
        return rows
    return rows.filter(pl.col("entry_days").fill_null(BEFORE_DAY_ZERO) < pl.col("days"))


def _has_delayed_entry(rows: pl.DataFrame) -> bool:
    return "entry_days" in rows.columns and rows["entry_days"].null_count() < rows.height


def why_not_at(day: float, last_time: float) -> str | None:
    """The reason why there is no estimate on a day, or None."""
    if np.isnan(last_time):
        return NO_SUBJECTS
    return BEYOND if day > last_time else None
