"""What is odd in the records that an endpoint reads: findings, never corrections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import polars as pl

from rules_engine import terms
from rules_engine.endpoints.evidence_of_life import derive_last_evidence
from rules_engine.endpoints.observation import clock_key, dates_key, observe
from rules_engine.endpoints.origin import derive_time_origin
from rules_engine.endpoints.progression import derive_scanned
from rules_engine.endpoints.sharing import named, numbered
from rules_engine.endpoints.time_to_event import consider
from rules_engine.endpoints.words import words_in_use
from rules_engine.findings import ERROR, NOTE, SCHEMA, WARNING, concat_findings, derive_findings, phrase
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import Observation, SubjectRecords, Words


def validate_endpoint(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words
) -> Sequence[pl.LazyFrame]:
    """Findings about the records of one endpoint: one row per odd record of a subject (`findings.SCHEMA`).

    What endpoints have in common is found once: those of the same clock, dates or progression return the very same frames.
    """
    by_number = numbered(records)
    used = words_in_use(words, endpoint.options)
    observation = observe(by_number, endpoint, cutoff, used)

    def held(key: str, find: Callable[[], list[pl.LazyFrame]]) -> pl.LazyFrame:
        return by_number.step(f"findings {key}", lambda: named(concat_findings(find()), records, SCHEMA))

    def of_clock() -> list[pl.LazyFrame]:
        return [
            _unknown_origin(by_number, endpoint, words),
            _origin_after_cutoff(by_number, endpoint, cutoff, words),
            _death_before_origin(observation),
            _records_after_death(by_number, observation),
        ]

    def of_progression() -> list[pl.LazyFrame]:
        # Under first_pd an iCPD confirms nothing, whatever comes before it.
        waits = endpoint.options["pd_rule"] != "first_pd"
        return [_response_after_progression(observation), *([_confirmation_of_nothing(observation)] if waits else [])]

    own = _event_before_start(records, endpoint, cutoff, words)
    return [
        held(f"clock {clock_key(endpoint.options, cutoff, used)}", of_clock),
        held(f"dates {dates_key(endpoint.options, cutoff, used)}", lambda: [_straddling_assessments(observation)]),
        held(f"progression {observation.key}", of_progression),
        *(named(frame, records, SCHEMA) for frame in own),
    ]


def _unknown_origin(records: SubjectRecords, endpoint: EndpointDefinition, words: Words) -> pl.LazyFrame:
    known = derive_time_origin(records, endpoint.options, words)
    return derive_findings(
        records.subjects.join(known, on="subject", how="anti"),
        rule_id="endpoint.origin.unknown",
        severity=WARNING,
        table="subjects",
        message=f"the time origin {endpoint.options['origin']} is not known",
        action="the subject has no record of endpoints with this origin",
        field="origin",
    )


def _origin_after_cutoff(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, words: Words
) -> pl.LazyFrame:
    known = derive_time_origin(records, endpoint.options, words)
    return derive_findings(
        records.subjects.join(known.filter(pl.col("t0") > cutoff), on="subject"),
        rule_id="endpoint.origin.after_cutoff",
        severity=WARNING,
        table="subjects",
        message=phrase(f"the time origin {endpoint.options['origin']}, {{}}, is after the data cut-off {cutoff}", "t0"),
        action="the subject has no record of endpoints with this origin",
        field="origin",
        value=pl.col("t0"),
    )


def _death_before_origin(observation: Observation) -> pl.LazyFrame:
    return derive_findings(
        observation.clock.filter(pl.col("death_date") < pl.col("t0")),
        rule_id="endpoint.death.before_origin",
        severity=ERROR,
        table="subjects",
        message=phrase("death lies before the time origin {}", "t0"),
        action="the death counts on the day of the origin",
        field="death_date",
        value=pl.col("death_date"),
    )


def _records_after_death(records: SubjectRecords, observation: Observation) -> pl.LazyFrame:
    latest = derive_last_evidence(records)
    return derive_findings(
        observation.clock.join(latest, on="subject").filter(pl.col("last_evidence") > pl.col("death_date")),
        rule_id="endpoint.death.before_last_evidence",
        severity=ERROR,
        table="subjects",
        message=phrase("a record dated {} requires the subject to be alive after the death", "last_evidence"),
        action="the death counts on its day",
        field="death_date",
        value=pl.col("death_date"),
    )


def _straddling_assessments(observation: Observation) -> pl.LazyFrame:
    cutoff = observation.cutoff
    return derive_findings(
        observation.dated.filter(pl.col("parts_from") <= cutoff, pl.col("parts_to") > cutoff),
        rule_id="endpoint.assessment.straddles_cutoff",
        severity=NOTE,
        table="assessments",
        message="the scans of this assessment lie on both sides of the cut-off",
        action="the assessment counts by its assigned date",
        record=pl.col("source_id"),
        field="date",
        value=pl.col("date"),
    )


def _response_after_progression(observation: Observation) -> pl.LazyFrame:
    progression = observation.progression.select("subject", "p_date", "certain_date")
    assessed = observation.assessments.join(progression, on="subject", how="left", maintain_order="left")
    is_later = (pl.col("date") > pl.col("certain_date")).fill_null(value=False)
    better = (terms.CR, terms.PR, terms.ICR, terms.IPR)
    return derive_findings(
        assessed.filter(is_later, pl.col("response").is_in(list(better))),
        rule_id="endpoint.response.after_progression",
        severity=WARNING,
        table="assessments",
        message=phrase("a response after the progression of {}", "p_date"),
        action="responses after progression are not used",
        record=pl.col("source_id"),
        field="response",
        value=pl.col("response"),
    )


def _confirmation_of_nothing(observation: Observation) -> pl.LazyFrame:
    return derive_findings(
        derive_scanned(observation).filter(~pl.col("was_pending"), pl.col("ends"), pl.col("response") == terms.ICPD),
        rule_id="endpoint.irecist.confirms_nothing",
        severity=WARNING,
        table="assessments",
        message="iCPD without an unconfirmed progression before it",
        action="it is progression at its own date",
        record=pl.col("source_id"),
        field="response",
        value=pl.col("response"),
    )


def _event_before_start(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, words: Words
) -> list[pl.LazyFrame]:
    """Events before a response that starts the clock; before an origin only a death can lie, which is said above."""
    if endpoint.options.get("start") != "response":
        return []
    subjects = consider(records, endpoint, cutoff, words).observation.subjects
    return [
        derive_findings(
            subjects.filter("has_event", pl.col("moved_date") < pl.col("start_date")),
            rule_id="endpoint.event.before_start",
            severity=WARNING,
            table="subjects",
            message=phrase(
                f"{endpoint.paramcd}: {{}} on {{}} is before the start {{}}", "e_reason", "moved_date", "start_date"
            ),
            action="it counts on the day of the start",
            record=pl.col("e_source_id"),
            field="date",
            value=pl.col("moved_date"),
        )
    ]
