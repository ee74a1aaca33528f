"""The area of endpoints and censoring: what is tried, and the tests that may notice, cheapest first."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.mutation.scope import ROOT, Area
from tests.mutation.suites import choice_of_suites

_PLUGINS = ("censoring", "events", "origins", "endpoints")
#: What decides a record and its date, from where a mistake would do the most harm; then the rest.
_STEPS = (
    "first_event", "censoring", "censoring_dates", "censoring_facts", "missed_visits", "schedule", "truncation", "therapies",
    "event_dates", "evidence_of_life", "clock", "progression", "passed_over", "events", "imputation", "origin", "observation",
)  # fmt: skip
_AFTER = (
    "time_to_event", "days", "assessment_dates", "response", "landmark", "best_response", "candidates", "sharing", "sources", "words",
    "needs", "checks",
)  # fmt: skip
_UNIT_TESTS = (
    "tests/unit/test_endpoints_origin.py", "tests/unit/test_endpoints_effects.py",
    "tests/unit/test_endpoints_bad_input.py", "tests/unit/test_endpoints_censoring.py", "tests/unit/test_endpoints_checks.py",
    "tests/unit/test_endpoints_denominator.py", "tests/unit/test_endpoints_durations.py", "tests/unit/test_endpoints_evidence.py",
    "tests/unit/test_endpoints_findings.py", "tests/unit/test_endpoints_progression.py", "tests/unit/test_endpoints_row_order.py",
    "tests/unit/test_endpoints_schedule.py", "tests/properties/test_endpoints_candidates.py", "tests/unit/test_interval_censoring.py",
    "tests/unit/test_endpoints_compositions.py", "tests/unit/test_endpoints_foreign_rules.py", "tests/unit/test_endpoints_texts.py",
    "tests/unit/test_endpoints_imputation.py", "tests/unit/test_endpoints_tables.py", "tests/unit/test_endpoints_days.py",
)  # fmt: skip
_PROPERTIES = (
    "tests/unit/test_explain_endpoints.py", "tests/properties/test_explain_endpoints.py",
    "tests/properties/test_endpoints_exceptions.py", "tests/spec/test_words_of_third_parties.py",
    "tests/unit/test_safety_endpoint.py", "tests/spec/test_frames_in.py", "tests/properties/test_endpoints_records.py",
    "tests/properties/test_endpoints_invariants.py", "tests/properties/test_endpoints_changes.py",
)  # fmt: skip
#: Tests of what these modules do: asked before all others.
_TESTS_FIRST = {
    "first_event": ("tests/properties/test_endpoints_candidates.py", "tests/unit/test_endpoints_compositions.py"),
    "passed_over": ("tests/properties/test_endpoints_candidates.py",),
    "candidates": ("tests/properties/test_endpoints_candidates.py",),
    "schedule": ("tests/unit/test_endpoints_schedule.py",),
    "evidence_of_life": ("tests/unit/test_endpoints_evidence.py", "tests/unit/test_explain_endpoints.py"),
    "clock": ("tests/unit/test_endpoints_row_order.py", "tests/properties/test_endpoints_candidates.py"),
    "progression": ("tests/unit/test_endpoints_progression.py", "tests/unit/test_endpoints_findings.py"),
    "days": ("tests/unit/test_endpoints_days.py",),
    "censoring": ("tests/unit/test_endpoints_censoring.py", "tests/unit/test_endpoints_compositions.py"),
    "rules_engine_plugins.censoring": (
        "tests/unit/test_endpoints_effects.py",
        "tests/unit/test_endpoints_texts.py",
        "tests/unit/test_explain_endpoints.py",
    ),
    "rules_engine_plugins.events": ("tests/unit/test_endpoints_texts.py", "tests/unit/test_endpoints_compositions.py"),
    "origins": ("tests/unit/test_endpoints_checks.py", "tests/unit/test_endpoints_findings.py"),
    "checks": ("tests/unit/test_endpoints_checks.py", "tests/unit/test_endpoints_bad_input.py"),
    "origin": ("tests/unit/test_endpoints_origin.py",),
    "imputation": ("tests/unit/test_endpoints_imputation.py",),
}
#: From those that read most of the code.
_ORDER = (
    "PFS", "DOR", "TTP", "TTF", "PFS2", "OS", "BOR", "TTD", "TTUP", "EFS", "ORR", "CBR", "DCR", "DFS", "RFS", "TTR", "CRR",
)  # fmt: skip
_RATES = ("BOR", "ORR", "CBR", "DCR", "CRR")
#: Endpoints that are asked first about a module.
_MADE_FOR = {
    "landmark": _RATES, "best_response": (*_RATES, "DOR"), "response": _RATES, "evidence_of_life": ("OS", "PFS2", "TTD"),
    "missed_visits": ("PFS", "DOR", "TTP"), "schedule": ("PFS", "DOR", "TTP"),
}  # fmt: skip


def modules() -> dict[str, Path]:
    """The dotted name and file of every module that is tried."""

    def steps(names: Sequence[str]) -> dict[str, Path]:
        return {f"rules_engine.endpoints.{name}": ROOT / f"rules_engine/endpoints/{name}.py" for name in names}

    plugins = ROOT / "plugins/rules_engine_plugins"
    return steps(_STEPS) | {f"rules_engine_plugins.{name}": plugins / f"{name}.py" for name in _PLUGINS} | steps(_AFTER)


def import_everything() -> None:
    """So that a fault in a function, which is exchanged in place, needs no import at all."""
    from rules_engine import casebook, cli  # noqa: F401

    from tests.properties import test_endpoints_agree as agree
    from tests.strategies import batches  # noqa: F401

    agree.preset("common")


def draw_samples(*, at_length: bool) -> bytes:
    """Random histories with the answers of the reference, which no fault can change: they are worked out once."""
    from tests.properties import test_endpoints_agree as agree

    seeds, subjects = (range(100, 112), 500) if at_length else (range(3), 250)
    drawn = [agree.draw(endpoint, seed, subjects) for seed in seeds for endpoint in _ORDER]
    return pickle.dumps([vars(sample) for sample in drawn], protocol=pickle.HIGHEST_PROTOCOL)


#: Modules that only tell: no record can show a fault in them.
_TELLING = ("passed_over",)


def agreement(drawn: Sequence[dict[str, Any]], module: str) -> str | None:
    """The engine against the reference, as in `tests/properties/test_endpoints_agree.py`; first those that a module is made for."""
    from tests.properties import test_endpoints_agree as agree

    if module in _TELLING:
        return None
    made_for = _MADE_FOR.get(module, ())
    for sample in sorted(drawn, key=lambda sample: sample["endpoint"] not in made_for):
        found = agree.disagreements(agree.Sample(**sample))
        if found:
            return found[0].splitlines()[0]
    return None


def cases(module: str) -> str | None:
    """The worked cases that the rulesets ship."""
    if module in _TELLING:
        return None
    from rules_engine.casebook import run_cases
    from rules_engine.registry import default_registry

    failed = [outcome for outcome in run_cases([ROOT / "rulesets/common"], default_registry()) if not outcome.passed]
    return failed[0].id if failed else None


AREA = Area(
    name="endpoints",
    tried=("rules_engine.endpoints", *(f"rules_engine_plugins.{name}" for name in _PLUGINS)),
    imported=(
        "hypothesis", "jsonschema", "pluggy", "polars", "pytest", "scipy.stats", "yaml", "rules_engine.analysis",
        "rules_engine.criteria", "rules_engine.grading", "rules_engine.vocabulary", "rules_engine_plugins.estimators",
    ),
    modules=modules,
    suites=choice_of_suites(draw_samples, agreement, cases, _UNIT_TESTS, _PROPERTIES, _TESTS_FIRST),
    import_everything=import_everything,
)  # fmt: skip
