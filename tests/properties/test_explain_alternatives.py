"""What a story says would have changed a response does change it, and a hundredth of a millimetre less does not."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from rules_engine.explain.thresholds import Alternative

from tests.strategies.criteria_engine import ask, random_subjects
from tests.strategies.explained import stories, with_way
from tests.strategies.lesions import CRITERIA, Row, random_options


def probes(rows: list[Row], criterion: str, options: dict[str, Any]) -> list[tuple[list[Row], Alternative, bool]]:
    """Rows with a proposed change made, what the visit must then be, and whether the change was made in full."""
    found = []
    for story in stories(rows, criterion, options):
        for alternative in story.alternatives:
            for way in alternative.ways:
                on_sum = any(change.component == "target" and change.by_x100 is not None for change in way)
                for short in (0, 1) if on_sum else (0,):
                    changed = with_way(rows, story, way, short)
                    if changed is not None:
                        found.append((changed, alternative, short == 0))
    return found


def check(criterion: str, seed: str, subjects: int) -> Counter[tuple[str, bool]]:
    rng = random.Random(f"{criterion}{seed}")
    seen: Counter[tuple[str, bool]] = Counter()
    for name, rows in random_subjects(f"{criterion}{seed}", subjects).items():
        options = random_options(rng, criterion)
        asked = {f"{name}-{number:04d}": probe for number, probe in enumerate(probes(rows, criterion, options))}
        if not asked:
            continue
        histories = {key: [{**row, "subject": key} for row in probe[0]] for key, probe in asked.items()}
        answers = ask(criterion, options, histories).timepoints
        for key, (_rows, alternative, in_full) in asked.items():
            last = answers[key][-1]
            # Alternatives are about the reading of the visit, before any retrospective dating.
            got = last["overall_as_read"] if last["state"] is None else last["overall"]
            reached = got != "iCPD" if alternative.category == "iUPD or better" else got == alternative.category
            assert reached == in_full, f"{criterion} {name} {options}: {alternative} gave {got}"
            seen[alternative.direction, in_full] += 1
    return seen


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_changes_that_a_story_names_are_enough_and_no_smaller_ones_are(criterion: str) -> None:
    seen = check(criterion, "default", subjects=6)
    assert min(seen[direction, full] for direction in ("better", "worse") for full in (True, False)) > 0, seen


@pytest.mark.slow
@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_same_of_many_subjects(criterion: str) -> None:
    assert sum(check(criterion, "many", subjects=150).values()) > 1000
