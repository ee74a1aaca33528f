"""Every key of a protocol is told: whatever key of the grammar is changed, the description changes, or it is listed here why not.

The keys are those of the JSON Schema, so that a new one cannot be forgotten. What stands under `options` belongs to plugins; their keys
are changed in `test_describe_options`, and those of the grading, which are deep, here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from rules_engine.describe import describe_ruleset
from rules_engine.errors import RulesetError
from rules_engine.loading import load_ruleset, properties_of
from rules_engine.loading.grammar import structure
from rules_engine.registry import default_registry

from tests.strategies.alternatives import LEFT_OUT, alternatives_at, paths_of
from tests.strategies.engine import merged

REGISTRY = default_registry()
FACTS = {"population": "All subjects.", "note": "A remark."}

#: A protocol that states every key of the grammar at least once.
PROTOCOL: dict[str, Any] = {
    "rules_engine": 1, "id": "mine", "kind": "protocol", "title": "Mine", "extends": ["seed"],
    "study": {
        "id": "ONE", "design": "A cohort.", "arms": ["A", "B"], "reference_arm": "B", "horizons_months": {"PFS": 12},
        "data_cutoff": "2025-12-31", "sponsor": "Somebody", "registration": "NCT00000000", "phase": "2", "protocol": "1.0", **FACTS,
    },
    "estimand": {
        "treatment": "A against B.", "variable": "Time to progression.", "summary": "The median.",
        "intercurrent_events": {"new_therapy": "treatment_policy"}, **FACTS,
    },
    "schedule": {"segments": [{"every": 42, "until": 168}, {"every": 63}], "early": 5, "late": 5, "anchor": "first_tace"},
    "parameters": {
        "gap": {"value": 180, "unit": "days", "description": "The longest gap.", "minimum": 90, "maximum": 365},
        "unused": {"value": 3, "unit": "days", "description": "Nothing yet."},
        "clinical": {"value": "ignore", "description": "Without imaging.", "choices": ["ignore", "event"]},
    },
    "responses": {
        "overall": {
            "criterion": "mrecist", "assessor": "investigator", "reader": "1", "label": "By the site", "note": "A remark.",
            "options": {"pr.pct": 31},
        },
        "collected": {"collected_as": "RECIST 1.1", "assessor": "independent", "reader": "2"},
        "other": {"criterion": "recist_1_1"},
    },
    "definitions": {"OWN": {"kind": "time_to_event", "label": "Own", "like": "PFS", "options": {"missed_visits": {"n": 3}}}},
    "options": {"clinical_progression": {"from_parameter": "clinical"}},
    "endpoints": {
        "PFS": {
            "like": "PFS", "response": "overall", "label": "Progression-free survival",
            "schedule": {"segments": [{"every": 56, "until": 112}, {"every": 84}], "early": 7, "late": 7, "anchor": "randomisation"},
            "reference": "Section 3", "note": "A remark.", "interpretation": "A reading.",
        },
        "BOR": {"like": "BOR", "response": "overall"}, "BOR2": {"like": "BOR", "response": "collected"},
        "GAP": {
            "like": "PFS", "kind": "time_to_event", "response": "overall",
            "options": {"missed_visits": {"method": "fixed_days", "gap_days": {"from_parameter": "gap"}}},
        },
    },
    "adverse_events": {
        "grading": "ctcae_v5", "note": "A remark.", "options": {},
        "window": {"from": "first_component", "to": "end_of_study", "days_after": 30, "cut_at_new_therapy": True},
    },
    "labs": {
        "grading": "ctcae_v5", "note": "A remark.", "options": {},
        "window": {"from": "first_component", "to": "end_of_study", "days_after": 30, "cut_at_new_therapy": True},
    },
    "covariates": {
        "age": {
            "column": "birth_date", "years_to": "baseline_date", "per": 10, "kind": "number", "transform": "none", "missing": "exclude",
            "label": "Age", "unit": "years", "source": "A paper", "note": "A remark.",
        },
        "afp_400": {
            "column": "afp", "cuts": [400], "cut_belongs_to": "upper", "levels": ["under 400", "400 and over"], "missing": "exclude",
        },
        "stage": {"levels": ["A", "B", "C"], "reference": "B", "missing": "own_level"},
        "ecog": {"kind": "category"},
        "child": {"pool": {"A-B": ["A", "B"], "C": ["C"]}},
    },
    "weights": {
        "even": {"method": "overlap", "covariates": ["age"]},
        "likely": {
            "method": "inverse_probability", "covariates": ["age", "stage"], "stabilised": True,
            "trim": {"score": [0.1, 0.9], "refit": False}, "truncate_at": 0.99, "reference": "A paper", "note": "A remark.",
        },
    },
    "analyses": {
        "rank": {"estimator": "log_rank", "endpoints": ["PFS"], "by": "arm"},
        "hazard": {
            "estimator": "cox", "endpoints": ["PFS", "GAP"], "by": "arm", "subgroups": ["stage", "afp_400"], "weights": "likely",
            "optional": True, "label": "Hazard", "note": "A remark.", "options": {"conf_level": 0.95},
        },
    },
    "agreement": {
        "of_sites": {
            "between": ["overall", "collected"], "components": ["overall", "target"], "codes": "plain", "not_evaluable": "category",
            "weights": "none", "conf_level": 0.95, "label": "Sites", "note": "A remark.",
        },
    },
}  # fmt: skip

#: Other values of keys that name something, or that the grammar leaves open.
OTHERS: dict[str, list[Any]] = {
    "study.reference_arm": ["A"],
    "study.arms": [["B", "A"]],
    "study.data_cutoff": ["2024-12-31"],
    "responses.*.criterion": ["irecist"],
    "responses.*.options": [{"pr.pct": 29}],
    "endpoints.*.like": ["DOR"],
    "endpoints.*.response": ["other"],
    "endpoints.*.options": [{"new_therapy": "censor"}],
    "definitions.*.like": ["DOR"],
    "definitions.*.options": [{"new_therapy": "censor"}],
    "adverse_events.grading": ["ctcae_v4_03"],
    "adverse_events.options": [{"exclude_after_tace_days": 9}],
    "adverse_events.window.from": ["first_ici"],
    "adverse_events.window.to": ["last_contact"],
    "labs.grading": ["ctcae_v4_03"],
    "labs.options": [{"baseline_lookback_days": 9}],
    "labs.window.to": ["last_contact"],
    "options": [{"clinical_progression": "event"}],
    "parameters.*.value": [200, "event"],
    "parameters.*.choices": [["ignore"]],
    "weights.*.covariates": [["age"]],
    "weights.*.trim.score": [[0.2, 0.8]],
    "covariates.*.cuts": [[200]],
    "covariates.*.levels": [["C", "B"], ["low", "high"]],
    "covariates.*.reference": ["A"],
    "covariates.*.pool.*": [["A"]],
    "analyses.*.estimator": ["reverse_kaplan_meier"],
    "analyses.*.weights": ["even"],
    "analyses.*.endpoints": [["PFS"]],
    "analyses.*.options": [{"conf_level": 0.9}],
    "agreement.*.between": [["overall", "other"], ["BOR", "BOR2"]],
}
#: Keys of the grammar that the text need not tell, and why.
NOT_TOLD = {
    "labs.window.from": "laboratory results are counted from the first treatment on, whatever the window of events",
    "endpoints.*.kind": "an endpoint of another kind has other options, so no other kind may stand in its place",
    "definitions.*": "a definition is told by the endpoints that take from it, and in the list of every option",
    "data": "its many columns are told as the mapping states them; the test below changes one of each kind of key",
}


@cache
def text_of_protocol() -> str:
    return text(PROTOCOL)


def text(document: Mapping[str, Any]) -> str:
    """The description without the list of options, which also changes with where a value was stated."""
    whole = str(describe_ruleset(load_ruleset(document)))
    return whole[: whole.index("## Every option in force")]


def sections() -> dict[str, Any]:
    """The schema of each section of a protocol."""
    of_protocol = next(
        part["then"] for part in structure()["allOf"] if part["if"]["properties"]["kind"]["const"] == "protocol"
    )
    header = properties_of(structure())
    return {name: about for name, about in properties_of(of_protocol).items() if name not in header}


def is_listed(path: str) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in NOT_TOLD)


@pytest.mark.parametrize("section", sections())
def test_changing_any_key_of_a_section_changes_the_text(section: str) -> None:
    try_changes(section, of_each=1)


@pytest.mark.slow
@pytest.mark.parametrize("section", sections())
def test_changing_any_key_of_a_section_to_whatever_it_may_be_changes_the_text(section: str) -> None:
    try_changes(section, of_each=100)


def try_changes(section: str, of_each: int) -> None:
    """Change each key of a section that is not listed, so many times at most."""
    if is_listed(section):
        return
    about = sections()[section]
    before = text_of_protocol()
    tried, untold = Counter[str](), []
    for path, changed in alternatives_at(PROTOCOL[section], about, section, OTHERS):
        if is_listed(path) or tried[path] == of_each:
            continue
        try:
            after = text({**deepcopy(PROTOCOL), section: changed})
        except RulesetError:
            continue  # what no ruleset may say
        tried[path] += 1
        if after == before:
            untold.append((path, changed))
    wanted = {path for path in paths_of(about, section) if not is_listed(path)}
    assert wanted - tried.keys() == set(), "keys of the grammar that are not changed here"
    assert not untold


@pytest.mark.parametrize(
    "change",
    [
        {"layout": "sdtm"},
        {"encoding": "windows-1252"},
        {"domains": {"AE": ["ae1", "ae2"]}},
        {"tables": {"labs": None}},
        {"tables": {"subjects": {"main": {"from": "ADSL"}}}},
        {"tables": {"subjects": {"main": {"where": [{"column": "FASFL", "in": ["Y"]}]}}}},
        {"tables": {"subjects": {"main": {"columns": {"subject": "SUBJID"}}}}},
        {"tables": {"subjects": {"main": {"extra": {"bclc": "BCLC"}}}}},
        {"tables": {"subjects": {"main": {"qualifiers": ["SUPPDM"]}}}},
    ],
    ids=str,
)
def test_changing_how_files_become_tables_changes_the_text(change: dict[str, Any]) -> None:
    data = {"tables": {"subjects": {"main": {"from": "DM", "columns": {"subject": "USUBJID"}}}}}
    assert text({**PROTOCOL, "data": merged(data, change)}) != text({**PROTOCOL, "data": data})


# Options of the grading, which are deep -------------------------------------------------------------------------------------


def hys_law(bound: str, of_baseline: str) -> dict[str, Any]:
    """Hy's law by multiples of the upper limit (`above` or `from`), or of a raised baseline."""
    rises = {
        name: {"analytes": [analyte], bound: times, "raised_baseline": {of_baseline: 2}}
        for name, analyte, times in (("transaminase", "ALT", 3), ("bilirubin", "BILI", 2), ("cholestasis", "ALP", 2))
    }
    return {**rises, "within_days": 30, "reference": "A paper", "interpretation": "A reading."}


