"""A story comes to what the derivation of many subjects gives, whatever the history and the options."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine.endpoints.best_response import derive_confirmed
from rules_engine.endpoints.schedule import planned_offsets, visit_offset, visits_up_to
from rules_engine.explain.endpoint import EndpointStory
from rules_engine.explain.steps_of_response import confirmed_by
from rules_engine.model import Schedule, Segment

from tests.strategies.engine import ENDPOINTS, RATES, derive_all
from tests.strategies.explained import step, story_of
from tests.strategies.timelines import CUT_OFF, random_options, random_subject

SUBJECTS = 3


def histories(
    endpoint: str, seed: str, count: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any], date]]:
    """Subjects, options, schedules and cut-offs, with partial dates and every code of response."""
    rng = random.Random(f"{seed} {endpoint}")
    for number in range(count):
        options, schedule = random_options(rng, endpoint)
        if options["missed_visits"]["scope"] == "any_gap":
            options["missed_visits"]["applies_to"] = ["progression", "death"]
        codes = rng.choice(["recist", "recist", "irecist", "adjuvant"])
        options["pd_rule"] = "irecist" if codes == "irecist" else options["pd_rule"]
        subject = random_subject(rng, f"S{number}", codes=codes, partial=rng.random() < 0.4)
        yield subject, options, schedule, rng.choice([CUT_OFF, date(2023, 7, 1)])


def check_time_to_event(story: EndpointStory, record: dict[str, Any]) -> str:
    """The steps say what the record says; returns what kind of record it is."""
    if not record["record"]:
        assert story.record is None
        assert story.conclusion[0].text.startswith("No record: ")
        return "none"
    assert story.record is not None
    won = re.findall(r"(\d{4}-\d\d-\d\d): (\w+)[^.]*? comes first and ends the time", step(story, "candidates"))
    discarding = step(story, "discarding")
    is_discarded = "does not count, and no later event" in discarding
    assert f"on {record['date']}, CNSR {record['cnsr']}" in story.conclusion[0].text
    if record["event"] or record["event_type"] == 2 or (won and not is_discarded):
        ((day, reason),) = won
        assert reason == record["reason"]
        assert "the event does not count" not in discarding
        moved = re.search(r"moves from (\S+) to (\S+)\.", step(story, "moved"))
        assert (moved[1] if moved else day) == day
        told = date.fromisoformat(moved[2] if moved else day)
        assert max(told, record["start"]) == record["date"]
        return "event" if record["event"] else "relabelled"
    censoring = step(story, "censoring")
    assert f", {record['reason']} of " in censoring
    assert re.search(rf"\b{record['date']}\b", censoring)
    assert (record["reason"] == "MISSED_VISITS") <= ("does not count" in discarding or "too long" in discarding)
    assert not won
    return str(record["reason"])


def check_response(story: EndpointStory, record: dict[str, Any]) -> str:
    if not record["record"]:
        assert story.record is None
        return "none"
    assert story.record is not None
    value = story.record["value"]
    told = step(story, "landmark") or step(story, "best")
    answer = " a responder" if record["responder"] else " no responder"
    assert answer in story.conclusion[0].text
    if record["date"] is None:
        assert value in ("NE", "MISSING")
        return "nothing"
    found = re.search(r"(?:The best of these is|is picked:) (\S+?),? (?:first )?on (\S+?)\.", told)
    carried = re.search(r"The disease progressed on (\S+?),", told)
    if carried is not None and value == "PD":
        assert carried[1] == str(record["date"])
        return "progression"
    assert found is not None
    assert (found[1], found[2]) == (value, str(record["date"]))
    return "response"


def check(endpoint: str, seed: str, count: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    for subject, options, schedule, cut_off in histories(endpoint, seed, count):
        record = derive_all([subject], endpoint, options, cut_off, schedule)[subject["subject"]]
        story = story_of(subject, endpoint, cut_off, options=options, schedule=schedule)
        is_time = endpoint in ENDPOINTS
        seen[(check_time_to_event if is_time else check_response)(story, record)] += 1
        assert str(story)
        assert story.as_dict()["endpoint"] == endpoint
        # Every sentence that a rule decided names its place or says that it stands in no file.
        for made in story.steps:
            assert all(rule.place for sentence in made.sentences for rule in sentence.rules)
    return seen


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *RATES])
def test_the_steps_of_a_story_come_to_its_record(endpoint: str) -> None:
    assert sum(check(endpoint, "default", SUBJECTS).values()) == SUBJECTS


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *RATES])
def test_the_steps_of_many_stories_come_to_their_records(endpoint: str) -> None:
    assert len(check(endpoint, "many", 150)) > 1


def test_confirmation_is_told_as_it_is_derived() -> None:
    rng = random.Random(11)
    for _ in range(300):
        rules = {
            "confirmation": "required", "confirm_days": 28, "max_ne": rng.choice([0, 1, 2]), "accept_sd": rng.choice([0, 1]),
        }  # fmt: skip
        days = sorted(rng.sample(range(0, 200, 7), 7))
        codes = rng.choices(["CR", "PR", "PR", "SD", "NE", "PD"], k=7)
        rows = [
            {"subject": 1, "date": date(2023, 1, 2) + timedelta(day), "code": code}
            for day, code in zip(days, codes, strict=True)
        ]
        derived = derive_confirmed(pl.LazyFrame(rows), {"response": rules}).collect()["date"].to_list()
        told = [
            row["date"] for row in rows if row["code"] in ("CR", "PR") and confirmed_by(row, rows, rules) is not None
        ]
        assert sorted(derived) == told, (rules, rows)


@pytest.mark.parametrize(
    "segments",
    [
        (Segment(56),),
        (Segment(42, 168), Segment(63)),
        (Segment(28, 28), Segment(42, 112), Segment(84)),
        (Segment(50, 60), Segment(30)),
    ],
)
def test_planned_visits_one_by_one_are_those_of_the_closed_form(segments: tuple[Segment, ...]) -> None:
    schedule = Schedule(segments)
    offsets = planned_offsets(schedule, 700)
    numbers = pl.DataFrame({"k": list(range(len(offsets)))}).select(visit_offset(schedule, pl.col("k")))
    assert numbers.to_series().to_list() == offsets
    days = pl.DataFrame({"day": list(range(701))}).select(visits_up_to(schedule, pl.col("day"))).to_series().to_list()
    assert days == [sum(offset <= day for offset in offsets[1:]) for day in range(701)]
