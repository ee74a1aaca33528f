"""The tables `subjects` and `clinical_events`, from what the cohort's hidden course and its scans have come to."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from rules_engine.simulator._cohort import NEVER, Cohort
from rules_engine.simulator._draw import Bools, Ints, Streams, days_between
from rules_engine.simulator._imaging import NO_VISIT, Visits
from rules_engine.simulator._treatments import Care


def as_dates(days: Ints) -> pl.Series:
    """Day numbers as dates; `NEVER` is missing."""
    return pl.Series(days).replace(NEVER, None).cast(pl.Int32).cast(pl.Date)


def as_partial(days: Ints, month_only: Bools, year_only: Bools) -> pl.Series:
    """Day numbers as ISO text, cut to the month or the year where only that is known; `NEVER` is missing."""
    day = pl.col("day")
    frame = pl.DataFrame({"day": as_dates(days), "month_only": month_only, "year_only": year_only})
    return frame.select(
        pl.when("year_only")
        .then(day.dt.strftime("%Y"))
        .when("month_only")
        .then(day.dt.strftime("%Y-%m"))
        .otherwise(day.dt.strftime("%Y-%m-%d"))
    ).to_series()


def draw_subjects(streams: Streams, plan: dict[str, Any], cohort: Cohort, visits: Visits, care: Care) -> pl.DataFrame:
    """One row per subject; nothing is dated after death, withdrawal or loss except a death that became known later."""
    rng = streams("subjects")
    partial = plan["partial_dates"]
    count = len(cohort)
    dies = cohort.death_known
    death = np.where(dies, cohort.death, NEVER)
    draw = rng.random(count)
    year_only = draw < partial["death_year"]
    month_only = ~year_only & (draw < partial["death_year"] + partial["death_month"])
    sessions = np.where(care.sessions < NEVER, care.sessions, 0).max(axis=1)
    drug = np.where(care.drug_last < NEVER, care.drug_last, 0)
    last_seen = np.maximum(np.maximum(visits.last_day, sessions), drug)
    contact = np.maximum(cohort.end - days_between(rng, [1, 30], count), last_seen)
    contact = np.minimum(contact, cohort.end)
    declared = cohort.lost + days_between(rng, plan["course"]["lost_declared_after"], count)
    declared = np.where((cohort.lost < NEVER) & (declared <= cohort.extract), declared, NEVER)
    left = np.minimum(cohort.withdrawal, declared)
    off_study = np.where(dies & (left == NEVER) & ~month_only & ~year_only, death, left)
    return pl.DataFrame(
        {
            "subject": pl.Series(cohort.subject.tolist()),
            "arm": pl.Series(cohort.arm.tolist()),
            "enrolment_date": as_dates(cohort.enrolment),
            "baseline_date": as_dates(cohort.baseline),
            "baseline_adequate": cohort.baseline_adequate,
            "birth_date": pl.Series([str(year) for year in cohort.birth_year.tolist()]),
            "sex": pl.Series(cohort.sex.tolist()),
            "death_date": as_partial(death, month_only, year_only),
            "death_cause": pl.Series(np.where(dies, cohort.death_cause, None).tolist(), dtype=pl.String),
            "last_contact_date": as_dates(contact),
            "withdrawal_date": as_dates(cohort.withdrawal),
            "lost_to_followup_date": as_dates(declared),
            "end_of_study_date": as_dates(off_study),
            "safety_population": pl.repeat(True, count, eager=True),
            "site": pl.Series(cohort.site.tolist()),
            "aetiology": pl.Series(cohort.aetiology.tolist()),
            "bclc": pl.Series(cohort.bclc.tolist()),
            "child_pugh": pl.Series(cohort.child_pugh.tolist()),
            "ecog": cohort.ecog,
            "vascular_invasion": cohort.vascular_invasion,
            "extrahepatic_spread": cohort.extrahepatic,
            "afp": cohort.afp,
            "albi_score": cohort.albi,
            "albi_grade": cohort.albi_grade,
        }
    )


def draw_clinical_events(
    streams: Streams, cohort: Cohort, visits: Visits, lesions: pl.DataFrame
) -> pl.DataFrame:
    """One row per dated fact beside the scans: new vascular invasion and spread, clinical progression, liver failure."""
    rng = streams("clinical_events")
    count = len(cohort)
    new = lesions.filter((pl.col("role") == "new") & (pl.col("certainty") == "unequivocal"))
    spread_organs = ["lung", "lymph_node", "bone", "adrenal", "peritoneum"]
    seen = [
        new.filter(pl.col("kind") == "pvt").group_by("subject").agg(date=pl.col("visit_date").min(), kind=pl.lit("vascular_invasion")),
        new.filter(pl.col("organ").is_in(spread_organs)).group_by("subject").agg(
            date=pl.col("visit_date").min(), kind=pl.lit("extrahepatic_spread")
        ),
    ]  # fmt: skip
    progressed = visits.progression != NO_VISIT
    drawn = [
        ("clinical_progression", progressed & (rng.random(count) < 0.10), visits.progression_day + days_between(rng, [-20, 60], count)),
        ("untreatable_intrahepatic", progressed & (rng.random(count) < 0.12), visits.progression_day + days_between(rng, [0, 30], count)),
        ("child_pugh_c", (cohort.death < NEVER) & (rng.random(count) < 0.15), cohort.death - days_between(rng, [7, 60], count)),
        ("second_primary", rng.random(count) < 0.008, cohort.start + days_between(rng, [60, 700], count)),
    ]  # fmt: skip
    pieces = []
    for kind, happens, day in drawn:
        who = np.flatnonzero(happens & (day > cohort.start) & (day < cohort.end))
        pieces.append(
            pl.DataFrame(
                {
                    "subject": pl.Series(cohort.subject[who].tolist(), dtype=pl.String),
                    "date": as_dates(day[who]),
                    "kind": pl.Series([kind] * len(who), dtype=pl.String),
                }
            )
        )
    return (
        pl.concat([*seen, *pieces])
        .sort("subject", "date", "kind")
        .with_columns(seq=pl.int_range(pl.len()).over("subject") + 1)
    )
