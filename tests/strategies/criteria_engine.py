"""The criteria of the engine, called with many subjects at once under one set of options."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from rules_engine import criteria
from rules_engine.contracts import LESION_ASSESSMENTS, canonical_schema
from rules_engine.loading import load_criterion_rules
from rules_engine.registry import default_registry

from tests.strategies.lesions import BASELINE, Row, random_history

Timepoint = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """What the engine says of each subject."""

    timepoints: dict[str, list[Timepoint]]
    best: dict[str, dict[str, Any]]
    progression: dict[str, date | None]
    progression_status: dict[str, str]
    progression_reasons: dict[str, str | None]
    pfs: dict[str, dict[str, Any]]

    def of(self, name: str) -> dict[str, Any]:
        """What it says of one."""
        best = self.best.get(name) or {}
        return {
            "timepoints": self.timepoints[name],
            **{key: best.get(key) for key in ("bor", "bor_date", "response_date")},
            "progression_date": self.progression.get(name),
            "progression_status": self.progression_status.get(name, "none"),
            "progression_reasons": self.progression_reasons.get(name),
            "pfs": self.pfs.get(name),
        }


def lesion_frame(histories: Iterable[Sequence[Row]]) -> pl.LazyFrame:
    """The canonical table of all rows of all subjects."""
    rows = [{**row, "row": number} for number, row in enumerate((r for h in histories for r in h), 1)]
    return pl.LazyFrame(rows, schema=canonical_schema(LESION_ASSESSMENTS))


def shuffled(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The same rows, every subject's among the others': no order means anything."""
    return rows.collect().sample(fraction=1, shuffle=True, seed=20).lazy()


def ask(
    criterion: str,
    options: Mapping[str, Any],
    histories: Mapping[str, Sequence[Row]],
    reference_dates: Mapping[str, date] | None = None,
    deaths: Mapping[str, date | None] | None = None,
) -> Answers:
    """Everything that the engine derives for these subjects; day 0 is the day of the baseline unless stated."""
    registry = default_registry()
    rules = load_criterion_rules(criterion, overrides=dict(options), registry=registry)
    assess = registry.criteria.require(rules.criterion).assess
    timepoints = assess(shuffled(lesion_frame(histories.values())), rules).collect().sort("subject", "visit_date")
    names = sorted(histories)
    reference = pl.LazyFrame(
        {
            "subject": names,
            "reference_date": [(reference_dates or {}).get(name, first_day(histories[name])) for name in names],
        },
        schema={"subject": pl.String(), "reference_date": pl.Date()},
    )
    dead = pl.LazyFrame(
        [(name, day) for name, day in (deaths or {}).items() if day or name.endswith("1")],  # alive: no day, or no row
        schema={"subject": pl.String(), "death_date": pl.Date()},
        orient="row",
    )
    in_any_order = shuffled(timepoints.lazy())
    best = criteria.best_overall_response(in_any_order, reference, rules).collect()
    progressed = criteria.progression(in_any_order, rules).collect()
    survival = criteria.first_trial_pfs(in_any_order, reference, dead, rules).collect()
    by_subject: dict[str, list[Timepoint]] = {name: [] for name in names}
    for row in timepoints.iter_rows(named=True):
        by_subject[row["subject"]].append(row)
    return Answers(
        by_subject,
        {row["subject"]: row for row in best.iter_rows(named=True)},
        {row["subject"]: row["progression_date"] for row in progressed.iter_rows(named=True)},
        {row["subject"]: row["progression_status"] for row in progressed.iter_rows(named=True)},
        {row["subject"]: row["progression_reasons"] for row in progressed.iter_rows(named=True)},
        {row["subject"]: row for row in survival.iter_rows(named=True)},
    )


def findings_of(
    criterion: str, options: Mapping[str, Any], histories: Mapping[str, Sequence[Row]]
) -> dict[str, list[dict[str, Any]]]:
    """What the criterion finds odd about each subject."""
    registry = default_registry()
    rules = load_criterion_rules(criterion, overrides=dict(options), registry=registry)
    known = registry.criteria.require(rules.criterion)
    lesions = lesion_frame(histories.values()).collect().lazy()
    found = known.validate(lesions, rules, known.assess(lesions, rules)).collect()
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for row in found.sort(pl.all()).iter_rows(named=True):
        by_subject.setdefault(row["subject"], []).append(row)
    return by_subject


def first_day(rows: Sequence[Row]) -> date:
    """The day of the subject's baseline."""
    return next((row["visit_date"] for row in rows if row["is_baseline"]), BASELINE)


def random_subjects(
    seed: object, count: int, history: Callable[[random.Random, str], list[Row]] = random_history
) -> dict[str, list[Row]]:
    """`count` subjects with a baseline, drawn from a seed."""
    rng = random.Random(str(seed))
    found: dict[str, list[Row]] = {}
    while len(found) < count:
        name = f"S{len(found):05d}"
        rows = history(rng, name)
        if any(row["is_baseline"] for row in rows):
            found[name] = rows
    return found


def random_deaths(seed: object, histories: Mapping[str, Sequence[Row]]) -> dict[str, date | None]:
    """For some subjects a death, on the day of the last visit or later."""
    rng = random.Random(f"{seed} deaths")
    return {
        name: max(row["visit_date"] for row in rows) + timedelta(rng.choice([0, 1, 40])) if rng.random() < 0.4 else None
        for name, rows in histories.items()
    }
