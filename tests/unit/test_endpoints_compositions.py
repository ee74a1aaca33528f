"""Endpoints put together from words as no shipped one is: a rule of a word holds in whatever it is used."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from rules_engine.casebook.endpoint_cases import protocol_of
from rules_engine.loading import load_ruleset
from rules_engine.registry import default_registry

from tests.strategies.engine import derive_all

CUT_OFF = date(2023, 12, 31)
CLOSING = ["withdrawal", "lost_to_followup", "end_of_study", "cutoff"]


def record(endpoint: str, options: dict[str, Any], scans: dict[str, str], **more: Any) -> dict[str, Any]:
    subject = {
        "subject": "1", "origins": {"randomisation": "2023-01-02"}, "baseline": {"date": "2022-12-20", "adequate": True},
        "assessments": [{"id": f"A{n}", "date": day, "response": code} for n, (day, code) in enumerate(scans.items(), 1)],
        **more,
    }  # fmt: skip
    return derive_all([subject], endpoint, options, CUT_OFF)["1"]


def test_where_no_event_can_happen_everybody_is_censored() -> None:
    options = {"events": ["death_per_ttup_death"], "ttup_death": "censor", "censoring_rules": CLOSING}
    found = record("TTUP", options, {"2023-03-01": "SD"}, death={"date": "2023-05-01"})
    assert (found["event"], found["reason"], found["date"]) == (False, "CUTOFF", date(2023, 3, 1))


@pytest.mark.parametrize(("boundary", "day"), [("inclusive", date(2023, 6, 1)), ("exclusive", date(2023, 5, 31))])
def test_who_is_known_to_live_later_lived_on_the_last_day_that_counts(boundary: str, day: date) -> None:
    """The contact in September shows that the subject lived when the therapy, which ends the observation, began."""
    options = {
        "events": ["death"], "censoring": "last_known_alive", "censoring_rules": ["new_therapy", *CLOSING],
        "new_therapy": "censor", "new_therapy_boundary": boundary,
    }  # fmt: skip
    therapies = [{"id": "T1", "start": "2023-06-01", "kind": "systemic"}]
    found = record("PFS", options, {"2023-03-01": "SD"}, therapies=therapies, last_contact="2023-09-01")
    assert (found["reason"], found["date"], found["source"]) == ("NEW_THERAPY", day, "T1")


def test_a_contact_on_the_day_of_the_therapy_is_its_own_source() -> None:
    options = {
        "events": ["death"], "censoring": "last_known_alive", "censoring_rules": ["new_therapy", *CLOSING],
        "new_therapy": "censor", "os_censor": "last_contact",
    }  # fmt: skip
    therapies = [{"id": "T1", "start": "2023-06-01", "kind": "systemic"}]
    found = record("PFS", options, {}, therapies=therapies, last_contact="2023-06-01")
    assert (found["reason"], found["date"], found["source"]) == ("NEW_THERAPY", date(2023, 6, 1), "LAST_CONTACT")


def test_a_contact_before_the_therapy_is_where_life_was_last_known() -> None:
    options = {
        "events": ["death"], "censoring": "last_known_alive", "censoring_rules": ["new_therapy", *CLOSING],
        "new_therapy": "censor", "os_censor": "last_contact",
    }  # fmt: skip
    therapies = [{"id": "T1", "start": "2023-06-01", "kind": "systemic"}]
    found = record("PFS", options, {}, therapies=therapies, last_contact="2023-04-01")
    assert (found["reason"], found["date"], found["source"]) == ("NEW_THERAPY", date(2023, 4, 1), "LAST_CONTACT")


def test_a_second_progression_does_not_close_the_gap_before_itself() -> None:
    """From the scan of 27 February to the progression of 2 October 217 days passed, of which 90 are allowed."""
    options = {
        "events": ["second_progression", "death"], "censoring_rules": ["missed_visits", *CLOSING],
        "missed_visits": {"method": "fixed_days", "gap_days": 90},
    }  # fmt: skip
    therapies = [{"id": "T1", "start": "2023-03-10", "kind": "systemic"}]
    scans = {"2023-02-27": "SD", "2023-10-02": "PD"}
    found = record("PFS2", options, scans, therapies=therapies)
    assert (found["event"], found["reason"]) == (False, "MISSED_VISITS")


@pytest.mark.parametrize("event", ["therapy", "clinical_progression"])
def test_an_event_that_an_option_of_its_own_brings_in_cannot_be_listed(event: str) -> None:
    """Otherwise `new_therapy: ignore` beside `events: [therapy]` would say two things."""
    properties = default_registry().endpoint_kinds["time_to_event"].options_schema["properties"]
    assert event not in properties["events"]["items"]["enum"]


def test_an_unconfirmed_progression_that_waits_bounds_the_date_of_a_therapy_that_censors() -> None:
    """Where any evaluable scan counts, the one that raised the suspicion does not, nor does one after it."""
    options = {
        "events": ["progression"], "censoring": "last_evaluable",
        "censoring_rules": ["new_therapy", "pending_progression", *CLOSING],
        "pd_rule": "irecist", "irecist": {"unconfirmed": "censor"}, "new_therapy": "censor",
    }  # fmt: skip
    therapies = [{"id": "T1", "start": "2023-09-01", "kind": "systemic"}]
    scans = {"2023-03-01": "iSD", "2023-05-01": "iUPD", "2023-07-01": "iUPD"}
    found = record("PFS", options, scans, therapies=therapies)
    assert (found["reason"], found["date"], found["source"]) == ("NEW_THERAPY", date(2023, 3, 1), "A1")


def test_a_death_that_competes_is_no_reason_to_censor_where_it_does_not_count() -> None:
    """It would have ended the time; after a gap of more than 90 days it does not, which is the reason that is given."""
    options = {
        "events": ["progression"], "censoring_rules": ["death_not_event", "missed_visits", *CLOSING],
        "death_handling": "competing", "missed_visits": {"method": "fixed_days", "gap_days": 90},
    }  # fmt: skip
    found = record("TTP", options, {"2023-03-01": "SD"}, death={"date": "2023-10-01"})
    assert (found["event_type"], found["reason"], found["date"]) == (0, "MISSED_VISITS", date(2023, 3, 1))


@pytest.mark.parametrize(
    ("event", "reads"),
    [
        ("progression", True),
        ("second_progression", True),
        ("response", True),
        ("death", False),
        ("second_primary", False),
    ],
)
def test_an_event_that_reads_responses_asks_for_a_stream_of_them(event: str, reads: bool) -> None:
    options = {"events": [event], "population": "all", "start": "origin"}
    case = {"id": "reads", "endpoint": "OS", "ruleset": {"preset": "common", "options": options}}
    definition = load_ruleset(protocol_of(case)).endpoints["OS"]
    kind = default_registry().endpoint_kinds.require(definition.kind)
    assert kind.reads_responses is not None
    assert kind.reads_responses(definition) is reads


def test_only_a_rate_has_a_benefit_to_define() -> None:
    kinds = default_registry().endpoint_kinds
    assert "benefit" in kinds["response_rate"].options_schema["properties"]
    assert "benefit" not in kinds["best_overall_response"].options_schema["properties"]
