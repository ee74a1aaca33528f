"""The times in the rows of an endpoint, ready for the estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from rules_engine.analysis.options import Flags, Numbers
from rules_engine.analysis.survival import SurvivalTable, is_event, survival_table
from rules_engine.numerics import np

NO_SUBJECTS = "no subjects"
BEYOND = "later than the last observed time"
#: An entry before every time, also before an event on day 0.
BEFORE_DAY_ZERO = -1


@dataclass(frozen=True)
class Times:
    """Times of subjects in days, whether each ended in an event, days of delayed entry and weights (None = none)."""

    days: Numbers
    event: Flags
    event_type: Numbers
    entry: Numbers | None
    weight: Numbers | None = None

    @classmethod
    def of(cls, rows: pl.DataFrame, *, reverse: bool = False) -> Times:
        """The times in endpoint rows, weighted where they have weights; `reverse` makes censoring the event (follow-up).

        Under delayed entry a subject without an entry day is at risk from the start.
        """
        delayed = _has_delayed_entry(rows)
        kind = "event_type" if "event_type" in rows.columns else "event"
        return cls(
            days=rows["days"].cast(pl.Float64).to_numpy(),
            event=is_event(rows["event"].to_numpy(), reverse=reverse),
            event_type=rows[kind].cast(pl.Float64).to_numpy(),
            entry=rows["entry_days"].fill_null(BEFORE_DAY_ZERO).cast(pl.Float64).to_numpy() if delayed else None,
            weight=rows["weight"].to_numpy() if "weight" in rows.columns else None,
        )

    def where(self, chosen: Flags) -> Times:
        """The times of some of the subjects."""
        return Times(
            self.days[chosen],
            self.event[chosen],
            self.event_type[chosen],
            None if self.entry is None else self.entry[chosen],
            None if self.weight is None else self.weight[chosen],
        )

    def at_risk_on(self, risk_days: Sequence[float]) -> Numbers:
        """Subjects at risk at each day: entered before it (on day 0: by then) and not gone before it."""
        days = np.asarray(risk_days, dtype=float)
        not_gone = self.days.size - np.searchsorted(np.sort(self.days), days, side="left")
        if self.entry is None:
            return not_gone.astype(float)
        entered_by = np.maximum(days, np.finfo(float).tiny)
        not_entered = self.entry.size - np.searchsorted(np.sort(self.entry), entered_by, side="left")
        at_risk: Numbers = np.maximum(not_gone - not_entered, 0).astype(float)
        return at_risk

    def table(self) -> SurvivalTable:
        """The Kaplan–Meier table of these subjects."""
        return survival_table(self.days, self.event, self.entry, self.weight)


def filter_timed(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without those that have no time, because nobody knows their start; rows of responses have none to have."""
    return rows.filter(pl.col("days").is_not_null()) if "days" in rows.columns else rows


def filter_ever_at_risk(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without those that end on or before their delayed entry: such a subject is never at risk."""
    if not _has_delayed_entry(rows):
        return rows
    return rows.filter(pl.col("entry_days").fill_null(BEFORE_DAY_ZERO) < pl.col("days"))


def is_at_risk(rows: pl.DataFrame, day: float) -> pl.Expr:
    """Whether each row is at risk on a day: entered before it (on day 0: by then) and not gone before it."""
    not_gone = pl.col("days") >= day
    if not _has_delayed_entry(rows):
        return not_gone
    entry = pl.col("entry_days").fill_null(BEFORE_DAY_ZERO)
    return not_gone & (entry < day if day > 0 else entry <= day)


def _has_delayed_entry(rows: pl.DataFrame) -> bool:
    return "entry_days" in rows.columns and rows["entry_days"].null_count() < rows.height


def why_not_at(day: float, last_time: float) -> str | None:
    """The reason why there is no estimate on a day, or None."""
    if np.isnan(last_time):
        return NO_SUBJECTS
    return BEYOND if day > last_time else None
