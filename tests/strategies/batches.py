"""Batches of random subjects with one set of options, and what the engine makes of them.

A property is judged over whole batches, so that a test costs a few calls of the engine: `Batch.derive` gives the records
of every subject by name, `Batch.but` the same subjects under other options, `Batch.with_subjects` changed subjects under
the same options.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tests.strategies.engine import derive_all, merged
from tests.strategies.timelines import CUT_OFF, random_options, random_subject

Subject = dict[str, Any]
Record = dict[str, Any]
#: Options under which every subject is on the clock from the first day of its data.
PLAIN_CLOCK = {"origin": "randomisation", "delayed_entry": "none"}
#: Events count whenever they happen: no therapy, no missed visit and no missing baseline takes them away.
TREATMENT_POLICY = {
    "new_therapy": "ignore",
    "curative_conversion": "ignore",
    "repeat_tace": "part_of_regimen",
    "no_baseline": "use_assessments",
    "missed_visits": {"method": "disabled", "scope": "before_event"},
}


@dataclass(frozen=True)
class Batch:
    """Subjects, options, schedule and cut-off that go through the engine together."""

    subjects: list[Subject]
    options: dict[str, Any]
    schedule: dict[str, Any]
    cut_off: date
    rng: random.Random

    def derive(self, endpoint: str) -> dict[str, Record]:
        """The record of each subject by name."""
        return derive_all(self.subjects, endpoint, self.options, self.cut_off, self.schedule)

    def but(self, options: Mapping[str, Any] | None = None, **changes: Any) -> Batch:
        """The same with other options laid over, or another cut-off or schedule."""
        return replace(self, options=consistent(merged(self.options, options)), **changes)

    def with_subjects(self, change: Callable[[Subject, random.Random], Subject | None]) -> Batch:
        """The same with each subject changed; subjects for which `change` gives None are left out."""
        found = (change(copy.deepcopy(subject), self.rng) for subject in self.subjects)
        return replace(self, subjects=[subject for subject in found if subject is not None])


def batches(
    name: str, options: Mapping[str, Any] | None = None, *, codes: str = "recist", seeds: int = 1, subjects: int = 400
) -> Iterable[Batch]:
    """Batches from a seed that belongs to `name`: random options with `options` laid over them."""
    for seed in range(seeds):
        rng = random.Random(f"{name}-{seed}")
        drawn, schedule = random_options(rng, name)
        drawn["response"]["landmark"] = None
        drawn["pd_rule"] = "irecist" if codes == "irecist" else drawn["pd_rule"]
        drawn = consistent(merged(drawn, options))
        if drawn["missed_visits"]["scope"] == "any_gap":
            drawn["missed_visits"]["applies_to"] = ["progression", "death"]
        histories = [random_subject(rng, f"S{k:04d}", codes=codes) for k in range(subjects)]
        cut_off = rng.choice([CUT_OFF, date(2023, 7, 1), date(2024, 6, 30)])
        yield Batch(histories, drawn, schedule, cut_off, rng)


def consistent(options: dict[str, Any]) -> dict[str, Any]:
    """The options without a longest gap that their rule of missed visits does not read."""
    if options["missed_visits"]["method"] == "fixed_days":
        return options
    return merged(options, {"missed_visits": {"gap_days": None}})


def both(first: Mapping[str, Record], second: Mapping[str, Record]) -> Iterable[tuple[str, Record, Record]]:
    """Subjects who have a record in both, with the two records."""
    for name, record in first.items():
        other = second.get(name, {"record": False})
        if record["record"] and other["record"]:
            yield name, record, other


def same(record: Record, other: Record, keys: Iterable[str] = ("date", "cnsr", "days", "reason", "source")) -> bool:
    """The records agree, also in that there is none."""
    if record["record"] != other["record"]:
        return False
    return not record["record"] or all(record.get(key) == other.get(key) for key in keys)
