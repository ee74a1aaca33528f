"""The engine and the slow reference reading give the same answers for random lesion histories under random options."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import criteria as reference
from tests.oracle.criteria_rules import confirming_rules, deciding_rules, progression_reasons
from tests.strategies.criteria_engine import ask, first_day, random_deaths, random_subjects
from tests.strategies.engine import as_yaml
from tests.strategies.lesions import (
    CRITERIA,
    OPTION_VALUES,
    Row,
    Sample,
    criteria_with_options,
    extreme_options,
    histories,
    odd_history,
    random_history,
    random_options,
    spread_options,
)

COLUMNS = [
    "visit_date", "reason", "suspected_pseudoprogression", "sum_x100", "sum_complete", "baseline_x100", "nadir_x100",
    "target", "nontarget", "new_lesion", "overall", "overall_as_read", "basis_overall", "accepted", "state",
    "anchor_date", "confirmation_reasons",
]  # fmt: skip
#: A progression that waits for its confirmation, or has it, is dated to its visit.
WAITS = ("iUPD", "iCPD")
#: What a disregarded scan shows is nobody's business but that it is disregarded.
OF_A_DISREGARDED_SCAN = ["visit_date", "overall", "basis_overall", "accepted", "state", "anchor_date"]


#: The first samples leave no value of an option out.
SPREAD = 6


def draw(criterion: str, seed: object, subjects: int, *, odd: bool = False) -> Sample:
    rng = random.Random(f"{criterion} {seed}")
    options = extreme_options(rng, criterion) if odd else random_options(rng, criterion)
    if seed in range(SPREAD):
        options = spread_options(criterion, int(str(seed)), SPREAD)
    if "hybrid.basis" in OPTION_VALUES[criterion]:  # nearly two criteria, each as often as the other
        options["hybrid.basis"] = ("viable", "whole")[int(str(seed).split()[-1]) % 2]
    people = random_subjects(f"{criterion} {seed}", subjects, odd_history if odd else random_history)
    references = {name: first_day(rows) + timedelta(rng.choice([0, 0, 1, 7])) for name, rows in people.items()}
    return Sample(f"{criterion}, seed {seed}", criterion, options, people, references, random_deaths(seed, people))


def expected_answers(sample: Sample) -> dict[str, dict[str, Any]]:
    return {
        name: expectations(sample.criterion, sample.options, rows, sample.references[name], sample.deaths[name])
        for name, rows in sample.people.items()
    }


def disagreements(sample: Sample, expected: dict[str, dict[str, Any]] | None = None) -> list[str]:
    """What the engine and the reference say differently, told per subject."""
    expected = expected or expected_answers(sample)
    answers = ask(sample.criterion, sample.options, sample.people, sample.references, sample.deaths)
    found = []
    for name, rows in sample.people.items():
        wrong = differences(expected[name], answers.of(name))
        if wrong:
            shown = "\n".join(map(str, wrong[:6]))
            found.append(f"{sample.name}, {name}\n{shown}\noptions: {sample.options}\n{as_yaml(readable(rows))}")
    return found


def expectations(
    criterion: str, options: dict[str, Any], rows: Sequence[Row], reference_date: date, death: date | None
) -> dict[str, Any]:
    timepoints = reference.assess(criterion, options, rows)
    status = reference.progression_status(criterion, options, timepoints)
    all_options = reference.all_options(criterion, options)
    rules = deciding_rules(criterion, all_options, timepoints)
    return {
        "timepoints": timepoints,
        "rules": rules,
        "confirmed": confirming_rules(all_options, timepoints),
        "progression_reasons": progression_reasons(criterion, options, timepoints, rules, status),
        **reference.best_overall_response(criterion, options, timepoints, reference_date),
        "progression_date": reference.progression_date(criterion, options, timepoints),
        "progression_status": status,
        "pfs": reference.pfs(criterion, options, timepoints, reference_date, death),
    }


def differences(expected: dict[str, Any], actual: dict[str, Any]) -> list[tuple[Any, ...]]:
    """(what, expected, actual) for everything that differs."""
    wrong: list[tuple[Any, ...]] = []
    ours, theirs = expected["timepoints"], actual["timepoints"]
    if [row["visit_date"] for row in ours] != [row["visit_date"] for row in theirs]:
        return [("visits", [row["visit_date"] for row in ours], [row["visit_date"] for row in theirs])]
    for mine, other in zip(ours, theirs, strict=True):
        columns = COLUMNS if mine["accepted"] else OF_A_DISREGARDED_SCAN
        day = mine["visit_date"]
        wrong += [(day.isoformat(), c, mine[c], other[c]) for c in columns if mine[c] != other[c]]
        dated = mine["progression_date"] if mine["overall"] == "PD" else day if mine["overall"] in WAITS else None
        if dated != other["progression_date"]:
            wrong.append((day.isoformat(), "progression_date", dated, other["progression_date"]))
    for rules, confirmed, other in zip(expected["rules"], expected["confirmed"], theirs, strict=True):
        if other["rule_id"] not in rules:
            wrong.append((other["visit_date"].isoformat(), "rule_id", rules, other["rule_id"]))
        told = {rule for rule in other["trace"].split(";") if rule.startswith("irecist.icpd.")}
        if told - {"irecist.icpd.confirmed"} != confirmed:
            wrong.append((other["visit_date"].isoformat(), "trace", confirmed, told))
    if actual["progression_reasons"] not in expected["progression_reasons"]:
        wrong.append(("progression_reasons", expected["progression_reasons"], actual["progression_reasons"]))
    compared = ["bor", "bor_date", "response_date", "progression_date", "progression_status"]
    if expected["bor"] == "NE":
        compared.remove("bor_date")  # of several reasons to say nothing none is the one
    wrong += [(key, expected[key], actual[key]) for key in compared if expected[key] != actual[key]]
    survival = actual["pfs"] or {}
    wrong += [
        (f"pfs.{key}", value, survival.get(key)) for key, value in expected["pfs"].items() if value != survival.get(key)
    ]
    return wrong


def readable(rows: Sequence[Row]) -> list[str]:
    """The rows without what is empty or usual."""
    usual = {
        "vs_last": "same",
        "certainty": "unequivocal",
        "cytology": "not_done",
        "reason": "scheduled",
        "organ": "liver",
    }
    hidden = ("subject", "assessor", "reader", "is_baseline", "row")
    return [
        " ".join(f"{k}={v}" for k, v in row.items() if v not in (None, False) and usual.get(k) != v and k not in hidden)
        for row in rows
    ]


def usual(criterion: str, seeds: Iterable[int], subjects: int) -> Iterator[Sample]:
    return (draw(criterion, seed, subjects) for seed in seeds)


def odd(criterion: str, seeds: Iterable[int], subjects: int) -> Iterator[Sample]:
    return (draw(criterion, f"odd {seed}", subjects, odd=True) for seed in seeds)


def assert_agreement(samples: Iterable[Sample]) -> None:
    found = [text for sample in samples for text in disagreements(sample)]
    assert not found, f"{len(found)} disagreements (what, expected, actual); the first:\n{found[0]}"


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_engine_agrees_with_the_reference(criterion: str) -> None:
    assert_agreement(usual(criterion, range(SPREAD), subjects=400))


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_engine_agrees_with_the_reference_on_odd_records(criterion: str) -> None:
    assert_agreement(odd(criterion, range(2), subjects=200))


@pytest.mark.slow
@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_engine_agrees_with_the_reference_on_odd_records_at_length(criterion: str) -> None:
    assert_agreement(odd(criterion, range(60), subjects=500))


@pytest.mark.slow
@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_engine_agrees_with_the_reference_at_length(criterion: str) -> None:
    assert_agreement(usual(criterion, range(1000, 1060), subjects=1000))


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(chosen=criteria_with_options(), people=st.lists(histories(), min_size=1, max_size=5))
def test_the_engine_agrees_on_shrinkable_histories(chosen: tuple[str, dict[str, Any]], people: list[list[Row]]) -> None:
    criterion, options = chosen
    named = {
        f"S{k}": [{**row, "subject": f"S{k}"} for row in rows]
        for k, rows in enumerate(people)
        if any(row["is_baseline"] for row in rows)
    }
    if not named:
        return
    answers = ask(criterion, options, named)
    for name, rows in named.items():
        expected = expectations(criterion, options, rows, first_day(rows), None)
        assert not differences(expected, answers.of(name))
