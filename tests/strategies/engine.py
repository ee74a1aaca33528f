"""The engine under test, called the way the worked cases call it: many subjects, one endpoint, one set of options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

import yaml
from rules_engine import endpoints
from rules_engine.casebook.endpoint_cases import protocol_of, record_values
from rules_engine.loading import load_ruleset
from rules_engine.records import in_memory
from rules_engine.registry import default_registry

ENDPOINTS = ["OS", "PFS", "TTP", "DOR", "TTR", "EFS", "DFS", "RFS", "TTF", "TTD", "PFS2", "TTUP"]
RATES = ["BOR", "ORR", "DCR", "CRR", "CBR"]


def merged(base: Mapping[str, Any], over: Mapping[str, Any] | None) -> dict[str, Any]:
    """Mappings merge, everything else replaces."""
    result = dict(base)
    for key, value in (over or {}).items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


@lru_cache
def preset(name: str) -> dict[str, Any]:
    """All options that a shipped preset states."""
    return dict(load_ruleset(name).document["options"])


def derive_all(
    subjects: Sequence[Mapping[str, Any]],
    endpoint: str,
    options: Mapping[str, Any],
    cut_off: date,
    schedule: Mapping[str, Any] | None = None,
    base: str = "common",
) -> dict[str, dict[str, Any]]:
    """The record of each subject by name, in the words of a worked case; `{"record": False}` where there is none."""
    case = {
        "id": "generated",
        "endpoint": endpoint,
        "ruleset": {"preset": base, "options": options},
        "schedule": schedule,
    }
    registry = default_registry()
    definition = load_ruleset(protocol_of(case), registry=registry).endpoints[endpoint]
    kind = registry.endpoint_kinds.require(definition.kind)
    records = replace(endpoints.records_from_mappings([dict(s) for s in subjects]), hold=in_memory)
    rows = kind.derive(records, definition, cut_off).collect()
    found = {row["subject"]: record_values(row) for row in rows.iter_rows(named=True)}
    assert len(found) == rows.height, "a subject has several records"
    return {str(s["subject"]): found.get(str(s["subject"]), record_values(None)) for s in subjects}


def as_yaml(thing: Any) -> str:
    """For messages: a minimal subject or option set as YAML, ready to become a named case."""
    return str(yaml.safe_dump(thing, sort_keys=False, default_flow_style=None, width=140))
