"""Response endpoints: best overall response, rates built on it, and response at a landmark."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl

from rules_engine import terms
from rules_engine.endpoints.best_response import derive_best_or_missing, observed_window
from rules_engine.endpoints.days import flagged, on_that_day
from rules_engine.endpoints.landmark import derive_landmark_response
from rules_engine.endpoints.observation import observe
from rules_engine.endpoints.response_reasons import LONG_CONTROL
from rules_engine.endpoints.sharing import named, numbered, options_key
from rules_engine.endpoints.sources import ASSESSMENT, record_source
from rules_engine.endpoints.words import words_in_use
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import RESPONSE_SCHEMA, Observation, SubjectRecords, Words

_I_FORMS = {plain: code for code, plain in terms.PLAIN_FORM.items() if plain != terms.PD}


def derive_response(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words
) -> pl.LazyFrame:
    """One row of `RESPONSE_SCHEMA` per subject with an origin up to the cut-off or, by `denominator`, who is evaluable.

    With `response.landmark` the response is that of the window, else the best one; clinical benefit always uses the
    best one.
    """
    return named(_derive(numbered(records), endpoint, cutoff, words), records, RESPONSE_SCHEMA)


def _derive(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, words: Words) -> pl.LazyFrame:
    options = endpoint.options
    observation = observe(records, endpoint, cutoff, words_in_use(words, options))
    benefit = options.get("benefit", "none") == "long_control"
    window = observed_window(observation)
    if options["response"]["landmark"] is None or benefit:
        values = _shared(observation, "best", lambda: derive_best_or_missing(window, observation))
    else:
        everything = observed_window(observation, whole=True)
        values = _shared(observation, "landmark", lambda: derive_landmark_response(everything, observation))
    accepted = [code for plain in options["responders"] for code in (plain, _I_FORMS[plain])]
    rows = values.with_columns(responder=pl.col("value").is_in(accepted))
    if benefit:
        rows = _with_long_control(rows, window, observation, endpoint)
    if options["denominator"] == "response_evaluable":
        rows = rows.join(response_evaluable(observation), on="subject", how="semi")
    sources = observation.usable.select("subject", "date", **record_source(ASSESSMENT))
    columns = [pl.col(name).cast(dtype) for name, dtype in RESPONSE_SCHEMA.items() if name != "subject"]
    return on_that_day(rows, sources, how="left").select("subject", *columns)


def _shared(observation: Observation, what: str, build: Callable[[], pl.LazyFrame]) -> pl.LazyFrame:
    """Values that endpoints share which see the same assessments and read them by the same rules."""
    return observation.step(f"{what} {options_key(observation.options, ['response'])}", build)


def response_evaluable(observation: Observation) -> pl.LazyFrame:
    """Subjects with an adequate baseline and at least one assessment after it that was done: subject.

    Whether therapy follows makes nobody less evaluable, so the assessments are those of the snapshot.
    """
    done = observation.assessments.filter((pl.col("response") != terms.ND).fill_null(value=False)).select("subject")
    return observation.clock.filter("baseline_adequate").select("subject").join(done, on="subject", how="semi")


def _with_long_control(
    rows: pl.LazyFrame, window: pl.LazyFrame, observation: Observation, endpoint: EndpointDefinition
) -> pl.LazyFrame:
    """Clinical benefit: a responder, or an adequate assessment late enough and before progression."""
    controlled = window.join(observation.clock.select("subject", "t0"), on="subject").filter(
        pl.col("evaluable") & ~pl.col("progression"),
        (pl.col("date") - pl.col("t0")).dt.total_days() >= endpoint.options["response"]["cbr_days"],
        pl.col("p_date").is_null() | (pl.col("date") < pl.col("p_date")),
    )
    return (
        rows.join(flagged(controlled, "_controlled"), on="subject", how="left")
        .with_columns(
            rule_id=pl.when(~pl.col("responder") & pl.col("_controlled").fill_null(value=False))
            .then(pl.lit(LONG_CONTROL))
            .otherwise("rule_id"),
            responder=pl.col("responder") | pl.col("_controlled").fill_null(value=False),
        )
        .drop("_controlled")
    )