#: Every key of the grading's options that has keys of its own, each stated.
GRADED: list[tuple[str, dict[str, Any]]] = [
    ("labs", {"hys_law": hys_law("above", "from"), "mi_cutoff": {"TROPONI": 0.5}}),
    ("labs", {"hys_law": hys_law("from", "above")}),
    ("adverse_events", {
        "synonyms": {"Itching": "Pruritus"},
        "exposure": {
            "until": "treatment", "days_after": 30, "per_patient_years": 100, "days_per_year": 365.25, "conf_level": 0.95,
        },
        "event_groups": {"immune": {
            "label": "Immune-related", "recorded_in": "immune_related", "terms": ["Rash maculo-papular"], "specified": ["hepatitis"],
            "related_to": "ici", "treated_with": ["steroid"], "treated_within_days": 30, "reference": "A paper",
            "interpretation": "A reading.",
        }},
        "syndromes": {"post": {
            "label": "After embolisation", "after": "tace", "from_day": 0, "to_day": 7, "at_least": 2,
            "parts": {"fever": ["Fever"], "pain": ["Abdominal pain"]}, "also": ["Fatigue"], "reported_as": ["Embolisation syndrome"],
            "coded_as": "General disorders and administration site conditions - Other, specify", "reference": "A paper",
            "interpretation": "A reading.",
        }},
    }),
]  # fmt: skip
DEEP = ("hys_law", "exposure", "event_groups", "syndromes", "mi_cutoff", "synonyms")
OF_GRADING: dict[str, list[Any]] = {
    "event_groups.*.recorded_in": [LEFT_OUT],
    "event_groups.*.terms": [["Pruritus"]],
    "syndromes.*.parts.*": [["Nausea"]],
    "syndromes.*.also": [["Nausea"]],
    "syndromes.*.coded_as": ["Fever"],
    "mi_cutoff.*": [0.6],
    "synonyms.*": ["Fever"],
}


def test_changing_any_deep_option_of_the_grading_changes_the_text() -> None:
    schemas = properties_of(REGISTRY.gradings["ctcae"].options_schema)
    assert set(DEEP) == {key for key, about in schemas.items() if list(paths_of(about, key)) != [key]}
    tried, untold = Counter[str](), []
    for section, options in GRADED:
        before = text({**PROTOCOL, section: {"grading": "ctcae_v5", "options": options}})
        for key, value in options.items():
            for path, changed in alternatives_at(value, schemas[key], key, OF_GRADING):
                if tried[path]:
                    continue
                stated = {"grading": "ctcae_v5", "options": {**options, key: changed}}
                try:
                    after = text({**PROTOCOL, section: stated})
                except RulesetError:
                    continue
                tried[path] += 1
                if after == before:
                    untold.append((path, changed))
    # A syndrome comes after TACE; the schema has no other word yet.
    assert properties_of(schemas["syndromes"]["additionalProperties"])["after"]["enum"] == ["tace"]
    wanted = {path for key in DEEP for path in paths_of(schemas[key], key)} - {"syndromes.*.after"}
    assert wanted - tried.keys() == set()
    assert not untold
