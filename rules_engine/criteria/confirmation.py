"""Confirmation: a response that a later assessment repeats (Eisenhauer 2009 §4.4.3, Table 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from rules_engine.model import CriterionRules


def derive_confirmed_pairs(
    responses: pl.LazyFrame,
    rules: CriterionRules,
    *,
    first: Sequence[str],
    second: Sequence[str],
    max_sd: Any,
    by: Sequence[str] = ("subject",),
) -> pl.LazyFrame:
    """Pairs of a response and an assessment that confirms it.

    In: one row per assessment, with the columns `by`, `number` (order), `visit_date` and `code`. Out: one row per pair, with `by`,
    `first_date`, `second_date`, `second_number`. Between the two may stand further codes of `first` and `second`, at most
    `bor.confirm_max_ne` not-evaluable assessments and at most `max_sd` SD (`any` = no limit), and nothing else.
    """
    code = pl.col("code")
    harmless = [*first, *second, "NE", "SD"]
    counted = responses.with_columns(
        ne=(code == "NE").cum_sum().over(by, order_by="number"),
        sd=(code == "SD").cum_sum().over(by, order_by="number"),
        other=(~code.is_in(harmless)).cum_sum().over(by, order_by="number"),
    ).select(*by, "number", "visit_date", "code", "ne", "sd", "other")
    pairs = counted.filter(code.is_in(list(first))).join(
        counted.filter(code.is_in(list(second))), on=list(by), how="inner", suffix="_second"
    )
    days = (pl.col("visit_date_second") - pl.col("visit_date")).dt.total_days()
    return pairs.filter(
        pl.col("number_second") > pl.col("number"),
        days >= rules["bor.confirm_min_days"],
        pl.col("other_second") == pl.col("other"),
        _at_most(pl.col("ne_second").cast(pl.Int64) - pl.col("ne").cast(pl.Int64), rules["bor.confirm_max_ne"]),
        _at_most(pl.col("sd_second").cast(pl.Int64) - pl.col("sd").cast(pl.Int64), max_sd),
    ).select(*by, first_date="visit_date", second_date="visit_date_second", second_number="number_second")


def _at_most(count: pl.Expr, limit: Any) -> pl.Expr:
    return pl.lit(value=True) if limit == "any" else count <= limit
