"""Parameters of ADTTE: the earliest event, else the latest day of censoring."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import polars as pl
from rules_engine.endpoints.sharing import named, numbered
from rules_engine.endpoints.sources import ASSESSMENT, DEATH, LAST_CONTACT, ORIGIN, SOURCE_COLUMNS, source
from rules_engine.findings import phrase
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import TTE_SCHEMA, SubjectRecords, Words

from rules_engine_plugins.admiralonco.assessments import Prepared, prepare
from rules_engine_plugins.admiralonco.options import BLOCK
from rules_engine_plugins.admiralonco.parameters import (
    derive_progressions,
    derive_responses,
    last_assessments,
    with_responses,
)

#: Reason of a record, by what it is dated to.
_REASONS: Final = {"progression": "PD", "death": "DEATH"}


def derive_time(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words) -> pl.LazyFrame:
    """One row per subject with an event or a day of censoring (`vocabulary.TTE_SCHEMA`); days and months are missing
    where the start is.
    """
    chosen = derive_chosen(numbered(records), endpoint, cutoff, words=words)
    return named(_published(chosen, endpoint.options), records, TTE_SCHEMA)


def derive_chosen(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words) -> pl.LazyFrame:
    """What each subject's record is dated to: subject, day, what, is_event, start_date, therapy_date, and the source of
    that day (imputation, `source_…`). Subjects with neither event nor censoring are left out.
    """
    options = endpoint.options
    what, day, is_event = choose(
        {name: pl.col(f"{name}_counts") for name in options["events"]},
        {name: pl.col(f"{name}_counts") for name in options["censoring"]},
    )
    rows = derive_considered(records, endpoint, cutoff, words=words)
    chosen = rows.with_columns(what=what, day=day, is_event=is_event).filter(pl.col("day").is_not_null())
    return chosen.with_columns(**_sources(options))


def derive_considered(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words
) -> pl.LazyFrame:
    """The subjects who have a clock with everything that their record may be dated to: start_date, therapy_date, and of each
    name of `_DAYS` the day as `…_stated`, and as `…_counts` where it counts beside a new therapy.
    """
    options = endpoint.options
    prepared = prepare(records, options, cutoff, words)
    rule = _therapy_rule(options)
    looks = prepared.flagged
    if rule == "strict_before":
        # The last assessment is sought again among those before the therapy; with end dates it is not.
        looks = looks.filter(_is_before_therapy(pl.col("day"), rule))
    rows = _started(prepared, options)
    for name, found in (
        ("progression", derive_progressions(prepared, options)), ("last_assessment", last_assessments(looks)),
    ):  # fmt: skip
        columns = {f"{name}_{column}": pl.col(column) for column in ("day", "imputation", "seq", "source_id")}
        rows = rows.join(found.select("subject", **columns), on="subject", how="left")
    return rows.with_columns(
        **{f"{name}_stated": day for name, day in _DAYS.items()},
        **{f"{name}_counts": _counted(name, day, rule) for name, day in _DAYS.items()},
    )


#: The day of each event and each kind of censoring.
_DAYS: Final = {
    "progression": pl.col("progression_day"),
    "death": pl.col("death_date"),
    "last_known_alive": pl.col("last_alive_date"),
    "last_assessment": pl.col("last_assessment_day"),
    "origin": pl.col("reference_date"),
}


def choose(events: Mapping[str, pl.Expr], censorings: Mapping[str, pl.Expr]) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Name, day and whether it is an event: the earliest event, on one day the first listed; else the latest censoring,
    on one day the last listed.

    In: the day of each, null where there is none.
    """
    first, last = pl.min_horizontal(*events.values()), pl.max_horizontal(*censorings.values())
    what = pl.lit(None, pl.String)
    for name, day in censorings.items():
        what = pl.when(day == last).then(pl.lit(name)).otherwise(what)
    for name, day in reversed(list(events.items())):
        what = pl.when(day == first).then(pl.lit(name)).otherwise(what)
    return what, pl.coalesce(first, last), first.is_not_null()


def _sources(options: Mapping[str, Any]) -> dict[str, pl.Expr]:
    """Where the chosen day comes from."""
    assessment = source(ASSESSMENT)
    none = pl.lit(None, pl.String)
    of: dict[str, dict[str, pl.Expr]] = {
        name: {
            **assessment, "source_seq": pl.col(f"{name}_seq"), "source_id": pl.col(f"{name}_source_id"),
            "imputation": pl.col(f"{name}_imputation"),
        }
        for name in ("progression", "last_assessment")
    }  # fmt: skip
    # The package reads the death from its own parameter DEATH, hence ADRS.
    of["death"] = {**assessment, "source_id": pl.lit(DEATH), "imputation": pl.col("death_imputation")}
    of["last_known_alive"] = {**source(LAST_CONTACT), "imputation": none}
    variable = options[BLOCK]["start_variables"].get(options["origin"])
    of["origin"] = {**source(ORIGIN), "source_variable": pl.lit(variable, pl.String), "imputation": none}
    found = {}
    for column in (*SOURCE_COLUMNS, "imputation"):
        value = pl.lit(None)
        for name, columns in of.items():
            value = pl.when(pl.col("what") == name).then(columns[column]).otherwise(value)
        found[column] = value
    return found


def _started(prepared: Prepared, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The subjects who have a clock, with `start_date`: everybody, or responders from their first response."""
    if options["start"] == "origin":
        return prepared.subjects.with_columns(start_date="reference_date")
    confirmed = options["start"] == "confirmed_response"
    responses = derive_responses(with_responses(prepared, options[BLOCK], confirmed=confirmed))
    return prepared.subjects.join(responses.select("subject", start_date="day"), on="subject")


def _therapy_rule(options: Mapping[str, Any]) -> str:
    return str(options[BLOCK]["new_therapy"]) if options["therapies"] == "per_options" else "ignored"


def _counted(name: str, day: pl.Expr, rule: str) -> pl.Expr:
    """The day where it counts beside a new therapy. Strictly before it, the start counts in any case."""
    if rule == "ignored" or (rule == "strict_before" and name == "origin"):
        return day
    return pl.when(_is_before_therapy(day, rule)).then(day)


def _is_before_therapy(day: pl.Expr, rule: str) -> pl.Expr:
    therapy = pl.col("therapy_date")
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
