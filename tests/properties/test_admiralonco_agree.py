"""The compatibility mode and the slow reference derivation give the same rows for every random history."""

from __future__ import annotations

import random

import pytest

from tests.oracle.admiralonco import CONFIGURATIONS, Configuration, Subject, whole_day
from tests.strategies.admiralonco import derive_all, random_history


def disagreements(how: Configuration, seed: int, subjects: int) -> list[str]:
    rng = random.Random(f"{how.name}-{seed}")
    histories = [random_history(rng, irecist=how.irecist) for _ in range(subjects)]
    found = []
    for history, actual in zip(histories, derive_all(histories, how), strict=True):
        derived = Subject(history, how)
        expected = {**derived.adrs(), **{name: row for name, row in derived.adtte().items() if row is not None}}
        wrong = {
            name: (expected.get(name), actual.get(name))
            for name in sorted({*expected, *actual})
            if expected.get(name) != actual.get(name)
        }
        if wrong:
            found.append(f"{how.name}, seed {seed}: {wrong}\n{history}")
    return found


@pytest.mark.parametrize("how", CONFIGURATIONS, ids=lambda how: how.name)
def test_the_compatibility_mode_agrees_with_the_reference(how: Configuration) -> None:
    found = disagreements(how, 0, subjects=400)
    assert not found, f"{len(found)} disagreements (expected, actual); the first:\n{found[0]}"


@pytest.mark.slow
@pytest.mark.parametrize("how", CONFIGURATIONS, ids=lambda how: how.name)
def test_the_compatibility_mode_agrees_with_the_reference_at_length(how: Configuration) -> None:
    found = [text for seed in range(100, 104) for text in disagreements(how, seed, subjects=3_000)]
    assert not found, f"{len(found)} disagreements (expected, actual); the first:\n{found[0]}"


def test_the_two_flows_disagree_where_they_are_known_to_and_nowhere_else() -> None:
    """A progression before the reference date, or two of them on one day: nothing else tells the flows apart."""
    functions, events = (next(how for how in CONFIGURATIONS if how.name == name) for name in ("r1", "r5"))
    rng = random.Random("flows")
    histories = [random_history(rng, irecist=False) for _ in range(800)]
    pairs = zip(histories, derive_all(histories, functions), derive_all(histories, events), strict=True)
    differing = [history for history, by_functions, by_events in pairs if by_functions != by_events]
    assert differing
    for history in differing:
        days = [whole_day(day) for day, _number, _visit, code in history["rows"] if code == "PD"]
        known = [day for day in days if day is not None]
        early = history["randomised"] is not None and any(day < history["randomised"] for day in known)
        assert early or len(known) > len(set(known)), history
