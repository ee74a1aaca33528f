"""Who the subjects are: features at baseline, and the hidden days of progression, death and dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from rules_engine.simulator._draw import (
    Bools,
    Floats,
    Ints,
    Streams,
    Texts,
    between,
    choose,
    choose_of,
    day_number,
    days_between,
)

DAYS_PER_MONTH = 365.25 / 12
#: Stands for a day that never comes.
NEVER = 10**6


@dataclass(frozen=True, slots=True)
class Cohort:
    """One entry per subject. Days are days since 1970-01-01; `NEVER` where a day does not come within what is known."""

    subject: Texts
    arm: Texts
    ici: Bools  # belongs to the arm with the immune checkpoint inhibitor
    site: Texts
    sex: Texts
    birth_year: Ints
    aetiology: Texts
    bclc: Texts
    vascular_invasion: Bools
    extrahepatic: Bools
    afp: Floats
    albumin: Floats  # g/L
    bilirubin: Floats  # µmol/L
    albi: Floats
    albi_grade: Ints
    child_pugh: Texts
    ecog: Ints
    start: Ints  # first component
    tace_start: Ints
    ici_start: Ints
    enrolment: Ints
    baseline: Ints
    baseline_adequate: Bools
    progression: Ints  # true day of progression, seen on the next scan
    depth: Floats  # part of the viable diameter that is lost in the end; 1 = all
    death: Ints
    death_known: Bools
    death_cause: Texts
    withdrawal: Ints
    lost: Ints  # the day after which nothing is known of a subject lost to follow-up
    end: Ints  # last day on which anything is recorded of the living subject
    extract: int

    def __len__(self) -> int:
        return len(self.subject)


def draw_cohort(streams: Streams, plan: dict[str, Any], numbers: Ints, width: int) -> Cohort:
    """Subjects with the running `numbers`; `width` is how many digits their identifiers have."""
    rng = streams("cohort")
    count = len(numbers)
    course, imaging = plan["course"], plan["imaging"]
    extract = day_number(plan["extract"])
    arms = plan["arms"]
    arm = choose(rng, {name: one["share"] for name, one in arms.items()}, count)
    ici = arm == "TACE+ICI"

    bclc = choose_of(rng, ["A", "B", "C"], [0.16, 0.50, 0.34], count)
    stage_c = bclc == "C"
    vascular_invasion = stage_c & (rng.random(count) < 0.62)
    extrahepatic = stage_c & (~vascular_invasion | (rng.random(count) < 0.25))
    afp = np.round(np.exp(rng.normal(4.2 + 1.0 * stage_c, 2.0)), 1)
    albumin = np.clip(rng.normal(38.0, 4.2, count), 25.0, 50.0).round(0)
    bilirubin = np.clip(15.0 * np.exp(rng.normal(0.0, 0.45, count)), 4.0, 60.0).round(1)
    # ALBI score and grades: Johnson et al., J Clin Oncol 2015;33:550-558.
    albi = np.round(0.66 * np.log10(bilirubin) - 0.085 * albumin, 2)
    albi_grade = 1 + (albi > -2.60).astype(np.int64) + (albi > -1.39).astype(np.int64)
    child_pugh = np.array(["A5", "A6", "B7"], dtype=object)[
        np.clip((albumin < 35).astype(int) + (bilirubin > 34).astype(int), 0, 2)
    ]
    weights = course["log_hazard"]
    log_hazard = (
        weights["bclc_c"] * stage_c
        + weights["vascular_invasion"] * vascular_invasion
        + weights["afp_400"] * (afp >= 400)
        + weights["albi_2"] * (albi_grade >= 2)
    )
    log_hazard = log_hazard - 0.42  # so that the arms' medians hold for the mix of subjects

    accrual = [day_number(plan["accrual"]["first"]), day_number(plan["accrual"]["last"])]
    start = days_between(rng, accrual, count)
    drug = plan["treatment"]["ici"]
    gap = days_between(rng, drug["gap"], count)
    drug_first = ici & (rng.random(count) < drug["first"])
    tace_start = start + np.where(drug_first, gap, 0)
    ici_start = np.where(ici, start + np.where(drug_first, 0, gap), NEVER)
    ici_start = np.where(~drug_first & (rng.random(count) < drug["never_started"]), NEVER, ici_start)

    # Progression, death and depth of response share one hidden fitness: deep responders progress late and live long.
    fitness = rng.normal(size=count)
    with_death, with_depth = course["correlation"], course["response_correlation"]
    fitness_death = with_death * fitness + np.sqrt(1 - with_death**2) * rng.normal(size=count)
    fitness_depth = with_depth * fitness + np.sqrt(1 - with_depth**2) * rng.normal(size=count)
    to_progression = _weibull(fitness, arm, arms, "progression_months", course["progression_shape"], log_hazard)
    to_death = _weibull(fitness_death, arm, arms, "survival_months", course["survival_shape"], log_hazard)
    depth = _depth(scipy.special.ndtr(fitness_depth), arm, course["response"], rng)
    death = start + np.maximum(to_death, 10)
    # Both components of a subject who received both were started alive.
    death = np.maximum(death, np.where(ici_start < NEVER, np.maximum(ici_start, tace_start), tace_start) + 7)

    progression = start + np.maximum(to_progression, 15)

    leaves = start + np.ceil(rng.exponential(365.25 / course["dropout_per_year"], count)).astype(np.int64)
    leaves = np.maximum(leaves, tace_start + 1)
    leaves = np.maximum(leaves, np.where(ici_start < NEVER, ici_start + 1, 0))
    left = (leaves < death) & (leaves < extract)
    withdrew = left & (rng.random(count) < course["withdrawal_share"])
    lost = left & ~withdrew
    known_later = withdrew & (rng.random(count) < course["death_known_after_withdrawal"])
    death_known = (death <= extract) & (~left | known_later)
    end = np.minimum(np.where(left, leaves, extract), np.where(death <= extract, death, extract))

    return Cohort(
        subject=np.array([f"HCC-{number:0{width}d}" for number in numbers.tolist()], dtype=object),
        arm=arm,
        ici=ici,
        site=choose_of(rng, [f"S{site:02d}" for site in range(1, 13)], [1 / 12] * 12, count),
        sex=choose(rng, {"M": 0.83, "F": 0.17}, count),
        birth_year=2022 - np.clip(rng.normal(60, 10, count), 22, 88).astype(np.int64),
        aetiology=choose(rng, {"HBV": 0.62, "HCV": 0.14, "alcohol": 0.12, "MASLD": 0.08, "other": 0.04}, count),
        bclc=bclc,
        vascular_invasion=vascular_invasion,
        extrahepatic=extrahepatic,
        afp=afp,
        albumin=albumin,
        bilirubin=bilirubin,
        albi=albi,
        albi_grade=albi_grade,
        child_pugh=child_pugh,
        ecog=(rng.random(count) < 0.3).astype(np.int64),
        start=start,
        tace_start=tace_start,
        ici_start=ici_start,
        enrolment=start - days_between(rng, [0, 14], count),
        baseline=start - days_between(rng, imaging["baseline_before"], count),
        baseline_adequate=rng.random(count) >= imaging["baseline_inadequate"],
        progression=progression,
        depth=depth,
        death=np.where(death <= extract, death, NEVER),
        death_known=death_known,
        death_cause=choose(rng, course["death_causes"], count),
        withdrawal=np.where(withdrew, leaves, NEVER),
        lost=np.where(lost, leaves, NEVER),
        end=end,
        extract=extract,
    )


def _weibull(fitness: Floats, arm: Texts, arms: dict[str, Any], median: str, shape: float, log_hazard: Floats) -> Ints:
    """Days to an event: Weibull with each arm's median, later for the fitter, earlier where the hazard is higher."""
    months = np.select([arm == name for name in arms], [float(one[median]) for one in arms.values()])
    exponential = -np.log(np.clip(scipy.special.ndtr(-fitness), 1e-12, 1.0))
    days = months * DAYS_PER_MONTH * (exponential / np.log(2) * np.exp(-log_hazard)) ** (1 / shape)
    whole: Ints = np.ceil(days).astype(np.int64)
    return whole


def _depth(rank: Floats, arm: Texts, response: dict[str, Any], rng: np.random.Generator) -> Floats:
    """Part of the viable diameter that is lost in the end, by the subject's rank (1 = best) in the arm."""
    depth = between(rng, [-0.05, 0.06], len(rank))
    for name, shares in response.items():
        complete = 1 - shares["complete"]
        partial = complete - shares["partial"]
        stable = partial - shares["stable"]
        here = arm == name
        depth = np.where(here & (rank >= stable), between(rng, [0.05, 0.26], len(rank)), depth)
        depth = np.where(here & (rank >= partial), between(rng, [0.38, 0.80], len(rank)), depth)
        depth = np.where(here & (rank >= complete), 1.0, depth)
    return depth
