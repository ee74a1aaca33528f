"""What the package passes over in silence, said aloud."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
from rules_engine import terms
from rules_engine.endpoints.sharing import named, numbered
from rules_engine.findings import NOTE, SCHEMA, WARNING, concat_findings, derive_findings, phrase
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import SubjectRecords, Words

from rules_engine_plugins.admiralonco.assessments import Prepared, prepare
from rules_engine_plugins.admiralonco.options import BLOCK
from rules_engine_plugins.admiralonco.times import derive_chosen


def validate_parameter(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words
) -> pl.LazyFrame:
    """Findings about the records that a parameter of ADRS reads: one row per odd record (`findings.SCHEMA`)."""
    return named(_about_records(numbered(records), endpoint, cutoff, words), records, SCHEMA)


def validate_time(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words) -> pl.LazyFrame:
    """Findings about the records that a parameter of ADTTE reads, and about records whose day was moved."""
    by_number = numbered(records)
    odd = [_about_records(by_number, endpoint, cutoff, words), _lifted(by_number, endpoint, cutoff, words)]
    return named(concat_findings(odd), records, SCHEMA)


def _about_records(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, words: Words) -> pl.LazyFrame:
    prepared = prepare(records, endpoint.options, cutoff, words)
    return prepared.step("findings", lambda: concat_findings(_odd_records(prepared, endpoint.options, cutoff)))


def _odd_records(prepared: Prepared, options: Mapping[str, Any], cutoff: date) -> list[pl.LazyFrame]:
    dated = prepared.dated
    return [
        derive_findings(
            prepared.subjects.filter(pl.col("reference_date").is_null()),
            rule_id="endpoint.admiralonco.no_reference",
            severity=WARNING,
            table="subjects",
            message=f"the reference date {options['origin']} is not known",
            action="no assessment of the subject counts; times have no duration",
            field="origin",
        ),
        derive_findings(
            dated.filter(pl.col("code").is_null()),
            rule_id="endpoint.admiralonco.unknown_value",
            severity=WARNING,
            table="assessments",
            message=f"the package does not know this response (codes: {options[BLOCK]['codes']})",
            action="the assessment is passed over",
            record=pl.col("source_id"),
            field="response",
            value=pl.col("value"),
        ),
        derive_findings(
            dated.filter(pl.col("code").is_not_null(), pl.col("day").is_null()),
            rule_id="endpoint.admiralonco.no_day",
            severity=WARNING,
            table="assessments",
            message="the month of the assessment is not known",
            action="the assessment is passed over",
            record=pl.col("source_id"),
            field="date",
        ),
        _fallen_back(prepared.flagged),
        _after_cutoff(dated, options, cutoff),
    ]


def _fallen_back(flagged: pl.LazyFrame) -> pl.LazyFrame:
    first_cr = flagged.filter(pl.col("code") == terms.CR).group_by("subject").agg(since=pl.col("day").min())
    later = flagged.join(first_cr, on="subject").filter(pl.col("code") == terms.PR, pl.col("day") > pl.col("since"))
    return derive_findings(
        later,
        rule_id="endpoint.admiralonco.response_after_cr",
        severity=WARNING,
        table="assessments",
        message=phrase("PR after the CR of {}", "since"),
        action="both count; the PR cannot confirm an earlier PR",
        record=pl.col("source_id"),
        field="response",
        value=pl.col("value"),
    )


def _after_cutoff(dated: pl.LazyFrame, options: Mapping[str, Any], cutoff: date) -> pl.LazyFrame:
    """Nothing where the cut-off is applied: then there are no such records left."""
    return derive_findings(
        dated.filter(pl.col("usable"), pl.col("day") > cutoff),
        rule_id="endpoint.admiralonco.after_cutoff",
        severity=WARNING,
        table="assessments",
        message=f"the assessment is after the data cut-off {cutoff.isoformat()}",
        action=f"it counts ({BLOCK}.data_cutoff: {options[BLOCK]['data_cutoff']})",
        record=pl.col("source_id"),
        field="date",
        value=pl.col("day"),
    )


def _lifted(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, words: Words) -> pl.LazyFrame:
    what = pl.col("what").str.replace_all("_", " ")
    return derive_findings(
        derive_chosen(records, endpoint, cutoff, words=words).filter(pl.col("day") < pl.col("start_date")),
        rule_id="endpoint.admiralonco.lifted",
        severity=NOTE,
        table="adtte",
        message=phrase(f"{endpoint.paramcd}: {{}} on {{}} is before the start {{}}", what, "day", "start_date"),
        action="it counts on the day of the start",
        record=pl.col("source_id"),
        field="date",
        value=pl.col("day"),
    )
