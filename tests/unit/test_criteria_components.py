"""Criteria of collected components: the truth table, what is wrong with one, and the rows that come of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import jsonschema
import polars as pl
import pytest
from rules_engine.criteria import (
    complete_timepoints,
    derive_combined,
    table_objections,
    table_schema,
    worst_of_day,
)
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import TIMEPOINT_SCHEMA

from tests.strategies.criteria_engine import shuffled

COMPONENTS = {"soft_tissue": ["CR", "PD"], "bone": ["PD", "ND"]}
DAY, NEXT = date(2024, 3, 1), date(2024, 3, 2)


def row(overall: str, **when: list[str]) -> dict[str, Any]:
    return {"when": when, "overall": overall, "rule": f"rule.{overall.lower()}"}


def combined(*table: dict[str, Any]) -> list[tuple[Any, ...]]:
    pairs = [("CR", "ND"), ("CR", "PD"), ("PD", None), (None, None)]
    rows = pl.LazyFrame(pairs, schema=["soft_tissue", "bone"], orient="row")
    return derive_combined(rows, table, COMPONENTS).select("overall", "rule_id").collect().rows()


def test_the_first_row_that_holds_decides_and_what_was_not_recorded_is_a_code() -> None:
    cr, pd, ne = ("CR", "rule.cr"), ("PD", "rule.pd"), ("NE", "rule.ne")
    rest = row("NE")
    assert combined(row("CR", soft_tissue=["CR"]), row("PD", bone=["PD"]), rest) == [cr, cr, ne, ne]
    assert combined(row("PD", bone=["PD"]), row("CR", soft_tissue=["CR"]), rest) == [cr, pd, ne, ne]
    assert combined(row("CR", soft_tissue=["CR"], bone=["ND"]), rest) == [cr, ne, ne, ne]
    assert combined(row("PD", soft_tissue=["PD", "ND"]), rest) == [ne, ne, pd, pd]
    assert combined(row("CR", soft_tissue=["CR"])) == [cr, cr, (None, None), (None, None)]


def test_a_row_keeps_what_it_has_beside_the_components() -> None:
    rows = pl.LazyFrame({"soft_tissue": ["CR"], "bone": [None], "extra": [7]}, schema_overrides={"bone": pl.String})
    found = derive_combined(rows, [row("NE")], COMPONENTS).collect()
    assert found.to_dicts() == [{"soft_tissue": "CR", "bone": "ND", "extra": 7, "overall": "NE", "rule_id": "rule.ne"}]


def objections(*table: dict[str, Any]) -> list[tuple[str, str, str]]:
    rules = CriterionRules(ruleset="toy", criterion="toy", options={"table": list(table)})
    return table_objections(rules, "table", COMPONENTS)


def test_a_table_must_say_something_of_every_combination() -> None:
    assert objections(row("CR", soft_tissue=["CR"]), row("NE")) == []
    ((key, what, how),) = objections(row("CR", soft_tissue=["CR"]), row("PD", bone=["PD"]))
    assert key == "table"
    assert what == "the table says nothing about 2 combination(s), such as soft_tissue PD, bone ND"
    assert "{when: {}, overall: NE, rule: …}" in how


def test_a_row_of_a_table_must_decide_something() -> None:
    ((key, what, how),) = objections(row("NE"), row("CR", soft_tissue=["CR"]))
    assert (key, how) == ("table", "leave it out, or move it up")
    assert what == "row 2 (rule.cr) never decides: earlier rows cover it"


@pytest.mark.parametrize(
    ("table", "valid"),
    [
        ([row("CR", soft_tissue=["CR", "ND"])], True), ([row("NE")], True), ([], False), ([row("SD")], False),
        ([row("CR", soft_tissue=[])], False), ([row("CR", soft_tissue=["SD"])], False), ([row("CR", liver=["CR"])], False),
        ([{"when": {}, "overall": "CR"}], False), ([{**row("CR"), "why": ""}], False), ([{**row("CR"), "rule": ""}], False),
        ([{**row("CR"), "rule": "x"}], True),
    ],
)  # fmt: skip
def test_a_table_in_a_ruleset_is_checked_by_its_schema(table: list[dict[str, Any]], valid: bool) -> None:
    schema = table_schema(COMPONENTS, ["CR", "PD", "NE"], "The table.")
    assert jsonschema.Draft202012Validator(schema).is_valid(table) is valid


def test_of_one_day_the_worst_counts_and_of_equals_the_first_by_rule_and_then_by_the_rest() -> None:
    rows = [
        ("A", DAY, "SD", "rule.2", "x", 1), ("A", DAY, "PD", "rule.9", "x", 2), ("A", DAY, "odd", "rule.0", "x", 3),
        ("A", NEXT, "SD", "rule.2", "x", 4), ("A", NEXT, "SD", "rule.1", "y", 5), ("A", NEXT, "SD", "rule.1", "x", 6),
        ("B", DAY, "odd", None, "x", 7), ("B", DAY, "odd", "rule.3", "x", 8), ("C", None, "PD", "rule.1", "x", 9),
    ]  # fmt: skip
    schema = {
        "subject": pl.String,
        "visit_date": pl.Date,
        "overall": pl.String,
        "rule_id": pl.String,
        "extra": pl.String,
        "row": pl.Int64,
    }
    found = worst_of_day(shuffled(pl.LazyFrame(rows, schema=schema, orient="row")), ["PD", "SD"]).collect()
    assert found.rows() == [
        ("A", DAY, "PD", "rule.9", "x", 2), ("A", NEXT, "SD", "rule.1", "x", 6), ("B", DAY, "odd", "rule.3", "x", 8)
    ]  # fmt: skip


def test_a_component_criterion_has_every_column_of_a_timepoint_and_keeps_its_own() -> None:
    rows = pl.LazyFrame(
        [("A", DAY, "PR", "rule.pr", True), ("A", NEXT, "PD", "rule.pd", None)],
        schema=["subject", "visit_date", "overall", "rule_id", "new_lesion"],
        orient="row",
    )
    found = complete_timepoints(rows).collect()
    assert found.schema == pl.Schema(TIMEPOINT_SCHEMA)
    first, second = found.to_dicts()
    assert (first["overall_as_read"], first["basis_overall"], first["trace"]) == ("PR", "PR", "rule.pr")
    assert (first["progression_date"], second["progression_date"]) == (None, NEXT)
    assert (first["new_lesion"], second["new_lesion"]) == (True, None)
    flags = ("suspected_pseudoprogression", "sum_complete", "accepted")
    assert [first[name] for name in flags] == [False, False, True]
    assert complete_timepoints(rows.drop("new_lesion")).collect()["new_lesion"].to_list() == [False, False]
    assert first["sum_x100"] is None
