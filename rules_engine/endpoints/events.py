"""Facts that may end the time: what the built-in events are made of, and what a third party's may be made of."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine import terms
from rules_engine.endpoints.best_response import derive_first_response, observed_window
from rules_engine.endpoints.progression import derive_scan
from rules_engine.endpoints.sharing import options_key
from rules_engine.endpoints.sources import ASSESSMENT, COMPONENT_LAST, DEATH, EVENT, record_source, source
from rules_engine.endpoints.therapies import REPEAT_TACE, reasons_that_are_events
from rules_engine.endpoints.truncation import is_usable
from rules_engine.findings import phrase
from rules_engine.vocabulary import Observation


def progressions(observation: Observation) -> pl.LazyFrame:
    """The assessment that is each subject's progression."""
    dated = observation.progression.select("subject", date="p_date")
    return _assessments(dated.join(observation.usable, on=["subject", "date"]))


def progressions_passed_over(observation: Observation) -> pl.LazyFrame:
    """Assessments that report progression and are not the subject's progression, with `outcome`, why.

    before_origin, after_snapshot, no_baseline, same_day (another assessment of the day counts), after_end (of the
    observation), later (than the progression), confirmation, confirmed (dated to its confirmation), pending (waits for
    its answer), overturned (by its re-assessment).
    """
    options = observation.options
    codes = list(terms.PROGRESSION_TYPE)
    reported = observation.dated.filter(pl.col("response").is_in(codes) | pl.col("iresponse").is_in(codes))
    kept = observation.assessments.select("subject", "date", kept_id="source_id", kept_seq="seq")
    day, p_date = pl.col("date"), pl.col("p_date")
    before = day < pl.col("t0") if options["post_baseline"] == "on_or_after_origin" else day <= pl.col("t0")
    rows = (
        reported.join(observation.clock.select("subject", "t0", "last_day", "no_baseline"), on="subject")
        .join(kept, on=["subject", "date"], how="left")
        .join(observation.progression, on="subject", how="left")
        .join(observation.truncation.select("subject", "n_date", "n_reason"), on="subject", how="left")
        .join(_confirmed_blocks(observation), on="subject", how="left")
        .filter(~((day == p_date) & is_same_record()).fill_null(value=False))
    )
    outcome = (
        pl.when(before)
        .then(pl.lit("before_origin"))
        .when(day > pl.col("last_day"))
        .then(pl.lit("after_snapshot"))
        .when("no_baseline")
        .then(pl.lit("no_baseline"))
        .when(~is_same_record())
        .then(pl.lit("same_day"))
        .when(~is_usable(day, options))
        .then(pl.lit("after_end"))
        .when((day == pl.col("certain_date")) & (day > p_date))
        .then(pl.lit("confirmation"))
        .when(day > p_date)
        .then(pl.lit("later"))
        .when(day >= pl.col("u_date"))
        .then(pl.lit("pending"))
        .when(day >= pl.col("block"))
        .then(pl.lit("confirmed"))
        .otherwise(pl.lit("overturned"))
    )
    told = pl.col("outcome")
    detail = (
        pl.when(told == "no_baseline")
        .then(pl.lit("without an adequate baseline assessments contribute nothing"))
        .when(told == "same_day")
        .then(pl.lit("another assessment of this day counts"))
        .when(told == "confirmation")
        .then(phrase("confirms the progression of {}", "p_date"))
        .when(told == "later")
        .then(phrase("after the progression of {}", "p_date"))
        .when(told == "pending")
        .then(phrase("the unconfirmed progression of {} waits for its answer", "u_date"))
        .when(told == "confirmed")
        .then(phrase("confirmed on {}, to which the progression is dated", "p_date"))
        .when(told == "overturned")
        .then(pl.lit("a later assessment did not confirm it"))
    )
    described = rows.with_columns(outcome=outcome).with_columns(detail=detail)
    return _assessments(described, more=("outcome", "detail"))


def is_same_record() -> pl.Expr:
    """The assessment is the one that was kept of its day; equal assessments are one."""
    return (pl.col("source_id") == pl.col("kept_id")).fill_null(value=False) & pl.col("seq").eq_missing(
        pl.col("kept_seq")
    )


