"""Checks across the tables of a study: who is in it, and dates that cannot all be true.

What blocks a correct result is a problem; what a person should look at is a finding. No value is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from rules_engine import dates
from rules_engine.contracts import LESION_ASSESSMENTS, ROW
from rules_engine.errors import Problem
from rules_engine.findings import ERROR, WARNING, concat_findings, derive_findings, phrase

#: The column with the day on which a record of each table took place; partial where the table allows it.
_DATED = {
    "lesion_assessments": "visit_date",
    "response_assessments": "date",
    "treatments": "start_date",
    "clinical_events": "date",
    "adverse_events": "start_date",
    "labs": "date",
}
_PARTIAL = ("response_assessments", "treatments", "adverse_events")
#: Pairs of columns of one record of which the first cannot be later than the second.
_ORDERED: dict[str, tuple[tuple[str, pl.Expr, str, pl.Expr], ...]] = {
    "treatments": (("start_date", dates.first_possible_day(pl.col("start_date")), "last_date", pl.col("last_date")),),
    "adverse_events": (
        ("start_date", dates.first_possible_day(pl.col("start_date")),
         "end_date", dates.last_possible_day(pl.col("end_date"))),
    ),
    "response_assessments": tuple(
        (early, pl.col(early), late, pl.col(late))
        for early, late in (
            ("earliest_part_date", "latest_part_date"), ("earliest_part_date", "earliest_pd_part_date"),
            ("earliest_pd_part_date", "latest_part_date"),
        )
    ),
}  # fmt: skip
_SHOWN = 5


@dataclass(frozen=True)
class Checked:
    """Tables after the checks that concern them, findings, and problems that make the study unusable."""

    tables: Mapping[str, pl.LazyFrame]
    findings: list[pl.LazyFrame] = field(default_factory=list)
    problems: Sequence[Problem] = ()


# Subjects -------------------------------------------------------------------------------------------------------------


def check_subjects(subjects: pl.LazyFrame, where: str) -> tuple[pl.DataFrame, list[pl.LazyFrame], list[Problem]]:
    """One row per subject: equal rows become one (a finding), rows of one subject that differ are a problem, as is no
    subject.
    """
    rows = subjects.collect()
    if rows.is_empty():
        return rows, [], [Problem(where, "it has no subjects", "a study needs at least one row with a subject")]
    facts = [name for name in rows.columns if name != ROW.name]
    once = rows.unique(facts, keep="any", maintain_order=False).select(facts)
    differing = once.filter(pl.col("subject").is_duplicated())["subject"].unique().sort().to_list()
    if differing:
        shown = ", ".join(differing[:_SHOWN]) + (" …" if len(differing) > _SHOWN else "")
        alike = once.filter(pl.col("subject").is_duplicated()).group_by("subject").n_unique().drop("subject")
        columns = [name for name in alike.columns if (alike[name] > 1).any()]
        return rows, [], [
            Problem(
                where,
                f"{len(differing)} subject(s) have several rows that differ in {', '.join(columns)}: {shown}",
                "keep one row per subject; the engine does not choose between them",
            )
        ]  # fmt: skip
    first = rows.sort(ROW.name).unique("subject", keep="first", maintain_order=True)
    repeated = rows.join(first.select(ROW.name), on=ROW.name, how="anti")
    found = derive_findings(
        repeated.lazy(),
        rule_id="data.subject_duplicate",
        severity=ERROR,
        table="subjects",
        message="the subject has several equal rows",
        action="the first row is used",
        record=phrase("row {}", ROW.name),
        field="subject",
        value=pl.col("subject"),
    )
    return first, [found], []


def drop_orphans(
    tables: Mapping[str, pl.LazyFrame], subjects: pl.LazyFrame
) -> tuple[dict[str, pl.LazyFrame], list[pl.LazyFrame]]:
    """Records of subjects that the table `subjects` does not know are kept out; one finding per table and subject."""
    known = subjects.select("subject")
    counted = [
        rows.join(known, on="subject", how="anti")
        .group_by("subject")
        .agg(first=pl.col(ROW.name).min(), records=pl.len())
        for name, rows in tables.items()
        if name != "subjects"
    ]
    orphans = iter(pl.collect_all(counted))
    kept: dict[str, pl.LazyFrame] = {}
    found: list[pl.LazyFrame] = []
    for name, rows in tables.items():
        if name == "subjects" or (of_table := next(orphans)).is_empty():
            kept[name] = rows  # as they stand: a join, of rows by the million, would only give them back
            continue
        kept[name] = rows.join(known, on="subject", how="semi", maintain_order="left")
        found.append(
            derive_findings(
                of_table.lazy(),
                rule_id="data.orphan",
                severity=ERROR,
                table=name,
                message="the subject is not in the table subjects",
                action="the subject's records are kept out",
                record=phrase("row {}", "first"),
                field="subject",
                value=phrase("{} record(s)", "records"),
            )
        )
    return kept, found


# Dates that cannot all be true ----------------------------------------------------------------------------------------


def date_findings(tables: Mapping[str, pl.LazyFrame]) -> list[pl.LazyFrame]:
    """Deaths before the treatment or the origin, records after the death, births too late, ends before starts."""
    return [
        *_subject_dates(tables["subjects"]),
        _death_before_treatment(tables),
        _baseline_after_treatment(tables),
        *(_after_death(name, tables) for name in _DATED),
        *(_before_birth(name, tables) for name in _DATED),
        *(_disordered(name, tables[name]) for name in _ORDERED),
    ]


def _subject_dates(subjects: pl.LazyFrame) -> list[pl.LazyFrame]:
    death = dates.last_possible_day(pl.col("death_date"))
    birth = dates.first_possible_day(pl.col("birth_date"))
    pairs = [
        ("data.death_before_start", "death_date", death, "randomisation_date", "the death is before the randomisation"),
        ("data.death_before_start", "death_date", death, "enrolment_date", "the death is before the enrolment"),
        (
            "data.contact_after_death",
            "last_contact_date",
            None,
            None,
            "the subject was last seen alive after the death",
        ),
    ]
    found = []
    for rule, field_name, early, other, message in pairs:
        odd = (death < pl.col("last_contact_date")) if early is None or other is None else (early < pl.col(other))
        found.append(_warn(subjects.filter(odd), rule, "subjects", field_name, pl.col(field_name), message))
    known = ["randomisation_date", "enrolment_date", "baseline_date", "last_contact_date"]
    first_known = pl.min_horizontal(*known, dates.last_possible_day(pl.col("death_date")))
    found.append(
        _warn(
            subjects.filter(birth > first_known), "data.birth_after", "subjects", "birth_date", pl.col("birth_date"),
            "the birth is after another date of the subject",
        )
    )  # fmt: skip
    return found


def _first_treatments(treatments: pl.LazyFrame) -> pl.LazyFrame:
    """The earliest day on which each subject can have started the regimen: one row per subject."""
    start = dates.first_possible_day(pl.col("start_date"))
    return treatments.filter(pl.col("component").is_not_null()).group_by("subject").agg(first_treatment=start.min())


def _death_before_treatment(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    odd = (
        tables["subjects"]
        .select("subject", "death_date", ROW.name)
        .filter(pl.col("death_date").is_not_null())
        .join(_first_treatments(tables["treatments"]), on="subject", how="inner")
        .filter(dates.last_possible_day(pl.col("death_date")) < pl.col("first_treatment"))
    )
    return _warn(
        odd, "data.death_before_start", "subjects", "death_date", pl.col("death_date"),
        phrase("the death is before the first treatment ({})", "first_treatment"),
    )  # fmt: skip


def _baseline_after_treatment(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Baseline scans after the start of the regimen: one finding per subject, assessor and reader.

    The baseline is meant to show the disease as close as possible to the start and never after it (Eisenhauer 2009,
    section 3.2).
    """
    baselines = (
        tables["lesion_assessments"]
        .filter(pl.col("is_baseline"))
        .group_by("subject", "assessor", "reader")
        .agg(visit_date=pl.col("visit_date").max(), first=pl.col(ROW.name).min())
    )
    odd = baselines.join(_first_treatments(tables["treatments"]), on="subject", how="inner").filter(
        pl.col("visit_date") > pl.col("first_treatment")
    )
    return _warn(
        odd.rename({"first": ROW.name}), "data.baseline_after_start", "lesion_assessments", "visit_date", pl.col("visit_date"),
        phrase("the baseline scan is after the first treatment ({})", "first_treatment"),
    )  # fmt: skip


