"""Contradictory options are refused before any data is read; options are laid over one another layer by layer."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from rules_engine.endpoints import merge_options
from rules_engine.loading import load_ruleset
from rules_engine.model import EndpointDefinition
from rules_engine.registry import default_registry

SEGMENTS = {"segments": [{"every": 56}], "early": 7, "late": 7}


def endpoint(like: str, options: dict[str, Any], schedule: dict[str, Any] | None = None) -> EndpointDefinition:
    complete = load_ruleset(protocol(like, {}, SEGMENTS)).endpoints[like]
    return EndpointDefinition(
        like,
        complete.kind,
        like,
        None,
        merge_options(complete.options, options),
        complete.schedule if schedule else None,
    )


def protocol(like: str, options: dict[str, Any], schedule: dict[str, Any] | None) -> dict[str, Any]:
    document = {
        "rules_engine": 1,
        "id": "checked",
        "kind": "protocol",
        "title": "Options to check",
        "extends": ["common"],
        "responses": {"collected": {"collected_as": "any"}},
        "endpoints": {like: {"like": like, "response": "collected", "options": options}},
    }
    return {**document, "schedule": schedule} if schedule else document


@pytest.mark.parametrize(
    ("like", "options", "path"),
    [
        ("PFS", {"missed_visits": {"method": "fixed_days"}}, "missed_visits.gap_days"),
        ("PFS", {"missed_visits": {"method": "windows"}}, "missed_visits.method"),
        ("PFS", {"missed_visits": {"method": "interval_sum"}}, "missed_visits.method"),
        ("PFS", {"missed_visits": {"method": "windows", "gap_days": 90}}, "missed_visits.gap_days"),
        ("PFS", {"missed_visits": {"method": "interval_sum", "gap_days": 90}}, "missed_visits.gap_days"),
        (
            "PFS",
            {"missed_visits": {"method": "fixed_days", "gap_days": 90, "scope": "any_gap", "applies_to": ["death"]}},
            "missed_visits.applies_to",
        ),
        ("PFS", {"pd_date": "next_scheduled"}, "pd_date"),
        ("PFS", {"origin": "last_component", "origin_components": []}, "origin_components"),
        ("PFS", {"censoring_reasons": {"CUTOFF": {"code": 2}}}, "censoring_reasons"),
        (
            "ORR",
            {"response": {"landmark": {"anchor": "origin", "from_days": 56, "to_days": 42, "tolerance": 0}}},
            "response.landmark.from_days",
        ),
    ],
)
def test_a_contradiction_is_named_with_its_place_and_remedy(like: str, options: dict[str, Any], path: str) -> None:
    definition = endpoint(like, options, SEGMENTS if path == "missed_visits.gap_days" else None)
    kind = default_registry().endpoint_kinds[definition.kind]
    found = kind.check(definition)
    assert [place for place, _what, _remedy in found] == [path]
    assert all(what and remedy for _place, what, remedy in found)


@pytest.mark.parametrize("like", ["PFS", "OS", "TTP", "DOR", "ORR", "CBR"])
def test_what_common_states_is_consistent(like: str) -> None:
    definition = endpoint(like, {"missed_visits": {"method": "windows"}}, SEGMENTS)
    assert list(default_registry().endpoint_kinds[definition.kind].check(definition)) == []


@pytest.mark.parametrize("kind", ["time_to_event", "response_rate", "best_overall_response"])
def test_the_schemas_are_schemas_and_explain_every_choice(kind: str) -> None:
    schema = default_registry().endpoint_kinds[kind].options_schema
    Draft202012Validator.check_schema(schema)
    for name, about in schema["properties"].items():
        assert about.get("description"), name
        for choice in about.get("enum", ()):
            assert f"`{choice}`:" in about["description"], (name, choice)


def test_what_drives_the_estimand_has_no_default() -> None:
    properties = default_registry().endpoint_kinds["time_to_event"].options_schema["properties"]
    stated = {"origin", "pd_rule", "no_baseline", "new_therapy", "curative_conversion"}
    for name in stated:
        assert properties[name]["x-estimand"]
        assert "default" not in properties[name]
    method = properties["missed_visits"]["properties"]["method"]
    assert method["x-estimand"]
    assert "default" not in method


def test_mappings_merge_and_lists_replace() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert merge_options(base, {"a": {"y": [3]}}, None, {"b": None}) == {"a": {"x": 1, "y": [3]}, "b": None}
    assert base == {"a": {"x": 1, "y": [1, 2]}, "b": 1}
