"""Laboratory results: the table `labs`, one row per subject, sample and analyte."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from rules_engine.simulator._cohort import NEVER, Cohort
from rules_engine.simulator._draw import Floats, Ints, Streams, between, days_between
from rules_engine.simulator._imaging import Visits
from rules_engine.simulator._subjects import as_dates
from rules_engine.simulator._treatments import Care


def draw_labs(streams: Streams, catalogue: dict[str, Any], cohort: Cohort, visits: Visits, care: Care) -> pl.DataFrame:
    """Every result of the cohort, in the order of subject, day and analyte."""
    rng = streams("labs")
    plan = catalogue["samples"]
    who, day, kind = _samples(rng, plan, cohort, visits, care)
    count = len(cohort)
    us_site = np.isin(cohort.site, plan["us_sites"])
    anticoagulant = rng.random(count) < plan["anticoagulant"]
    inflamed = (rng.random(count) < plan["hepatitis"]) & (cohort.ici_start < NEVER)
    inflamed_at = days_between(rng, [1, 4], count)
    strength = between(rng, plan["hepatitis_factor"], count)
    inflammation = np.where(inflamed[who] & (kind == inflamed_at[who]), strength[who], 1.0)
    to_death = np.maximum(cohort.death[who] - day, 0)
    decline = np.clip(1 - to_death / plan["decline_days"], 0.0, 1.0)

    liver = plan["liver"]
    pieces = []
    for order, (analyte, test) in enumerate(catalogue["analytes"].items()):
        level = _level(rng, analyte, test, cohort)
        noise = np.exp(rng.normal(0.0, test["noise"], len(who)))
        tace = np.where(kind == AFTER_TACE, test["after_tace"] ** between(rng, [0.2, 1.6], len(who)), 1.0)
        dying = test["before_death"] ** decline
        value = level[who] * noise * tace * dying * inflammation ** test.get("hepatitis", 0.0)
        if analyte == "INR":
            value = np.where(anticoagulant[who], value * 2.0, value)
        taken = np.flatnonzero(kind != AFTER_TACE) if analyte not in liver else np.arange(len(who))
        pieces.append(_results(rng, plan, analyte, order, test, value, taken, who, us_site, anticoagulant))
    rows = pl.concat(pieces).sort("_order")
    subjects = pl.Series(cohort.subject.tolist(), dtype=pl.String)
    sample = rows["_sample"]
    return rows.select(
        subjects.gather(pl.Series(who).gather(sample)).alias("subject"),
        as_dates(day).gather(sample).alias("date"),
        "analyte",
        "value",
        "unit",
        "lln",
        "uln",
        pl.Series(kind == BEFORE).gather(sample).alias("is_baseline"),
        "symptomatic",
        "on_anticoagulant",
        seq=pl.int_range(pl.len()).over(pl.Series(who).gather(sample)) + 1,
    )


#: Kinds of sample: before the first treatment, after a TACE session; positive numbers are the visit.
BEFORE, AFTER_TACE = 0, -1


def _samples(
    rng: np.random.Generator, plan: dict[str, Any], cohort: Cohort, visits: Visits, care: Care
) -> tuple[Ints, Ints, Ints]:
    """Who, when and why, in the order of subject and day; one sample per subject and day."""
    count = len(cohort)
    days = [cohort.start - days_between(rng, plan["before_start"], count)]
    kinds = [BEFORE]
    for session in range(plan["sessions"]):
        days.append(care.sessions[:, session] + days_between(rng, plan["after_tace"], count))
        kinds.append(AFTER_TACE)
    for visit in range(1, plan["scans"] + 1):
        day = visits.day[:, visit] - days_between(rng, plan["before_scan"], count)
        days.append(np.where(visits.done[:, visit], day, NEVER))
        kinds.append(visit)
    day = np.stack(days, axis=1)
    kind = np.broadcast_to(np.array(kinds), day.shape)
    taken = (day < cohort.end[:, None]) & ((kind == BEFORE) | (day > cohort.start[:, None]))
    who, column = np.nonzero(taken)
    order = np.lexsort((column, day[who, column], who))
    who, column = who[order], column[order]
    chosen = day[who, column]
    once = np.concatenate([[True], (np.diff(who) != 0) | (np.diff(chosen) != 0)])
    return who[once], chosen[once], kind[who, column][once]


def _level(rng: np.random.Generator, analyte: str, test: dict[str, Any], cohort: Cohort) -> Floats:
    """Each subject's own level; bilirubin and albumin are those at baseline."""
    if analyte == "BILI":
        return cohort.bilirubin
    if analyte == "ALB":
        return cohort.albumin
    drawn: Floats = test["typical"] * np.exp(rng.normal(0.0, test["spread"], len(cohort)))
    return drawn


def _results(
    rng: np.random.Generator, plan: dict[str, Any], analyte: str, order: int, test: dict[str, Any],
    value: Floats, taken: Ints, who: Ints, us_site: np.ndarray, anticoagulant: np.ndarray,
) -> pl.DataFrame:  # fmt: skip
    """The results of one analyte as reported: text, in the site's unit, with the range in that unit."""
    size = len(taken)
    us = test.get("us", {"unit": test["unit"], "by": 1.0, "decimals": test["decimals"]})
    in_us = us_site[who[taken]]
    reported = _as_text(value[taken], test["decimals"])
    if "us" in test:
        reported = reported.zip_with(pl.Series(~in_us), _as_text(value[taken] / us["by"], us["decimals"]))
    if "below" in test:
        low = pl.Series(value[taken] < test["below"])
        reported = pl.repeat(f"<{test['below']}", size, eager=True).zip_with(low, reported)
    known = rng.random(size) >= plan["range_missing"]
    told = rng.random(size) < plan["qualifier_known"]
    symptoms = rng.random(size) < 0.2
    limits = {
        name: np.where(in_us, round(test[name] / us["by"], us["decimals"]), float(test[name]))
        for name in ("lln", "uln")
    }
    sample = pl.Series(taken.astype(np.uint32))
    frame = pl.DataFrame(
        {
            "_order": taken * 64 + order,
            "_sample": sample,
            "analyte": pl.repeat(analyte, size, eager=True),
            "value": reported,
            "unit": pl.repeat(us["unit"], size, eager=True).zip_with(
                pl.Series(in_us), pl.repeat(test["unit"], size, eager=True)
            ),
            "lln": limits["lln"],
            "uln": limits["uln"],
            "_known": known,
            "_told": told,
            "symptomatic": symptoms,
            "on_anticoagulant": anticoagulant[who[taken]],
        }
    )
    matters = analyte in ("LIPASE", "SODIUM", "K")
    return frame.with_columns(
        pl.when("_known").then("lln").alias("lln"),
        pl.when("_known").then("uln").alias("uln"),
        symptomatic=pl.when(pl.col("_told") & matters).then("symptomatic"),
        on_anticoagulant=pl.when(pl.lit(analyte == "INR")).then("on_anticoagulant"),
    ).drop("_known", "_told")


def _as_text(value: Floats, decimals: int) -> pl.Series:
    """Numbers as a laboratory prints them."""
    rounded = pl.Series(np.round(value, decimals))
    return (rounded.cast(pl.Int64) if decimals == 0 else rounded).cast(pl.String)
