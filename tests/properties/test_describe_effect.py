"""What a description calls “without effect” changes no record: random histories, one option changed at a time."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from rules_engine.describe.statements import tell
from rules_engine.loading import load_ruleset
from rules_engine.model import Schedule, Segment
from rules_engine.registry import default_registry

from tests.strategies.alternatives import alternatives
from tests.strategies.engine import ENDPOINTS, RATES, as_yaml, derive_all, merged
from tests.strategies.timelines import CUT_OFF, random_options, random_subject

REGISTRY = default_registry()
DEFINITIONS = load_ruleset("common").definitions
#: Names and texts of the data sets: they are published, whatever the rules do.
PUBLISHED = ("start_variables", "event_reasons", "censoring_reasons", "censoring_dates")
#: What the engine reads of the reference date, besides the rules told: the record's published variables.
KEYS = ["record", "event", "cnsr", "date", "start", "days", "reason", "event_type", "entry_days", "value", "responder"]


def effects(endpoint: str, seed: int, subjects: int, changes: int) -> list[str]:
    """Changes of options said to be without effect that changed a record."""
    rng = random.Random(f"{endpoint}-{seed}")
    stated, schedule = random_options(rng, endpoint)
    schedule = schedule or {"segments": [{"every": 56}], "early": 7, "late": 7}
    options = merged(DEFINITIONS[endpoint].options, stated)
    schema = REGISTRY.endpoint_kinds[DEFINITIONS[endpoint].kind].options_schema
    idle = {one.path for one in tell(options, schema) if not one.in_effect}
    possible = [
        (path, changed)
        for path, changed in alternatives(options, schema)
        if path.split(".")[0] not in PUBLISHED
        and path in idle
        and _still_idle(path, changed, schema)
        and _is_consistent(endpoint, changed)
    ]
    histories = [random_subject(rng, f"S{k:03d}", partial=rng.random() < 0.3) for k in range(subjects)]
    cut_off = rng.choice([CUT_OFF, date(2023, 7, 1)])
    before = derive_all(histories, endpoint, options, cut_off, schedule)
    found = []
    for path, changed in rng.sample(possible, min(changes, len(possible))):
        after = derive_all(histories, endpoint, changed, cut_off, schedule)
        for history in histories:
            one, other = before[history["subject"]], after[history["subject"]]
            if any(one.get(key) != other.get(key) for key in KEYS):
                found.append(f"{endpoint}, {path}:\n{as_yaml({'options': stated, 'to': changed[path.split('.')[0]]})}")
                break
    return found


def _is_consistent(endpoint: str, options: dict[str, Any]) -> bool:
    """`check` accepts the options."""
    definition = replace(DEFINITIONS[endpoint], options=options, schedule=Schedule((Segment(56),), early=7, late=7))
    check = REGISTRY.endpoint_kinds[definition.kind].check
    return check is None or not check(definition)


def _still_idle(path: str, changed: dict[str, Any], schema: Any) -> bool:
    return all(not one.in_effect for one in tell(changed, schema) if one.path == path)


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *RATES])
def test_an_option_without_effect_changes_no_record(endpoint: str) -> None:
    found = effects(endpoint, seed=1, subjects=60, changes=2)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *RATES])
def test_an_option_without_effect_changes_no_record_at_length(endpoint: str) -> None:
    found = [text for seed in range(2, 8) for text in effects(endpoint, seed, subjects=150, changes=1000)]
    assert not found, f"{len(found)} changes; the first:\n{found[0]}"
