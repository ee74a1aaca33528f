"""What a built-in reason to censor does under the options, and which date an option chooses."""

from __future__ import annotations

from typing import Any

import pytest

from rules_engine_plugins.censoring import DEATH_NOT_EVENT, MISSED_VISITS, PENDING_PROGRESSION, PFS2_CENSOR

HANDLINGS = {"censor_last_adequate": "as_stated", "censor_at_death": "ends_time", "competing": "competes"}


@pytest.mark.parametrize(("handling", "effect"), HANDLINGS.items())
@pytest.mark.parametrize("ttup_death", ["censor", "event"])
def test_a_death_is_a_reason_to_censor_only_where_it_is_no_event(handling: str, effect: str, ttup_death: str) -> None:
    options = {"death_handling": handling, "ttup_death": ttup_death}

    def of(*events: str) -> str:
        return DEATH_NOT_EVENT.effect({**options, "events": list(events)})

    assert of("progression") == effect
    assert of("progression", "death") == "off"
    assert of("ttup_kinds", "death_per_ttup_death") == ("off" if ttup_death == "event" else effect)
    assert of("ttup_kinds") == effect


@pytest.mark.parametrize("stated", [{}, {"events": None}])
def test_an_endpoint_without_events_has_no_death_among_them(stated: dict[str, Any]) -> None:
    options = {"death_handling": "competing", "ttup_death": "event", **stated}
    assert DEATH_NOT_EVENT.effect(options) == "competes"


def test_missed_visits_and_a_pending_progression_are_asked_where_the_options_want_them() -> None:
    assert MISSED_VISITS.effect({"missed_visits": {"method": "disabled"}}) == "off"
    assert MISSED_VISITS.effect({"missed_visits": {"method": "windows"}}) == "discards"
    assert PENDING_PROGRESSION.effect({"events": ["progression", "death"]}) == "before_date"
    assert PENDING_PROGRESSION.effect({"events": ["death"]}) == "off"
    assert PENDING_PROGRESSION.effect({}) == "off"


def test_the_date_of_pfs2_is_the_one_that_its_option_names() -> None:
    assert PFS2_CENSOR.name is not None
    for name in ("last_known_alive", "last_evaluable"):
        assert PFS2_CENSOR.name({"pfs2_censor": name}) == name
