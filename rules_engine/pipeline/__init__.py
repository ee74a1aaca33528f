"""The whole run: every subject by itself, then all of them together. The only room where lazy frames are collected.

`derive_subjects` makes responses, endpoints and grades of the records of some or all subjects; `derive_cohort` makes findings about
the cohort and estimates of what that gave for all of them. What a plugin returns is checked here, and an answer that breaks its
contract stops the run with the plugin's name.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

import polars as pl

from rules_engine.model import Ruleset
from rules_engine.pipeline.cohort import OfCohort, derive_cohort
from rules_engine.pipeline.discrepancies import DISCREPANCY_SCHEMA
from rules_engine.pipeline.endpoints import (
    derive_candidates,
    derive_endpoint_rows,
    endpoint_name,
    gather_records,
    tally_endpoints,
)
from rules_engine.pipeline.plans import ENGINE, Progress, Tables, nothing
from rules_engine.pipeline.responses import (
    assess_reading,
    assess_tables,
    assessment_stream,
    assessment_streams,
    criterion_name,
    extra_lesion_columns,
    hold_reading,
    number_timepoints,
    select_reading,
    tables_as_of,
    tables_of_criterion,
)
from rules_engine.pipeline.subjects import OfSubjects, derive_subjects, stack
from rules_engine.registry import Registry

__all__ = [
    "DISCREPANCY_SCHEMA",
    "ENGINE",
    "Derived",
    "OfCohort",
    "OfSubjects",
    "Progress",
    "Tables",
    "assess_reading",
    "assess_tables",
    "assessment_stream",
    "assessment_streams",
    "criterion_name",
    "derive",
    "derive_candidates",
    "derive_cohort",
    "derive_endpoint_rows",
    "derive_subjects",
    "endpoint_name",
    "extra_lesion_columns",
    "gather_records",
    "hold_reading",
    "number_timepoints",
    "select_reading",
    "stack",
    "tables_as_of",
    "tables_of_criterion",
    "tally_endpoints",
]


@dataclass(frozen=True, kw_only=True)
class Derived(OfSubjects, OfCohort):
    """Everything that a run derives; `findings` are those of both stages."""

    @classmethod
    def of(cls, subjects: OfSubjects, cohort: OfCohort) -> Derived:
        """Both stages together."""
        known = {field.name: getattr(stage, field.name) for stage in (subjects, cohort) for field in fields(stage)}
        return cls(**known)


def derive(
    ruleset: Ruleset,
    tables: Tables,
    registry: Registry,
    cutoff: date,
    *,
    findings: pl.LazyFrame | None = None,
    progress: Progress = nothing,
    with_candidates: bool = False,
) -> Derived:
    """Run a protocol on a study's canonical tables, as seen on the day `cutoff`; `findings` are those of reading the study."""
    subjects = derive_subjects(ruleset, tables, registry, cutoff, progress=progress, with_candidates=with_candidates)
    cohort = derive_cohort(ruleset, subjects, tables, registry, cutoff, findings=findings, progress=progress)
    return Derived.of(subjects, cohort)
