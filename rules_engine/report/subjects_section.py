"""Who is in the study: subjects by arm, records per endpoint, and their characteristics."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from rules_engine import dates, terms
from rules_engine.contracts import SUBJECTS
from rules_engine.pages import Block, Cell, Row, Section, Table, heading
from rules_engine.report.tables import count, counts_by_arm, percent_cells, with_totals, written
from rules_engine.report.tables import subjects_by_arm as distinct_subjects
from rules_engine.report.view import ARM, ReportView

#: A text column with more different values than this is a description, not a characteristic.
MOST_LEVELS = 12
#: Whole numbers of up to so many different values are grades rather than measurements.
MOST_GRADES = 6
#: Columns that name where a subject was treated, whatever they are written in.
PLACES = frozenset({"site", "siteid", "site_id", "centre", "center", "country", "investigator", "invid"})
#: Abbreviations of the field, and parts of names, as they are written.
SPELLED = {
    **{one.lower(): one for one in ("AFP", "ALBI", "BCLC", "BMI", "ECOG", "HBV", "HCV", "MELD", "PIVKA", "LDH", "NLR")},
    "child": "Child", "pugh": "Pugh",
}  # fmt: skip
NUMBER = re.compile(r"-?\d+(\.\d+)?")
#: Average length of a year of the Gregorian calendar, for ages.
DAYS_PER_YEAR = 365.2425


def subjects_section(view: ReportView) -> Section:
    """Flow of subjects and their characteristics."""
    blocks: list[Block] = [_flow_table(view)]
    characteristics = _characteristics_table(view)
    if characteristics.rows:
        blocks.append(characteristics)
    return Section("subjects", "Subjects", blocks)


def _flow_table(view: ReportView) -> Table:
    subjects = view.subjects_with_arm
    totals = counts_by_arm(subjects, view.arms)
    rows = [Row(heading("Subjects in the data"), [count(number) for number in totals])]
    without = subjects.filter(pl.col(ARM).is_null())
    if view.arms and without.height:
        rows.append(Row(heading("without an arm", indent=1), percent_cells(counts_by_arm(without, view.arms), totals)))
    rows += _treatment_rows(view, totals)
    rows += _disposition_rows(view, totals)
    rows.append(Row(heading("With a record of")))
    for paramcd, endpoint in view.ruleset.endpoints.items():
        found = view.time_to_event.get(paramcd, view.responses.get(paramcd))
        if found is None:
            continue
        joined = found.select("subject").join(subjects, on="subject", how="left")
        label = Cell(paramcd, hint=endpoint.label, numeric=False, indent=1)
        rows.append(Row(label, percent_cells(counts_by_arm(joined, view.arms), totals)))
    return Table("Flow of subjects", ["", *with_totals(view.arms)], rows)


def _treatment_rows(view: ReportView, totals: list[int]) -> list[Row]:
    """Who received each component, and who was converted to resection or transplant, whatever the censoring rule."""
    if view.treatments is None or view.treatments.is_empty():
        return []
    begun = view.treatments.filter(dates.first_possible_day(pl.col("start_date")) <= view.data_cutoff)
    courses = begun.join(view.subjects_with_arm, on="subject", how="left")
    rows = []
    for component in sorted(courses["component"].drop_nulls().unique().to_list()):
        received = courses.filter(pl.col("component") == component)
        name = "other treatment of the regimen" if component == "other" else component.upper()
        label = heading(f"Received {name if component in ('tace', 'ici', 'other') else component}")
        rows.append(Row(label, percent_cells(distinct_subjects(received, view.arms), totals)))
    converted = courses.filter(pl.col("component").is_null(), pl.col("kind").is_in(list(terms.CURATIVE_KINDS)))
    label = heading("Converted to resection or transplant")
    rows.append(Row(label, percent_cells(distinct_subjects(converted, view.arms), totals)))
    return rows


def _disposition_rows(view: ReportView, totals: list[int]) -> list[Row]:
    rows = []
    for column, words in (
        ("death_date", "Died"),
        ("withdrawal_date", "Withdrew consent"),
        ("lost_to_followup_date", "Lost to follow-up"),
    ):
        if column not in view.subjects.columns:
            continue
        dated = view.subjects.schema[column] == pl.Date
        day = pl.col(column) if dated else dates.first_possible_day(pl.col(column))
        happened = view.subjects.filter(day <= view.data_cutoff).select("subject")
        joined = happened.join(view.subjects_with_arm, on="subject", how="left")
        label = heading(f"{words} up to the data cut-off")
        rows.append(Row(label, percent_cells(counts_by_arm(joined, view.arms), totals)))
    return rows


def _characteristics_table(view: ReportView) -> Table:
    """Age and sex where they are known, and every column of the study's own that is a number or a short list."""
    subjects = view.subjects.drop(ARM, strict=False).join(view.subjects_with_arm, on="subject", how="left")
    rows: list[Row] = []
    age = _age_in_years(subjects)
    if age is not None and age.drop_nulls().len():
        rows += _number_rows(view, subjects.with_columns(age.alias("_value")), "Age, years")
    own = [name for name in view.subjects.columns if name not in SUBJECTS.schema and name != "row"]
    for name in ["sex", *own]:
        if name not in subjects.columns or subjects[name].null_count() == subjects.height:
            continue
        column, label = subjects[name], as_heading(name)
        if column.dtype.is_numeric() and not _is_code(view, name, column):
            rows += _number_rows(view, subjects.with_columns(column.cast(pl.Float64).alias("_value")), label)
        elif column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
            values = _levels(column)
            if values.drop_nulls().n_unique() <= MOST_LEVELS:
                rows += _level_rows(view, subjects.with_columns(values.alias("_value")), label)
            elif name.lower() in PLACES:
                rows += _different_rows(view, subjects.with_columns(values.alias("_value")), label)
    return Table("Characteristics", ["", *with_totals(view.arms)], rows)


