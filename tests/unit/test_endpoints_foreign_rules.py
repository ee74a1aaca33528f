"""What the engine does with the facts of a censoring rule, by its effect: several of one subject, in whatever order they come."""

from __future__ import annotations

from datetime import date
from types import ModuleType
from typing import Any

import pytest
from rules_engine import endpoints
from rules_engine.casebook.endpoint_cases import protocol_of
from rules_engine.endpoints.events import recorded
from rules_engine.hookspecs import hookimpl
from rules_engine.loading import load_ruleset
from rules_engine.registry import Registry, build_registry
from rules_engine.vocabulary import Censored, CensoringDate, CensoringRule, Effect

CUT_OFF = date(2023, 12, 31)


def rule(identity: str, effect: Effect, kind: str, code: int, **more: Any) -> CensoringRule:
    """A rule whose facts are the recorded events of one kind."""
    return CensoringRule(
        id=identity, version="1", title=identity, reference="a protocol", effect=lambda _options: effect,
        derive=lambda observation: recorded(observation, [kind]), reasons={identity.upper(): Censored(code, f"TEXT OF {identity}")},
        date_text=f"DATE OF {identity}", **more,
    )  # fmt: skip


LAST_NOTE = CensoringDate(
    id="last_note", version="1", title="at the last note", reference="a protocol", texts={"last_note": "LAST NOTE"},
    derive=lambda observation: recorded(observation, ["moved"]),
)  # fmt: skip


def registry(*rules: CensoringRule) -> Registry:
    plugin = ModuleType("house")
    plugin.rules_engine_censoring_rules = hookimpl(  # type: ignore[attr-defined]
        specname="rules_engine_censoring_rules"
    )(lambda: list(rules))
    plugin.rules_engine_censoring_dates = hookimpl(  # type: ignore[attr-defined]
        specname="rules_engine_censoring_dates"
    )(lambda: [LAST_NOTE])
    return build_registry(extra=[("house", plugin)])


