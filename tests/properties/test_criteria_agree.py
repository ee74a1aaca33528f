"""The engine and the slow reference reading give the same answers for random lesion histories under random options."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import criteria as reference
from tests.strategies.criteria_engine import ask, first_day, random_deaths, random_subjects
from tests.strategies.engine import as_yaml
from tests.strategies.lesions import (
    CRITERIA,
    Row,
    criteria_with_options,
    extreme_options,
    histories,
    odd_history,
    random_history,
    random_options,
)

COLUMNS = [
    "visit_date", "reason", "suspected_pseudoprogression", "sum_x100", "sum_complete", "baseline_x100", "nadir_x100",
    "target", "nontarget", "new_lesion", "overall", "overall_as_read", "basis_overall", "accepted", "state",
    "anchor_date", "confirmation_reasons",
]  # fmt: skip
#: What a disregarded scan shows is nobody's business but that it is disregarded.
OF_A_DISREGARDED_SCAN = ["visit_date", "overall", "basis_overall", "accepted", "state", "anchor_date"]


def disagreements(criterion: str, seed: object, subjects: int, *, odd: bool = False) -> list[str]:
    rng = random.Random(f"{criterion} {seed}")
    options = extreme_options(rng, criterion) if odd else random_options(rng, criterion)
    people = random_subjects(f"{criterion} {seed}", subjects, odd_history if odd else random_history)
    deaths = random_deaths(seed, people)
    references = {name: first_day(rows) + timedelta(rng.choice([0, 0, 1, 7])) for name, rows in people.items()}
    answers = ask(criterion, options, people, references, deaths)
    found = []
    for name, rows in people.items():
        expected = expectations(criterion, options, rows, references[name], deaths[name])
        actual = {
            "timepoints": answers.timepoints[name],
            "bor": (answers.best.get(name) or {}).get("bor"),
            "progression_date": answers.progression.get(name),
            "pfs": answers.pfs.get(name),
        }
        wrong = differences(criterion, expected, actual)
        if wrong:
            shown = "\n".join(map(str, wrong[:6]))
            found.append(f"{criterion}, seed {seed}, {name}\n{shown}\noptions: {options}\n{as_yaml(readable(rows))}")
    return found


def expectations(
    criterion: str, options: dict[str, Any], rows: Sequence[Row], reference_date: date, death: date | None
) -> dict[str, Any]:
    timepoints = reference.assess(criterion, options, rows)
    return {
        "timepoints": timepoints,
        "bor": reference.best_overall_response(criterion, options, timepoints, reference_date)["bor"],
        "progression_date": reference.progression_date(criterion, options, timepoints),
        "pfs": reference.pfs(criterion, options, timepoints, reference_date, death),
    }


def differences(criterion: str, expected: dict[str, Any], actual: dict[str, Any]) -> list[tuple[Any, ...]]:
    """(what, expected, actual) for everything that differs."""
    wrong: list[tuple[Any, ...]] = []
    ours, theirs = expected["timepoints"], actual["timepoints"]
    if [row["visit_date"] for row in ours] != [row["visit_date"] for row in theirs]:
        return [("visits", [row["visit_date"] for row in ours], [row["visit_date"] for row in theirs])]
    for mine, other in zip(ours, theirs, strict=True):
        columns = COLUMNS if mine["accepted"] else OF_A_DISREGARDED_SCAN
        other = {**other, "confirmation_reasons": other["confirmation_reasons"] or None}
        wrong += [(mine["visit_date"].isoformat(), c, mine[c], other[c]) for c in columns if mine[c] != other[c]]
    wrong += [(key, expected[key], actual[key]) for key in ("bor", "progression_date") if expected[key] != actual[key]]
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


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_engine_agrees_with_the_reference(criterion: str) -> None:
    found = [text for seed in range(6) for text in disagreements(criterion, seed, subjects=250)]
    assert not found, f"{len(found)} disagreements (what, expected, actual); the first:\n{found[0]}"


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_engine_agrees_with_the_reference_on_odd_records(criterion: str) -> None:
    found = [text for seed in range(2) for text in disagreements(criterion, f"odd {seed}", subjects=200, odd=True)]
    assert not found, f"{len(found)} disagreements (what, expected, actual); the first:\n{found[0]}"


@pytest.mark.slow
@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_engine_agrees_with_the_reference_on_odd_records_at_length(criterion: str) -> None:
    found = [text for seed in range(60) for text in disagreements(criterion, f"odd {seed}", subjects=500, odd=True)]
    assert not found, f"{len(found)} disagreements (what, expected, actual); the first:\n{found[0]}"


@pytest.mark.slow
@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_engine_agrees_with_the_reference_at_length(criterion: str) -> None:
    found = [text for seed in range(1000, 1060) for text in disagreements(criterion, seed, subjects=1000)]
    assert not found, f"{len(found)} disagreements (what, expected, actual); the first:\n{found[0]}"


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
        actual = {
            "timepoints": answers.timepoints[name],
            "bor": (answers.best.get(name) or {}).get("bor"),
            "progression_date": answers.progression.get(name),
            "pfs": answers.pfs.get(name),
        }
        expected = expectations(criterion, options, rows, first_day(rows), None)
        assert not differences(criterion, expected, actual)
