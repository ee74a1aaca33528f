"""The made-up adverse events use terms, system organ classes and grades that CTCAE v5.0 has."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CATALOGUE: dict[str, Any] = yaml.safe_load(
    files("rules_engine.simulator").joinpath("adverse_events.yaml").read_text(encoding="utf-8")
)
DICTIONARY: dict[str, dict[str, str]] = yaml.safe_load(
    (ROOT / "rulesets" / "ctcae_v5" / "ruleset.yaml").read_text(encoding="utf-8")
)["terms"]
EVENTS = [
    (term, event)
    for group in ("after_tace", "immune", "other_drug", "disease")
    for term, event in CATALOGUE[group].items()
]


@pytest.mark.parametrize(("term", "event"), EVENTS, ids=[term for term, _event in EVENTS])
def test_events(term: str, event: dict[str, Any]) -> None:
    grades = DICTIONARY[event["soc"]][term]
    assert {str(grade) for grade in event["grades"]} <= set(grades)
    assert sum(event["grades"].values()) == pytest.approx(1)


def test_fatal_events() -> None:
    for event in CATALOGUE["fatal"]["causes"].values():
        assert "5" in DICTIONARY[event["soc"]][event["term"]]
