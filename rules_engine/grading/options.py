"""Options of the grading, and their JSON Schema (what a protocol may write under `labs.options` and
`adverse_events.options`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rules_engine.grading.event_rules import GROUPS_SCHEMA, SYNDROMES_SCHEMA
from rules_engine.grading.exposure import EXPOSURE_SCHEMA
from rules_engine.grading.hys_law import HYS_LAW_SCHEMA
from rules_engine.grading.wording import WORDING
from rules_engine.wording import with_wording

_OPTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "on_unknown": {
            "enum": ["worst_case", "lab_minimum", "undecided"],
            "default": "worst_case",
            "description": (
                "What an unknown clinical fact (symptoms, intervention, anticoagulant, duration of fever, fasting) "
                "means for a grade that depends on it. worst_case: it counts as met; lab_minimum: it is absent; "
                "undecided: not graded unless something else decides."
            ),
        },
        "baseline": {
            "enum": ["derived", "flagged", "flagged_else_derived"],
            "default": "flagged_else_derived",
            "description": (
                "Which laboratory record is the baseline. derived: the last result on or before the first treatment, "
                "within the look-back window; flagged: the record that the study marks (is_baseline); "
                "flagged_else_derived: the marked one where there is one."
            ),
        },
        "baseline_lookback_days": {
            "type": ["integer", "null"],
            "minimum": 0,
            "default": 28,
            "description": ("How many days before the first treatment a derived baseline may lie; null: any number."),
        },
        "baseline_first_day": {
            "enum": ["by_time", "before", "after"],
            "default": "by_time",
            "description": (
                "What a sample of the day of the first treatment is. by_time: before treatment, unless the clock times of "
                "both say that it was taken after the start; before: before treatment, whatever the times; after: after it."
            ),
        },
        "require_current_range": {
            "type": "boolean",
            "default": False,
            "description": ("true: a result without its own limits is not graded against an abnormal baseline either."),
        },
        "missing_range": {
            "enum": ["none", "same_subject", "same_laboratory"],
            "default": "same_subject",
            "description": (
                "Where the limits of a result without any come from; only where the study records the laboratory "
                "(column laboratory), for the same analyte in the same unit, and flagged. none: nowhere; same_subject: "
                "another result of the subject from the same laboratory, the last one before it or else the first one "
                "after; same_laboratory: also results of other subjects of the same sex and age band."
            ),
        },
        "age_strata": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "default": [18],
            "description": "Ages in years at which a laboratory's range may change, for missing_range same_laboratory.",
        },
        "contradicting_range": {
            "enum": ["na", "grade"],
            "default": "na",
            "description": (
                "A result whose limits of normal cannot be in its unit (plausibility.range_factor of the grading). na: not "
                "graded; grade: graded as it stands, flagged."
            ),
        },
        "calcium_of_one_day": {
            "enum": ["ionized", "each"],
            "default": "ionized",
            "description": (
                "A day with ionized and total (or corrected) calcium. ionized: only the ionized result is graded; each: "
                "both are."
            ),
        },
        "uncorrected_calcium": {
            "enum": ["grade", "na"],
            "default": "grade",
            "description": (
                "Total calcium without albumin of the same day. grade: graded as it stands, flagged; na: not graded."
            ),
        },
        "mi_cutoff": {
            "type": "object",
            "propertyNames": {"enum": ["TROPONI", "TROPONT"]},
            "additionalProperties": {"type": "number", "exclusiveMinimum": 0},
            "default": {},
            "description": (
                "Level of troponin at which the assay's manufacturer speaks of an infarction, in the unit of the "
                "results."
            ),
        },
        "synonyms": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "default": {},
            "description": (
                "Reported terms of this study and the dictionary terms that they stand for. Never guessed."
            ),
        },
        "match": {
            "enum": ["term", "decoded_term"],
            "default": "term",
            "description": (
                "Column whose words are looked up in the dictionary. term: as reported, or the lowest-level term; "
                "decoded_term: only where a study codes it from the dictionary itself."
            ),
        },
        "emergent_window_days": {
            "type": ["integer", "null"],
            "minimum": 0,
            "default": None,
            "description": (
                "Days after the last treatment in which an event still counts as emergent; null: until the end of the "
                "study."
            ),
        },
        "missing_grade_as_severe": {
            "type": "boolean",
            "default": False,
            "description": "Sensitivity: count an event without a grade as grade 3 in summaries.",
        },
        "also_count_within_days": {
            "type": "array",
            "items": {"type": "integer", "minimum": 0},
            "default": [],
            "description": (
                "Sensitivity: also count the events of the window that began up to so many days after the last treatment "
                "and before any new anticancer therapy, each number on its own."
            ),
        },
        "hys_law": HYS_LAW_SCHEMA,
        "exposure": EXPOSURE_SCHEMA,
        "event_groups": GROUPS_SCHEMA,
        "syndromes": SYNDROMES_SCHEMA,
        "reconcile_within_days": {
            "type": "integer",
            "minimum": 0,
            "default": 14,
            "description": (
                "Days before and after an event in which a laboratory grade of 3 or 4 of its term is taken to be the same."
            ),
        },
        "exclude_after_tace_days": {
            "type": ["integer", "null"],
            "minimum": 0,
            "default": 7,
            "description": (
                "Events that start within this many days after a TACE session are marked, so that tables can leave "
                "them out."
            ),
        },
    },
}

OPTIONS_SCHEMA: Final[dict[str, Any]] = with_wording(_OPTIONS, WORDING)


def _default(name: str) -> Any:
    return OPTIONS_SCHEMA["properties"][name]["default"]


@dataclass(frozen=True, slots=True)
class LabOptions:
    """Options that the grading of laboratory results reads; see `OPTIONS_SCHEMA`."""

    on_unknown: str = _default("on_unknown")
    baseline: str = _default("baseline")
    baseline_lookback_days: int | None = _default("baseline_lookback_days")
    baseline_first_day: str = _default("baseline_first_day")
    require_current_range: bool = _default("require_current_range")
    missing_range: str = _default("missing_range")
    age_strata: Sequence[int] = tuple(_default("age_strata"))
    contradicting_range: str = _default("contradicting_range")
    hys_law: Mapping[str, Any] | None = None
    calcium_of_one_day: str = _default("calcium_of_one_day")
    uncorrected_calcium: str = _default("uncorrected_calcium")
    mi_cutoff: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventOptions:
    """Options that the grading of adverse events reads; see `OPTIONS_SCHEMA`."""

    synonyms: Mapping[str, str] = field(default_factory=dict)
    match: str = _default("match")
    emergent_window_days: int | None = _default("emergent_window_days")
    missing_grade_as_severe: bool = _default("missing_grade_as_severe")
    exclude_after_tace_days: int | None = _default("exclude_after_tace_days")
    also_count_within_days: Sequence[int] = tuple(_default("also_count_within_days"))
    exposure: Mapping[str, Any] = field(default_factory=dict)
    event_groups: Mapping[str, Any] = field(default_factory=dict)
    syndromes: Mapping[str, Any] = field(default_factory=dict)
    reconcile_within_days: int = _default("reconcile_within_days")


def lab_options(options: Mapping[str, Any]) -> LabOptions:
    """The options of laboratory grading out of a protocol's; the others are left aside."""
    known = LabOptions.__dataclass_fields__
    return LabOptions(**{name: value for name, value in options.items() if name in known})


def event_options(options: Mapping[str, Any]) -> EventOptions:
    """The options of event grading out of a protocol's; the others are left aside."""
    known = EventOptions.__dataclass_fields__
    return EventOptions(**{name: value for name, value in options.items() if name in known})
