"""A third party's criterion that is made of the toolbox is judged by what its rules state, not by what it is called."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
import rules_engine
from rules_engine import criteria
from rules_engine.contracts import LESION_ASSESSMENTS, canonical_schema
from rules_engine.loading import load_criterion_rules
from rules_engine.model import CriterionRules
from rules_engine.registry import build_registry, default_registry
from rules_engine.vocabulary import Criterion

START = date(2024, 1, 1)
#: Sums of one target by visit, 42 days apart: a confirmed progression, one that is reset, one still open, none.
COURSES = ((50, 62, 70), (50, 30, 45, 25, 24), (50, 62, 55), (50, 62), (50, 20, 20))


def lesions() -> pl.LazyFrame:
    """Each course with its progressions suspected (`s…`) and not suspected (`p…`) to be pseudoprogression."""
    rows = [
        {
            "subject": f"{'s' if suspected else 'p'}{number}", "visit_date": START + timedelta(days=42 * visit),
            "is_baseline": visit == 0, "lesion_id": "T", "role": "target", "organ": "liver", "node": False,
            "mm_x100": mm * 100, "viable_mm_x100": mm * 100, "suspected_pseudoprogression": suspected,
        }
        for number, course in enumerate(COURSES)
        for suspected in (True, False)
        for visit, mm in enumerate(course)
    ]  # fmt: skip
    random.Random(7).shuffle(rows)
    schema = canonical_schema(LESION_ASSESSMENTS)
    return pl.LazyFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def judged(criterion: str, rules: CriterionRules) -> dict[str, tuple[object, ...]]:
    """Best response, and date and status of progression, by subject."""
    timepoints = default_registry().criteria.require(criterion).assess(lesions(), rules)
    subjects = lesions().select("subject").unique().with_columns(reference_date=pl.lit(START))
    best = criteria.best_overall_response(timepoints, subjects, rules)
    told = criteria.progression(timepoints, rules).join(best, on="subject").collect()
    return {
        row["subject"]: (row["bor"], row["progression_date"], row["progression_status"])
        for row in told.iter_rows(named=True)
    }


def day(visit: int) -> date:
    return START + timedelta(days=42 * visit)


def test_a_criterion_with_the_options_of_irecist_waits_for_confirmation() -> None:
    rules = replace(load_criterion_rules("irecist", registry=default_registry()), criterion="house_immune")
    found = judged("irecist", rules)
    assert found["p0"] == ("iCPD", day(1), "confirmed")  # 50, 62 (+24 %), 70 (+8 mm further)
    assert found["p1"] == ("iPR", None, "none")  # 45 is an iUPD against the nadir of 30; 25 resets it
    assert found["p2"] == ("iSD", None, "none")  # 55 is below the limit for progression again
    assert found["p3"] == ("iUPD", day(1), "unconfirmed")
    assert found["p4"] == ("iPR", None, "none")


def test_a_criterion_with_the_options_of_the_hybrid_waits_only_where_pseudoprogression_is_suspected() -> None:
    rules = replace(load_criterion_rules("mrecist_irecist", registry=default_registry()), criterion="house_hybrid")
    found = judged("mrecist_irecist", rules)
    assert found["s0"] == ("PD", day(1), "confirmed")
    assert found["s1"] == ("PR", None, "none")
    assert found["s2"] == ("SD", None, "none")
    assert found["p0"] == ("PD", day(1), "progressed")
    assert found["p1"] == ("PR", day(2), "progressed")
    assert found["p2"] == ("PD", day(1), "progressed")


@pytest.mark.parametrize("criterion", ["recist_1_1", "mrecist", "irecist", "mrecist_irecist"])
def test_the_name_of_a_criterion_changes_nothing(criterion: str) -> None:
    rules = load_criterion_rules(criterion, registry=default_registry())
    assert judged(criterion, replace(rules, criterion="another")) == judged(criterion, rules)


def test_a_plugin_offers_a_stricter_irecist_under_a_name_of_its_own() -> None:
    class HousePlugin:
        @rules_engine.hookimpl
        def rules_engine_criteria(self) -> list[Criterion]:
            return [replace(default_registry().criteria.require("irecist"), id="house_immune", title="House rules")]

    registry = build_registry(extra=[("house", HousePlugin())])
    ruleset = {
        "rules_engine": 1, "id": "house", "kind": "criterion", "extends": ["irecist"], "criterion": "house_immune",
        "title": "House rules", "reference": "Charter of the readers, version 1",
        "values": {
            "irecist.further_mm": {"value": 10, "unit": "mm", "text": "Growth that confirms.", "reference": "Charter, 4.2"}
        },
    }  # fmt: skip
    rules = load_criterion_rules(ruleset, registry=registry)
    assert rules.criterion == "house_immune"
    found = judged("irecist", rules)
    assert found["p0"] == ("iUPD", day(1), "unconfirmed")  # 8 mm further are not enough here
    assert found["p1"] == ("iPR", None, "none")
