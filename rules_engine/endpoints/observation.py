"""Steps 1-8, shared by every endpoint: the clock, the assessments that count, the therapies and the progression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from rules_engine.endpoints.assessment_dates import derive_assessment_dates, derive_timeline, read_assessments
from rules_engine.endpoints.clock import derive_clock
from rules_engine.endpoints.progression import derive_progression, derive_scanned
from rules_engine.endpoints.sharing import options_key
from rules_engine.endpoints.therapies import derive_therapies
from rules_engine.endpoints.truncation import derive_truncation, filter_usable
from rules_engine.endpoints.words import ENDING, WordsInUse, origins_read, read_by
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import Observation, SubjectRecords

#: Options that each step reads, besides those of the steps before it.
_CLOCK = ("origin", "origin_components", "withdrawal", "imputation")
_DATES = ("pd_date", "nonpd_date")
_TIMELINE = ("post_baseline",)
_PROGRESSION = ("pd_rule", "irecist", "new_therapy_boundary")


def clock_key(options: Mapping[str, Any], cutoff: date, used: WordsInUse) -> str:
    """A text that endpoints with the same clock share."""
    return f"{cutoff} {options_key(options, _CLOCK)} {origins_read(used.words, options)}"


def dates_key(options: Mapping[str, Any], cutoff: date, used: WordsInUse) -> str:
    """A text that endpoints with the same dates of assessments share."""
    return f"{clock_key(options, cutoff, used)} {options_key(options, _DATES)}"


def assessments_key(options: Mapping[str, Any], cutoff: date, used: WordsInUse) -> str:
    """A text that endpoints with the same assessments that count share."""
    return f"{dates_key(options, cutoff, used)} {options_key(options, _TIMELINE)} {_needs_baseline(options)}"


def _needs_baseline(options: Mapping[str, Any]) -> bool:
    applied = options.get("baseline_rule", "applied") == "applied"
    return applied and bool(options["no_baseline"] == "censor_day1")


def observe(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, used: WordsInUse) -> Observation:
    """Run steps 1-8 of the pipeline for one endpoint: an observation with `usable`, `truncation` and `progression`."""
    options = endpoint.options
    needs_baseline = _needs_baseline(options)
    # 1-3. Origin, evidence of life, death.
    key = clock_key(options, cutoff, used)
    clock = records.step(f"clock {key}", lambda: derive_clock(records, options, cutoff, used.words))
    # 3-4. One date for each assessment.
    by_dates = dates_key(options, cutoff, used)
    dated = records.step(
        f"dated {by_dates}", lambda: derive_assessment_dates(read_assessments(records), clock, options, cutoff)
    )
    # 5-6. In the snapshot, after the origin, one per day. Without an adequate baseline, assessments contribute nothing.
    clock = clock.with_columns(no_baseline=~pl.col("baseline_adequate") & pl.lit(needs_baseline))
    counted_key = assessments_key(options, cutoff, used)
    counted = records.step(
        f"counted {counted_key}", lambda: derive_timeline(dated, clock.filter(~pl.col("no_baseline")), options)
    )
    # 7. Anticancer therapy, and whatever else puts an end to the observation.
    therapies = records.step(f"therapies {by_dates}", lambda: derive_therapies(records, dated, clock, options, cutoff))
    snapshot = Observation(records, endpoint, cutoff, clock, dated, counted, therapies, clock_key=key)
    ending = used.rules_that(*ENDING)
    # The place is part of what is shared: `truncation` names a rule by its place in the list of the endpoint.
    ending_key = [(place, rule.id, effect, read_by(rule, options)) for place, rule, effect in ending]
    usable_key = f"{counted_key} {ending_key} {options_key(options, _PROGRESSION)}"
    truncation = records.step(f"truncation {usable_key}", lambda: derive_truncation(snapshot, used))
    usable = counted
    if ending:
        usable = records.step(f"usable {usable_key}", lambda: filter_usable(counted, truncation, options))
    # 8. Progression.
    ended = replace(snapshot, key=usable_key, truncation_frame=truncation, usable_frame=usable)
    progression = ended.step(
        "progression", lambda: derive_progression(derive_scanned(ended), clock, truncation, options, cutoff)
    )
    return replace(ended, progression_frame=progression)
