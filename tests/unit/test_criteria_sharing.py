"""What is derived of shared records once stands for whoever gives the options that decided it the same values, and for nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from rules_engine.criteria import Measure
from rules_engine.criteria.columns import Columns
from rules_engine.criteria.lesion_records import LesionRecords, _shared, numbered, sort_out
from rules_engine.criteria.sharing import derive_shared
from rules_engine.loading import load_criterion_rules
from rules_engine.model import CriterionRules
from rules_engine.pipeline import hold_reading
from rules_engine.registry import default_registry

from tests.unit.test_criteria_rules import history, lesion

LESIONS = history({0: [lesion("T", 50)], 42: [lesion("T", 30)]})
RULES = load_criterion_rules("recist_1_1", registry=default_registry())


def stating(**options: Any) -> CriterionRules:
    return replace(
        RULES, options={**RULES.options, **{key.replace("__", "."): value for key, value in options.items()}}
    )


class Asked:
    """A step that counts how often it is asked; it reads one option, and a second where the first says so."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, records: LesionRecords, rules: CriterionRules, *_given: Any) -> pl.LazyFrame:
        self.times += 1
        said = rules.options.get("test.second") if rules.options.get("test.first") == "ask" else None
        return records.subjects.select("subject", first=pl.lit(rules.options.get("test.first")), second=pl.lit(said))


@pytest.fixture
def records() -> Any:
    reading = hold_reading(LESIONS.lazy())
    shared = _shared(reading)
    assert shared is not None
    yield shared
    del reading


def told(frame: pl.LazyFrame) -> tuple[Any, ...]:
    return frame.select("first", "second").collect().row(0)


def test_options_that_a_step_does_not_read_decide_nothing(records: LesionRecords) -> None:
    step = Asked()
    first = derive_shared(records, stating(test__first="no", test__second=1), step)
    again = derive_shared(records, stating(test__first="no", test__second=2, test__third=3), step)
    assert told(first) == told(again) == ("no", None)
    assert step.times == 1


def test_options_that_a_step_reads_decide(records: LesionRecords) -> None:
    step = Asked()
    answers = [
        told(derive_shared(records, stating(**options), step))
        for options in (
            {},
            {"test__first": None},
            {"test__first": "ask"},
            {"test__first": "ask", "test__second": 2},
            {"test__first": "ask", "test__second": 3},
            {"test__first": "ask", "test__second": 2},
        )
    ]
    assert answers == [(None, None), (None, None), ("ask", None), ("ask", 2), ("ask", 3), ("ask", 2)]
    assert step.times == 5  # an option that is not there is another than one that says nothing


def test_what_else_a_step_is_given_and_the_step_itself_decide_too(records: LesionRecords) -> None:
    step, other = Asked(), Asked()
    for given in ("a", "b", "a"):
        derive_shared(records, RULES, step, given)
    derive_shared(records, RULES, other, "a")
    assert (step.times, other.times) == (2, 1)


def test_a_step_inside_another_tells_the_outer_one_what_it_read(records: LesionRecords) -> None:
    inner = Asked()

    def outer(of: LesionRecords, rules: CriterionRules) -> pl.LazyFrame:
        return derive_shared(of, rules, inner)

    answers = [told(derive_shared(records, stating(test__first=word), outer)) for word in ("a", "b", "a", "b")]
    assert [first for first, _second in answers] == ["a", "b", "a", "b"]
    assert inner.times == 2


def test_a_measure_of_a_criterion_s_own_and_records_that_are_not_shared_are_derived_anew(
    records: LesionRecords,
) -> None:
    step = Asked()
    for _ in range(2):
        derive_shared(records, RULES, step, Measure(pl.col("mm_x100"), 0))
        derive_shared(sort_out(numbered(LESIONS.lazy()).collect().lazy()), RULES, step)
    assert step.times == 4


def test_a_step_may_not_read_all_options_at_once(records: LesionRecords) -> None:
    with pytest.raises(TypeError, match="by name"):
        derive_shared(records, RULES, lambda of, rules: of.subjects.select(*rules.options))


def test_columns_are_added_layer_after_layer() -> None:
    columns = Columns().with_columns(b=pl.col("a") + 1).with_columns((pl.col("b") * 2).alias("c"), [pl.col("a") - 1])
    added = columns.with_columns(d=pl.col("c") + pl.col("a")).added_to(pl.LazyFrame({"a": [1, 2]})).collect()
    assert added.to_dict(as_series=False) == {"a": [0, 1], "b": [2, 3], "c": [4, 6], "d": [4, 7]}
    assert len(columns.layers) == 2
