"""Made-up responses as collected, for the benchmark of endpoints that need no lesions.

Each subject has a course of visits every six weeks on which the response gets better, stays and gets worse, as a random walk over the
response codes; a few visits are not evaluable. Not a study that anybody should learn from.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

#: The size of the first goal: as many subjects and records as one hundred times the CDISC pilot with oncology domains.
SUBJECTS, RECORDS = 30_600, 580_800
_FIRST_DAY = (date(2021, 1, 4) - date(1970, 1, 1)).days
_CODES = pl.Series(["CR", "PR", "SD", "PD", "NE"])


def write_collected(folder: Path, subjects: int = SUBJECTS, records: int = RECORDS, seed: int = 1) -> dict[str, int]:
    """Write `subjects`, `response_assessments` and `treatments` as Parquet; returns the numbers of rows."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    visits = np.full(subjects, records // subjects)
    visits[: records - visits.sum()] += 1
    rng.shuffle(visits)
    start = _FIRST_DAY + rng.integers(0, 400, subjects)
    who = np.repeat(np.arange(subjects), visits)
    number = np.arange(records) - np.repeat(visits.cumsum() - visits, visits) + 1
    level = _levels(rng, subjects, int(visits.max()))[who, number - 1]
    last = start + visits * 42 + rng.integers(0, 90, subjects)
    dies = rng.random(subjects) < 0.5
    name = pl.Series(np.arange(subjects)).cast(pl.String).str.zfill(6)
    pl.DataFrame({
        "subject": "S-" + name,
        "arm": pl.Series(rng.integers(0, 2, subjects)).replace_strict({0: "A", 1: "B"}),
        "randomisation_date": _days(start),
        "baseline_date": _days(start - 7),
        "baseline_adequate": True,
        "death_date": pl.select(pl.when(pl.lit(pl.Series(dies))).then(_days(last).cast(pl.String))).to_series(),
        "last_contact_date": _days(last),
    }).write_parquet(folder / "subjects.parquet")  # fmt: skip
    pl.DataFrame({
        "subject": "S-" + name.gather(who),
        "date": _days(start[who] + number * 42 + rng.integers(-3, 4, records)).cast(pl.String),
        "visit": "CYCLE " + pl.Series(number).cast(pl.String),
        "criterion": "RECIST 1.1",
        "assessor": "investigator",
        "response": _CODES.gather(level),
        "seq": number,
    }).write_parquet(folder / "response_assessments.parquet")  # fmt: skip
    treated = start[: subjects // 10] + 300
    pl.DataFrame({
        "subject": "S-" + name.head(treated.size), "treatment": "OTHER", "component": pl.Series([None] * treated.size, dtype=pl.String),
        "kind": "systemic", "start_date": _days(treated).cast(pl.String),
    }).write_parquet(folder / "treatments.parquet")  # fmt: skip
    return {"subjects": subjects, "response_assessments": records, "treatments": treated.size}


def _levels(rng: np.random.Generator, subjects: int, visits: int) -> np.ndarray:
    """Codes by subject and visit: a walk from stable disease, which ends in progression for most."""
    steps = rng.choice([-1, 0, 1], p=[0.10, 0.80, 0.10], size=(subjects, visits))
    walk = np.clip(2 + steps.cumsum(axis=1), 0, 3)
    walk[rng.random(walk.shape) < 0.03] = 4
    return walk


def _days(days: np.ndarray) -> pl.Series:
    return pl.Series(days).cast(pl.Int32).cast(pl.Date)
