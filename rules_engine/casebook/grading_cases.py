"""Grading cases: one laboratory result per row of a CSV file, with the grade that it must get."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from rules_engine import grading
from rules_engine.casebook.outcomes import Outcome
from rules_engine.registry import Registry

#: Columns that make a CSV file a file of grading cases.
COLUMNS = ("case_id", "version", "term", "analyte", "direction", "value", "unit", "expected_grade")


def run_grading_cases(file: Path, registry: Registry) -> list[Outcome]:
    """Run every row of a file of grading cases."""
    cases = pl.read_csv(file, infer_schema=False)
    graded = grading.grade_cases(cases, registry=registry)
    outcomes = []
    for case, actual in zip(cases.iter_rows(named=True), graded, strict=True):
        expected = (case["expected_grade"] or "").strip()
        mismatches = () if expected == actual else (f"grade: expected {expected}, actual {actual}",)
        title = f"{case['term']} {case['value']} {case['unit'] or ''} (CTCAE {case['version']})".strip()
        outcomes.append(Outcome(str(case["case_id"]), title, str(file), mismatches))
    return outcomes
