"""Steps 1-8, shared by every endpoint: the clock, the assessments that count, the therapies and the progression."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from rules_engine.endpoints.assessment_dates import derive_assessment_dates, derive_timeline
from rules_engine.endpoints.clock import derive_clock
from rules_engine.endpoints.progression import derive_progression
from rules_engine.endpoints.therapies import actions, derive_therapies, derive_truncation, filter_usable
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import SubjectRecords


@dataclass(frozen=True, slots=True)
class Stream:
    """What an endpoint is decided from.

    `clock`: one row per subject with an origin. `timeline`: assessments that count, one per day. `usable`: those not
    after a therapy that ends the observation. `therapies`, `truncation`: therapies in the snapshot, and the one that
    ends the observation. `progression`: subject, p_date, certain_date, u_date.
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
    # 1-3. Origin, evidence of life, death.
    clock = derive_clock(records, options, cutoff)
    needs_baseline = options["no_baseline"] == "censor_day1" and options.get("baseline_rule", "applied") == "applied"
    clock = clock.with_columns(no_baseline=~pl.col("baseline_adequate") & pl.lit(needs_baseline)).cache()
    # 3-6. One date for each assessment; snapshot; after the origin; one per day.
    dated = derive_assessment_dates(records.assessments, clock, options, cutoff).cache()
    timeline = derive_timeline(dated, clock, options)
    if needs_baseline:
        # Without an adequate baseline, assessments contribute nothing.
        timeline = timeline.join(clock.filter(~pl.col("no_baseline")).select("subject"), on="subject", how="semi")
    timeline = timeline.cache()
    # 7. Anticancer therapy.
    therapies = derive_therapies(records, dated, clock, options, cutoff).cache()
    action_of = actions(options, options.get("therapies", "censor_only"))
    truncation = derive_truncation(therapies, action_of).cache()
    may_truncate = {"censor", "censor_at_start"} & set(action_of.values())
    usable = filter_usable(timeline, truncation, options).cache() if may_truncate else timeline
    # 8. Progression.
    progression = derive_progression(usable, clock, truncation, options, cutoff).cache()
    return Stream(clock, dated, timeline, usable, therapies, action_of, truncation, progression)
