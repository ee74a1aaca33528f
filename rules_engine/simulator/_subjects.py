"""The tables `subjects` and `clinical_events`, from what the cohort's hidden course and its scans have come to."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from rules_engine.simulator._cohort import NEVER, Cohort
from rules_engine.simulator._draw import Bools, Ints, Streams, days_between, only_where
from rules_engine.simulator._imaging import Visits
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
            "death_cause": pl.Series(only_where(dies, cohort.death_cause).tolist(), dtype=pl.String),
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
    streams: Streams, plan: dict[str, Any], cohort: Cohort, visits: Visits, lesions: pl.DataFrame
) -> pl.DataFrame:
    """One row per dated fact beside the scans: new vascular invasion, spread, clinical progression, liver failure."""
    rng = streams("clinical_events")
    count = len(cohort)
    new = lesions.filter((pl.col("role") == "new") & (pl.col("certainty") == "unequivocal"))
    spread_organs = ["lung", "lymph_node", "bone", "adrenal", "peritoneum"]
    first_day = pl.col("visit_date").min().alias("date")
    seen = [
        new.filter(condition).group_by("subject").agg(first_day, kind=pl.lit(kind))
        for kind, condition in (
            ("vascular_invasion", pl.col("kind") == "pvt"),
            ("extrahepatic_spread", pl.col("organ").is_in(spread_organs)),
        )
    ]
    anchors = {"progression": visits.progression_day, "death": cohort.death, "start": cohort.start}
    pieces = []
    for kind, event in plan["clinical_events"].items():
        anchor = anchors[event["anchor"]]
        day = anchor + days_between(rng, event["days"], count)
        happens = (anchor < NEVER) & (rng.random(count) < event["share"])
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
