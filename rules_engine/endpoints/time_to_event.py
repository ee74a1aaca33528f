"""A time-to-event endpoint from a subject's records: the twelve steps in order. At most one row per subject.

Sources: FDA 2007 (clinical trial endpoints, Appendices 2 and 3), EMA/CHMP/27994/2008 Rev. 1, Seymour 2017 for
unconfirmed progression.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from rules_engine.endpoints import candidates as events
from rules_engine.endpoints.best_response import derive_first_response, derive_window
from rules_engine.endpoints.censoring import (
    DEATH_DATE,
    LAST_ADEQUATE,
    LAST_EVALUABLE,
    LAST_KNOWN_ALIVE,
    START,
    THERAPY_START,
    assessment_table,
    censored,
    censoring_code,
    dispositions,
)  # fmt: skip
from rules_engine.endpoints.event_dates import midpoint, next_scheduled_visit
from rules_engine.endpoints.evidence_of_life import derive_last_known_alive
from rules_engine.endpoints.missed_visits import derive_first_long_gap, is_gap_too_long, is_reference
from rules_engine.endpoints.sharing import named, numbered
from rules_engine.endpoints.sources import ASSESSMENT, DEATH, ORIGIN, SOURCE_COLUMNS, record_source, source
from rules_engine.endpoints.stream import Stream, derive_stream
from rules_engine.endpoints.therapies import filter_to_action, filter_usable
from rules_engine.findings import phrase
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import TTE_SCHEMA, SubjectRecords


def derive_time_to_event(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date) -> pl.LazyFrame:
    """One row of `TTE_SCHEMA` per subject who has a record of this endpoint."""
    return named(_derive(numbered(records), endpoint, cutoff), records, TTE_SCHEMA)


def _derive(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date) -> pl.LazyFrame:
    stream = derive_stream(records, endpoint, cutoff)  # steps 1-8
    return (
        derive_starts(records, stream, endpoint)
        .cache()
        .pipe(derive_events, records, stream, endpoint)  # 9
        .cache()
        .pipe(derive_last_assessments, stream, endpoint)
        .cache()
        .pipe(derive_discarded, stream, endpoint)  # 10
        .pipe(derive_event_dates, endpoint, cutoff)  # 11
        .pipe(derive_censoring, records, stream, endpoint, cutoff)  # 12
        .pipe(derive_record, endpoint)
    )


def death_is_event(options: Mapping[str, Any]) -> bool:
    """Death ends this endpoint as an event."""
    named = set(options["events"])
    return "death" in named or ("death_per_ttup_death" in named and options["ttup_death"] == "event")


def death_is_relabelled(options: Mapping[str, Any]) -> bool:
    """Death ends the time without being the event: it is derived like an event, then called censored or competing."""
    about_death = {"progression", "death_per_ttup_death"} & set(options["events"])
    return bool(about_death) and not death_is_event(options) and options["death_handling"] != "censor_last_adequate"


def derive_starts(records: SubjectRecords, stream: Stream, endpoint: EndpointDefinition) -> pl.LazyFrame:
    """The subjects of the endpoint: the clock with start_date, anchor, the therapy `n_…`, u_date, has_evaluable."""
    options = endpoint.options
    subjects = stream.clock.with_columns(start_date=pl.col("t0"))
    if options["population"] == "responders" or options["start"] == "response":
        window = derive_window(stream.usable, stream.progression, options)
        subjects = subjects.join(derive_first_response(window, options), on="subject")
        if options["start"] == "response":
            subjects = subjects.with_columns(start_date="response_date")
    evaluated = stream.timeline.filter("evaluable").select("subject", has_evaluable=pl.lit(value=True)).unique()
    anchor = endpoint.schedule.anchor if endpoint.schedule else None
    anchors = (
        records.origins.filter(pl.col("origin") == (anchor or "")).group_by("subject").agg(anchor=pl.col("date").min())
    )
    return (
        subjects.join(evaluated, on="subject", how="left")
        .join(anchors, on="subject", how="left")
        .join(stream.truncation, on="subject", how="left")
        .join(stream.progression.select("subject", "u_date"), on="subject", how="left")
        .with_columns(pl.col("has_evaluable").fill_null(value=False), pl.coalesce("anchor", "t0").alias("anchor"))
    )


def derive_events(
    subjects: pl.LazyFrame, records: SubjectRecords, stream: Stream, endpoint: EndpointDefinition
) -> pl.LazyFrame:
    """Step 9: the earliest usable event of each subject (`e_…` columns, null where there is none)."""
    options = endpoint.options
    named = set(options["events"])
    found: list[pl.LazyFrame] = []
    if "progression" in named:
        found.append(events.derive_progression_events(stream.progression, stream.usable))
        if options["clinical_progression"] == "event":
            found.append(_recorded(records, stream, ["clinical_progression"], "CLINICAL_PROGRESSION", options))
    if "second_progression" in named:
        found.append(events.derive_second_progressions(stream.usable, stream.therapies))
    if "response" in named:
        found.append(events.derive_responses_as_events(subjects, stream.usable))
    kinds = [kind for key in ("efs_kinds", "ttup_kinds") if key in named for kind in options[key]]
    kinds += ["second_primary"] if "second_primary" in named else []
    if kinds:
        found.append(_recorded(records, stream, kinds, "OTHER", options))
    if "discontinuation" in named:
        found.append(events.derive_discontinuations(records.components, stream.clock, options))
    if death_is_event(options) or death_is_relabelled(options):
        found.append(events.derive_deaths(stream.clock))
    if "event" in stream.action_of.values():
        found.append(events.derive_therapy_events(filter_to_action(stream.therapies, stream.action_of, "event")))
    first = events.derive_first_event([filter_usable(one, stream.truncation, options) for one in found])
    return subjects.join(first.select("subject", pl.exclude("subject").name.prefix("e_")), on="subject", how="left")


def _recorded(
    records: SubjectRecords, stream: Stream, kinds: list[str], reason: str, options: Mapping[str, Any]
) -> pl.LazyFrame:
    return events.derive_recorded_events(records.clinical_events, stream.clock, kinds, reason, options)


def is_adequate(options: Mapping[str, Any]) -> pl.Expr:
    """The assessment is evaluable and, where progression is an event, shows none."""
    if options["censoring"] == "last_adequate":
        return pl.col("evaluable") & ~pl.col("progression")
    return pl.col("evaluable")


def derive_last_assessments(subjects: pl.LazyFrame, stream: Stream, endpoint: EndpointDefinition) -> pl.LazyFrame:
    """The assessments that the later steps look back to, each as the last date of its kind (null where there is none).

    reference: start of the gap before the event; evaluable_before_e: before the event; adequate_last,
    adequate_before_e, adequate_before_u: adequate ones in all, before the event, before an unconfirmed progression.
    """
    options = endpoint.options
    day, event = pl.col("date"), pl.col("e_date")
    counts = pl.col("start_date") <= day
    is_event_itself = pl.col("e_reason").is_in(list(events.IMAGED_REASONS)) & (day == event)
    before = counts & (day <= event) & ~is_event_itself & is_reference(options["missed_visits"])
    adequate = counts & is_adequate(options)

    def last(condition: pl.Expr) -> pl.Expr:
        return pl.when(condition).then(day).max()

    looked_back = (
        stream.usable.select("subject", "date", "evaluable", "progression")
        .join(subjects.select("subject", "start_date", "e_date", "e_reason", "u_date"), on="subject")
        .group_by("subject")
        .agg(
            reference=last(before),
            evaluable_before_e=last(counts & (day < event) & pl.col("evaluable")),
            adequate_last=last(adequate),
            adequate_before_e=last(adequate & (day < event)),
            adequate_before_u=last(adequate & (day < pl.col("u_date"))),
        )
    )
    return subjects.join(looked_back, on="subject", how="left")


def derive_discarded(subjects: pl.LazyFrame, stream: Stream, endpoint: EndpointDefinition) -> pl.LazyFrame:
    """Step 10: discarded (too many visits were missed), and missed_from, the adequate assessment before it."""
    options = endpoint.options
    rules = options["missed_visits"]
    reason = pl.col("e_reason")
    if options["missed_visit_rule"] == "ignored" or rules["method"] == "disabled":
        return subjects.with_columns(discarded=pl.lit(value=False), missed_from=pl.lit(None, pl.Date))
    is_progression, is_death = reason.is_in(list(events.PROGRESSION_REASONS)), reason == "DEATH"
    if rules["scope"] == "any_gap":
        return _derive_discarded_at_any_gap(subjects, stream, endpoint, is_progression | is_death)
    applies_to = rules["applies_to"]
    concerned = (is_progression & pl.lit("progression" in applies_to)) | (is_death & pl.lit("death" in applies_to))
    since = pl.coalesce("reference", "start_date")
    too_long = is_gap_too_long(rules, endpoint.schedule, since, pl.col("e_date"))
    return subjects.with_columns(
        discarded=(concerned & too_long).fill_null(value=False), missed_from=pl.col("adequate_before_e")
    )


def _derive_discarded_at_any_gap(
    subjects: pl.LazyFrame, stream: Stream, endpoint: EndpointDefinition, is_subject_to_rule: pl.Expr
) -> pl.LazyFrame:
    rules = endpoint.options["missed_visits"]
    limits = subjects.select(
        "subject", "start_date", "anchor", "e_date", end_date=pl.when(is_subject_to_rule).then("e_date")
    )
    seen = stream.usable.join(limits.select("subject", "start_date", "e_date"), on="subject")
    references = seen.filter(
        is_reference(rules),
        pl.col("date") >= pl.col("start_date"),
        pl.col("e_date").is_null() | (pl.col("date") <= pl.col("e_date")),
    )
    gaps = derive_first_long_gap(limits, references, rules, endpoint.schedule)
    before = (
        stream.usable.join(gaps, on="subject")
        .join(limits.select("subject", "start_date"), on="subject")
        .filter(is_adequate(endpoint.options), pl.col("date").is_between("start_date", "gap_from"))
        .group_by("subject")
        .agg(missed_from=pl.col("date").max())
    )
    return (
        subjects.join(gaps, on="subject", how="left")
        .join(before, on="subject", how="left")
        .with_columns(discarded=pl.col("gap_from").is_not_null())
        .drop("gap_from")
    )


def derive_event_dates(subjects: pl.LazyFrame, endpoint: EndpointDefinition, cutoff: date) -> pl.LazyFrame:
    """Step 11: has_event, moved_date (the date of the event after the rules that move it)."""
    options = endpoint.options
    is_imaged = pl.col("e_reason").is_in(list(events.IMAGED_REASONS))
    rule = options["pd_date"] if options["date_transformation"] == "applied" else None
    moved = pl.col("e_date")
    if rule == "midpoint":
        left = pl.coalesce("evaluable_before_e", "start_date")
        moved = pl.when(is_imaged).then(midpoint(left, moved)).otherwise(moved)
    elif rule == "next_scheduled":
        if endpoint.schedule is None:
            raise ValueError("pd_date next_scheduled needs a schedule")  # reported by check() before any run
        moved = pl.when(is_imaged).then(next_scheduled_visit(endpoint.schedule, moved, cutoff)).otherwise(moved)
    return subjects.with_columns(
        has_event=pl.col("e_date").is_not_null() & ~pl.col("discarded"),
        moved_date=moved,
    )


def censoring_scheme(options: Mapping[str, Any]) -> str:
    """How the endpoint is censored: as `censoring` says, or for PFS2 last_known_alive or last_evaluable_alone."""
    if options["censoring"] != "pfs2_censor":
        return str(options["censoring"])
    return "last_evaluable_alone" if options["pfs2_censor"] == "last_evaluable" else LAST_KNOWN_ALIVE


def derive_censoring(
    subjects: pl.LazyFrame, records: SubjectRecords, stream: Stream, endpoint: EndpointDefinition, cutoff: date
) -> pl.LazyFrame:
    """Step 12: c_reason, c_date, c_kind and the source of that date (`c_source_…`, c_imputation)."""
    options = endpoint.options
    scheme = censoring_scheme(options)
    if scheme == LAST_KNOWN_ALIVE:
        alive = derive_last_known_alive(records, stream.clock, options, cutoff)
        subjects = subjects.join(alive, on="subject", how="left")
        table = dispositions(pl.col("lka"), LAST_KNOWN_ALIVE)
    elif scheme == "last_evaluable_alone":
        table = dispositions(pl.col("adequate_last"), LAST_EVALUABLE)
    else:
        kind = LAST_ADEQUATE if scheme == "last_adequate" else LAST_EVALUABLE
        table = assessment_table(kind, progression_counts="progression" in options["events"])
    assessed = stream.usable.select(
        "subject",
        c_date="date",
        a_imputation="imputation",
        **{f"a_{name}": value for name, value in record_source(ASSESSMENT).items()},
    )
    # Null dates never meet in a join, so that only censored subjects look for their assessment.
    return subjects.with_columns(**censored(table)).join(assessed, on=["subject", "c_date"], how="left")


def derive_record(subjects: pl.LazyFrame, endpoint: EndpointDefinition) -> pl.LazyFrame:
    """The record as published: event or censoring, its date, duration, reason, texts and source."""
    options = endpoint.options
    relabelled = pl.col("has_event") & (pl.col("e_reason") == "DEATH") & pl.lit(death_is_relabelled(options))
    is_event = pl.col("has_event") & ~relabelled
    competing = relabelled & pl.lit(options["death_handling"] == "competing")
    start_name = "response" if options["start"] == "response" else options["origin"]
    start_variable = options["start_variables"].get(start_name)
    rows = subjects.with_columns(
        event=is_event,
        event_type=pl.when(competing).then(2).when(is_event).then(1).otherwise(0).cast(pl.Int64),
        reason=pl.when(relabelled)
        .then(pl.lit("DEATH_NOT_EVENT"))
        .when(is_event)
        .then("e_reason")
        .otherwise("c_reason"),
        date=pl.max_horizontal(pl.when("has_event").then("moved_date").otherwise("c_date"), "start_date"),
        kind=pl.when(relabelled).then(pl.lit(DEATH_DATE)).when(~is_event).then("c_kind"),
    )
    plus_one = 1 if options["day_convention"] == "plus_one" else 0
    days = (pl.col("date") - pl.col("start_date")).dt.total_days() + plus_one
    entry = pl.lit(None, pl.Int64)
    if options["delayed_entry"] == "last_component":
        entry = (pl.col("complete_date") - pl.col("t0")).dt.total_days() + plus_one
    rows = rows.with_columns(days=days, entry_days=entry)
    if options["delayed_entry"] == "last_component":
        # Who is not under observation before the end of the time is never at risk.
        rows = rows.filter(pl.col("entry_days") < pl.col("days"))
    left = pl.when(pl.col("event") & (pl.col("e_reason") != "DEATH")).then(
        pl.coalesce("evaluable_before_e", "start_date")
    )
    reasons = options["censoring_reasons"]
    return rows.with_columns(
        months=pl.col("days") / options["days_per_month"],
        cnsr=pl.when("event").then(pl.lit(0, pl.Int64)).otherwise(censoring_code(pl.col("reason"), reasons)),
        event_description=_event_text(options),
        censoring_description=pl.col("kind").replace_strict(
            dict(options["censoring_dates"]), default=None, return_dtype=pl.String
        ),
        start_variable=pl.lit(start_variable, pl.String),
        interval_left=pl.when(left.is_not_null()).then(left).otherwise("date"),
        interval_right=pl.when("event").then(pl.max_horizontal("e_date", "start_date")),
        rule_id=phrase(
            "{}.{}",
            pl.when(competing)
            .then(pl.lit("competing"))
            .when("event")
            .then(pl.lit("event"))
            .otherwise(pl.lit("censor")),
            pl.col("reason").str.to_lowercase(),
        ),
        **_sources(options, start_variable),
    ).select("subject", *[pl.col(name).cast(dtype) for name, dtype in TTE_SCHEMA.items() if name != "subject"])


def _event_text(options: Mapping[str, Any]) -> pl.Expr:
    """What happened, in the ruleset's words."""
    happened = pl.col("reason").replace_strict(dict(options["event_reasons"]), default=None, return_dtype=pl.String)
    ended = {name: words["text"] for name, words in options["censoring_reasons"].items()}
    return (
        pl.when("event")
        .then(happened)
        .otherwise(pl.col("reason").replace_strict(ended, default=None, return_dtype=pl.String))
    )


