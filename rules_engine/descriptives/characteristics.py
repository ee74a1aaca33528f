"""Characteristics of the subjects at baseline: age and sex where they are known, and the study's own columns.

A number has its mean, standard deviation, median, quartiles and range; everything else the number of subjects at each level.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import polars as pl

from rules_engine import dates
from rules_engine.analysis.ard import COUNT
from rules_engine.analysis.options import Numbers
from rules_engine.contracts import SUBJECTS
from rules_engine.descriptives.rows import ARM, COUNTED, Rows, by_arm
from rules_engine.model import CovariateDefinition
from rules_engine.numerics import np

ANALYSIS: Final = "characteristics"
METHOD: Final = "standard deviation with n - 1; quartiles by linear interpolation (type 7 of Hyndman and Fan 1996)"
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
#: A number that a file without types has written; one with zeros before it is a code.
_WRITTEN: Final = r"^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$"
#: Average length of a year of the Gregorian calendar, for ages.
DAYS_PER_YEAR = 365.2425
#: Statistics of a number and their words, in the order of the results.
OF_NUMBERS: Final = {
    "mean": "mean", "std_dev": "standard deviation", "median": "median", "q1": "25th percentile", "q3": "75th percentile",
    "minimum": "minimum", "maximum": "maximum",
}  # fmt: skip
NOBODY, ONE_VALUE = "no finite value", "fewer than two values"


def describe_characteristics(
    subjects: pl.DataFrame, covariates: Mapping[str, CovariateDefinition], arms: Sequence[str]
) -> pl.DataFrame:
    """Rows of the ARD: `variable` is the column, `level` a value of it; the label says the column in words before a colon.

    `subjects` is one row per subject with `arm`. Levels: `count` and `share` of the group; of a list that is too long to show,
    `different` values. Numbers: `n` known values and `OF_NUMBERS`. Either: `missing` and `share_missing`, where anybody lacks it.
    """
    rows = Rows(ANALYSIS, arms)
    age = age_in_years(subjects)
    if age is not None and age.null_count() < age.len():
        _add_number(rows, _name_of_age(subjects), "Age, years", _parted(subjects, age, arms))
    own = [name for name in subjects.columns if name not in SUBJECTS.schema and name != "row"]
    for name in ["sex", *own]:
        if name not in subjects.columns or subjects[name].null_count() == subjects.height:
            continue
        column, label = _typed(subjects[name]), as_heading(name)
        if column.dtype.is_numeric() and not _is_code(covariates, name, column):
            _add_number(rows, name, label, _parted(subjects, column.cast(pl.Float64), arms))
        elif column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
            values = _levels(column)
            if values.drop_nulls().n_unique() <= MOST_LEVELS:
                _add_levels(rows, name, label, subjects.select(ARM, value=values))
            elif name.lower() in PLACES:
                parts = _parted(subjects, values, arms)
                different = [part.drop_nulls().n_unique() for part in parts]
                sizes = [part.len() for part in parts]
                rows.add("different", f"{label}: number of different", different, COUNT, sizes, variable=name)
    return rows.frame()


def as_heading(column: str) -> str:
    """A column's name as words: `albi_grade` becomes ALBI grade, `vascular_invasion` Vascular invasion."""
    words = [SPELLED.get(word.lower(), word) for word in column.split("_") if word]
    name = " ".join(words).replace("Child Pugh", "Child-Pugh")
    return name[:1].upper() + name[1:]


def age_in_years(subjects: pl.DataFrame) -> pl.Series | None:
    """Whole years from birth (the middle of what is known of it) to baseline; None where the columns are missing."""
    if not {"birth_date", "baseline_date"} <= set(subjects.columns):
        return None
    first, last = dates.first_possible_day(pl.col("birth_date")), dates.last_possible_day(pl.col("birth_date"))
    middle = first + (last - first) / 2
    years = ((pl.col("baseline_date") - middle.cast(pl.Date)).dt.total_days() / DAYS_PER_YEAR).floor()
    return subjects.select(years).to_series()


def _typed(column: pl.Series) -> pl.Series:
    """A text column as the numbers or flags that it holds throughout, so that a study is the same from every kind of file."""
    if column.dtype != pl.String:
        return column
    known = column.drop_nulls()
    if known.str.contains(_WRITTEN).all():
        return column.cast(pl.Float64)
    if known.str.to_lowercase().is_in(["true", "false"]).all():
        return column.str.to_lowercase() == "true"
    return column


def _name_of_age(subjects: pl.DataFrame) -> str:
    """The variable of the age that is derived; the study may have a column of that name."""
    return "age" if "age" not in subjects.columns else "age at baseline"


def _parted(subjects: pl.DataFrame, values: pl.Series, arms: Sequence[str]) -> list[pl.Series]:
    """The values of each arm, then of all subjects."""
    return [*(values.filter((subjects[ARM] == arm).fill_null(value=False)) for arm in arms), values]


