"""Grading cases: one laboratory result per row of a CSV file, with the grade that it must get."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from rules_engine import grading
from rules_engine.casebook.outcomes import Outcome
from rules_engine.registry import Registry

#: Columns that make a CSV file a file of grading cases.
COLUMNS = ("case_id", "version", "term", "analyte", "direction", "value", "unit", "expected_grade")
_GRADES = ("0", "1", "2", "3", "4", "NA")


def run_grading_cases(file: Path, registry: Registry) -> list[Outcome]:
    """Run every row of a file of grading cases; a row that cannot be graded fails by itself."""
    cases = pl.read_csv(file, infer_schema=False)
    named = cases.rename({name: name.strip() for name in cases.columns})
    answers = _grades(named, registry)
    return [_outcome(case, answer, file) for case, answer in zip(named.iter_rows(named=True), answers, strict=True)]


def _grades(cases: pl.DataFrame, registry: Registry) -> list[str | BaseException]:
    """The grade of each row, or what went wrong with it; rows go together until one of them breaks the batch."""
    if not cases.height:
        return []
    try:
        return list(grading.grade_cases(cases, registry=registry))
    except (Exception, pl.exceptions.PanicException) as error:  # whatever one row breaks, the others are graded
        if cases.height == 1:
            return [error]
        half = cases.height // 2
        return _grades(cases.head(half), registry) + _grades(cases.tail(cases.height - half), registry)


def _outcome(case: Mapping[str, Any], answer: str | BaseException, file: Path) -> Outcome:
    title = f"{case['term']} {case['value'] or ''} {case['unit'] or ''} (CTCAE {case['version']})"
    expected = (case["expected_grade"] or "").strip()
    mismatches: tuple[str, ...] = ()
    if expected not in _GRADES:
        mismatches = (f"expected_grade is {expected or 'empty'}; it must be one of {', '.join(_GRADES)}",)
    elif isinstance(answer, BaseException):
        mismatches = (f"{type(answer).__name__}: {answer}",)
    elif expected != answer:
        mismatches = (f"grade: expected {expected}, actual {answer}",)
    return Outcome(str(case["case_id"]), title, str(file), mismatches)
