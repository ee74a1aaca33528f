"""Parameters of ADTTE: the earliest event, else the latest day of censoring."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import polars as pl
from rules_engine.endpoints.sources import ASSESSMENT, DEATH, LAST_CONTACT, ORIGIN, record_source, source
from rules_engine.findings import phrase
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import TTE_SCHEMA, SubjectRecords, Words

from rules_engine_plugins.admiralonco.assessments import Prepared, prepare
from rules_engine_plugins.admiralonco.options import BLOCK
from rules_engine_plugins.admiralonco.parameters import derive_progressions, derive_responses, last_assessments

#: Reason of a record, by what it is dated to.
_REASONS: Final = {"progression": "PD", "death": "DEATH"}


def derive_time(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words) -> pl.LazyFrame:
    """One row per subject with an event or a day of censoring (`vocabulary.TTE_SCHEMA`); days and months are missing
    where the start is.
    """
    return _published(derive_chosen(records, endpoint, cutoff, words=words), endpoint.options)


def derive_chosen(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words) -> pl.LazyFrame:
    """What each subject's record is dated to: subject, day, what, is_event, start_date, therapy_date, source columns."""
    options = endpoint.options
    prepared = prepare(records, options, cutoff, words)
    started = _started(prepared, options)
    progressions = derive_progressions(prepared, options)
    rule = _therapy_rule(options)
    looks = prepared.flagged
    if rule == "strict_before":
        # The last assessment is sought again among those before the therapy; with end dates it is not.
        looks = looks.filter(_is_before_therapy(rule))
    dated_facts = {
        "progression": _facts(progressions, "day", record_source(ASSESSMENT), "imputation"),
        # The package reads the death from its own parameter DEATH, hence ADRS.
        "death": _facts(started, "death_date", {**source(ASSESSMENT), "source_id": pl.lit(DEATH)}, "death_imputation"),
        "last_known_alive": _facts(started, "last_alive_date", source(LAST_CONTACT)),
        "last_assessment": _facts(last_assessments(looks), "day", record_source(ASSESSMENT), "imputation"),
        "origin": _facts(
            started,
            "reference_date",
            {**source(ORIGIN), "source_variable": pl.lit(options[BLOCK]["start_variables"].get(options["origin"]))},
        ),
    }
    candidates = [
        dated_facts[name].with_columns(what=pl.lit(name), order=pl.lit(order), is_event=pl.lit(value=kind == "events"))
        for kind in ("events", "censoring")
        for order, name in enumerate(options[kind])
    ]
    counted = (
        pl.concat(candidates, how="vertical_relaxed")
        .join(started.select("subject", "start_date", "therapy_date"), on="subject")
        .filter(_counts(rule))
    )
    return choose(counted)


def choose(candidates: pl.LazyFrame) -> pl.LazyFrame:
    """One candidate per subject: the earliest event, on one day the first listed; else the latest censoring, on one day
    the last listed.

    In: subject, day (never null), is_event, order (place in its list).
    """
    days = pl.col("day").to_physical()
    return (
        candidates.with_columns(
            _day=pl.when("is_event").then(days).otherwise(-days),
            _order=pl.when("is_event").then("order").otherwise(-pl.col("order")),
        )
        .sort("subject", ~pl.col("is_event"), "_day", "_order")
        .unique("subject", keep="first", maintain_order=True)
        .drop("_day", "_order")
    )


def _started(prepared: Prepared, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The subjects who have a clock, with `start_date`: everybody, or responders from their first response."""
    if options["start"] == "origin":
        return prepared.subjects.with_columns(start_date="reference_date")
    confirmed = options["start"] == "confirmed_response"
    responses = derive_responses(prepared.counted, options[BLOCK], confirmed=confirmed)
    return prepared.subjects.join(responses.select("subject", start_date="day"), on="subject")


def _facts(rows: pl.LazyFrame, day: str, columns: Mapping[str, pl.Expr], imputation: str | None = None) -> pl.LazyFrame:
    """Dated facts with their source: subject, day, imputation, source columns."""
    flag = pl.col(imputation) if imputation is not None else pl.lit(None, pl.String)
    return rows.filter(pl.col(day).is_not_null()).select("subject", day=day, imputation=flag, **columns)


def _therapy_rule(options: Mapping[str, Any]) -> str:
    return str(options[BLOCK]["new_therapy"]) if options["therapies"] == "per_options" else "ignored"


def _counts(rule: str) -> pl.Expr:
    """Whether a fact counts beside a new therapy. Before it, the start is a day of censoring in any case."""
    if rule == "ignored":
        return pl.lit(value=True)
    beside = _is_before_therapy(rule)
    return beside | (pl.col("what") == "origin") if rule == "strict_before" else beside


def _is_before_therapy(rule: str) -> pl.Expr:
    day, therapy = pl.col("day"), pl.col("therapy_date")
    return therapy.is_null() | ((day < therapy) if rule == "strict_before" else (day <= therapy))


def _published(chosen: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    rules, rule = options[BLOCK], _therapy_rule(options)
    texts, codes = rules["texts"], rules["censoring_codes"]
    what = pl.col("what")
    ended = pl.col("therapy_date").is_not_null() & ~pl.col("is_event") & pl.lit(rule == "end_dates")
    at_origin = texts["origin"].get(options["origin"], {})
    censored = {
        "last_known_alive": texts["last_known_alive"], "last_assessment": texts["last_assessment"], "origin": at_origin,
    }  # fmt: skip
    happened = {
        **{name: texts[name] for name in _REASONS},
        **{name: words.get("event") for name, words in censored.items()},
    }
    start_name = options["origin"] if options["start"] == "origin" else options["start"]
    # A day before the start is lifted to the start; without a start it stays.
    lifted = pl.max_horizontal("day", "start_date")
    days = (lifted - pl.col("start_date")).dt.total_days() + 1
    reason = what.replace(_REASONS).str.to_uppercase()
    rows = chosen.with_columns(
        date=lifted,
        days=days,
        months=days / options["days_per_month"],
        event="is_event",
        cnsr=pl.when("is_event")
        .then(pl.lit(0))
        .when(ended)
        .then(pl.lit(codes["new_therapy"]))
        .otherwise(pl.lit(codes["censored"])),
        event_type=pl.col("is_event").cast(pl.Int64),
        reason=pl.when(ended).then(pl.lit("NEW_THERAPY")).otherwise(reason),
        event_description=pl.when(ended).then(pl.lit(texts["new_therapy"])).otherwise(_words(what, happened)),
        censoring_description=_words(what, {name: words.get("date") for name, words in censored.items()}),
        date_imputation="imputation",
        start_variable=pl.lit(rules["start_variables"].get(start_name), pl.String),
        rule_id=phrase(
            "admiralonco.{}.{}",
            pl.when("is_event").then(pl.lit("event")).otherwise(pl.lit("censor")),
            pl.when(ended).then(what + pl.lit(".new_therapy")).otherwise(what),
        ),
        # The package has neither delayed entry nor interval censoring.
        entry_days=pl.lit(None),
        interval_left=pl.lit(None),
        interval_right=pl.lit(None),
    )
    return rows.select("subject", *[pl.col(name).cast(kind) for name, kind in TTE_SCHEMA.items() if name != "subject"])


def _words(what: pl.Expr, words: Mapping[str, str | None]) -> pl.Expr:
    return what.replace_strict(dict(words), default=None, return_dtype=pl.String)
