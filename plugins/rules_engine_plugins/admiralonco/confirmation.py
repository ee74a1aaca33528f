"""Confirmed responses: a CR or PR that a later assessment bears out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from rules_engine import terms


def derive_confirmed(assessments: pl.LazyFrame, rules: Mapping[str, Any]) -> pl.LazyFrame:
    """The assessments with `counts`, true for a confirmed CR or PR; in: at least subject, day, code, one row per subject and day.

    The first CR (for a PR: CR or PR) `confirm_days` or more after it decides. Between them a CR allows CR and NE; a PR
    allows CR, PR, NE and `accept_sd` SD; NE at most `max_ne`; and a PR no PR after a CR, the deciding one included.
    """
    code = pl.col("code")
    counted = (
        assessments.sort("subject", "day")
        .with_columns(
            _ne=_so_far(code == terms.NE),
            _sd=_so_far(code == terms.SD),
            _pr=_so_far(code == terms.PR),
            _not_cr=_so_far(~code.is_in([terms.CR, terms.NE])),
            _not_pr=_so_far(~code.is_in([terms.CR, terms.PR, terms.NE, terms.SD])),
        )
        # How many PR there were up to the next CR, so that one between that CR and the deciding assessment is seen.
        .with_columns(_pr_at_cr=pl.when(code == terms.CR).then("_pr").shift(-1).backward_fill().over("subject"))
        # A response is confirmed on a later day, also where no day need pass.
        .with_columns(_from=pl.col("day") + pl.duration(days=max(int(rules["confirm_days"]), 1)))
    )
    counters = ["_ne", "_sd", "_pr", "_not_cr", "_not_pr"]
    responses = counted.filter(code.is_in([terms.CR, terms.PR]))
    cr = _with_next(responses, responses.filter(code == terms.CR), counters, "_cr")
    both = _with_next(cr, responses, counters, "_any")

    def between(counter: str, decided: str) -> pl.Expr:
        return pl.col(counter + decided) - pl.col(counter)

    few_ne = {decided: between("_ne", decided) <= rules["max_ne"] for decided in ("_cr", "_any")}
    is_cr = (code == terms.CR) & (between("_not_cr", "_cr") == 0) & few_ne["_cr"]
    falls_back = (pl.col("_pr_any") - pl.col("_pr_at_cr") > 0).fill_null(value=False)
    is_pr = (
        (code == terms.PR)
        & (between("_not_pr", "_any") == 0)
        & (between("_sd", "_any") <= rules["accept_sd"])
        & few_ne["_any"]
        & ~falls_back
    )
    # Without a later assessment that decides, the counts are null and nothing is confirmed.
    confirmed = both.with_columns(counts=(is_cr | is_pr).fill_null(value=False))
    others = counted.filter(~code.is_in([terms.CR, terms.PR])).with_columns(counts=pl.lit(value=False))
    return pl.concat([frame.drop(pl.selectors.starts_with("_")) for frame in (confirmed, others)])


def _so_far(condition: pl.Expr) -> pl.Expr:
    """How often the condition held in the subject up to and including this assessment."""
    return condition.cast(pl.Int32).cum_sum().over("subject")


def _with_next(rows: pl.LazyFrame, deciding: pl.LazyFrame, counters: list[str], suffix: str) -> pl.LazyFrame:
    """Each row with the counters of the first deciding assessment of its subject on or after the day `_from`."""
    later = deciding.select("subject", _day="day", **{name + suffix: pl.col(name) for name in counters})
    return rows.sort("_from").join_asof(
        later.sort("_day"), left_on="_from", right_on="_day", by="subject", strategy="forward", check_sortedness=False
    )
