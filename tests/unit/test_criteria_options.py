"""The options of the response criteria: what a schema asks for, what contradicts itself, and what has no effect."""

from __future__ import annotations

import pytest
from rules_engine.criteria import options
from rules_engine.loading import load_criterion_rules
from rules_engine.model import CriterionRules
from rules_engine.registry import default_registry
from rules_engine.wording import Wording, wording_of

from tests.strategies.lesions import CRITERIA
from tests.unit.test_criteria_rules import assessed, history, lesion


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_criterion_asks_for_every_option_that_it_has_and_knows_no_other(criterion: str) -> None:
    schema = default_registry().criteria.require(criterion).options_schema
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False


def test_a_criterion_may_say_in_its_own_words_what_an_option_means() -> None:
    group = {"pr.pct": {"type": "number"}, "pd.pct": {"type": "number"}}
    told = options.options_schema(group, wording={"pr.pct": Wording("Shrinkage")})["properties"]
    assert wording_of(told["pr.pct"]).title == "Shrinkage"
    assert wording_of(told["pd.pct"]) == wording_of(options.options_schema(group)["properties"]["pd.pct"])
    assert "x-wording" not in group["pr.pct"]


@pytest.mark.parametrize(("least", "most", "objected"), [(28, 56, 0), (28, 28, 0), (29, 28, 1)])
def test_the_window_of_confirmation_may_be_one_day(least: int, most: int, objected: int) -> None:
    window = {"irecist.confirm_min_days": least, "irecist.confirm_max_days": most}
    rules = CriterionRules(ruleset="toy", criterion="toy", options=window)
    assert len(options.confirmation_window(rules)) == objected


def test_under_irecist_dating_back_is_said_to_have_no_effect() -> None:
    schema = default_registry().criteria.require("irecist").options_schema
    assert wording_of(schema["properties"]["equivocal.backdate"]).when is False


@pytest.mark.parametrize(
    ("criterion", "waits", "only_suspected"),
    [("recist_1_1", False, False), ("mrecist", False, False), ("irecist", True, False), ("mrecist_irecist", True, True)],
)  # fmt: skip
def test_the_options_tell_whether_progression_waits(criterion: str, waits: bool, only_suspected: bool) -> None:
    rules = load_criterion_rules(criterion, registry=default_registry())
    assert (options.waits_for_confirmation(rules), options.waits_only_if_suspected(rules)) == (waits, only_suspected)


@pytest.mark.parametrize("criterion", ["irecist", "mrecist_irecist"])
def test_evidence_is_shown_where_it_is_asked_for_and_is_no_part_of_a_response(criterion: str) -> None:
    visits = {0: [lesion("T", 50, viable=50)], 42: [lesion("T", 62, viable=62)], 84: [lesion("T", 68, viable=68)]}
    lesions = history(visits, suspected=[42])
    timepoints, rules = assessed(criterion, lesions)
    offered = default_registry().criteria.require(criterion)
    assert offered.inspect is not None
    shown = offered.inspect(lesions, rules).collect().sort("visit_date")
    assert shown["fate"].to_list() == ["iupd", "confirmed"]
    assert shown["target_growth"].to_list()[1] == 600
    assert timepoints["overall"].to_list() == ["iUPD", "iCPD"]
    assert "fate" not in timepoints.columns
