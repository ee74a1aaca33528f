"""The tables of the toolbox, column by column: whoever builds a criterion of their own reads these."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from rules_engine import criteria
from rules_engine.criteria.numbers import (
    has_fallen_by,
    has_risen_by,
    least_that_has_risen_by,
    most_that_has_fallen_by,
)
from rules_engine.criteria.responses import trace
from rules_engine.loading import load_criterion_rules
from rules_engine.registry import default_registry

from tests.unit.test_criteria_rules import START, Row, history, lesion

RECIST = load_criterion_rules("recist_1_1", registry=default_registry())


def bone(name: str, status: str) -> Row:
    return lesion(name, role="non-target", organ="bone", status=status)


def node(mm: float) -> Row:
    return lesion("N", mm, organ="lymph_node", node=True)


def test_a_visit_says_of_its_targets_and_non_targets_what_is_known_of_them() -> None:
    visits = {
        0: [lesion("T", 30), node(15), bone("B", "present"), bone("C", "present")],
        42: [lesion("T", 20), node(12), bone("B", "present"), bone("C", "absent")],
        84: [bone("B", "unequivocal")],
        126: [lesion("T", state="absent"), node(9.99)],
        168: [lesion("T", 0.01), node(10), bone("B", "absent"), bone("C", "absent")],
    }
    found = criteria.derive_visits(history(visits), RECIST).collect().sort("number")
    expected = {
        "number": [1, 2, 3, 4],
        "baseline_x100": [4500] * 4,
        "sum_x100": [3200, None, 999, 1001],
        "sum_complete": [True, False, True, True],
        "partial_x100": [3200, 0, 999, 1001],
        "nodes_back": [1, 0, 0, 1],
        "others_back": [1, 0, 0, 1],
        "has_nontargets": [True] * 4,
        "nontarget_progressed": [False, True, False, False],
        "nontarget_unknown": [False, True, True, False],
        "nontarget_gone": [False, False, True, True],
        "nontarget_seen": [True, False, False, False],
    }
    assert found.select(*expected).to_dict(as_series=False) == expected


def test_a_baseline_stands_for_each_subject_that_has_one_with_its_sum_where_that_is_known() -> None:
    lesions = pl.concat(
        [
            history({0: [lesion("T", 30), node(15)], 42: [lesion("T", 20), node(12)]}, subject="complete"),
            history({0: [lesion("T", 30), lesion("S", state="ne")], 42: [lesion("T", 20)]}, subject="in part"),
            history({0: [bone("B", "present")], 42: [bone("B", "present")]}, subject="no target"),
            history({42: [lesion("T", 20)]}, subject="none").with_columns(is_baseline=pl.lit(value=False)),
        ]
    )
    found = criteria.derive_baselines(lesions, RECIST).collect().sort("subject")
    assert found.rows() == [("complete", START, 4500), ("in part", START, None), ("no target", START, None)]
    assert found.schema["subject"] == pl.String()


def test_the_first_of_two_baselines_is_the_one() -> None:
    visits = {0: [lesion("T", 30)], 14: [lesion("T", 50)], 42: [lesion("T", 30)]}
    twice = history(visits).with_columns(is_baseline=pl.col("visit_date") < START + timedelta(days=42))
    assert criteria.derive_baselines(twice, RECIST).collect()["sum_x100"].to_list() == [3000]
    found = criteria.derive_visits(twice, RECIST).collect()
    assert found.select("visit_date", "baseline_x100").rows() == [(START + timedelta(days=42), 3000)]


@pytest.mark.parametrize(
    ("reference", "percent", "at_least_mm", "least"),
    [
        (5000, 20, 5, 6000), (2000, 20, 5, 2500), (1001, 20, 0, 1202), (1001, 20, 5, 1501), (0, 20, 5, 500), (0, 20, 0, 1),
        (4, 20, 0, 5),
    ],
)  # fmt: skip
def test_the_least_length_that_has_risen_is_the_edge(
    reference: int, percent: int, at_least_mm: int, least: int
) -> None:
    assert least_that_has_risen_by(reference, percent, at_least_mm) == least
    risen = has_risen_by(pl.lit(pl.Series([least - 1, least])), pl.lit(reference), percent, at_least_mm)
    assert pl.select(risen).to_series().to_list() == [False, True]


@pytest.mark.parametrize(("reference", "most"), [(1000, 700), (1001, 700), (0, 0), (3, 2)])
def test_the_most_that_has_fallen_is_the_edge(reference: int, most: int) -> None:
    assert most_that_has_fallen_by(reference, 30) == most
    fallen = has_fallen_by(pl.lit(pl.Series([most, most + 1])), pl.lit(reference), 30)
    assert pl.select(fallen).to_series().to_list() == [True, False]


def test_a_trace_tells_each_rule_once_in_its_order_and_nothing_of_what_did_not_fire() -> None:
    rules = pl.DataFrame({"a": ["x", None, None], "b": ["y", "y", None], "c": ["x", None, None]})
    assert rules.select(trace("a", "b", "c"))["trace"].to_list() == ["x;y", "y", ""]
