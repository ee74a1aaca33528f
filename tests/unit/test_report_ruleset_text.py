"""What the page says about a ruleset: the choices that matter to an endpoint, in words."""

from __future__ import annotations

from typing import Any

import pytest
from rules_engine.model import EndpointDefinition
from rules_engine.report.ruleset_text import _endpoint_table, relevant_options

SHARED: dict[str, Any] = {
    "origin": "first_component",
    "pd_rule": "first_pd",
    "no_baseline": "censor_day1",
    "missed_visits": {"method": "fixed_days", "n": 2, "gap_days": 180, "reference": "last_evaluable"},
    "new_therapy": "censor",
    "curative_conversion": "as_new_therapy",
    "repeat_tace": "part_of_regimen",
    "death_handling": "competing",
    "os_censor": "last_known_alive",
    "irecist": {"unconfirmed": "event"},
    "response": {"confirmation": "none", "landmark": None},
    "ttup_kinds": ["vascular_invasion"],
    "event_reasons": {"PD": "PROGRESSIVE DISEASE"},
}


def endpoint(kind: str = "time_to_event", **options: Any) -> EndpointDefinition:
    return EndpointDefinition("X", kind, "An endpoint", "overall", {**SHARED, **options})


def lines(one: EndpointDefinition) -> dict[str, str]:
    return {row.heading.text: row.cells[0].text for row in _endpoint_table(one).rows}


def test_progression_free_survival_in_words() -> None:
    rules = ["missed_visits", "new_therapy", "cutoff"]
    said = lines(endpoint(events=["progression", "death"], censoring="last_adequate", censoring_rules=rules))
    assert said["Clock starts at"] == "start of the first component"
    assert said["Counts as an event"] == "progression, death from any cause"
    assert said["Missed visits before the event"] == "discarded after more than 180 days"
    assert said["New anticancer therapy"] == "censored at the last adequate assessment before it"
    assert "Death before progression" not in said
    assert "Response" not in said
    assert not any("PROGRESSIVE DISEASE" in text for text in said.values())


def test_overall_survival_says_nothing_of_rules_that_cannot_change_it() -> None:
    said = lines(
        endpoint(
            events=["death"], censoring="last_known_alive", censoring_rules=["withdrawal", "cutoff"],
            therapy_events="never", baseline_rule="ignored",
        )
    )  # fmt: skip
    assert said["Counts as an event"] == "death from any cause"
    assert said["Censored alive at"] == "last evidence of life"
    for rule in ("Progression", "New anticancer therapy", "Repeat TACE", "Missed visits before the event"):
        assert rule not in said


def test_time_to_progression_says_what_becomes_of_a_death() -> None:
    said = lines(endpoint(events=["progression"], censoring="last_adequate"))
    assert said["Counts as an event"] == "progression (death: competing event)"


@pytest.mark.parametrize(
    ("response", "shown"),
    [
        (None, "confirmation: none"),
        (
            {"anchor": "first_tace", "from_days": 42, "to_days": 56},
            "landmark: anchor: first tace; from days: 42; to days: 56",
        ),
    ],
)
def test_a_response_shows_its_landmark_or_its_confirmation(response: dict[str, Any] | None, shown: str) -> None:
    one = endpoint("response_rate", responders=["CR", "PR"], response={"confirmation": "none", "landmark": response})
    said = lines(one)
    assert said["Counts as a response"] == "CR, PR"
    assert said["Response"] == shown
    assert "Missed visits before the event" not in said


def test_a_duration_of_response_starts_with_the_response() -> None:
    said = lines(endpoint(events=["progression", "death"], start="response", population="responders"))
    assert said["Clock starts at"] == "first response"


def test_a_therapy_that_is_always_an_event_is_said_to_be_one() -> None:
    options = relevant_options(endpoint(events=["discontinuation", "progression", "death"], therapy_events="always"))
    assert options["new_therapy"] == "event"


def test_options_of_a_kind_that_the_page_does_not_know_are_shown_as_written() -> None:
    said = lines(EndpointDefinition("X", "third_party", "Theirs", None, {"cut_point": 3, "half_life_days": None}))
    assert said == {"Derived as": "third party", "Cut point": "3"}
