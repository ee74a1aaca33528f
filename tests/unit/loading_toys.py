"""A small registry for tests of the loader: a criterion, a hybrid, two endpoint kinds, two estimators, a grading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import rules_engine
from rules_engine.model import CriterionRules, EndpointDefinition
from rules_engine.registry import Registry, build_registry
from rules_engine.vocabulary import Criterion, EndpointKind, Estimator, Grading, RulesetFolder, SubjectRecords

PD_PCT = {"type": "number", "exclusiveMinimum": 0, "description": "Rise over nadir that is progression, in %."}
CRITERION_OPTIONS = {
    "type": "object",
    "properties": {
        "pd.pct": PD_PCT,
        "pd.abs_mm": {"type": "number", "minimum": 0},
        "nadir": {"enum": ["with", "without"]},
    },
    "required": ["pd.pct", "pd.abs_mm"],
    "additionalProperties": False,
}
HYBRID_OPTIONS = {
    "type": "object",
    "properties": {
        **CRITERION_OPTIONS["properties"],  # type: ignore[dict-item]
        "hybrid.progression_date": {"enum": ["first_iupd", "confirmation", "first_mrecist_pd"]},
        "hybrid.unconfirmed_last": {"enum": ["event", "censor"]},
    },
    "additionalProperties": False,
}
NEW_THERAPY = {
    "x-estimand": True,
    "enum": ["ignore", "censor", "event"],
    "description": "New therapy. `ignore`: follow-up goes on; `censor`: follow-up ends; `event`: it is an event.",
}
TIME_OPTIONS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "events": {
            "type": "array",
            "items": {"enum": ["progression", "death"]},
            "minItems": 1,
            "description": "Events.",
        },
        "pd_rule": {
            "enum": ["first_pd", "irecist", "first_pd_pseudo_confirm"],
            "x-estimand": True,
            "description": "Which.",
        },
        "new_therapy": NEW_THERAPY,
        "missed_visits": {
            "type": "object",
            "properties": {
                "method": {"enum": ["disabled", "windows", "fixed_days"], "x-estimand": True, "description": "How."},
                "n": {"type": "integer", "minimum": 1, "default": 2},
                "gap_days": {"type": ["integer", "null"], "default": None},
            },
            "additionalProperties": False,
        },
        "irecist": {
            "type": "object",
            "properties": {
                "unconfirmed": {"enum": ["event", "censor"], "default": "event"},
                "confirmed_date": {"enum": ["first_iupd", "icpd"], "default": "first_iupd"},
            },
            "additionalProperties": False,
        },
        "days_per_month": {"type": "number", "default": 30.4375},
    },
    "required": ["events", "new_therapy"],
    "additionalProperties": False,
}
RATE_OPTIONS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "responders": {"type": "array", "items": {"enum": ["CR", "PR", "SD"]}, "default": ["CR", "PR"]},
        "landmark": {
            "description": "Window.",
            "default": None,
            "anyOf": [
                {"type": "null"},
                {
                    "type": "object",
                    "properties": {
                        "from_days": {"type": "integer"},
                        "pick": {"enum": ["first", "last"], "default": "first"},
                    },
                    "required": ["from_days"],
                    "additionalProperties": False,
                },
            ],
        },
    },
    "additionalProperties": False,
}
CURVE_OPTIONS = {
    "type": "object",
    "properties": {"conf_level": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "default": 0.95}},
    "additionalProperties": False,
}
GRADING_OPTIONS = {
    "type": "object",
    "properties": {"on_unknown": {"enum": ["worst_case", "undecided"], "default": "undecided"}},
    "additionalProperties": False,
}


def _assess(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    return lesions


def _derive(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date) -> pl.LazyFrame:
    return records.subjects


def _check(endpoint: EndpointDefinition) -> Sequence[tuple[str, str, str]]:
    missed = endpoint.options["missed_visits"]
    if missed["method"] == "fixed_days" and missed["gap_days"] is None:
        return [("missed_visits.gap_days", "fixed_days needs gap_days", "state gap_days")]
    return []


class Toys:
    """The plugin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @rules_engine.hookimpl
    def rules_engine_criteria(self) -> list[Criterion]:
        return [
            Criterion("toy", "1", "Toy", "none", CRITERION_OPTIONS, ["CR", "PD"], _assess),
            Criterion("toy_hybrid", "1", "Toy hybrid", "none", HYBRID_OPTIONS, ["CR", "PD", "iUPD"], _assess),
        ]

    @rules_engine.hookimpl
    def rules_engine_endpoint_kinds(self) -> list[EndpointKind]:
        return [
            EndpointKind(
                "time", "1", "Time to event", "none", "time_to_event", TIME_OPTIONS, _derive, _check,
                reads_responses=lambda endpoint: "progression" in endpoint.options["events"],
            ),
            EndpointKind("rate", "1", "Rate", "none", "response", RATE_OPTIONS, _derive),
        ]  # fmt: skip

    @rules_engine.hookimpl
    def rules_engine_estimators(self) -> list[Estimator]:
        return [
            Estimator(
                "curve", "1", "Curve", "none", "time_to_event", CURVE_OPTIONS, lambda rows, _group, _options: rows
            ),
            Estimator("share", "1", "Share", "none", "response", CURVE_OPTIONS, lambda rows, _group, _options: rows),
        ]

    @rules_engine.hookimpl
    def rules_engine_gradings(self) -> list[Grading]:
        return [Grading("table", "1", "Table", "none", GRADING_OPTIONS, lambda *_: None, lambda *_: None)]  # type: ignore[arg-type,return-value]

    @rules_engine.hookimpl
    def rules_engine_rulesets(self) -> list[RulesetFolder]:
        return [RulesetFolder("toys", self.folder)]


CRITERION = """\
rules_engine: 1
id: toy_1
kind: criterion
title: Toy criterion
criterion: toy
values:
  pd.pct: {value: 20, unit: "%", reference: Eisenhauer 2009 4.3.1}
  pd.abs_mm: {value: 5, unit: mm}
  nadir: {value: with}
"""
HYBRID = """\
rules_engine: 1
id: toy_hybrid
kind: criterion
title: Toy hybrid
extends: toy_1
criterion: toy_hybrid
values:
  hybrid.progression_date: {value: first_iupd}
  hybrid.unconfirmed_last: {value: event}
"""
BASE = """\
rules_engine: 1
id: base
kind: protocol
title: Definitions
options:
  pd_rule: first_pd
  new_therapy: ignore
  missed_visits: {method: disabled}
definitions:
  PFS:
    kind: time
    label: Progression-free survival
    options: {events: [progression, death]}
  OS:
    kind: time
    label: Overall survival
    options: {events: [death]}
  ORR:
    kind: rate
    label: Objective response
"""
TABLE = """\
rules_engine: 1
id: toy_table
kind: grading
title: Toy grading
grading: table
terms: []
"""
RULESETS = {"toy_1": CRITERION, "toy_hybrid": HYBRID, "base": BASE, "toy_table": TABLE}


def toy_registry(folder: Path) -> Registry:
    """A registry of the toys alone, with their rulesets written below `folder`."""
    for name, text in RULESETS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "ruleset.yaml").write_text(text, encoding="utf-8")
    return build_registry([("toys", Toys(folder))])
