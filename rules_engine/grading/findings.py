"""What grading found odd, as findings: results without a grade, terms that are in no dictionary, grades to be
queried.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules_engine.findings import NOTE, WARNING, concat_findings, derive_findings, phrase

#: Why a laboratory result has no grade, in words.
_REASONS: Final = {
    "NO_VALUE": "no number was reported",
    "NO_RANGE": "a limit of normal is missing, and no absolute cut-off decides",
    "NO_BASELINE": "the grade compares with a baseline, and there is none",
    "NO_ALBUMIN": "total calcium without albumin of the same day",
    "UNIT_UNKNOWN": "the unit is missing, or none that the cut-offs know",
    "QUALIFIER_UNKNOWN": "a clinical fact that decides is not recorded",
    "NOT_LAB_GRADABLE": "the term is graded by clinical signs alone in this version",
    "NO_TERM": "this version has no term for the analyte",
}

_CODES: Final = {
    "GRADE_NOT_INTEGER": (WARNING, "the grade is not a whole number from 1 to 5", "counted as not graded"),
    "GRADE_ZERO": (WARNING, "grade 0 is no adverse event", "counted as not graded"),
    "GRADE_NOT_DEFINED": (WARNING, "the dictionary does not have this grade for the term", "kept as reported"),
    "TERM_UNKNOWN": (NOTE, "the term is not in the dictionary", "only checked to lie between 1 and 5"),
    "GRADE5_NOT_FATAL": (WARNING, "grade 5, but the event is not recorded as fatal", "kept as reported"),
    "FATAL_NOT_GRADE5": (WARNING, "fatal, but graded below 5", "kept as reported"),
    "FATAL_TERM_HAS_NO_GRADE5": (WARNING, "fatal, but the term has no grade 5", "kept as reported"),
    "SER_GRADE": (NOTE, "grade and seriousness do not fit together", "kept as reported"),
}


def lab_findings(graded: pl.LazyFrame) -> pl.LazyFrame:
    """One finding per analyte, unit and reason why results were not graded, with their number."""
    counts = (
        graded.filter(pl.col("grade_reason").is_not_null())
        .group_by("analyte", "unit", "grade_reason")
        .agg(pl.len().alias("results"), pl.col("subject").n_unique().alias("subjects"))
    )
    words = pl.col("grade_reason").replace_strict(_REASONS, default=None, return_dtype=pl.String)
    message = phrase("{}: {} results of {} subjects not graded: {}", "analyte", "results", "subjects", words)
    return derive_findings(
        counts.with_columns(message.alias("_message")),
        rule_id="grading.labs.not_graded",
        severity=WARNING,
        table="labs",
        subject=None,
        record=pl.concat_str(pl.col("analyte"), pl.lit(" in "), pl.col("unit").fill_null("no unit")),
        field="value",
        value=pl.col("grade_reason"),
        message=pl.col("_message"),
        action="left without a grade",
    ).with_columns(
        severity=pl.when(pl.col("value").is_in(["NO_TERM", "NOT_LAB_GRADABLE", "NO_VALUE"]))
        .then(pl.lit(NOTE))
        .otherwise("severity")
    )


def event_findings(graded: pl.LazyFrame) -> pl.LazyFrame:
    """One finding per event record and query; events of one subject with several deaths; events without a start."""
    record = pl.col("row").cast(pl.String)
    parts = []
    for code, (severity, words, action) in _CODES.items():
        has_code = (pl.col("grade_code") == code) | pl.col("consistency_codes").str.split(";").list.contains(code)
        message = pl.concat_str(pl.col("analysis_term").fill_null("event"), pl.lit(f": {words}"))
        near = pl.concat_str(pl.lit("; nearest: "), pl.col("term_nearest")).fill_null("")
        parts.append(
            derive_findings(
                graded.filter(has_code.fill_null(value=False)),
                rule_id=f"grading.events.{code.lower()}",
                severity=severity,
                table="adverse_events",
                record=record,
                field="term" if code == "TERM_UNKNOWN" else "grade",
                value=pl.col("term") if code == "TERM_UNKNOWN" else pl.col("grade"),
                message=message if code != "TERM_UNKNOWN" else pl.concat_str(message, near),
                action=action,
            )
        )
    deaths = graded.filter(pl.col("atoxgrn") == 5, pl.len().over("subject", "atoxgrn") > 1)
    parts.append(
        derive_findings(
            deaths,
            rule_id="grading.events.several_deaths",
            severity=WARNING,
            table="adverse_events",
            record=record,
            field="grade",
            value=pl.col("grade"),
            message="more than one event of grade 5; a subject dies of one",
            action="kept as reported",
        )
    )
    return concat_findings(parts)
