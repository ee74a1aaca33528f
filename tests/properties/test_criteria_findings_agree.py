"""The findings about lesions are those that a slow reading, row by row, comes to for random histories with mistakes in them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from rules_engine.loading import load_criterion_rules
from rules_engine.registry import default_registry

from tests.oracle import criteria as reference
from tests.oracle.lesion_findings import Finding, findings_about, findings_about_visits
from tests.strategies.criteria_engine import findings_of
from tests.strategies.faulty_lesions import faulty_history
from tests.strategies.lesions import CRITERIA, Row, Sample, random_history, random_options

#: What the reading of visits says.
OF_VISITS = {"early_scan", "late_confirmation", "node_only_relapse", "tstm_reappearance", "incomplete_growth"}


def draw(criterion: str, seed: object, subjects: int, history: Callable[..., list[Row]]) -> Sample:
    rng = random.Random(f"{criterion} {seed}")
    chosen = {
        **random_options(rng, criterion),
        **{
            key: rng.choice(values)
            for key, values in {
                "target.max_total": [5, 2],
                "target.max_per_organ": [2, 1],
                "target.min_mm": [10, 15],
            }.items()
        },
    }
    rules = load_criterion_rules(criterion, overrides=chosen, registry=default_registry())
    people = {f"S{k:05d}": history(rng, f"S{k:05d}") for k in range(subjects)}
    return Sample(
        f"{criterion}, seed {seed}", criterion, dict(rules.options), {n: r for n, r in people.items() if r}, {}, {}
    )


def with_baseline(rng: random.Random, name: str) -> list[Row]:
    """A sound history; no rows where the baseline has none."""
    rows = random_history(rng, name)
    return rows if any(row["is_baseline"] for row in rows) else []


def expected_of_records(sample: Sample) -> dict[str, set[Finding]]:
    return {name: findings_about(sample.criterion, sample.options, rows) for name, rows in sample.people.items()}


def expected_of_visits(sample: Sample) -> dict[str, set[Finding]]:
    return {
        name: findings_about_visits(
            sample.criterion, sample.options, rows, reference.assess(sample.criterion, sample.options, rows)
        )
        for name, rows in sample.people.items()
    }


def disagreements(sample: Sample, expected: dict[str, set[Finding]], *, of_visits: bool) -> list[str]:
    """What the engine finds and the reading does not, or the other way round."""
    said = findings_of(sample.criterion, sample.options, sample.people)
    found = []
    for name, wanted in expected.items():
        short = {(row["rule_id"].removeprefix("lesions."), row["record"], row["value"]) for row in said.get(name, [])}
        ours = {it for it in short if (it[0] in OF_VISITS if of_visits else it[0] not in OF_VISITS)}
        if ours != wanted:
            found.append(
                f"{sample.name}, {name}: missing {sorted(wanted - ours, key=str)}, too many {sorted(ours - wanted, key=str)}"
            )
    return found


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_findings_about_records_are_those_of_a_reading_row_by_row(criterion: str) -> None:
    for seed, history in (("a", faulty_history), ("b", faulty_history), ("c", random_history)):
        sample = draw(criterion, seed, 150, history)
        found = disagreements(sample, expected_of_records(sample), of_visits=False)
        assert not found, found[0]


@pytest.mark.parametrize("criterion", ["recist_1_1", "mrecist", "irecist"])
def test_the_findings_about_visits_are_those_of_a_reading_row_by_row(criterion: str) -> None:
    for seed in ("d", "e"):
        sample = draw(criterion, seed, 150, with_baseline)
        found = disagreements(sample, expected_of_visits(sample), of_visits=True)
        assert not found, found[0]
