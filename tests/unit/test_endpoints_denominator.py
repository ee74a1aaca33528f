"""Rates among all subjects and among the response-evaluable (endpoints specification §6.3 and §9)."""

from __future__ import annotations

from typing import Any

import pytest
from rules_engine import RulesetError
from rules_engine.endpoints import records_from_mappings
from rules_engine.loading import load_ruleset
from rules_engine.registry import default_registry

from tests.strategies.timelines import CUT_OFF

SD = {"date": "2023-03-01", "response": "SD"}


def subject(name: str, *assessments: dict[str, Any], adequate: bool = True) -> dict[str, Any]:
    return {
        "subject": name, "origins": {"randomisation": "2023-01-02"}, "baseline": {"adequate": adequate},
        "assessments": list(assessments), "therapies": [{"start": "2023-02-01", "kind": "systemic"}],
    }  # fmt: skip


SUBJECTS = [
    subject("assessed", SD),
    subject("not evaluable", {**SD, "response": "NE"}),
    subject("not done", {**SD, "response": "ND"}),
    subject("before the origin", {**SD, "date": "2023-01-02"}),
    subject("after the cut-off", {**SD, "date": "2024-01-02"}),
    subject("without baseline", SD, adequate=False),
    subject("never assessed"),
]


def protocol(label: str, **options: Any) -> dict[str, Any]:
    return {
        "rules_engine": 1, "id": "rates", "kind": "protocol", "title": "Rates", "extends": ["fda"],
        "schedule": {"segments": [{"every": 56}]}, "responses": {"site": {"collected_as": "RECIST 1.1"}},
        "endpoints": {"ORR": {"like": "ORR", "response": "site", "label": label, "options": options}},
    }  # fmt: skip


@pytest.mark.parametrize("no_baseline", ["censor_day1", "use_assessments"])
def test_the_evaluable_have_a_baseline_and_an_assessment_after_it(no_baseline: str) -> None:
    label = "Objective response rate, response-evaluable subjects"

    def counted(denominator: str) -> set[str]:
        ruleset = load_ruleset(protocol(label, denominator=denominator, no_baseline=no_baseline))
        kind = default_registry().endpoint_kinds["response_rate"]
        rows = kind.derive(records_from_mappings(SUBJECTS), ruleset.endpoints["ORR"], CUT_OFF).collect()
        return set(rows["subject"])

    assert counted("all") == {one["subject"] for one in SUBJECTS}
    assert counted("response_evaluable") == {"assessed", "not evaluable"}


def test_a_title_that_hides_the_denominator_is_refused() -> None:
    with pytest.raises(RulesetError) as raised:
        load_ruleset(protocol("Objective response rate", denominator="response_evaluable"))
    (problem,) = raised.value.problems
    assert problem.path == "endpoints.ORR.options.denominator"
    assert "does not say that only response-evaluable subjects are counted" in problem.what
