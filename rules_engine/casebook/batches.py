"""Runs cases together where they share their rules, and each alone where one of them breaks the batch."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from rules_engine.casebook.outcomes import Case, Outcome
from rules_engine.errors import RulesEngineError


def collected(plan: pl.LazyFrame) -> pl.DataFrame:
    """The rows of a plan over a handful of records: planning it well would take longer than running it as it stands."""
    return plan.collect(engine="in-memory", optimizations=pl.QueryOptFlags.none())


class CaseError(ValueError):
    """A case that cannot be read as a case; the text says what and where."""


def run_in_batches(
    cases: Sequence[Case], shared_by: Callable[[Case], Any], run_together: Callable[[Sequence[Case]], list[Outcome]]
) -> list[Outcome]:
    """Outcomes of the cases in their order; those with equal `shared_by` go through `run_together` at once.

    Whatever one case breaks, the others are run without it.
    """
    batches: dict[str, list[int]] = defaultdict(list)
    for number, case in enumerate(cases):
        batches[json.dumps(shared_by(case), sort_keys=True)].append(number)
    outcomes: dict[int, Outcome] = {}
    for members in batches.values():
        outcomes.update(zip(members, _run([cases[number] for number in members], run_together), strict=True))
    return [outcomes[number] for number in range(len(cases))]


def _run(batch: Sequence[Case], run_together: Callable[[Sequence[Case]], list[Outcome]]) -> list[Outcome]:
    try:
        return run_together(batch)
    except (RulesEngineError, CaseError) as error:
        said = str(error)
    except (Exception, pl.exceptions.PanicException) as error:  # a fault of the engine fails the case and is told there
        said = f"the engine failed: {type(error).__name__}: {error}"
    if len(batch) == 1:
        return [batch[0].outcome([said])]
    return [outcome for case in batch for outcome in _run([case], run_together)]
