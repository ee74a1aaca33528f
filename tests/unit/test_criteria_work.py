"""The work of a criterion, counted and not timed: nobody adds a pass over the lesions unseen.

The figures are what the plans of a small reading hold today. Who needs more raises them here, and measures what it costs first
(`python -m benchmarks criteria`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import pytest
from rules_engine.criteria import reassessment
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


def work_of(derive: Callable[[], pl.LazyFrame]) -> Counter[str]:
    """Nodes of every plan that is computed for what `derive` gives: of its own, and of what is held for others while it is written."""
    found: Counter[str] = Counter()
    collect = pl.LazyFrame.collect
    inside = False

    def counting(plan: pl.LazyFrame, *given: Any, **more: Any) -> pl.DataFrame:
        nonlocal inside
        if inside:
            return collect(plan, *given, **more)
        inside = True
        try:
            found.update(counted(plan))
            return collect(plan, *given, **more)
        finally:
            inside = False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pl.LazyFrame, "collect", counting)
        derive().collect()
    return found


def offered(criterion: str) -> tuple[Criterion, CriterionRules]:
    registry = default_registry()
    return registry.criteria.require(criterion), load_criterion_rules(criterion, registry=registry)


def assert_no_more(found: dict[str, int], most: dict[str, int]) -> None:
    assert {name for name in most if found[name] > most[name]} == set(), f"found {found}, at most {most}"


@pytest.mark.parametrize(
    ("criterion", "most"),
    [
        ("recist_1_1", {"scans": 11, "joins": 7, "sorts": 0, "groups": 6}),
        ("mrecist", {"scans": 11, "joins": 7, "sorts": 0, "groups": 6}),
        ("irecist", {"scans": 16, "joins": 13, "sorts": 0, "groups": 12}),
        ("mrecist_irecist", {"scans": 22, "joins": 18, "sorts": 0, "groups": 14}),
    ],
)
def test_timepoint_responses_take_no_further_pass_over_the_lesions(criterion: str, most: dict[str, int]) -> None:
    known, rules = offered(criterion)
    reading = hold_reading(READING)
    assert_no_more(work_of(lambda: known.assess(reading, rules)), most)


@pytest.mark.parametrize("criterion", ["recist_1_1", "mrecist", "irecist", "mrecist_irecist"])
def test_a_criterion_computes_nothing_of_lesions_of_its_own_before_its_plan_is_run(criterion: str) -> None:
    known, rules = offered(criterion)
    known.assess(READING, rules)  # learns the columns, from no rows
    with calls(pl.LazyFrame, "collect") as collects:
        known.assess(READING, rules)
    assert collects == [0]


@pytest.mark.parametrize(
    ("criterion", "most"),
    [
        ("recist_1_1", {"scans": 60, "joins": 27, "groups": 21}),
        ("mrecist", {"scans": 62, "joins": 28, "groups": 22}),
        ("irecist", {"scans": 67, "joins": 30, "groups": 25}),
        ("mrecist_irecist", {"scans": 69, "joins": 31, "groups": 26}),
    ],
)
def test_findings_take_no_further_pass_over_the_lesions(criterion: str, most: dict[str, int]) -> None:
    known, rules = offered(criterion)
    reading = hold_reading(READING)
    timepoints = known.assess(reading, rules).collect().lazy()
    assert_no_more(work_of(lambda: known.validate(reading, rules, timepoints)), most)


@pytest.mark.parametrize(("first", "then"), [("mrecist", "mrecist_irecist"), ("recist_1_1", "irecist")])
def test_what_two_criteria_measure_alike_is_measured_once(first: str, then: str) -> None:
    def work(*before: str) -> Counter[str]:
        reading = hold_reading(READING)
        for criterion in before:
            known, rules = offered(criterion)
            known.assess(reading, rules).collect()
        known, rules = offered(then)
        return work_of(lambda: known.assess(reading, rules))

    alone, after = work(), work(first)
    assert after["groups"] <= alone["groups"] - 4
    assert after["scans"] <= alone["scans"] - 6


def test_a_reading_is_sorted_out_in_a_fixed_number_of_steps() -> None:
    with calls(pl.LazyFrame, "collect") as collects:
        hold_reading(READING)
    assert collects[0] <= 5


def test_the_sweep_of_irecist_joins_as_often_for_each_number_of_visit_however_many_subjects() -> None:
    known, rules = offered("irecist")
    sweep = reassessment.sweep

    def joins(*subjects: str) -> int:
        lesions = pl.concat([READING.with_columns(subject=pl.lit(subject)) for subject in subjects])
        counts = []

        def counting(*given: Any) -> pl.DataFrame:
            with calls(pl.LazyFrame, "join") as found:
                decided = sweep(*given)
            counts.append(found[0])
            return decided

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reassessment, "sweep", counting)
            known.assess(lesions, rules).collect()
        return counts[-1]

    assert joins("A") == joins("A", "B", "C")
    assert joins("A") <= 2 * 8  # two visits after the baseline
