"""Did an event emerge under treatment? (PHUSE WP-087; admiral's `derive_var_trtemfl`)."""

from __future__ import annotations

import polars as pl


def is_emergent(
    start: pl.Expr,
    end: pl.Expr,
    treatment_start: pl.Expr,
    treatment_end: pl.Expr,
    initial_grade: pl.Expr,
    grade: pl.Expr,
    window_days: int | None,
) -> pl.Expr:
    """True where the event began under treatment, or went on into it and worsened. Never null.

    Days, not times, are compared. An event without a start counts, unless it ended before treatment; so does one from
    before treatment whose worsening cannot be judged. `window_days` ends the time at risk that many days after the
    last treatment (None = never).
    """
    is_treated = treatment_start.is_not_null()
    ended_before = (end < treatment_start).fill_null(value=False)
    in_time = pl.lit(value=True)
    if window_days is not None:
        in_time = (start <= treatment_end + pl.duration(days=window_days)).fill_null(value=True)
    worsened = (grade > initial_grade).fill_null(value=True)
    began = pl.when(start >= treatment_start).then(in_time).otherwise(worsened)
    return is_treated & ~ended_before & (start.is_null() | began)
