"""Stories of a subject's timepoint responses and endpoints, and lesion rows with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from json import dumps, loads
from typing import Any

from rules_engine import endpoints
from rules_engine.casebook.endpoint_cases import protocol_of
from rules_engine.contracts import empty_table
from rules_engine.explain.endpoint import EndpointStory
from rules_engine.explain.endpoint_of_subject import tell_records
from rules_engine.explain.subject import SubjectData
from rules_engine.explain.thresholds import Change
from rules_engine.explain.timepoint import TimepointStory
from rules_engine.explain.timepoints_of_subject import tell_timepoints
from rules_engine.loading import load_ruleset
from rules_engine.model import Ruleset
from rules_engine.registry import default_registry

from tests.strategies.criteria_engine import lesion_frame
from tests.strategies.lesions import Row

TABLES = ("subjects", "lesion_assessments", "response_assessments", "treatments", "clinical_events")
LAST_DAY = date(2030, 12, 31)


@lru_cache
def _protocol(criterion: str, options: str) -> Ruleset:
    return load_ruleset(
        {
            "rules_engine": 1,
            "id": "explained",
            "kind": "protocol",
            "title": "One response stream",
            "responses": {"read": {"criterion": criterion, "options": loads(options)}},
        }
    )


def stories(
    rows: Sequence[Row], criterion: str = "recist_1_1", options: Mapping[str, Any] | None = None
) -> list[TimepointStory]:
    """The story of every visit of one subject."""
    ruleset = _protocol(criterion, dumps(options or {}, sort_keys=True))
    tables = {name: empty_table(name) for name in TABLES}
    tables["lesion_assessments"] = lesion_frame([rows])
    data = SubjectData(str(rows[0]["subject"]), ruleset, default_registry(), LAST_DAY, tables)
    return tell_timepoints(data, ruleset.responses["read"])


# Changes that a story proposes, made to the rows ---------------------------------------------------------------------------


def with_way(
    rows: Sequence[Row], story: TimepointStory, way: Sequence[Change], short_x100: int = 0
) -> list[Row] | None:
    """The rows up to the visit with every change of a way made; None where a change cannot be made by hand.

    `short_x100` leaves the change of a sum that much short of its limit.
    """
    changed: list[Row] | None = [row for row in rows if row["visit_date"] <= story.visit_date]
    for change in way:
        if changed is not None:
            changed = _with_change(changed, story, change, short_x100)
    return changed


def _with_change(rows: list[Row], story: TimepointStory, change: Change, short_x100: int) -> list[Row] | None:
    if change.text.startswith("the targets known at both visits"):
        return None  # which ones these are the story does not say
    if change.component == "target" and change.by_x100 is not None:
        towards = 1 if change.at_most_x100 is not None else -1
        return _with_sum(rows, story, change.by_x100 + towards * short_x100)
    if change.component == "target" and change.text.startswith("every target gone"):
        return _each_now(rows, story, "target", lambda row: {**_blank(row), "state": "absent"})
    if change.text.startswith(("an unequivocal new lesion", "a further")):
        visit = next(row for row in rows if row["visit_date"] == story.visit_date)
        lesion = {**_blank(visit), "lesion_id": "ADDED", "role": "new", "organ": "lung", "node": False, "kind": None}
        return [
            *rows,
            {**lesion, "site": None, "mm_x100": 1500, "nl": "target", "vs_last": "same", "fragment_id": None},
        ]
    if change.component == "new_lesion" and change.text.startswith("no new lesion"):
        begun = {one.lesion for one in story.lesions if one.role == "new" and one.begins}
        counted = {one.lesion for one in story.lesions if one.role == "new" and one.counts}
        seen_before = {row["lesion_id"] for row in rows if row["visit_date"] < story.visit_date}
        if begun != counted or begun & seen_before:
            return None
        return [row for row in rows if row["lesion_id"] not in begun]
    if change.component == "nontarget" and change.category == "PD" and change.text.startswith("unequivocal"):
        return _first_now(rows, story, lambda row: {**_blank(row), "status": "unequivocal", "cytology": "positive"})
    if change.component == "nontarget" and change.text.endswith(" absent"):
        return _each_now(rows, story, "non-target", lambda row: {**_blank(row), "status": "absent"})
    return None


def _with_sum(rows: list[Row], story: TimepointStory, change_x100: int) -> list[Row] | None:
    """One measured target larger by `change_x100`; None where no target can take the change."""
    for lesion in story.lesions:
        now = [row for row in rows if row["visit_date"] == story.visit_date and row["lesion_id"] == lesion.lesion]
        if lesion.role != "target" or lesion.node or not lesion.counted_x100 or len(now) != 1:
            continue
        size = lesion.counted_x100 + change_x100
        if now[0].get("state") is None and 0 < size <= 40000:
            changed = {**now[0], "mm_x100": size}
            if now[0].get("viable_mm_x100") is not None:
                changed["viable_mm_x100"] = size
            return [changed if row is now[0] else row for row in rows]
    return None


def _blank(row: Row) -> Row:
    """A row that says nothing of its lesion yet."""
    nothing = dict.fromkeys(("mm_x100", "viable_mm_x100", "state", "status", "into", "pattern", "certainty"))
    return {key: value for key, value in {**row, **nothing}.items() if value is not None or key not in nothing}


def _each_now(rows: list[Row], story: TimepointStory, role: str, change: Callable[[Row], Row]) -> list[Row]:
    named = {one.lesion for one in story.lesions if one.role == role}
    return [change(row) if row["visit_date"] == story.visit_date and row["lesion_id"] in named else row for row in rows]


def _first_now(rows: list[Row], story: TimepointStory, change: Callable[[Row], Row]) -> list[Row] | None:
    named = [one.lesion for one in story.lesions if one.role == "non-target" and one.rows]
    if not named:
        return None
    return [
        change(row) if row["visit_date"] == story.visit_date and row["lesion_id"] == named[0] else row for row in rows
    ]


# Endpoints ---------------------------------------------------------------------------------------------------------------


def story_of(
    subject: Mapping[str, Any],
    endpoint: str,
    cut_off: date,
    *,
    preset: str = "common",
    options: Mapping[str, Any] | None = None,
    schedule: Mapping[str, Any] | None = None,
) -> EndpointStory:
    """The story of one endpoint of a subject written as worked cases write it."""
    case = {
        "id": "explained",
        "endpoint": endpoint,
        "ruleset": {"preset": preset, "options": options or {}},
        "schedule": schedule,
    }
    registry = default_registry()
    ruleset = load_ruleset(protocol_of(case), registry=registry)
    data = SubjectData(str(subject.get("subject", "S1")), ruleset, registry, cut_off, {})
    records = endpoints.records_from_mappings([{"subject": "S1", **subject}])
    return tell_records(data, ruleset.endpoints[endpoint], records)


def step(story: EndpointStory, name: str) -> str:
    """What one step of a story says; empty where nothing was decided in it."""
    return " ".join(sentence.text for one in story.steps if one.name == name for sentence in one.sentences)
