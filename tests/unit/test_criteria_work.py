"""The work of a criterion, counted and not timed: nobody adds a pass over the lesions unseen.

The figures are what the plans of a small reading hold today. Who needs more raises them here, and measures what it costs first
(`python -m benchmarks criteria`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import pytest
from rules_engine.loading import load_criterion_rules
from rules_engine.model import CriterionRules
from rules_engine.pipeline import hold_reading
from rules_engine.registry import default_registry
from rules_engine.vocabulary import Criterion

from tests.unit.test_criteria_rules import history, lesion

READING = history(
    {
        0: [lesion("T", 50, viable=50), lesion("X", role="non-target", status="present")],
        42: [lesion("T", 62, viable=62), lesion("X", role="non-target", status="present")],
        84: [lesion("T", 62, viable=62), lesion("N", 12, role="new", nl="target", organ="lung")],
    },
    suspected=(42,),
)
#: How a plan as text names what it does.
NODES = {"scans": "DF [", "joins": "JOIN:", "sorts": "SORT", "groups": "AGGREGATE"}


def counted(plan: pl.LazyFrame) -> dict[str, int]:
    """Nodes of a plan as it is written down, before anything is shared or left out."""
    text = plan.explain(optimized=False)
    return {name: text.count(word) for name, word in NODES.items()}


@contextmanager
def calls(kind: type, name: str) -> Iterator[list[int]]:
    """How often a method is called meanwhile."""
    found = [0]
    method = getattr(kind, name)

    def counting(*arguments: Any, **more: Any) -> Any:
        found[0] += 1
        return method(*arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, name, counting)
        yield found


def offered(criterion: str) -> tuple[Criterion, CriterionRules]:
    registry = default_registry()
    return registry.criteria.require(criterion), load_criterion_rules(criterion, registry=registry)


def assert_no_more(found: dict[str, int], most: dict[str, int]) -> None:
    assert {name for name in most if found[name] > most[name]} == set(), f"found {found}, at most {most}"


@pytest.mark.parametrize(
    ("criterion", "most"),
    [
        ("recist_1_1", {"scans": 12, "joins": 11, "sorts": 0, "groups": 10}),
        ("mrecist", {"scans": 12, "joins": 11, "sorts": 0, "groups": 10}),
        ("irecist", {"scans": 26, "joins": 25, "sorts": 0, "groups": 22}),
        ("mrecist_irecist", {"scans": 50, "joins": 49, "sorts": 0, "groups": 42}),
    ],
)
def test_timepoint_responses_take_no_further_pass_over_the_lesions(criterion: str, most: dict[str, int]) -> None:
    known, rules = offered(criterion)
    reading = hold_reading(READING)
    plan = known.assess(reading, rules)
    assert_no_more(counted(plan), most)
    with calls(pl.LazyFrame, "collect") as collects:
        plan.collect()
    assert collects == [1], "a criterion computes nothing before its plan is run"


@pytest.mark.parametrize(
    ("criterion", "scans"), [("recist_1_1", 42), ("mrecist", 44), ("irecist", 52), ("mrecist_irecist", 54)]
)
def test_findings_take_no_further_pass_over_the_lesions(criterion: str, scans: int) -> None:
    known, rules = offered(criterion)
    reading = hold_reading(READING)
    timepoints = known.assess(reading, rules).collect().lazy()
    assert_no_more(counted(known.validate(reading, rules, timepoints)), {"scans": scans})


def test_a_reading_is_sorted_out_in_a_fixed_number_of_steps() -> None:
    with calls(pl.LazyFrame, "collect") as collects:
        hold_reading(READING)
    assert collects[0] <= 5


def test_the_sweep_of_irecist_joins_as_often_for_each_number_of_visit_however_many_subjects() -> None:
    known, rules = offered("irecist")

    def joins(*subjects: str) -> int:
        lesions = pl.concat([READING.with_columns(subject=pl.lit(subject)) for subject in subjects])
        with calls(pl.DataFrame, "join") as found:
            known.assess(lesions, rules).collect()
        return found[0]

    assert joins("A") == joins("A", "B", "C")
    assert joins("A") <= 2 * 10  # two visits after the baseline
