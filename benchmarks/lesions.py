"""Made-up lesion rows by the million, for the benchmark of the response criteria.

Not a study that anybody should learn from (that is `rules_engine.simulator`): only as many rows as asked, fast, with every kind of
row that costs a criterion something: lesions that shrink, grow back, vanish or are too small to measure, split and merged ones,
rows that are missing, doubtful and certain new lesions, scans too soon after a progression.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rules_engine.contracts import LESION_ASSESSMENTS, canonical_schema

#: About as many rows as one subject has here: 13 visits with 5 lesions each.
ROWS_PER_SUBJECT = 64.5
_SUBJECTS_AT_A_TIME = 10_000
_TARGETS, _NONTARGETS, _NEW = range(5), range(5, 9), range(9, 12)
_PLACES = 12
_MAX_VISITS = 17
_NAMES = pl.Series([*(f"T{n}" for n in range(1, 6)), *(f"NT{n}" for n in range(1, 5)), *(f"N{n}" for n in range(1, 4))])
_FIRST_DAY = (date(2022, 1, 3) - date(1970, 1, 1)).days


def write_lesions(path: Path, rows: int, seed: int = 1) -> dict[str, int]:
    """Write about `rows` canonical lesion rows to a Parquet file, subject by subject; returns how many there are."""
    subjects = max(1, round(rows / ROWS_PER_SUBJECT))
    parts = path.with_suffix("")
    parts.mkdir(parents=True, exist_ok=True)
    written = 0
    for number, first in enumerate(range(0, subjects, _SUBJECTS_AT_A_TIME)):
        count = min(_SUBJECTS_AT_A_TIME, subjects - first)
        frame = draw_lesions(np.random.default_rng([seed, number]), first, count)
        frame.with_columns(row=pl.int_range(written + 1, written + frame.height + 1)).select(
            list(canonical_schema(LESION_ASSESSMENTS))
        ).write_parquet(parts / f"{number:05d}.parquet")
        written += frame.height
    pl.scan_parquet(parts / "*.parquet").sink_parquet(path)
    for part in parts.iterdir():
        part.unlink()
    parts.rmdir()
    return {"rows": written, "subjects": subjects}


def draw_lesions(rng: np.random.Generator, first: int, count: int) -> pl.DataFrame:
    """All rows of `count` subjects, in the order subject, visit, lesion."""
    days, exists = _draw_visits(rng, count)
    lesion = _draw_lesions_of(rng, count)
    size = _draw_sizes(rng, days, lesion)
    recorded = (
        lesion["exists"][:, None, :]
        & exists[:, :, None]
        & (np.arange(_MAX_VISITS)[None, :, None] >= lesion["appears"][:, None, :])
    )
    recorded[:, 1:] &= rng.random(recorded[:, 1:].shape) > 0.01  # a row that nobody filled in
    subject, visit, place = np.nonzero(recorded)
    facts = {name: values[subject, place] for name, values in lesion.items()}
    rows = _as_rows(rng, {**facts, "visit": visit, "place": place, "size": size[subject, visit, place]})
    flags = rng.random((count, _MAX_VISITS)) < 0.3
    symptoms = rng.random((count, _MAX_VISITS)) < 0.03
    return rows.with_columns(
        subject=pl.format("S-{}", pl.Series(first + subject).cast(pl.String).str.zfill(7)),
        visit_date=pl.Series(_FIRST_DAY + days[subject, visit]).cast(pl.Int32).cast(pl.Date),
        is_baseline=pl.Series(visit == 0),
        suspected_pseudoprogression=pl.Series(flags[subject, visit] & (visit > 0)),
        reason=pl.Series(np.where(symptoms[subject, visit], "symptom", "scheduled")),
        assessor=pl.lit("investigator"),
        reader=pl.lit(None, pl.String),
    ).pipe(_with_fragments, rng)


def _draw_visits(rng: np.random.Generator, count: int) -> tuple[Any, Any]:
    """Day of each visit since the subject's baseline, and which visits there are."""
    gaps = rng.choice([21, 40, 42, 42, 42, 43, 56, 56, 63], size=(count, _MAX_VISITS))
    gaps[:, 0] = rng.integers(0, 700, count)
    return gaps.cumsum(axis=1), np.arange(_MAX_VISITS) < rng.integers(9, _MAX_VISITS + 1, count)[:, None]


def _draw_lesions_of(rng: np.random.Generator, count: int) -> dict[str, Any]:
    """What each subject's lesions are: arrays of subjects × places."""
    exists = np.zeros((count, _PLACES), dtype=bool)
    exists[:, _TARGETS] = np.arange(5) < (rng.integers(1, 6, count) * (rng.random(count) > 0.08))[:, None]
    exists[:, _NONTARGETS] = np.arange(4) < rng.integers(0, 5, count)[:, None]
    exists[:, _NEW] = rng.random((count, 3)) < (0.35, 0.2, 0.1)
    appears = np.zeros((count, _PLACES), dtype=np.int64)
    appears[:, _NEW] = rng.integers(2, _MAX_VISITS, (count, 3))
    node = rng.random((count, _PLACES)) < 0.2
    return {
        "exists": exists,
        "appears": appears,
        "node": node,
        "liver": ~node & (rng.random((count, _PLACES)) < 0.7),
        "measured": rng.random((count, _PLACES)) < 0.5,
        "doubtful_until": appears + rng.integers(0, 3, (count, _PLACES)) * (rng.random((count, _PLACES)) < 0.3),
        "effusion": ~node & (rng.random((count, _PLACES)) < 0.1),
        "size_0": np.exp(rng.normal(3.3, 0.5, (count, _PLACES))) + np.where(node, 15, 10),
        "progresses": rng.integers(2, 3 * _MAX_VISITS, (count, _PLACES)),
    }


