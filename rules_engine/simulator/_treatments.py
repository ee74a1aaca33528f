"""What subjects receive: the table `treatments`, one row per course or procedure, of the regimen and outside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rules_engine.simulator._cohort import NEVER, Cohort
from rules_engine.simulator._draw import Bools, Ints, Streams, Texts, choose, choose_of, days_between
from rules_engine.simulator._imaging import NO_VISIT, Visits


@dataclass(frozen=True, slots=True)
class Care:
    """Days of treatment that other tables need: TACE sessions (subjects × sessions) and the course of the drug."""

    sessions: Ints  # `NEVER` where there is none
    drug_first: Ints
    drug_last: Ints
    other_first: Ints
    stopped_for_toxicity: Bools
    conversion: Ints
    table: pl.DataFrame


def draw_treatments(streams: Streams, plan: dict[str, Any], cohort: Cohort, visits: Visits) -> Care:
    """Draw every course and procedure of the cohort."""
    rng = streams("treatments")
    treatment = plan["treatment"]
    partial = plan["partial_dates"]
    sessions = _tace_sessions(rng, treatment["tace"], cohort, visits)
    tace_name = choose_of(rng, treatment["tace"]["names"], treatment["tace"]["shares"], len(cohort))
    pieces = [_tace_rows(cohort, sessions, tace_name)]
    drug, first, last, toxicity = _drug_rows(rng, treatment["ici"], cohort, visits)
    other, other_first = _other_rows(rng, treatment["other"], cohort, first, last)
    pieces += [drug, other]
    conversion, converted = _conversions(rng, treatment, cohort, visits)
    pieces += [converted, _after_progression(rng, treatment, cohort, visits)]
    rows = pl.concat(pieces).sort("_who", "_day", "treatment", "_last")
    rows = rows.with_columns(start_date=_partial(rng, rows, partial["therapy_month"], partial["therapy_year"]))
    table = rows.select(
        "subject",
        "treatment",
        "component",
        "kind",
        "start_date",
        pl.col("_last").cast(pl.Int32).cast(pl.Date).alias("last_date"),
        "ended",
        seq=pl.int_range(pl.len()).over("_who") + 1,
    )
    return Care(sessions, first, last, other_first, toxicity, conversion, table)


def _piece(
    cohort: Cohort, chosen: Bools, treatment: Texts, component: str | None, kind: Texts | None,
    first: Ints, last: Ints, ended: Bools,
) -> pl.DataFrame:  # fmt: skip
    """One row per chosen subject; a last day of `NEVER` is unknown."""
    who = np.flatnonzero(chosen)
    return pl.DataFrame(
        {
            "subject": pl.Series(cohort.subject[who].tolist(), dtype=pl.String),
            "treatment": pl.Series(treatment[who].tolist(), dtype=pl.String),
            "component": pl.Series([component] * len(who), dtype=pl.String),
            "kind": pl.Series([None] * len(who) if kind is None else kind[who].tolist(), dtype=pl.String),
            "ended": ended[who],
            "_who": who,
            "_day": first[who],
            "_last": pl.Series(last[who]).replace(NEVER, None),
        }
    )


def _tace_sessions(rng: np.random.Generator, tace: dict[str, Any], cohort: Cohort, visits: Visits) -> Ints:
    """The first session and on-demand ones: each after a scan that shows viable tumour and no progression."""
    chances = tace["repeat"]
    count = len(cohort)
    sessions = np.full((count, 1 + len(chances)), NEVER, dtype=np.int64)
    sessions[:, 0] = cohort.tace_start
    going_on = cohort.depth < 1.0
    for number, chance in enumerate(chances, start=1):
        day = visits.day[:, number] + days_between(rng, tace["after_scan"], count)
        going_on &= rng.random(count) < chance
        takes_place = going_on & visits.done[:, number] & (number < visits.progression) & (day < cohort.end)
        sessions[:, number] = np.where(takes_place, day, NEVER)
    return sessions


def _tace_rows(cohort: Cohort, sessions: Ints, name: Texts) -> pl.DataFrame:
    always = np.ones(len(cohort), dtype=np.bool_)
    rows = [
        _piece(
            cohort, sessions[:, number] < NEVER, name, "tace", None, sessions[:, number], sessions[:, number], always
        )
        for number in range(sessions.shape[1])
    ]
    return pl.concat(rows)


def _drug_rows(
    rng: np.random.Generator, drug: dict[str, Any], cohort: Cohort, visits: Visits
) -> tuple[pl.DataFrame, Ints, Ints, Bools]:
    """The course of the immune checkpoint inhibitor, sometimes paused: rows, first and last dose, stopped for harm."""
    count = len(cohort)
    first = cohort.ici_start
    treated = first < NEVER
    toxic = first + np.ceil(rng.exponential(365.25 / drug["toxicity_per_year"], count)).astype(np.int64)
    progressed = visits.progression_day + days_between(rng, [0, 60], count)
    stop = np.minimum(np.minimum(toxic, progressed), first + drug["most_days"])
    toxicity = treated & (toxic <= stop) & (toxic < cohort.end)
    stop = np.where(treated, np.minimum(stop, cohort.end - 1), NEVER)
    doses = np.maximum(stop - first, 0) // drug["every"]
    last = np.where(treated, first + doses * drug["every"], NEVER)
    ongoing = (cohort.end >= cohort.extract) & (last > cohort.extract - 2 * drug["every"])
    name = choose_of(rng, drug["names"], drug["shares"], count)

    pauses = treated & (rng.random(count) < drug["paused"]) & (doses >= 8)
    pause_after = first + 3 * drug["every"]
    resume = first + 6 * drug["every"]
    rows = [
        _piece(cohort, treated & ~pauses, name, "ici", None, first, last, ~ongoing),
        _piece(cohort, pauses, name, "ici", None, first, pause_after, np.ones(count, dtype=np.bool_)),
        _piece(cohort, pauses, name, "ici", None, resume, last, ~ongoing),
    ]
    return pl.concat(rows), first, last, toxicity


def _other_rows(
    rng: np.random.Generator, other: dict[str, Any], cohort: Cohort, first: Ints, last: Ints
) -> tuple[pl.DataFrame, Ints]:
    """A further drug of the regimen that goes with the checkpoint inhibitor."""
    count = len(cohort)
    begins = first + days_between(rng, other["after"], count)
    given = (first < NEVER) & (rng.random(count) < other["share"]) & (begins < cohort.end - 1)
    ends = np.minimum(np.maximum(last, begins), cohort.end - 1)
    ongoing = (cohort.end >= cohort.extract) & (ends > cohort.extract - 45)
    name = choose_of(rng, other["names"], other["shares"], count)
    return _piece(cohort, given, name, "other", None, begins, ends, ~ongoing), np.where(given, begins, NEVER)


def _conversions(
    rng: np.random.Generator, treatment: dict[str, Any], cohort: Cohort, visits: Visits
) -> tuple[Ints, pl.DataFrame]:
    """Deep responders who come to resection or transplant, and ablation of what is left, before progression."""
    plan, names = treatment["conversion"], treatment["names"]
    count = len(cohort)
    day = visits.day[:, 2] + days_between(rng, [10, 40], count)
    possible = visits.done[:, 2] & (day < cohort.end) & (day < visits.progression_day) & ~cohort.extrahepatic
    share = np.where(cohort.ici, plan["TACE+ICI"], plan["TACE"])
    draw = rng.random(count)
    converts = possible & (cohort.depth > 0.5) & (draw < share)
    ablates = possible & ~converts & (draw > 1 - plan["ablation_before_progression"])
    kind = np.where(ablates, "ablation", np.where(rng.random(count) < plan["transplant"], "transplant", "resection"))
    kind = kind.astype(object)
    name = np.array([names[word] for word in kind.tolist()], dtype=object)
    chosen = converts | ablates
    rows = _piece(cohort, chosen, name, None, kind, day, day, np.ones(count, dtype=np.bool_))
    return np.where(converts, day, NEVER), rows


def _after_progression(
    rng: np.random.Generator, treatment: dict[str, Any], cohort: Cohort, visits: Visits
) -> pl.DataFrame:
    """The next therapy after a scan that showed progression."""
    plan, names = treatment["after_progression"], treatment["names"]
    count = len(cohort)
    day = visits.progression_day + days_between(rng, plan["days"], count)
    given = (visits.progression != NO_VISIT) & (rng.random(count) < plan["share"]) & (day < cohort.end)
    kind = choose(rng, plan["kinds"], count)
    name = np.array([names[word] for word in kind.tolist()], dtype=object)
    unknown = np.full(count, NEVER, dtype=np.int64)
    last = np.where(kind == "systemic", unknown, day)
    return _piece(cohort, given, name, None, kind, day, last, kind != "systemic")


def _partial(rng: np.random.Generator, rows: pl.DataFrame, month: float, year: float) -> pl.Series:
    """Start dates as text; outside the regimen some lack the day, a few the month as well."""
    draw = pl.Series("_draw", rng.random(len(rows)))
    day = pl.col("_day").cast(pl.Int32).cast(pl.Date)
    outside = pl.col("component").is_null()
    return (
        rows.with_columns(draw)
        .select(
            pl.when(outside & (pl.col("_draw") < year))
            .then(day.dt.strftime("%Y"))
            .when(outside & (pl.col("_draw") < year + month))
            .then(day.dt.strftime("%Y-%m"))
            .otherwise(day.dt.strftime("%Y-%m-%d"))
        )
        .to_series()
    )
