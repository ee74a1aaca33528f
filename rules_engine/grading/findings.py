"""What grading found odd, as findings: results without a grade, terms that are in no dictionary, grades to be
queried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from rules_engine.findings import NOTE, WARNING, concat_findings, derive_findings, phrase
from rules_engine.grading.lab_columns import FLAGS
from rules_engine.grading.worst import has_flag

#: Why laboratory results have no grade, in words; a test as a whole is at fault, or nobody.
_REASONS: Final = {
    "NO_TERM": (NOTE, "this version has no term for the analyte"),
    "NOT_LAB_GRADABLE": (NOTE, "the term is graded by clinical signs alone in this version"),
    "NOT_ENCODED": (WARNING, "this ruleset does not hold the cut-offs of the term (see its not_encoded)"),
    "NO_VALUE": (NOTE, "no result was reported"),
    "NOT_NUMERIC": (WARNING, "what was reported is no number"),
    "VALUE_IMPOSSIBLE": (WARNING, "the number is one that the analyte cannot have"),
    "UNIT_UNKNOWN": (WARNING, "the unit is missing, or none that the cut-offs know"),
    "UNIT_UNSUITABLE": (NOTE, "results in this unit are never graded (a percentage is no count)"),
    "UNIT_CONTRADICTS_RANGE": (WARNING, "unit and limits of normal contradict each other"),
    "NO_BASELINE": (WARNING, "the grade compares with a baseline before the result, and there is none"),
    "RANGE_INVALID": (WARNING, "the limits of normal cannot be right, and no absolute cut-off decides"),
    "NO_RANGE": (WARNING, "a limit of normal is missing, and no absolute cut-off decides"),
    "NO_ALBUMIN": (WARNING, "total calcium without albumin of the same day"),
    "IONIZED_PREFERRED": (NOTE, "ionized calcium of the same day is graded instead"),
    "QUALIFIER_UNKNOWN": (WARNING, "a clinical fact that decides is not recorded"),
}


@dataclass(frozen=True)
class OddResult:
    """What is odd in single results: the rule's name, the code that says so (a reason or a flag), what it is about, the
    message, what is done.
    """

    rule: str
    code: str
    about: str
    message: str
    action: str
    severity: str = WARNING


_UNGRADED: Final = "left without a grade"
_BY_RATIO: Final = "graded where multiples of the limits of normal suffice, else left without a grade"
_ODD_RESULTS: Final = (
    OddResult("not_numeric", "NOT_NUMERIC", "value", "what was reported is no number", _UNGRADED),
    OddResult("value_missing", "NO_VALUE", "value", "no result was reported", _UNGRADED, NOTE),
    OddResult("value_impossible", "VALUE_IMPOSSIBLE", "value", "the number cannot be", _UNGRADED),
    OddResult("value_censored", "CENSORED", "value", "the result is a limit of the method", "graded as just beyond it", NOTE),
    OddResult("unit_unknown", "UNIT_UNKNOWN", "value", "the unit is missing, or none that the grading knows", _BY_RATIO),
    OddResult("range_missing", "NO_RANGE", "lln, uln", "a limit of normal is missing", _UNGRADED, NOTE),
    OddResult("range_invalid", "RANGE_INVALID", "lln, uln", "the limits of normal cannot be right", "the limits are not used"),
    OddResult(
        "unit_contradicts_range", "UNIT_CONTRADICTS_RANGE", "lln, uln",
        "the limits of normal cannot be in the unit of the result", "left without a grade, unless the options say otherwise",
    ),
)  # fmt: skip

_CODES: Final = {
    "GRADE_NOT_INTEGER": (WARNING, "the grade is not a whole number from 1 to 5", "counted as not graded"),
    "GRADE_ZERO": (WARNING, "grade 0 is no adverse event", "counted as not graded"),
    "GRADE_NOT_DEFINED": (WARNING, "the dictionary does not have this grade for the term", "kept as reported"),
    "TERM_UNKNOWN": (NOTE, "the term is not in the dictionary", "only checked to lie between 1 and 5"),
    "GRADE5_NOT_FATAL": (WARNING, "grade 5, but the event is not recorded as fatal", "kept as reported"),
    "FATAL_NOT_GRADE5": (WARNING, "fatal, but graded below 5", "kept as reported"),
    "FATAL_TERM_HAS_NO_GRADE5": (WARNING, "fatal, but the term has no grade 5", "kept as reported"),
    "SER_GRADE": (NOTE, "grade and seriousness do not fit together", "kept as reported"),
    "DEATH_NOT_RECORDED": (WARNING, "fatal, but the study records no death of the subject", "kept as reported"),
}


#: Columns that say why a result has no grade.
_REASON_COLUMNS: Final = ("reason_low", "reason_high", "grade_reason")


def lab_findings(graded: pl.LazyFrame) -> pl.LazyFrame:
    """Odd results by subject, and baselines that are in doubt; results without a grade are counted by `tally_ungraded`."""
    remarked = graded.filter(pl.any_horizontal(pl.col(*_REASON_COLUMNS, "grade_flags").is_not_null()))  # few of many
    odd = [_odd_results(remarked, one) for one in _ODD_RESULTS]
    return concat_findings([*odd, _unknown_analytes(graded), _marked_baselines(graded), _tied_baselines(graded)])


def tally_ungraded(graded: pl.LazyFrame) -> pl.LazyFrame:
    """Results of some subjects that have no grade in a direction that has a term, or none at all: one row per analyte, unit
    and reason with the number of results and of subjects, and the first of them (row, subject).
    """
    reasons = [pl.col(name).cast(pl.String) for name in _REASON_COLUMNS]
    return (
        graded.filter(pl.any_horizontal(pl.col(*_REASON_COLUMNS).is_not_null()))
        .select("subject", "row", "analyte", "unit", reason=pl.concat_list(reasons).list.drop_nulls().list.unique())
        .explode("reason")
        .group_by("analyte", "unit", "reason")
        .agg(
            results=pl.len(), subjects=pl.col("subject").n_unique(),
            first=pl.struct("subject", "row").sort_by("row", "subject").first(),
        )
        .unnest("first")
    )  # fmt: skip


def conclude_ungraded(tallies: pl.LazyFrame) -> pl.LazyFrame:
    """One finding per analyte, unit and reason why results have no grade, from the stacked tallies of all subjects."""
    counts = tallies.group_by("analyte", "unit", "reason").agg(
        pl.col("results", "subjects").sum(), pl.col("row", "subject").sort_by("row", "subject").first()
    )
    what = {reason: words for reason, (_severity, words) in _REASONS.items()}
    severity = {reason: severity for reason, (severity, _words) in _REASONS.items()}
    message = phrase(
        "{}: {} result(s) of {} subject(s) not graded: {} (the first: row {} of subject {})",
        pl.col("analyte").fill_null("no analyte"), "results", "subjects",
        pl.col("reason").replace_strict(what, default=pl.col("reason")), "row", "subject",
    )  # fmt: skip
    return derive_findings(
        counts,
        rule_id="grading.labs.not_graded",
        severity=WARNING,
        table="labs",
        subject=None,
        record=phrase("{} in {}", pl.col("analyte").fill_null("no analyte"), pl.col("unit").fill_null("no unit")),
        field="value",
        value=pl.col("reason"),
        message=message,
        action=_UNGRADED,
    ).with_columns(severity=pl.col("value").replace_strict(severity, default=WARNING))


def _unknown_analytes(graded: pl.LazyFrame) -> pl.LazyFrame:
    """One finding per subject with results under codes that are no analytes of the grading: a test without a term, or a slip
    of the pen.
    """
    unknown = (
        graded.filter(pl.col("analyte_key").is_null())
        .sort("row")
        .group_by("subject")
        .agg(pl.len().alias("results"), pl.col("row").first(), codes=pl.col("analyte").unique().sort())
    )
    return derive_findings(
        unknown,
        rule_id="grading.labs.analyte_unknown",
        severity=NOTE,
        table="labs",
        record=phrase("row {}", "row"),
        field="analyte",
        value=pl.col("codes").list.join(", "),
        message=phrase("no analytes of the grading; {} such result(s)", "results"),
        action=_UNGRADED,
    )


def _odd_results(graded: pl.LazyFrame, odd: OddResult) -> pl.LazyFrame:
    """One finding per subject, analyte and unit with such results: how many, and the first of them."""
    says = [pl.col(name) == odd.code for name in _REASON_COLUMNS]
    if odd.code in FLAGS:
        says.append(has_flag(odd.code))
    is_odd = pl.any_horizontal(one.fill_null(value=False) for one in says)
    if odd.rule == "range_invalid":  # swapped limits are reported as such where the study is read
        is_odd &= (pl.col("lln") <= pl.col("uln")).fill_null(value=True)
    found = (
        graded.filter(is_odd)
        .sort("row")
        .group_by("subject", "analyte", "unit")
        .agg(pl.len().alias("results"), pl.col("row", "value", "lln", "uln").first())
    )
    limits = [pl.col(limit).cast(pl.String).fill_null("none") for limit in ("lln", "uln")]
    shown = pl.col("value").fill_null("(none)") if odd.about == "value" else phrase("{} to {}", *limits)
    return derive_findings(
        found,
        rule_id=f"grading.labs.{odd.rule}",
        severity=odd.severity,
        table="labs",
        record=phrase("row {}", "row"),
        field=odd.about,
        value=phrase("{} {}", shown, pl.col("unit").fill_null("(no unit)")),
        message=phrase(f"{{}}: {odd.message}; {{}} such result(s)", "analyte", "results"),
        action=odd.action,
    )


def _marked_baselines(graded: pl.LazyFrame) -> pl.LazyFrame:
    """Subjects for whom the study marks several results of one analyte as baseline."""
    marked = graded.filter(
        pl.col("is_baseline"), pl.col("value_number").is_not_null(), pl.col("analyte_key").is_not_null()
    )
    several = (
        marked.filter(pl.struct("subject", "analyte_key").is_duplicated())
        .sort("date", "row")
        .group_by("subject", "analyte_key")
        .agg(
            pl.len().alias("marked"),
            days=pl.col("date").cast(pl.String).unique(maintain_order=True),
            row=pl.col("row").first(),
        )
    )
    return derive_findings(
        several,
        rule_id="grading.labs.several_baselines",
        severity=WARNING,
        table="labs",
        record=phrase("row {}", "row"),
        field="is_baseline",
        value=pl.col("days").list.join(", "),
        message=phrase("{}: {} results are marked as baseline", "analyte_key", "marked"),
        action="the last of them is used, unless the options say otherwise",
    )


def _tied_baselines(graded: pl.LazyFrame) -> pl.LazyFrame:
    """Baselines beside another result of the same day, time and sequence number: nothing says which of them came last."""
    time = ["time"] if "time" in graded.collect_schema() else []
    sample = ["subject", "analyte_key", "date", *time, "seq"]
    # What ties with a baseline is not later than it.
    known = graded.filter(
        ~pl.col("is_post_baseline"), pl.col("date").is_not_null(), pl.col("value_number").is_not_null(),
        pl.col("analyte_key").is_not_null(),
    )  # fmt: skip
    tied = (
        known.filter(pl.struct(sample).is_duplicated())
        .group_by(sample)
        .agg(pl.col("is_baseline_record").any(), values=pl.col("value_number").n_unique(), row=pl.col("row").min())
        .filter(pl.col("is_baseline_record"), pl.col("values") > 1)
    )
    return derive_findings(
        tied,
        rule_id="grading.labs.baseline_tie",
        severity=WARNING,
        table="labs",
        record=phrase("row {}", "row"),
        field="value",
        value=pl.col("date"),
        message=phrase(
            "{}: {} different results on the day of the baseline, without an order", "analyte_key", "values"
        ),
        action="the highest is used",
    )


def event_findings(graded: pl.LazyFrame) -> pl.LazyFrame:
    """Queries about adverse events: one finding per record and code, per subject with several deaths or events without a
    grade, and per term that is not specified.
    """
    codes = [_coded(graded, code, *words) for code, words in _CODES.items()]
    return concat_findings([*codes, _several_deaths(graded), _without_grade(graded), *_not_specified(graded)])


_RECORD: Final = pl.col("row").cast(pl.String)


def _coded(graded: pl.LazyFrame, code: str, severity: str, words: str, action: str) -> pl.LazyFrame:
    has_code = (pl.col("grade_code") == code) | pl.col("consistency_codes").str.split(";").list.contains(code)
    message = pl.concat_str(pl.col("analysis_term").fill_null("event"), pl.lit(f": {words}"))
    near = pl.concat_str(pl.lit("; nearest: "), pl.col("term_nearest")).fill_null("")
    is_about_term = code == "TERM_UNKNOWN"
    return derive_findings(
        graded.filter(has_code.fill_null(value=False)),
        rule_id=f"grading.events.{code.lower()}",
        severity=severity,
        table="adverse_events",
        record=_RECORD,
        field="term" if is_about_term else "grade",
        value=pl.col("term") if is_about_term else pl.col("grade"),
        message=pl.concat_str(message, near) if is_about_term else message,
        action=action,
    )


def _several_deaths(graded: pl.LazyFrame) -> pl.LazyFrame:
    """A subject dies of one event; the terms that are death itself are for deaths without a cause."""
    return derive_findings(
        graded.filter(pl.col("atoxgrn") == 5, pl.len().over("subject", "atoxgrn") > 1),
        rule_id="grading.events.several_deaths",
        severity=WARNING,
        table="adverse_events",
        record=_RECORD,
        field="grade",
        value=pl.col("grade"),
        message=phrase(
            "{}: more than one event of grade 5; a subject dies of one", pl.col("analysis_term").fill_null("event")
        ),
        action="kept as reported",
    )


def _without_grade(graded: pl.LazyFrame) -> pl.LazyFrame:
    """Subjects with events for which no grade was reported: how many, and the first of them."""
    missing = graded.filter(pl.col("grade").is_null()).sort("row").group_by("subject")
    return derive_findings(
        missing.agg(pl.len().alias("events"), pl.col("row").first()),
        rule_id="grading.events.grade_missing",
        severity=WARNING,
        table="adverse_events",
        record=_RECORD,
        field="grade",
        message=phrase("{} event record(s) without a grade", "events"),
        action="counted as not graded: in any grade, and in no single one",
    )


def _not_specified(graded: pl.LazyFrame) -> list[pl.LazyFrame]:
    """Terms `… - Other, specify` without a specification, or with one that is a term of its own."""
    other = graded.filter(pl.col("is_other_specify"), pl.col("syndrome").is_null())
    named_otherwise = (pl.col("decoded_term").str.to_lowercase() != pl.col("ctcae_term").str.to_lowercase()).fill_null(
        value=False
    )
    return [
        derive_findings(
            other.filter(pl.col("term_specification").is_null() & ~named_otherwise),
            rule_id="grading.events.other_not_specified",
            severity=WARNING,
            table="adverse_events",
            record=_RECORD,
            field="specification",
            value=pl.col("term"),
            message="the term asks for a specification, and there is none",
            action="counted under the term as reported",
        ),
        derive_findings(
            other.filter(pl.col("specified_term").is_not_null()),
            rule_id="grading.events.other_has_term",
            severity=WARNING,
            table="adverse_events",
            record=_RECORD,
            field="specification",
            value=pl.col("term_specification"),
            message=phrase("what was specified is a term of its own: {}", "specified_term"),
            action="counted as reported",
        ),
    ]