def _draw_sizes(rng: np.random.Generator, days: Any, lesion: dict[str, Any]) -> Any:
    """Diameter in mm by subject, visit and place: shrinkage and regrowth of Stein, with the error of a reader."""
    years = (days - days[:, :1])[:, :, None] / 365.25
    subjects = days.shape[0]
    shrink = rng.lognormal(-0.2, 1.0, (subjects, 1, 1)) * rng.lognormal(0, 0.2, (subjects, 1, _PLACES))
    grow = rng.lognormal(-1.6, 1.0, (subjects, 1, 1)) * rng.lognormal(0, 0.2, (subjects, 1, _PLACES))
    course = np.exp(-shrink * years) + np.exp(np.minimum(grow * years, 2.0)) - 1
    error = rng.normal(1, 0.03, course.shape)
    error[:, 0] = 1
    return np.minimum(lesion["size_0"][:, None, :] * course * error, 300)


def _as_rows(rng: np.random.Generator, facts: dict[str, Any]) -> pl.DataFrame:
    """What a reader writes down of each lesion at each visit; `facts` are arrays of one value per row."""
    count = len(facts["visit"])
    rows = pl.DataFrame({**facts, "chance": rng.random(count), "necrosis": rng.random(count) < 0.2})
    vs_last = rng.choice(["same", "same", "same", "increased", "decreased"], count)
    visit, place, size, chance = (pl.col(name) for name in ("visit", "place", "size", "chance"))
    after, target, new = visit > 0, place < 5, place >= 9
    gone = after & ((size < 4) | (chance < 0.01))
    unread = after & (chance > 0.98)
    merged = after & (place == 1) & ~pl.col("node") & chance.is_between(0.470, 0.475)
    by_size = target | (new & pl.col("measured"))
    state = (
        pl.when(gone).then(pl.lit("absent")).when(unread).then(pl.lit("ne")).when(merged).then(pl.lit("merged"))
        .when(after & (size < 6)).then(pl.lit("tstm")).otherwise(pl.lit("measured"))
    )  # fmt: skip
    status = (
        pl.when(gone).then(pl.lit("absent")).when(unread).then(pl.lit("ne"))
        .when(visit >= pl.col("progresses")).then(pl.lit("unequivocal")).otherwise(pl.lit("present"))
    )  # fmt: skip
    tenths = (size * 10).round().cast(pl.Int64) * 10
    measured = pl.col("state") == "measured"
    return rows.with_columns(state=pl.when(by_size).then(state), status=pl.when(~by_size).then(status)).select(
        lesion_id=_NAMES.gather(rows["place"]),
        role=pl.when(target).then(pl.lit("target")).when(new).then(pl.lit("new")).otherwise(pl.lit("non-target")),
        organ=pl.when("node").then(pl.lit("lymph_node")).when("liver").then(pl.lit("liver")).otherwise(pl.lit("lung")),
        node="node",
        kind=pl.when(pl.col("effusion") & ~by_size).then(pl.lit("effusion")),
        site=pl.lit(None, pl.String),
        nl=pl.when(new).then(pl.when("measured").then(pl.lit("target")).otherwise(pl.lit("non-target"))),
        mm_x100=pl.when(measured).then(tenths + pl.when(pl.col("necrosis") & after).then(300).otherwise(0)),
        viable_mm_x100=pl.when(measured & pl.col("liver")).then(tenths),
        state="state",
        into=pl.when(pl.col("state") == "merged").then(pl.lit("T1")),
        fragment_id=pl.lit(None, pl.String),
        status="status",
        vs_last=pl.Series(vs_last),
        certainty=pl.when(visit < pl.col("doubtful_until")).then(pl.lit("equivocal")).otherwise(pl.lit("unequivocal")),
        pattern=pl.when(new & pl.col("liver")).then(
            pl.when("measured").then(pl.lit("typical")).otherwise(pl.lit("atypical"))
        ),
        cytology=pl.when("measured").then(pl.lit("positive")).otherwise(pl.lit("not_done")),
    )


def _with_fragments(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A few targets are split: their one row becomes two."""
    may_split = (pl.col("role") == "target") & ~pl.col("is_baseline") & (pl.col("state") == "measured")
    split = pl.Series(rng.random(rows.height) < 0.01)
    rows = rows.with_columns(split=may_split.fill_null(value=False) & split)
    half = pl.col("mm_x100", "viable_mm_x100") // 2
    parts = [rows.filter("split").with_columns(half, fragment_id=pl.lit(name)) for name in ("a", "b")]
    return (
        pl.concat([rows.filter(~pl.col("split")), *parts])
        .drop("split")
        .sort("subject", "visit_date", "lesion_id", "fragment_id")
    )
