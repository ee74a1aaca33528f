"""Steps 1-8, shared by every endpoint: the clock, the assessments that count, the therapies and the progression."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from rules_engine.endpoints.assessment_dates import derive_assessment_dates, derive_timeline
from rules_engine.endpoints.clock import derive_clock
from rules_engine.endpoints.progression import derive_progression
from rules_engine.endpoints.sharing import options_key, shared
from rules_engine.endpoints.therapies import actions, derive_therapies, derive_truncation, filter_usable
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import SubjectRecords

#: Options that each step reads, besides those of the steps before it.
_CLOCK = ("origin", "origin_components", "withdrawal", "imputation")
_DATES = ("pd_date", "nonpd_date")
_TIMELINE = ("post_baseline",)
_PROGRESSION = ("pd_rule", "irecist", "new_therapy_boundary")


@dataclass(frozen=True, slots=True)
class Stream:
    """What an endpoint is decided from.

    `clock`: one row per subject with an origin. `dated`: every assessment with its date. `timeline`: assessments that
    count, one per day. `usable`: those not after a therapy that ends the observation. `therapies`, `truncation`:
    therapies in the snapshot, and the one that ends the observation. `action_of`: what each kind of therapy does.
    `progression`: subject, p_date, certain_date, u_date.
    """

    clock: pl.LazyFrame
    dated: pl.LazyFrame
    timeline: pl.LazyFrame
    usable: pl.LazyFrame
    therapies: pl.LazyFrame
    action_of: dict[str, str]
    truncation: pl.LazyFrame
    progression: pl.LazyFrame


def derive_stream(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date) -> Stream:
    """Run steps 1-8 of the pipeline for one endpoint."""
    options = endpoint.options
    needs_baseline = options["no_baseline"] == "censor_day1" and options.get("baseline_rule", "applied") == "applied"
    # 1-3. Origin, evidence of life, death.
    key = f"{cutoff} {options_key(options, _CLOCK)}"
    clock = shared(records, f"clock {key}", lambda: derive_clock(records, options, cutoff))
    # 3-4. One date for each assessment.
    dates_key = f"{key} {options_key(options, _DATES)}"
    dated = shared(
        records, f"dated {dates_key}", lambda: derive_assessment_dates(records.assessments, clock, options, cutoff)
    )
    # 5-6. In the snapshot, after the origin, one per day.
    timeline_key = f"{dates_key} {options_key(options, _TIMELINE)}"
    timeline = shared(records, f"timeline {timeline_key}", lambda: derive_timeline(dated, clock, options))
    # 7. Anticancer therapy.
    therapies = shared(
        records, f"therapies {dates_key}", lambda: derive_therapies(records, dated, clock, options, cutoff)
    )
    clock = clock.with_columns(no_baseline=~pl.col("baseline_adequate") & pl.lit(needs_baseline))
    action_of = actions(options, options.get("therapies", "censor_only"))
    usable_key = f"{timeline_key} {needs_baseline} {sorted(action_of.items())} {options_key(options, _PROGRESSION)}"
    counted = timeline
    if needs_baseline:
        # Without an adequate baseline, assessments contribute nothing.
        without = clock.filter("no_baseline").select("subject")
        counted = shared(records, f"counted {timeline_key}", lambda: timeline.join(without, on="subject", how="anti"))
    truncation = shared(
        records, f"truncation {dates_key} {sorted(action_of.items())}", lambda: derive_truncation(therapies, action_of)
    )
    usable = counted
    if {"censor", "censor_at_start"} & set(action_of.values()):
        usable = shared(records, f"usable {usable_key}", lambda: filter_usable(counted, truncation, options))
    # 8. Progression.
    progression = shared(
        records,
        f"progression {usable_key}",
        lambda: derive_progression(usable, clock, truncation, options, cutoff),
    )
    return Stream(clock, dated, counted, usable, therapies, action_of, truncation, progression)
