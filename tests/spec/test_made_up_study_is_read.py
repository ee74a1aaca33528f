"""The reader finds nothing odd in a made-up study, and finds the defects that were put into one."""

from __future__ import annotations

import polars as pl
import pytest
from rules_engine.simulator import simulate
from rules_engine.study import read_study

#: Defects that show in the tables alone, before any criterion or grading looks at them.
SHOWN_BY_THE_TABLES = [
    "duplicate_subject",
    "death_before_treatment",
    "orphan_record",
    "missing_subject",
    "scan_after_death",
    "negative_diameter",
    "huge_diameter",
    "diameter_with_comma",
    "unknown_code",
    "therapy_of_unknown_kind",
    "end_before_start",
    "impossible_partial_date",
    "impossible_date",
]


def test_nothing_odd_in_a_made_up_study() -> None:
    assert read_study(simulate(400, 5)).findings.collect().is_empty()


@pytest.mark.parametrize("name", SHOWN_BY_THE_TABLES)
def test_a_defect_is_found_where_it_was_put(name: str) -> None:
    placed: list[dict[str, object]] = []
    study = simulate(80, 5, defects=[name], placed=placed)
    findings = read_study(study).findings.collect().filter(pl.col("severity") != "note")
    (placement,) = placed
    here = findings.filter(table=placement["table"])
    rows = placement["rows"]
    assert isinstance(rows, list)
    assert {f"row {row}" for row in rows} & {record.split(",")[0] for record in here["record"]}
    # Nobody else is accused.
    assert set(findings["subject"].drop_nulls()) <= {placement["subject"]}
