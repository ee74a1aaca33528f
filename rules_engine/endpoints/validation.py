"""What is odd in the records that an endpoint reads: findings, never corrections."""

from __future__ import annotations

from datetime import date

import polars as pl

from rules_engine import terms
from rules_engine.endpoints.evidence_of_life import derive_last_evidence
from rules_engine.endpoints.observation import observe
from rules_engine.endpoints.origin import derive_components, derive_time_origin, earliest, latest
from rules_engine.endpoints.progression import derive_scan
from rules_engine.endpoints.sharing import named, numbered
from rules_engine.endpoints.words import words_in_use
from rules_engine.findings import ERROR, NOTE, SCHEMA, WARNING, concat_findings, derive_findings, phrase
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import Observation, SubjectRecords, Words


def validate_endpoint(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words
) -> pl.LazyFrame:
    """Findings about the records of one endpoint: one row per odd record (`findings.SCHEMA`)."""
    return named(_validate(numbered(records), endpoint, cutoff, words), records, SCHEMA)


def _validate(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, words: Words) -> pl.LazyFrame:
    observation = observe(records, endpoint, cutoff, words_in_use(words, endpoint.options))
    return concat_findings(
        [
            _unknown_origin(records, endpoint, words),
            _death_before_origin(observation),
            _records_after_death(records, observation),
            _straddling_assessments(observation),
            _response_after_progression(observation),
            _confirmation_of_nothing(observation),
            *_immortal_time(observation, words),
        ]
    )


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
    later = observation.assessments.join(
        observation.progression.filter(pl.col("certain_date").is_not_null()), on="subject"
    )
    better = (terms.CR, terms.PR, terms.ICR, terms.IPR)
    return derive_findings(
        later.filter(pl.col("date") > pl.col("certain_date"), pl.col("response").is_in(list(better))),
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
    scanned = derive_scan(observation.usable, observation.options)
    return derive_findings(
        scanned.filter(~pl.col("was_pending"), pl.col("ends"), pl.col("response") == terms.ICPD),
        rule_id="endpoint.irecist.confirms_nothing",
        severity=WARNING,
        table="assessments",
        message="iCPD without an unconfirmed progression before it",
        action="it is progression at its own date",
        record=pl.col("source_id"),
        field="response",
        value=pl.col("response"),
    )


def _immortal_time(observation: Observation, words: Words) -> list[pl.LazyFrame]:
    """Between first and last component nobody can die, which lengthens survival (CEBP 2022;31:2079)."""
    options = observation.options
    if options["origin"] != "first_component" or len(options["origin_components"]) < 2:
        return []
    components = derive_components(observation.records, options, words)
    first = earliest(components).rename({"date": "t0"})
    # Membership is defined by whichever components a subject has; the span runs to the last of these.
    last = latest(components).rename({"date": "complete"})
    spans = (
        first.join(last, on="subject")
        .join(observation.clock.select("subject"), on="subject", how="semi")
        .with_columns(span=(pl.col("complete") - pl.col("t0")).dt.total_days())
        .filter(pl.col("span") > 0)
    )
    summary = spans.select(
        n=pl.len(),
        low=pl.col("span").min(),
        q1=pl.col("span").quantile(0.25, "nearest"),
        median=pl.col("span").median(),
        q3=pl.col("span").quantile(0.75, "nearest"),
        high=pl.col("span").max(),
    ).filter(pl.col("n") > 0)
    return [
        derive_findings(
            summary,
            rule_id="endpoint.origin.immortal_time",
            severity=WARNING,
            table="subjects",
            subject=None,
            message=phrase(
                "the clock starts at the first component; {} subjects had to live until a later one: "
                "days between them {} (minimum), {} (lower quartile), {} (median), {} (upper quartile), {} (maximum)",
                "n", "low", "q1", "median", "q3", "high",
            ),
            action="none; compare with origin last_component or delayed_entry last_component",
            field="origin",
            value=pl.col("median"),
        )
    ]  # fmt: skip
