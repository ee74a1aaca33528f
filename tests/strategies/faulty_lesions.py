"""Lesion histories as they come from sites that make mistakes: a valid one, with one to four things wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random

from tests.strategies.lesions import Row, odd_history

_Spoil = Callable[[Random, list[Row]], None]


def faulty_history(rng: Random, subject: str) -> list[Row]:
    """One subject's rows, of which some are wrong."""
    rows = odd_history(rng, subject)
    for _number in range(rng.randrange(1, 5)):
        if rows:
            rng.choice(_SPOILS)(rng, rows)
    return rows


def _some_visit(rng: Random, rows: list[Row]) -> list[Row]:
    day = rng.choice(rows)["visit_date"]
    return [row for row in rows if row["visit_date"] == day]


def _second_baseline(rng: Random, rows: list[Row]) -> None:
    for row in _some_visit(rng, rows):
        row["is_baseline"] = True


def _no_baseline(_rng: Random, rows: list[Row]) -> None:
    for row in rows:
        row["is_baseline"] = False


def _before_baseline(rng: Random, rows: list[Row]) -> None:
    first = min(row["visit_date"] for row in rows)
    for row in _some_visit(rng, rows):
        if not row["is_baseline"]:
            row["visit_date"] = first - timedelta(rng.choice([0, 1, 30]))
            row["is_baseline"] = rng.choice([False, None])


def _other_role(rng: Random, rows: list[Row]) -> None:
    lesion, day = rng.choice(rows)["lesion_id"], rng.choice(rows)["visit_date"]
    role = rng.choice(["target", "non-target", "new"])
    for row in rows:
        if row["lesion_id"] == lesion and row["visit_date"] >= day:
            row["role"] = role


def _not_at_baseline(rng: Random, rows: list[Row]) -> None:
    lesion = rng.choice(rows)["lesion_id"]
    rows[:] = [row for row in rows if not (row["is_baseline"] and row["lesion_id"] == lesion)]


def _twice(rng: Random, rows: list[Row]) -> None:
    again = dict(rng.choice(rows))
    rows += [again] * rng.choice([1, 1, 2])


def _whole_and_fragment(rng: Random, rows: list[Row]) -> None:
    rows.append({**rng.choice(rows), "fragment_id": rng.choice(["F1", "F2"])})


def _other_reader(rng: Random, rows: list[Row]) -> None:
    for row in _some_visit(rng, rows):
        if rng.random() < 0.6:
            row |= rng.choice([{"assessor": "independent"}, {"reader": "R2"}, {"assessor": None}])


def _merged(rng: Random, rows: list[Row]) -> None:
    row = rng.choice(rows)
    row |= {"state": "merged", "into": rng.choice([rng.choice(rows)["lesion_id"], row["lesion_id"], "Q", None])}


def _absurd_size(rng: Random, rows: list[Row]) -> None:
    row = rng.choice(rows)
    row[rng.choice(["mm_x100", "viable_mm_x100"])] = rng.choice([-1, 50_000, 50_001, 50_100, 900_000])


def _contradiction(rng: Random, rows: list[Row]) -> None:
    rng.choice(rows).update(
        state=rng.choice([None, "absent", "ne", "tstm", "measured", "merged"]),
        status=rng.choice([None, "absent", "present", "unequivocal", "ne"]),
        mm_x100=rng.choice([None, 0, 1, 700, 1500]),
        viable_mm_x100=rng.choice([None, None, 0, 1, 700, 1500]),
    )


def _not_measurable(rng: Random, rows: list[Row]) -> None:
    lesion = rng.choice(rows)["lesion_id"]
    kind = rng.choice(["effusion", "pvt", "bone", "cyst", "infiltrative"])
    for row in rows:
        if row["lesion_id"] == lesion:
            row["kind"] = kind


def _small(rng: Random, rows: list[Row]) -> None:
    row = rng.choice([row for row in rows if row["is_baseline"]] or rows)
    size = rng.choice([990, 999, 1000, 1490, 1499, 1500, 1990, 2000])
    row |= {"mm_x100": size, "viable_mm_x100": rng.choice([None, size])}


def _too_many(rng: Random, rows: list[Row]) -> None:
    template = rng.choice(rows)
    organs = rng.choice([["lung"], ["lung", "Lung ", " LUNG"], ["liver", "Liver"], [f"organ {k}" for k in range(6)]])
    here = [row for row in rows if row["lesion_id"] == template["lesion_id"] and row["fragment_id"] is None]
    for number in range(rng.choice([1, 2, 3, 5, 6])):
        rows += [{**row, "lesion_id": f"X{number}", "organ": organs[number % len(organs)]} for row in here]


_SPOILS: list[_Spoil] = [
    _second_baseline, _no_baseline, _before_baseline, _other_role, _not_at_baseline, _twice, _whole_and_fragment, _other_reader, _merged,
    _absurd_size, _contradiction, _contradiction, _not_measurable, _not_measurable, _small, _small, _too_many, _too_many,
]  # fmt: skip