def _confirmed_blocks(observation: Observation) -> pl.LazyFrame:
    """Where the unconfirmed progression began that was confirmed: subject, block."""
    if observation.options["pd_rule"] == "first_pd":
        return observation.progression.select("subject", block=pl.lit(None, pl.Date))
    certain = observation.progression.select("subject", date="certain_date").drop_nulls()
    scanned = derive_scan(observation.usable, observation.options)
    return scanned.join(certain, on=["subject", "date"]).select(
        "subject", block=pl.when("was_pending").then("pending_since")
    )


def second_progressions(observation: Observation) -> pl.LazyFrame:
    """The first PD after the first therapy outside the regimen (PFS2); an unconfirmed progression is none."""
    lines = observation.therapies.filter(pl.col("reason") != REPEAT_TACE)
    next_line = lines.group_by("subject").agg(_line=pl.col("date").min())
    later = observation.usable.join(next_line, on="subject").filter(
        pl.col("date") > pl.col("_line"), pl.col("response").is_in([terms.PD, terms.ICPD, terms.RECUR])
    )
    return _assessments(later.sort("subject", "date").unique("subject", keep="first", maintain_order=True))


def first_responses(observation: Observation) -> pl.LazyFrame:
    """The first CR or PR that counts."""
    dated = derive_responders(observation).select("subject", date="response_date")
    return _assessments(dated.join(observation.usable, on=["subject", "date"]), "RESPONSE")


def derive_responders(observation: Observation) -> pl.LazyFrame:
    """The subjects with a response before progression: subject, response_date."""
    options = observation.options

    def build() -> pl.LazyFrame:
        return derive_first_response(observed_window(observation), options)

    return observation.step(f"responders {options_key(options, ['response'])}", build)


def _assessments(rows: pl.LazyFrame, reason: str | None = None, more: Sequence[str] = ()) -> pl.LazyFrame:
    shown = pl.when(pl.col("response") == terms.RECUR).then(pl.lit("RECURRENCE")).otherwise(pl.lit("PD"))
    return rows.select(
        "subject", "date", "imputation", *more, reason=pl.lit(reason) if reason else shown, **record_source(ASSESSMENT)
    )


def recorded(observation: Observation, kinds: Sequence[str]) -> pl.LazyFrame:
    """Clinical events of these kinds."""
    events = observation.records.clinical_events.filter(pl.col("kind").is_in(list(kinds)))
    return events.select("subject", "date", **record_source(EVENT))


def deaths(observation: Observation) -> pl.LazyFrame:
    """Deaths of any cause."""
    return observation.clock.select("subject", date="death_date", imputation="death_imputation", **source(DEATH))


def therapy_starts(observation: Observation) -> pl.LazyFrame:
    """Starts of the therapies that are events of the endpoint."""
    return observation.therapies.filter(pl.col("reason").is_in(reasons_that_are_events(observation.options)))


def discontinuations(observation: Observation) -> pl.LazyFrame:
    """The end of treatment: the latest last dose once all components ended (`ttd_scope: all`), or the earliest.

    A component that has not ended, or whose last dose lies after the snapshot, goes on; several courses of a
    component are one.
    """
    listed = observation.options["ttd_components"]
    components = observation.records.components
    chosen = components.filter(pl.col("component").is_in(listed)) if listed else components
    courses = (
        chosen.join(observation.clock.select("subject", "last_day"), on="subject")
        .filter(pl.col("start_date").is_null() | (pl.col("start_date") <= pl.col("last_day")))
        .with_columns(_over=(pl.col("ended") & (pl.col("last_date") <= pl.col("last_day"))).fill_null(value=False))
    )
    ended = (
        courses.with_columns(_over=pl.col("_over").all().over("subject", "component"))
        .sort("subject", "component", "last_date", "source_id", "seq", descending=[False, False, True, False, False])
        .unique(["subject", "component"], keep="first", maintain_order=True)
    )
    every = observation.options["ttd_scope"] == "all"
    if every:
        ended = ended.filter(pl.col("_over").all().over("subject"))
    return (
        ended.filter("_over")
        .sort("subject", "last_date", "source_id", "seq", descending=[False, every, False, False])
        .unique("subject", keep="first", maintain_order=True)
        .select("subject", date="last_date", **record_source(COMPONENT_LAST))
    )