def _sources(options: Mapping[str, Any], start_variable: str | None) -> dict[str, pl.Expr]:
    """Source columns of the record's date: the event's record, or what the censoring date is."""
    kind = pl.col("kind")
    at_origin = {**source(ORIGIN), "source_variable": pl.lit(start_variable, pl.String)}
    by_kind: dict[str, dict[str, pl.Expr]] = {
        START: at_origin,
        LAST_ADEQUATE: {name: pl.col(f"a_{name}") for name in SOURCE_COLUMNS},
        LAST_EVALUABLE: {name: pl.col(f"a_{name}") for name in SOURCE_COLUMNS},
        THERAPY_START: {name: pl.col(f"n_{name}") for name in SOURCE_COLUMNS},
        DEATH_DATE: source(DEATH),
    }
    if censoring_scheme(options) == LAST_KNOWN_ALIVE:
        by_kind[LAST_KNOWN_ALIVE] = {name: pl.col(f"lka_{name}") for name in SOURCE_COLUMNS}
    found: dict[str, pl.Expr] = {}
    for name in SOURCE_COLUMNS:
        value = pl.col(f"e_{name}")
        for of_kind, columns in by_kind.items():
            value = pl.when((kind == of_kind).fill_null(value=False)).then(columns[name]).otherwise(value)
        found[name] = value
    found["date_imputation"] = (
        pl.when(kind.is_in([LAST_ADEQUATE, LAST_EVALUABLE]))
        .then("a_imputation")
        .when(kind == THERAPY_START)
        .then("n_imputation")
        .when(kind.is_null() | (kind == DEATH_DATE))
        .then("e_imputation")
    )
    return found