def record(
    rules: list[CensoringRule], scans: dict[str, str], notes: list[tuple[str, str]], *, listed: list[str] | None = None,
    ids: list[str] | None = None, **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """The one row of PFS without death as an event, `rules` before the one that closes the list."""
    words = registry(*rules)
    names = [one.id for one in rules] if listed is None else listed
    options = {"events": ["progression"], "censoring_rules": [*names, "cutoff"], **options}
    case = {"id": "rule", "endpoint": "PFS", "ruleset": {"preset": "common", "options": options}}
    definition = load_ruleset(protocol_of(case), registry=words).endpoints["PFS"]
    subject = {
        "subject": "1", "origins": {"randomisation": "2023-01-02"}, "baseline": {"date": "2022-12-20", "adequate": True},
        "assessments": [{"id": f"A{n}", "date": day, "response": code} for n, (day, code) in enumerate(scans.items(), 1)],
        "other_events": [
            {"id": identity, "date": day, "kind": kind}
            for identity, (day, kind) in zip(ids or [f"X{n}" for n in range(1, len(notes) + 1)], notes, strict=True)
        ],
    }  # fmt: skip
    kind = words.endpoint_kinds.require(definition.kind)
    records = endpoints.records_from_mappings([subject])
    rows = kind.derive(records, definition, CUT_OFF).collect().to_dicts()
    assert len(rows) == 1
    assert kind.candidates is not None
    considered = kind.candidates(records, definition, CUT_OFF).collect().filter(role="censoring")
    assert considered["word"].is_unique().all(), "a reason to censor is considered once"
    return rows[0]


SCANS = {"2023-02-27": "SD", "2023-04-24": "SD", "2023-06-19": "SD", "2023-08-14": "SD"}
#: The earlier one stands second.
NOTES = [("2023-08-01", "moved"), ("2023-06-19", "moved")]


@pytest.mark.parametrize(
    ("effect", "day", "source", "date_is"),
    [
        ("on_date", date(2023, 6, 19), "X2", "DATE OF moved"),
        ("ends_on_date", date(2023, 6, 19), "X2", "DATE OF moved"),
        ("at_start", date(2023, 1, 2), "ORIGIN", "RANDOMIZATION"),
        ("before_date", date(2023, 4, 24), "A2", None),
        ("discards", date(2023, 4, 24), "A2", None),
        ("ends", date(2023, 6, 19), "A3", None),
        ("as_stated", date(2023, 8, 14), "A4", None),
    ],
)
def test_the_earliest_fact_of_a_rule_counts(effect: Effect, day: date, source: str, date_is: str | None) -> None:
    found = record([rule("moved", effect, "moved", 31)], SCANS, NOTES)
    assert (found["date"], found["source_id"]) == (day, source)
    assert (found["event"], found["reason"], found["cnsr"]) == (False, "MOVED", 31)
    assert found["event_description"] == "TEXT OF moved"
    if effect in ("on_date", "ends_on_date"):
        assert found["censoring_description"] == date_is


@pytest.mark.parametrize(("effect", "event_type"), [("competes", 2), ("ends_time", 0)])
def test_the_earliest_fact_ends_the_time_like_an_event(effect: Effect, event_type: int) -> None:
    found = record([rule("moved", effect, "moved", 31)], SCANS | {"2023-07-03": "PD"}, NOTES)
    assert (found["date"], found["source_id"], found["event_type"]) == (date(2023, 6, 19), "X2", event_type)
    assert (found["event"], found["reason"], found["cnsr"]) == (False, "MOVED", 31)
    assert found["censoring_description"] == "DATE OF moved"


def test_a_rule_that_discards_takes_the_event_and_no_other_takes_its_place() -> None:
    """Two rules and two facts of one of them hold; the subject has one record, of the rule that is listed first."""
    rules = [rule("moved", "discards", "moved", 31), rule("unblinded", "discards", "unblinded", 32)]
    found = record(rules, SCANS | {"2023-09-11": "PD"}, [*NOTES, ("2023-05-01", "unblinded")])
    assert (found["event"], found["reason"], found["date"]) == (False, "MOVED", date(2023, 4, 24))


def test_of_several_bounds_of_a_date_the_earliest_holds() -> None:
    """The observation ends in September, but the date lies before the first note of a rule that asks for that."""
    rules = [rule("moved", "ends", "moved", 31), rule("waits", "before_date", "waits", 32)]
    notes = [("2023-09-01", "moved"), ("2023-08-14", "waits"), ("2023-06-19", "waits")]
    found = record(rules, SCANS, notes)
    assert (found["reason"], found["date"], found["source_id"]) == ("MOVED", date(2023, 4, 24), "A2")


def test_of_two_rules_that_end_the_observation_on_one_day_the_first_of_the_list_is_the_reason() -> None:
    rules = [rule("moved", "ends", "moved", 31), rule("unblinded", "ends", "unblinded", 32)]
    notes = [("2023-06-19", "unblinded"), ("2023-06-19", "moved")]
    assert record(rules, SCANS, notes)["reason"] == "MOVED"
    assert record(rules, SCANS, notes, listed=["unblinded", "moved"])["reason"] == "UNBLINDED"
    assert record(rules, SCANS, [("2023-06-18", "unblinded"), ("2023-06-19", "moved")])["reason"] == "UNBLINDED"


def test_of_two_facts_of_the_last_day_the_one_with_the_smaller_id_is_the_source() -> None:
    notes = [("2023-08-01", "moved"), ("2023-09-01", "moved"), ("2023-09-01", "moved")]
    for ids, source in ((["X1", "X2", "X3"], "X2"), (["X1", "X3", "X2"], "X2"), (["X3", "X2", "X1"], "X1")):
        found = record([], SCANS, notes, ids=ids, censoring="last_note")
        assert (found["date"], found["source_id"]) == (date(2023, 9, 1), source)
        assert found["censoring_description"] == "LAST NOTE"
