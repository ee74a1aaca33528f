"""Characteristics of the subjects as analyses use them: columns read as numbers or as levels, by definition of the ruleset.

A category comes out as Enum: its levels in order, the first the reference, also those that nobody has. A number comes
out as Float64. Nothing is guessed: a text that is no number is reported and taken as missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import polars as pl

from rules_engine import dates
from rules_engine.errors import StudyError, closest
from rules_engine.findings import ERROR, derive_findings, empty_findings
from rules_engine.model import CovariateDefinition

#: The level of subjects without a value, where they have one of their own.
MISSING_LEVEL = "(missing)"
#: From this number of values on, a column of which not one is a number is no slip of the pen but the wrong column.
_ENOUGH = 5
#: Mean length of a year of the calendar.
DAYS_PER_YEAR = 365.2425


def derive_covariates(
    subjects: pl.DataFrame,
    names: Iterable[str],
    definitions: Mapping[str, CovariateDefinition],
    keep_missing: Collection[str] = (),
) -> tuple[pl.DataFrame, pl.LazyFrame]:
    """`subject` and one column for each name; and the findings about values that cannot be read.

    One row per subject, in and out. A name without a definition is a column of the subjects, read as it is. Levels in
    `keep_missing` stay null where there is no value, whatever their definition says: groups and strata have rules of
    their own. Raises `StudyError` where a column does not exist, or is to be a number and holds none.
    """
    columns: list[pl.Series] = [subjects["subject"]]
    findings = [empty_findings()]
    for name in dict.fromkeys(names):
        covariate = definitions.get(name) or CovariateDefinition(name=name, column=name)
        if name in keep_missing:
            covariate = replace(covariate, missing="exclude")
        raw = _column(subjects, covariate, covariate.column)
        if covariate.years_to is not None:
            raw = _years(raw, _column(subjects, covariate, covariate.years_to))
        if is_number(covariate, raw.dtype) or covariate.cuts or covariate.years_to is not None:
            number, found = _numbers(subjects, raw, covariate)
            findings.append(found)
            column = _cut(number, covariate) if covariate.cuts else _scaled(number, covariate)
        else:
            column = _levels(raw, covariate)
        columns.append(column.alias(name))
    return pl.DataFrame(columns), pl.concat(findings)


def is_number(covariate: CovariateDefinition, dtype: pl.DataType) -> bool:
    """Whether a covariate is read as a number: as stated, else by the type of its column."""
    return covariate.kind == "number" if covariate.kind is not None else dtype.is_numeric()


def label_of(name: str, definitions: Mapping[str, CovariateDefinition]) -> str:
    """What tables call a covariate: its label with the unit and step of the number, else its name."""
    covariate = definitions.get(name)
    if covariate is None:
        return name
    unit = f"{covariate.per:g} {covariate.unit}".strip() if covariate.per != 1 else covariate.unit
    words = f"log {covariate.label or name}" if covariate.transform == "log" else covariate.label or name
    return f"{words} ({'per ' if covariate.per != 1 else ''}{unit})" if unit and not covariate.cuts else words


def columns_of(name: str, definitions: Mapping[str, CovariateDefinition]) -> tuple[str, ...]:
    """The columns of the subjects that a covariate is read from."""
    covariate = definitions.get(name)
    if covariate is None:
        return (name,)
    return (covariate.column,) if covariate.years_to is None else (covariate.column, covariate.years_to)


def _column(subjects: pl.DataFrame, covariate: CovariateDefinition, name: str) -> pl.Series:
    if name not in subjects.columns:
        raise StudyError.at(
            "table subjects",
            f"it has no column {name!r}, which the analyses use"
            + (f" as {covariate.name!r}" if covariate.name != name else ""),
            "add the column (empty cells are allowed), or correct the name in the ruleset",
            meant=closest(name, subjects.columns),
        )
    return subjects[name]


def _years(start: pl.Series, end: pl.Series) -> pl.Series:
    """Years from a (partial) date to another; of a period the middle counts. What is no date is missing."""
    text = {"start": start.cast(pl.String), "end": end.cast(pl.String)}
    middle = {
        name: dates.first_possible_day(pl.col(name))
        + (dates.last_possible_day(pl.col(name)) - dates.first_possible_day(pl.col(name))) / 2
        for name in text
    }
    days = (middle["end"].cast(pl.Datetime) - middle["start"].cast(pl.Datetime)).dt.total_days()
    return pl.DataFrame(text).select((days / DAYS_PER_YEAR).alias(start.name)).to_series()


# Numbers --------------------------------------------------------------------------------------------------------------


def _numbers(subjects: pl.DataFrame, raw: pl.Series, covariate: CovariateDefinition) -> tuple[pl.Series, pl.LazyFrame]:
    """The column as numbers; what is no number, not finite or has no logarithm is missing, with a finding."""
    if raw.dtype.is_numeric() or raw.dtype == pl.Boolean:
        number = raw.cast(pl.Float64)
    else:
        number = raw.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    usable = number.is_finite()
    if covariate.transform == "log":
        usable = usable & (number > 0)
    is_odd = raw.is_not_null() & ~usable.fill_null(value=False)
    filled = raw.len() - raw.null_count()
    if is_odd.sum() == filled and filled >= _ENOUGH:
        raise StudyError.at(
            f"table subjects, column {covariate.column!r}",
            f"the covariate {covariate.name!r} is to be a number, and not one of {filled} values is"
            + (" positive" if covariate.transform == "log" else ""),
            "name another column, or let the covariate be a category"
            + (f" ({covariate.position})" if covariate.position else ""),
        )
    odd = pl.LazyFrame({"subject": subjects["subject"], "value": raw.cast(pl.String)}).filter(is_odd)
    found = derive_findings(
        odd,
        rule_id="analysis.covariate_number",
        severity=ERROR,
        table="subjects",
        message=f"the covariate {covariate.name!r} is to be a {'positive ' if covariate.transform == 'log' else ''}number",
        action="the value is taken as missing",
        field=covariate.column,
        value=pl.col("value"),
    )
    return number.set(~usable.fill_null(value=False), None), found


def _scaled(number: pl.Series, covariate: CovariateDefinition) -> pl.Series:
    return (number.log() if covariate.transform == "log" else number) / covariate.per


def _cut(number: pl.Series, covariate: CovariateDefinition) -> pl.Series:
    """The interval that each number lies in."""
    intervals = covariate.intervals or interval_names(covariate.cuts, upper=covariate.cut_belongs_to == "upper")
    place = pl.lit(0)
    for cut in covariate.cuts:
        above = pl.col("number") >= cut if covariate.cut_belongs_to == "upper" else pl.col("number") > cut
        place = place + above.cast(pl.Int64)
    index = pl.DataFrame({"number": number}).select(pl.when(pl.col("number").is_not_null()).then(place)).to_series()
    return _enum(
        index.replace_strict(dict(enumerate(intervals)), return_dtype=pl.String),
        covariate.levels or intervals,
        covariate,
    )


def interval_names(cuts: Sequence[float], *, upper: bool) -> tuple[str, ...]:
    """`<400`, `≥400` … for intervals without names."""
    below, above = ("<", "≥") if upper else ("≤", ">")
    between = [f"{above}{low:g} {below}{high:g}" for low, high in pairwise(cuts)]
    return (f"{below}{cuts[0]:g}", *between, f"{above}{cuts[-1]:g}")


# Levels ---------------------------------------------------------------------------------------------------------------


def _levels(raw: pl.Series, covariate: CovariateDefinition) -> pl.Series:
    """The column as levels: pooled where stated; empty text is missing."""
    whole = raw.dtype.is_float() and bool((raw.drop_nulls() == raw.drop_nulls().round()).all())
    value = (raw.cast(pl.Int64, strict=False) if whole else raw).cast(pl.String).str.strip_chars()
    value = value.set(value == "", None)
    if covariate.pooled:
        pooled = {one: level for level, values in covariate.pooled.items() for one in values}
        value = value.replace(pooled)
    return _enum(value, covariate.levels or tuple(covariate.pooled), covariate)


def _enum(value: pl.Series, stated: Sequence[str], covariate: CovariateDefinition) -> pl.Series:
    """Levels in order: those stated, further ones alphabetically, and that of missing values last."""
    further = sorted(set(value.drop_nulls().unique().to_list()) - set(stated))
    levels = [*stated, *further]
    if covariate.missing == "own_level" and value.null_count():
        value = value.fill_null(MISSING_LEVEL)
        levels = [*(level for level in levels if level != MISSING_LEVEL), MISSING_LEVEL]
    return value.cast(pl.Enum(levels))
