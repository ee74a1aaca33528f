"""One grade out of the grades of both directions (ADaM ATOXGR; the rule of admiral's `derive_var_atoxgr`)."""

from __future__ import annotations

import polars as pl


def combined_grade(term_low: pl.Expr, term_high: pl.Expr, grade_low: pl.Expr, grade_high: pl.Expr) -> pl.Expr:
    """Signed grade: a low grade of 1 or more as `-n`, else a high one as `n`, else 0 where every direction that has a
    term is 0.

    Null where a direction with a term could not be graded and the other one is 0. Grades are Int8.
    """
    has_low, has_high = term_low.is_not_null(), term_high.is_not_null()
    low_is_quiet = ~has_low | (grade_low == 0)
    high_is_quiet = ~has_high | (grade_high == 0)
    return (
        pl.when((grade_low >= 1).fill_null(value=False))
        .then(-grade_low)
        .when((grade_high >= 1).fill_null(value=False))
        .then(grade_high)
        .when((low_is_quiet & high_is_quiet & (has_low | has_high)).fill_null(value=False))
        .then(pl.lit(0, pl.Int8))
        .cast(pl.Int8)
    )
