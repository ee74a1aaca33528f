"""The stage of the run that looks at all subjects together: findings about the cohort, estimates, counts, agreement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from rules_engine.agreement import derive_agreement, stream_frames
from rules_engine.analyses import derive_estimates
from rules_engine.descriptives import describe_cohort, describe_quality
from rules_engine.findings import concat_findings, sort_findings
from rules_engine.grading import (
    counted_columns,
    derive_context,
    event_options,
    summarise_events,
    summarise_tally,
)
from rules_engine.model import Ruleset
from rules_engine.pipeline.endpoints import conclude_endpoints
from rules_engine.pipeline.grades import conclude_labs
from rules_engine.pipeline.plans import Progress, Tables, nothing
from rules_engine.pipeline.responses import conclude_columns, criterion_of, select_reading
from rules_engine.pipeline.subjects import COLUMNS_TALLY, ENDPOINT_TALLY, LABS_TALLY, WORST_TALLY, Frames, OfSubjects
from rules_engine.registry import Registry


@dataclass(frozen=True)
class OfCohort:
    """What is derived from all subjects together: analysis results data (`vocabulary.ARD_SCHEMA`), the options of each analysis
    as completed, and all findings, those of the subjects and of reading the study included.
    """

    ard: pl.DataFrame
    analysis_options: Mapping[str, Mapping[str, Any]]
    findings: pl.DataFrame


def derive_cohort(
    ruleset: Ruleset,
    of_subjects: OfSubjects,
    tables: Tables,
    registry: Registry,
    cutoff: date,
    *,
    findings: pl.LazyFrame | None = None,
    progress: Progress = nothing,
) -> OfCohort:
    """Run the stage on what was derived for all subjects; `findings` are those of reading the study.

    Of the canonical `tables` it reads subjects, treatments and response_assessments.
    """
    progress("analyses")
    found = [of_subjects.findings.lazy(), *cohort_findings(ruleset, of_subjects.tallies, registry)]
    if findings is not None:
        found.append(findings)
    subjects = tables["subjects"].collect()
    estimated = derive_estimates(
        ruleset, _Endpoints(of_subjects.time_to_event, of_subjects.responses), subjects, registry, progress
    )
    found.append(estimated.findings.lazy())
    parts = [
        estimated.ard,
        describe_cohort(ruleset, of_subjects.tallies, subjects, tables["treatments"], cutoff),
    ]
    progress("counts of grades")
    if "adverse_events" in of_subjects.graded:
        parts.append(derive_event_counts(ruleset, of_subjects.graded["adverse_events"], tables, cutoff))
    if WORST_TALLY in of_subjects.tallies:
        parts.append(derive_lab_counts(of_subjects.tallies[WORST_TALLY], of_subjects.hys_law, tables))
    progress("agreement")
    compared = stream_frames(ruleset, of_subjects.timepoints, tables["response_assessments"], select_reading)
    parts.append(derive_agreement(ruleset, compared, of_subjects.responses))
    findings_of_all = sort_findings(concat_findings(found)).collect()
    parts.append(describe_quality(findings_of_all, of_subjects.discrepancies))
    return OfCohort(ard=pl.concat(parts), analysis_options=estimated.options, findings=findings_of_all)


class _Endpoints(Mapping[str, pl.DataFrame]):
    """The rows of every endpoint by PARAMCD, each looked up when it is asked for: those of a large study lie on disk."""

    def __init__(self, time_to_event: Frames, responses: Frames) -> None:
        self._of = {**dict.fromkeys(time_to_event, time_to_event), **dict.fromkeys(responses, responses)}

    def __getitem__(self, paramcd: str) -> pl.DataFrame:
        return self._of[paramcd][paramcd]

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)


def cohort_findings(ruleset: Ruleset, tallies: Frames, registry: Registry) -> list[pl.LazyFrame]:
    """What is odd about the subjects together, from the stacked tallies of all of them."""
    found = []
    for name, definition in ruleset.responses.items():
        columns = tallies.get(f"{COLUMNS_TALLY}{name}")
        if columns is not None:
            found.append(conclude_columns(columns.lazy(), criterion_of(definition, registry), name))
    of_endpoints = {key.removeprefix(ENDPOINT_TALLY): tallies[key] for key in tallies if key.startswith(ENDPOINT_TALLY)}
    found += [frame.lazy() for frame in conclude_endpoints(ruleset, of_endpoints, registry)]
    if LABS_TALLY in tallies:
        found.append(conclude_labs(ruleset, tallies[LABS_TALLY], registry).lazy())
    return found


def counted_events(ruleset: Ruleset, adverse_events: pl.DataFrame) -> pl.DataFrame:
    """Graded events with those columns alone that `derive_event_counts` reads."""
    asked = ruleset.adverse_events
    assert asked is not None  # noqa: S101  (there are graded events)
    read = counted_columns(event_options(asked.options))
    return adverse_events.select(name for name in adverse_events.columns if name in read)


def derive_event_counts(ruleset: Ruleset, adverse_events: pl.DataFrame, tables: Tables, cutoff: date) -> pl.DataFrame:
    """Numbers of adverse events and of subjects with them, by arm and worst grade, as rows of the ARD."""
    asked = ruleset.adverse_events
    assert asked is not None  # noqa: S101  (there are graded events)
    subjects = tables["subjects"].collect()
    context = derive_context(tables["subjects"], tables["treatments"], cutoff, asked.window)
    summary = summarise_events(
        adverse_events.lazy(), subjects.lazy(), _arm_of(subjects), options=event_options(asked.options), context=context
    )
    return summary.collect()


def derive_lab_counts(worst_tally: pl.DataFrame, hys_law: pl.DataFrame | None, tables: Tables) -> pl.DataFrame:
    """Numbers of subjects by worst laboratory grade and shift, by arm, as rows of the ARD."""
    subjects = tables["subjects"].collect()
    liver = None if hys_law is None else hys_law.lazy()
    return summarise_tally(worst_tally.lazy(), subjects.lazy(), _arm_of(subjects), hys_law=liver).collect()


def _arm_of(subjects: pl.DataFrame) -> str | None:
    """The column of the groups; None where nobody is in one."""
    return "arm" if subjects["arm"].null_count() < subjects.height else None