def _is_code(view: ReportView, name: str, column: pl.Series) -> bool:
    """Numbers that stand for something else: of a place, of what the ruleset calls levels, or few whole numbers such as a grade."""
    definitions = [one for one in view.ruleset.covariates.values() if one.column == name and not one.cuts]
    if any(one.kind == "number" or one.transform != "none" for one in definitions):
        return False
    if name.lower() in PLACES or any(one.kind == "category" or one.levels or one.pooled for one in definitions):
        return True
    known = column.drop_nulls()
    return known.n_unique() <= MOST_GRADES and bool((known == known.floor()).all() if known.dtype.is_float() else True)


def as_heading(column: str) -> str:
    """A column's name as words: `albi_grade` becomes ALBI grade, `vascular_invasion` Vascular invasion."""
    words = [SPELLED.get(word.lower(), word) for word in column.split("_") if word]
    name = " ".join(words).replace("Child Pugh", "Child-Pugh")
    return name[:1].upper() + name[1:]


def _levels(column: pl.Series) -> pl.Series:
    """The values of a column as text, flags as yes and no, whole numbers without decimals."""
    is_whole = column.dtype.is_float() and bool((column.drop_nulls() == column.drop_nulls().floor()).all())
    text = (column.cast(pl.Int64) if is_whole else column).cast(pl.String)
    return text.replace({"true": "yes", "false": "no"}) if column.dtype == pl.Boolean else text


def _age_in_years(subjects: pl.DataFrame) -> pl.Series | None:
    """Whole years from birth (the middle of what is known of it) to baseline; None where the columns are missing."""
    if not {"birth_date", "baseline_date"} <= set(subjects.columns):
        return None
    first, last = dates.first_possible_day(pl.col("birth_date")), dates.last_possible_day(pl.col("birth_date"))
    middle = first + (last - first) / 2
    years = ((pl.col("baseline_date") - middle.cast(pl.Date)).dt.total_days() / DAYS_PER_YEAR).floor()
    return subjects.select(years).to_series()


def _number_rows(view: ReportView, subjects: pl.DataFrame, label: str) -> list[Row]:
    """Number of known values, median, quartiles and range of a number."""
    columns = [subjects.filter(pl.col(ARM) == arm) for arm in view.arms]
    if len(view.arms) != 1:
        columns.append(subjects)
    known = [part["_value"].drop_nulls().drop_nans().to_numpy() for part in columns]
    shown = _as_written(np.concatenate([*known, np.array([])]))
    medians, ranges = [], []
    for values in known:
        if not values.size:
            medians.append(Cell("–"))
            ranges.append(Cell("–"))
            continue
        lowest, q1, median, q3, highest = (shown(value) for value in np.quantile(values, (0, 0.25, 0.5, 0.75, 1)))
        medians.append(Cell(f"{median} ({q1} to {q3})"))
        ranges.append(Cell(f"{lowest} to {highest}"))
    rows = [
        Row(heading(label)),
        Row(heading("median (quartiles)", indent=1), medians),
        Row(heading("range", indent=1), ranges),
    ]
    missing = [part.height - values.size for part, values in zip(columns, known, strict=True)]
    if any(missing):
        rows.append(Row(heading("missing", indent=1), percent_cells(missing, [part.height for part in columns])))
    return rows


def _as_written(values: np.ndarray[Any, Any]) -> Callable[[float], str]:
    """How the numbers of one characteristic are written: all with the same decimals, by their size, never as a power of ten."""
    whole = bool(values.size) and bool(np.all(values == np.floor(values)))
    size = float(np.median(np.abs(values))) if values.size else 0.0
    decimals = 0 if size >= 100 else 1 if whole or size >= 10 else 2
    return lambda value: written(value, f",.{0 if value == int(value) and whole else decimals}f")


def _different_rows(view: ReportView, subjects: pl.DataFrame, label: str) -> list[Row]:
    """Of a list that is too long to show: how many different values there are."""
    columns = [subjects.filter(pl.col(ARM) == arm) for arm in view.arms]
    if len(view.arms) != 1:
        columns.append(subjects)
    return [
        Row(heading(f"{label}: number of different"), [count(p["_value"].drop_nulls().n_unique()) for p in columns])
    ]


def _level_rows(view: ReportView, subjects: pl.DataFrame, label: str) -> list[Row]:
    totals = counts_by_arm(subjects, view.arms)
    rows = [Row(heading(label))]
    levels = subjects["_value"].drop_nulls().unique().to_list()
    for level in sorted(levels, key=lambda one: (float(one), "") if NUMBER.fullmatch(one) else (float("inf"), one)):
        found = subjects.filter(pl.col("_value") == level)
        rows.append(Row(heading(level, indent=1), percent_cells(counts_by_arm(found, view.arms), totals)))
    missing = subjects.filter(pl.col("_value").is_null())
    if missing.height:
        rows.append(Row(heading("missing", indent=1), percent_cells(counts_by_arm(missing, view.arms), totals)))
    return rows
