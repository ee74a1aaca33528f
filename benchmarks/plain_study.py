"""A made-up study that plain pandas and plain Python can derive too: targets, non-targets and new lesions, deaths; nothing odd in it.

Diameters are whole millimetres. About 34 lesion rows per subject: three to twelve visits with one to five targets and up to three
non-targets.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROWS_PER_SUBJECT = 33.9
_SUBJECTS_AT_A_TIME = 20_000
_FIRST_DAY = (date(2021, 1, 4) - date(1970, 1, 1)).days
_VISITS, _TARGETS, _NONTARGETS, _NEW = 12, 5, 3, 1
_PLACES = _TARGETS + _NONTARGETS + _NEW
_NAMES = pl.Series([*(f"T{n}" for n in range(1, 6)), *(f"NT{n}" for n in range(1, 4)), "N1"])
_ORGANS = pl.Series(["liver", "liver", "lung", "lung", "adrenal", "bone", "spleen", "brain", "bone"])


def write_plain_study(folder: Path, rows: int, seed: int = 1) -> dict[str, int]:
    """Write `subjects`, `lesion_assessments` of about `rows` rows, and an empty `treatments`, as Parquet; returns the numbers."""
    subjects = max(1, round(rows / ROWS_PER_SUBJECT))
    parts = folder / "parts"
    parts.mkdir(parents=True)
    written = 0
    for number, first in enumerate(range(0, subjects, _SUBJECTS_AT_A_TIME)):
        rng = np.random.default_rng([seed, number])
        people, lesions = _draw(rng, first, min(_SUBJECTS_AT_A_TIME, subjects - first))
        people.write_parquet(parts / f"subjects-{number:05d}.parquet")
        lesions.write_parquet(parts / f"lesions-{number:05d}.parquet")
        written += lesions.height
    pl.scan_parquet(parts / "subjects-*.parquet").sink_parquet(folder / "subjects.parquet")
    pl.scan_parquet(parts / "lesions-*.parquet").sink_parquet(folder / "lesion_assessments.parquet")
    pl.DataFrame(schema={"subject": pl.String, "treatment": pl.String, "start_date": pl.String}).write_parquet(
        folder / "treatments.parquet"
    )
    for part in parts.iterdir():
        part.unlink()
    parts.rmdir()
    return {"lesion_assessments": written, "subjects": subjects}


def _draw(rng: np.random.Generator, first: int, count: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    baseline = _FIRST_DAY + rng.integers(0, 500, count)
    randomised = baseline + rng.integers(1, 15, count)
    gaps = rng.integers(49, 64, (count, _VISITS))
    gaps[:, 1] = rng.integers(40, 64, count)
    gaps[:, 0] = 0
    days = baseline[:, None] + gaps.cumsum(axis=1)
    visits = rng.integers(3, _VISITS + 1, count)
    subject, visit, place = np.nonzero(_recorded(rng, count, visits))
    last = days[np.arange(count), visits - 1] + rng.integers(1, 80, count)
    dies = rng.random(count) < 0.4
    names = "S-" + pl.Series(first + np.arange(count)).cast(pl.String).str.zfill(7)
    day_of_death = pl.select(pl.when(pl.lit(pl.Series(dies))).then(_days(last).cast(pl.String))).to_series()
    people = pl.DataFrame({
        "subject": names, "randomisation_date": _days(randomised), "baseline_date": _days(baseline), "baseline_adequate": True,
        "death_date": day_of_death, "last_contact_date": _days(last),
    })  # fmt: skip
    size, status = _sizes(rng, count), _statuses(rng, count)
    role = pl.Series(np.select([place < _TARGETS, place < _TARGETS + _NONTARGETS], [0, 1], 2))
    is_target = role == 0
    rows = pl.DataFrame({
        "subject": names.gather(subject), "visit_date": _days(days[subject, visit]), "is_baseline": pl.Series(visit == 0),
        "lesion_id": _NAMES.gather(place), "role": role, "organ": _ORGANS.gather(place), "mm": pl.Series(size[subject, visit, place]),
        "status": pl.Series(status[subject, visit, place]),
    })  # fmt: skip
    gone = is_target & (rows["mm"] == 0)
    return people, rows.with_columns(
        role=pl.col("role").replace_strict({0: "target", 1: "non-target", 2: "new"}),
        mm=pl.when(is_target & ~gone).then("mm"),
        state=pl.when(is_target).then(pl.when(gone).then(pl.lit("absent")).otherwise(pl.lit("measured"))),
        status=pl.when(~is_target).then(pl.col("status").replace_strict({0: "absent", 1: "present", 2: "unequivocal"})),
    )


def _recorded(rng: np.random.Generator, count: int, visits: Any) -> Any:
    """Which lesion is recorded at which visit: subjects × visits × places."""
    there = np.zeros((count, _PLACES), dtype=bool)
    there[:, :_TARGETS] = np.arange(_TARGETS) < rng.integers(1, _TARGETS + 1, count)[:, None]
    there[:, _TARGETS:-1] = np.arange(_NONTARGETS) < rng.integers(0, _NONTARGETS + 1, count)[:, None]
    there[:, -1] = rng.random(count) < 0.15
    appears = np.zeros((count, _PLACES), dtype=int)
    appears[:, -1] = rng.integers(1, _VISITS, count)
    made = np.arange(_VISITS) < visits[:, None]
    return made[:, :, None] & there[:, None, :] & (np.arange(_VISITS)[None, :, None] >= appears[:, None, :])


def _sizes(rng: np.random.Generator, count: int) -> Any:
    """Millimetres by subject, visit and place; a lesion that has vanished (0) stays away."""
    change = rng.normal(rng.normal(-0.05, 0.12, (count, 1, 1)), 0.08, (count, _VISITS, _PLACES))
    change[:, 0] = 0
    size = np.round(rng.integers(10, 80, (count, 1, _PLACES)) * np.exp(change.cumsum(axis=1))).astype(int)
    return np.where(np.maximum.accumulate(size < 5, axis=1), 0, np.minimum(size, 200))


def _statuses(rng: np.random.Generator, count: int) -> Any:
    """Of lesions that are not measured: 0 absent, 1 present, 2 progressed; from visit to visit they get only better or worse."""
    turns = rng.integers(1, 4 * _VISITS, (count, 1, _PLACES))
    turned = np.arange(_VISITS)[None, :, None] >= turns
    status = np.where(turned, rng.choice([0, 2], (count, 1, _PLACES), p=[0.7, 0.3]), 1)
    status[:, :, -1] = 1
    return status


def _days(days: Any) -> pl.Series:
    return pl.Series(days).cast(pl.Int32).cast(pl.Date)