def missing_arms(subjects: pl.LazyFrame) -> pl.LazyFrame:
    """Subjects without a treatment group, where others have one: they are in no group of an analysis by arm."""
    return derive_findings(
        subjects.filter(pl.col("arm").is_null(), pl.col("arm").is_not_null().any()),
        rule_id="data.arm_missing",
        severity=WARNING,
        table="subjects",
        message="the subject has no treatment group",
        action="the subject is in no group of an analysis by arm",
        record=phrase("row {}", ROW.name),
        field="arm",
    )


def swapped_ranges(labs: pl.LazyFrame) -> pl.LazyFrame:
    """Results whose lower limit of normal is above the upper one: which of them is right is not known."""
    found = _warn(
        labs.filter(pl.col("lln") > pl.col("uln")), "data.range_swapped", "labs", "lln",
        phrase("{} to {}", "lln", "uln"), "the lower limit of normal is above the upper one",
    )  # fmt: skip
    return found.with_columns(action=pl.lit("the limits are not used for grading"))


def _day_of(name: str, of_partial: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """The day of a record of the table; `of_partial` says which day stands for a partial date."""
    day = pl.col(_DATED[name])
    return of_partial(day) if name in _PARTIAL else day


def _before_birth(name: str, tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Records dated before the first day on which the subject can have been born: one finding per table and subject."""
    births = (
        tables["subjects"]
        .filter(pl.col("birth_date").is_not_null())
        .select("subject", born=dates.first_possible_day(pl.col("birth_date")), birth_date="birth_date")
    )
    early = (
        tables[name]
        .select("subject", ROW.name, day=_day_of(name, dates.last_possible_day))
        .join(births, on="subject", how="inner")
        .filter(pl.col("day") < pl.col("born"))
        .group_by("subject", "birth_date")
        .agg(first=pl.col(ROW.name).sort_by("day", ROW.name).first(), day=pl.col("day").min(), records=pl.len())
    )
    return derive_findings(
        early,
        rule_id="data.before_birth",
        severity=WARNING,
        table=name,
        message=phrase("{} record(s) before the birth ({}), the first on {}", "records", "birth_date", "day"),
        action="the records are used as they are",
        record=phrase("row {}", "first"),
        field=_DATED[name],
        value=pl.col("day"),
    )


def _after_death(name: str, tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Records dated after the last day on which the subject can have died: one finding per table and subject."""
    deaths = (
        tables["subjects"]
        .filter(pl.col("death_date").is_not_null())
        .select("subject", died=dates.last_possible_day(pl.col("death_date")), death_date="death_date")
    )
    late = (
        tables[name]
        .select("subject", ROW.name, day=_day_of(name, dates.first_possible_day))
        .join(deaths, on="subject", how="inner")
        .filter(pl.col("day") > pl.col("died"))
        .group_by("subject", "death_date")
        .agg(first=pl.col(ROW.name).sort_by("day", ROW.name).first(), day=pl.col("day").min(), records=pl.len())
    )
    return derive_findings(
        late,
        rule_id="data.after_death",
        severity=WARNING,
        table=name,
        message=phrase("{} record(s) after the death ({}), the first on {}", "records", "death_date", "day"),
        action="the records are used as they are",
        record=phrase("row {}", "first"),
        field="",
        value=pl.col("day"),
    )


def _disordered(name: str, rows: pl.LazyFrame) -> pl.LazyFrame:
    parts = [
        _warn(
            rows.filter(early > late), "data.end_before_start", name, late_name,
            phrase("{} to {}", early_name, late_name), f"{early_name} is after {late_name}",
        )
        for early_name, early, late_name, late in _ORDERED[name]
    ]  # fmt: skip
    return concat_findings(parts)


def _warn(
    odd: pl.LazyFrame, rule: str, table: str, field_name: str, value: pl.Expr, message: str | pl.Expr
) -> pl.LazyFrame:
    return derive_findings(
        odd,
        rule_id=rule,
        severity=WARNING,
        table=table,
        message=message,
        action="the records are used as they are",
        record=phrase("row {}", ROW.name),
        field=field_name,
        value=value,
    )


# Lesions --------------------------------------------------------------------------------------------------------------


def drop_repeated_lesions(lesions: pl.LazyFrame, facts: Sequence[str]) -> tuple[pl.LazyFrame, pl.LazyFrame] | None:
    """Equal rows of one lesion at one visit count once, or a sum of diameters would count them twice; None where there
    are none.

    Rows that share the key and differ are left to the criteria, which report them.
    """
    # Hashes first: two keys with one hash only cost a closer look below.
    keys = lesions.select(ROW.name, key=pl.struct(LESION_ASSESSMENTS.key).hash())
    repeated = keys.filter(pl.col("key").is_duplicated()).select(ROW.name).collect()
    if repeated.is_empty():
        return None
    suspects = lesions.join(repeated.lazy(), on=ROW.name, how="semi").collect()
    first = suspects.sort(ROW.name).unique(list(facts), keep="first", maintain_order=True)
    surplus = suspects.join(first.select(ROW.name), on=ROW.name, how="anti")
    if surplus.is_empty():
        return None
    found = derive_findings(
        surplus.lazy(),
        rule_id="data.lesion_duplicate",
        severity=WARNING,
        table="lesion_assessments",
        message="the same lesion, visit and values stand in an earlier row",
        action="the row counts once",
        record=phrase("row {}", ROW.name),
        field="lesion_id",
        value=phrase("{} on {}", pl.col("lesion_id"), pl.col("visit_date")),
    )
    return lesions.join(surplus.lazy().select(ROW.name), on=ROW.name, how="anti", maintain_order="left"), found