def _is_code(covariates: Mapping[str, CovariateDefinition], name: str, column: pl.Series) -> bool:
    """Numbers that stand for something else: of a place, of what the ruleset calls levels, or few whole numbers such as a grade."""
    definitions = [one for one in covariates.values() if one.column == name and not one.cuts]
    if any(one.kind == "number" or one.transform != "none" for one in definitions):
        return False
    if name.lower() in PLACES or any(one.kind == "category" or one.levels or one.pooled for one in definitions):
        return True
    known = column.drop_nulls()
    return known.n_unique() <= MOST_GRADES and bool((known == known.floor()).all() if known.dtype.is_float() else True)


# Numbers --------------------------------------------------------------------------------------------------------------


def _add_number(rows: Rows, variable: str, label: str, parts: Sequence[pl.Series]) -> None:
    known = [part.drop_nulls().drop_nans().cast(pl.Float64).to_numpy() for part in parts]
    sizes = [values.size for values in known]
    whole, decimals = _precision(known[-1])
    rows.method = METHOD
    rows.add("n", f"{label}: known", sizes, COUNT, [part.len() for part in parts], variable=variable)
    for statistic, words in OF_NUMBERS.items():
        values = [_of(statistic, one) for one in known]
        note = ONE_VALUE if statistic == "std_dev" else NOBODY
        formats = [_format(statistic, value, decimals, whole=whole) for value in values]
        rows.add(statistic, f"{label}: {words}", values, formats, sizes, variable=variable, note=note)
    rows.method = COUNTED
    missing = [part.len() - values.size for part, values in zip(parts, known, strict=True)]
    if any(missing):
        _add_missing(rows, variable, label, missing, [part.len() for part in parts])


_ESTIMATES: Mapping[str, Callable[[Numbers], float]] = {
    "mean": lambda values: float(values.mean()),
    "std_dev": lambda values: float(values.std(ddof=1)) if values.size > 1 else float("nan"),
    "median": lambda values: float(np.quantile(values, 0.5)),
    "q1": lambda values: float(np.quantile(values, 0.25)),
    "q3": lambda values: float(np.quantile(values, 0.75)),
    "minimum": lambda values: float(values.min()),
    "maximum": lambda values: float(values.max()),
}


def _of(statistic: str, values: Numbers) -> float | None:
    """The statistic; None where the values do not determine it."""
    value = _ESTIMATES[statistic](np.sort(values)) if values.size else float("nan")
    return value if np.isfinite(value) else None


def _precision(values: Numbers) -> tuple[bool, int]:
    """Whether a characteristic has whole numbers alone, and the decimals of its estimates, by the size of its values."""
    whole = bool(values.size) and bool(np.all(values == np.floor(values)))
    size = float(np.median(np.abs(values))) if values.size else 0.0
    return whole, 0 if size >= 100 else 1 if whole or size >= 10 else 2


def _format(statistic: str, value: float | None, decimals: int, *, whole: bool) -> str:
    """How a number is written: all of a characteristic alike, a spread with one decimal more, never as a power of ten."""
    if statistic == "std_dev":
        return f",.{decimals + 1}f"
    is_read = statistic != "mean" and value is not None and whole and value == int(value)
    return f",.{0 if is_read else decimals}f"


# Levels ---------------------------------------------------------------------------------------------------------------


def _levels(column: pl.Series) -> pl.Series:
    """The values of a column as text, flags as yes and no, whole numbers without decimals."""
    is_whole = column.dtype.is_float() and bool((column.drop_nulls() == column.drop_nulls().floor()).all())
    text = (column.cast(pl.Int64) if is_whole else column).cast(pl.String)
    return text.replace({"true": "yes", "false": "no"}) if column.dtype == pl.Boolean else text


def _add_levels(rows: Rows, variable: str, label: str, values: pl.DataFrame) -> None:
    tally = values.group_by(ARM, "value").agg(count=pl.len().cast(pl.Int64))
    sizes = by_arm(tally, rows.arms)
    levels = tally["value"].drop_nulls().unique().to_list()
    for level in sorted(levels, key=lambda one: (float(one), "") if NUMBER.fullmatch(one) else (float("inf"), one)):
        numbers = by_arm(tally.filter(pl.col("value") == level), rows.arms)
        rows.add_counts(f"{label}: {level}", numbers, sizes, variable=variable, level=level)
    missing = by_arm(tally.filter(pl.col("value").is_null()), rows.arms)
    if any(missing):
        _add_missing(rows, variable, label, missing, sizes)


def _add_missing(rows: Rows, variable: str, label: str, missing: Sequence[int], sizes: Sequence[int]) -> None:
    rows.add_counts(
        f"{label}: missing", missing, sizes, variable=variable, statistics=("missing", "share_missing")
    )  # fmt: skip
