"""Hypothesis strategies of what plugins receive: canonical frames, valid by construction, crowded around the usual thresholds.

Each draws the number of subjects and a seed, so that a failure shrinks to few subjects and is the same at every run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

import polars as pl
from hypothesis import strategies as st

from rules_engine.contracts import LABS, LESION_ASSESSMENTS, Column, Table, canonical_schema
from rules_engine.endpoints import records_from_mappings
from rules_engine.vocabulary import SubjectRecords

START = date(2024, 1, 8)
#: Days between visits: around four, six and eight weeks, and a week.
GAPS = (7, 20, 21, 27, 28, 29, 41, 42, 43, 56, 57)
Row = dict[str, Any]


def _drawn(make: Callable[[Random, int], Any], subjects: int) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda number, seed: make(Random(seed), number),  # noqa: S311  (test data, not secrets)
        st.integers(1, subjects),
        st.integers(0, 2**32 - 1),
    )


# Lesions ---------------------------------------------------------------------------------------------------------------


def lesion_histories(*, subjects: int = 12, extra: Sequence[Column] = ()) -> st.SearchStrategy[pl.DataFrame]:
    """Canonical `lesion_assessments` of 1 to `subjects` subjects: a baseline and up to five visits of targets, other lesions and new
    ones; not evaluated, gone and too small to measure among them. `extra` columns are filled by their kind.
    """
    return _drawn(lambda rng, number: lesion_frame(rng, number, extra), subjects)


def lesion_frame(rng: Random, subjects: int, extra: Sequence[Column] = ()) -> pl.DataFrame:
    """The same from a source of random numbers."""
    schema = canonical_schema(LESION_ASSESSMENTS) | {column.held_as: column.dtype for column in extra}
    rows = [row for number in range(subjects) for row in _lesions_of(rng, f"{number + 1:03d}", extra)]
    return pl.DataFrame([{**row, "row": place} for place, row in enumerate(rows, 1)], schema=schema)


def _lesions_of(rng: Random, subject: str, extra: Sequence[Column]) -> list[Row]:
    days = _days(rng, 1 + rng.choice([0, 1, 2, 3, 4, 5]))
    lesions: list[Row] = [
        *({"lesion_id": f"T{n}", "role": "target", "size": rng.choice([1000, 1500, 3000, 5000])} for n in range(1, 4)),
        *({"lesion_id": f"P{n}", "role": "non-target"} for n in range(1, 3)),
        {"lesion_id": "N1", "role": "new", "from": rng.randrange(1, 7)},
    ]
    chosen = [lesion for lesion in lesions if rng.random() < (0.3 if lesion["role"] == "new" else 0.6)]
    rows = []
    for visit, day in enumerate(days):
        about = {
            "subject": subject, "visit_date": day, "is_baseline": visit == 0, "organ": rng.choice(["liver", "lung"]),
            "reason": "scheduled", "suspected_pseudoprogression": visit > 0 and rng.random() < 0.3,
            "assessor": "investigator", "node": False, "vs_last": "same", "certainty": "unequivocal", "cytology": "not_done",
        }  # fmt: skip
        for lesion in chosen:
            if lesion["role"] == "new" and visit < lesion["from"]:
                continue
            own = _read(rng, lesion, visit)
            own |= {column.held_as: _cell(rng, column) for column in extra}
            rows.append({**about, "organ": "liver", "lesion_id": lesion["lesion_id"], "role": lesion["role"], **own})
    return rows


def _read(rng: Random, lesion: Row, visit: int) -> Row:
    """What was read of a lesion: a size near a threshold of the last one, or a state."""
    if lesion["role"] == "non-target":
        return {
            "status": "present" if visit == 0 else rng.choice(["present", "present", "absent", "unequivocal", "ne"])
        }
    if lesion["role"] == "new":
        return {"nl": "target", "mm_x100": rng.choice([900, 1000, 1500]), "viable_mm_x100": 1000, "pattern": "typical"}
    if visit and rng.random() < 0.15:
        return {"state": rng.choice(["ne", "tstm", "absent"])}
    if visit:
        times = rng.choice([70, 71, 100, 119, 120, 121, 50])
        lesion["size"] = max(500, lesion["size"] * times // 100 + rng.choice([0, 0, 500, -10]))
    return {"mm_x100": lesion["size"], "viable_mm_x100": lesion["size"]}


# Laboratory results ----------------------------------------------------------------------------------------------------


def lab_histories(
    analytes: Sequence[tuple[str, str]], *, subjects: int = 12, uln: float = 35
) -> st.SearchStrategy[pl.DataFrame]:
    """Canonical `labs` of 1 to `subjects` subjects: up to eight samples of each (analyte, unit), the first marked as baseline; halved,
    doubled, about a quarter higher, below a limit of quantification, or no number.
    """
    return _drawn(lambda rng, number: lab_frame(rng, number, analytes, uln), subjects)


def lab_frame(rng: Random, subjects: int, analytes: Sequence[tuple[str, str]], uln: float = 35) -> pl.DataFrame:
    """The same from a source of random numbers."""
    rows: list[Row] = []
    for number in range(subjects):
        for analyte, unit in analytes:
            value = rng.choice([4.0, 20.0, 70.0, 200.0])
            for place, day in enumerate(_days(rng, rng.randrange(9))):
                text = rng.choice([f"{value:g}"] * 8 + ["<0.1", "not done"])
                rows.append(
                    {
                        "subject": f"{number + 1:03d}", "date": day, "analyte": analyte, "value": text, "unit": unit,
                        "lln": 0.0, "uln": uln, "is_baseline": place == 0, "seq": place + 1, "row": len(rows) + 1,
                    }
                )  # fmt: skip
                value = round(value * rng.choice([0.5, 0.49, 1, 1.24, 1.25, 2]) + rng.choice([0, 2]), 2)
    return pl.DataFrame(rows, schema=canonical_schema(LABS))


# Any table -------------------------------------------------------------------------------------------------------------


def table_histories(table: Table, *, subjects: int = 12) -> st.SearchStrategy[pl.DataFrame]:
    """Rows of a table by its contract: up to six days of each of 1 to `subjects` subjects, every cell as its column allows it, or empty."""
    return _drawn(lambda rng, number: table_frame(rng, number, table), subjects)


def table_frame(rng: Random, subjects: int, table: Table) -> pl.DataFrame:
    """The same from a source of random numbers."""
    rows: list[Row] = []
    days = ("date", "visit_date")
    for number in range(subjects):
        for day in _days(rng, rng.randrange(7)):
            row: Row = {column.held_as: _cell(rng, column) for column in table.columns}
            row |= {column.held_as: day for column in table.columns if column.name in days and column.kind == "date"}
            rows.append({**row, "subject": f"{number + 1:03d}", "row": len(rows) + 1})
    return pl.DataFrame(rows, schema=canonical_schema(table))


def _cell(rng: Random, column: Column) -> Any:
    if column.name == "assessor":
        return column.default
    if rng.random() < 0.15 or column.name == "reader":
        return column.default
    made: Mapping[str, Callable[[], Any]] = {
        "code": lambda: rng.choice(column.codes),
        "flag": lambda: rng.random() < 0.3,
        "integer": lambda: rng.randrange(6),
        "number": lambda: float(rng.randrange(200)),
        "length": lambda: rng.randrange(10_000),
        "date": lambda: START + timedelta(days=rng.randrange(400)),
        "partial_date": lambda: rng.choice(["2024", "2024-05", "2024-05-17"]),
        "text": lambda: rng.choice(["a", "b"]),
    }
    return made[column.kind]()


def _days(rng: Random, number: int) -> list[date]:
    days, day = [], START
    for _ in range(number):
        days.append(day)
        day += timedelta(days=rng.choice(GAPS))
    return days


# Subjects over time ----------------------------------------------------------------------------------------------------


def timelines(*, subjects: int = 12) -> st.SearchStrategy[SubjectRecords]:
    """What endpoints read, of 1 to `subjects` subjects: origins, assessments up to progression and beyond, therapies, treatment, death."""
    return _drawn(lambda rng, number: timeline_records(rng, number), subjects)


def timeline_records(rng: Random, subjects: int) -> SubjectRecords:
    """The same from a source of random numbers."""
    return records_from_mappings([_timeline(rng, f"{number + 1:03d}") for number in range(subjects)])


def _timeline(rng: Random, subject: str) -> Row:
    days = _days(rng, rng.randrange(8))
    codes = ["CR", "PR", "SD", "NON-CR/NON-PD", "NE", "PD"]
    last = days[-1] if days else START
    later = last + timedelta(days=rng.randrange(1, 200))
    return {
        "subject": subject,
        "origins": {"randomisation": START, "enrolment": START, "first_other": START + timedelta(days=3)},
        "baseline": {"date": START - timedelta(days=5), "adequate": rng.random() < 0.9},
        "assessments": [
            {"date": (day + timedelta(days=30)).isoformat(), "response": rng.choice(codes)} for day in days
        ],
        "therapies": [{"start": later.isoformat(), "kind": "systemic"}] if rng.random() < 0.3 else [],
        "treatment": [{"component": "other", "start": START, "last": last, "ended": rng.random() < 0.5}],
        "death": {"date": (later + timedelta(days=40)).isoformat()} if rng.random() < 0.4 else None,
        "other_events": [{"date": later, "kind": "vascular_invasion"}] if rng.random() < 0.3 else [],
        "last_contact": later + timedelta(days=30),
    }
