"""The account of the assessments that report progression and are not the subject's progression. It decides no record."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from rules_engine import terms
from rules_engine.endpoints.days import on_that_day, with_assessment
from rules_engine.endpoints.events import assessment_facts
from rules_engine.endpoints.progression import derive_scanned, effective_response
from rules_engine.endpoints.truncation import is_usable
from rules_engine.findings import phrase
from rules_engine.vocabulary import Observation


class _Outcome(NamedTuple):
    """Why an assessment was passed over, where that holds, in words (None: whoever shows it knows them)."""

    name: str
    holds: pl.Expr
    detail: pl.Expr | None = None


def progressions_passed_over(observation: Observation) -> pl.LazyFrame:
    """The assessments that were passed over as facts, with `outcome`, the first of `_outcomes` that holds, and `detail`.

    Shared by endpoints with the same observation.
    """
    return observation.step("progressions passed over", lambda: _passed_over(observation))


def _passed_over(observation: Observation) -> pl.LazyFrame:
    codes = list(terms.PROGRESSION_TYPE)
    reported = observation.dated.filter(pl.col("response").is_in(codes) | pl.col("iresponse").is_in(codes))
    kept = observation.assessments.select("subject", "date", _id="source_id", _seq="seq")
    is_kept = pl.col("source_id").eq_missing(pl.col("_id")) & pl.col("seq").eq_missing(pl.col("_seq"))
    rows = (
        reported.join(observation.clock.select("subject", "t0", "last_day", "no_baseline"), on="subject")
        .pipe(with_assessment, kept)
        .with_columns(kept=is_kept)
        .join(observation.progression, on="subject", how="left")
        .join(observation.truncation.select("subject", "n_date"), on="subject", how="left")
        .pipe(with_assessment, _codes_read(observation))
        .join(_confirmed_blocks(observation), on="subject", how="left")
    )
    is_progression = (pl.col("date") == pl.col("p_date")) & pl.col("kept")
    outcomes = _outcomes(observation)
    passed_over = rows.filter(is_progression.is_null() | ~is_progression).with_columns(
        outcome=_of_first([(outcome.holds, pl.lit(outcome.name)) for outcome in outcomes]),
        detail=_of_first([(outcome.holds, outcome.detail) for outcome in outcomes]),
    )
    return assessment_facts(passed_over, more=("outcome", "detail"))


def _outcomes(observation: Observation) -> list[_Outcome]:
    """What is asked of an assessment, in order: does it count at all, then what became of the progression it reports."""
    options = observation.options
    day, t0, p_date = pl.col("date"), pl.col("t0"), pl.col("p_date")
    before = day < t0 if options["post_baseline"] == "on_or_after_origin" else day <= t0
    read = pl.col("read")
    return [
        _Outcome("before_origin", before),
        _Outcome("after_snapshot", day > pl.col("last_day")),
        _Outcome(
            "no_baseline", pl.col("no_baseline"), pl.lit("without an adequate baseline assessments contribute nothing")
        ),
        _Outcome("same_day", ~pl.col("kept"), pl.lit("another assessment of this day counts")),
        _Outcome("after_end", ~is_usable(day, options)),
        _Outcome(
            "confirmation",
            day == pl.col("certain_date"),
            phrase("confirms the progression of {}", "p_date"),
        ),
        _Outcome("later", day > p_date),
        _Outcome(
            "other_code",
            ~read.is_in(list(terms.PROGRESSION_TYPE)).fill_null(value=False),
            phrase("{} reads {}, which is no progression", pl.lit(options["pd_rule"]), read.fill_null("no response")),
        ),
        _Outcome(
            "pending",
            day >= pl.col("u_date"),
            phrase("the unconfirmed progression of {} waits for its answer", "u_date"),
        ),
        _Outcome(
            "confirmed",
            day >= pl.col("confirmed_block"),
            phrase("confirmed on {}, to which the progression is dated", "p_date"),
        ),
        _Outcome("overturned", pl.lit(value=True), pl.lit("a later assessment did not confirm it")),
    ]


def _of_first(told: list[tuple[pl.Expr, pl.Expr | None]]) -> pl.Expr:
    """What is told of the first condition that holds."""
    chosen = pl.lit(None, pl.String)
    for holds, value in reversed(told):
        chosen = pl.when(holds).then(value).otherwise(chosen)
    return chosen


def _codes_read(observation: Observation) -> pl.LazyFrame:
    """The code that the rule for progression reads of each usable assessment: subject, date, read."""
    return derive_scanned(observation).select("subject", "date", read=effective_response(observation.options))


def _confirmed_blocks(observation: Observation) -> pl.LazyFrame:
    """Where the unconfirmed progression began that was confirmed: subject, confirmed_block."""
    if observation.options["pd_rule"] == "first_pd":
        return observation.progression.select("subject", confirmed_block=pl.lit(None, pl.Date))
    certain = observation.progression.select("subject", date="certain_date")
    return on_that_day(certain, derive_scanned(observation)).select(
        "subject", confirmed_block=pl.when("was_pending").then("pending_since")
    )
