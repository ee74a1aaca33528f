"""The stage of the run that looks at one subject at a time: any part of a cohort can be run alone, and the parts stacked.

No record of another subject changes what is derived here. What is odd about the subjects together is counted (`tallies`), and
`cohort` concludes from the counts of all parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import polars as pl

from rules_engine import criteria, records
from rules_engine.descriptives import tally_records
from rules_engine.findings import concat_findings, sort_findings
from rules_engine.model import Ruleset
from rules_engine.pipeline.discrepancies import DISCREPANCY_KEY, derive_discrepancies, uncompared_discrepancies
from rules_engine.pipeline.endpoints import OfEndpoints, derive_endpoint_rows, gather_records, tally_endpoints
from rules_engine.pipeline.grades import derive_grades
from rules_engine.pipeline.plans import ENGINE, Progress, Tables, nothing
from rules_engine.pipeline.responses import (
    DerivedResponse,
    assessment_streams,
    collected_assessments,
    derive_responses,
    reference_dates,
    tables_as_of,
)
from rules_engine.registry import Registry

Frames = Mapping[str, pl.DataFrame]
#: Between the name of a group of frames and that of one of them, in `OfSubjects.frames`.
_IN = "/"
#: Names of tallies: those of the columns of a response stream, of an endpoint, of the laboratory results, and of their worst grades.
COLUMNS_TALLY, ENDPOINT_TALLY, LABS_TALLY, WORST_TALLY = "columns/", "endpoint/", "labs", "worst_labs"


@dataclass(frozen=True)
class OfSubjects:
    """Everything that is derived subject by subject, for some or all subjects of a study.

    `timepoints`, `baselines` (`vocabulary.BASELINE_SCHEMA`), `subject_responses` (`criteria.SUBJECT_RESPONSE_SCHEMA`) and
    `collected` are by response name, `time_to_event` and `responses` by PARAMCD. Of `graded`, where the ruleset asks for them, `labs`
    and `adverse_events` are the graded input tables; `hys_law` comes of the labs. `compared` says which
    components `discrepancies` compares. `findings` are about one subject each; `tallies` are counted for findings and numbers about all.
    `candidates` is None where nobody asked for them (`pipeline.derive_candidates`).
    """

    timepoints: Frames
    baselines: Frames
    subject_responses: Frames
    collected: Frames
    time_to_event: Frames
    responses: Frames
    graded: Frames
    tallies: Frames
    discrepancies: pl.DataFrame
    compared: pl.DataFrame
    findings: pl.DataFrame
    candidates: pl.DataFrame | None = None

    @property
    def labs(self) -> pl.DataFrame | None:
        """Laboratory results, graded; None where the ruleset does not ask for them."""
        return self.graded.get("labs")

    @property
    def adverse_events(self) -> pl.DataFrame | None:
        """Adverse events, graded; None where the ruleset does not ask for them."""
        return self.graded.get("adverse_events")

    @property
    def hys_law(self) -> pl.DataFrame | None:
        """Subjects by Hy's law (`grading.HYS_LAW_FRAME`); None where the ruleset does not ask for it."""
        return self.graded.get("hys_law")

    def frames(self) -> dict[str, pl.DataFrame]:
        """The same as one flat mapping (`timepoints/overall`, `findings` …), for writing and sending; see `from_frames`.

        Names, columns and types depend on the ruleset, the plugins and the columns of the study's tables, never on their rows.
        """
        found: dict[str, pl.DataFrame] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, pl.DataFrame):
                found[field.name] = value
            elif value is not None:
                found |= {f"{field.name}{_IN}{name}": frame for name, frame in value.items()}
        return found

    @classmethod
    def from_frames(cls, frames: Frames) -> OfSubjects:
        """What `frames` was made of."""
        known: dict[str, Any] = {group: {} for group in GROUPS}
        for key, frame in frames.items():
            group, is_grouped, name = key.partition(_IN)
            if is_grouped:
                known[group][name] = frame
            else:
                known[group] = frame
        return cls(**known)


#: The fields of `OfSubjects` that hold frames by name.
GROUPS = (
    "timepoints", "baselines", "subject_responses", "collected", "time_to_event", "responses", "graded", "tallies",
)  # fmt: skip


def derive_subjects(
    ruleset: Ruleset,
    tables: Tables,
    registry: Registry,
    cutoff: date,
    *,
    progress: Progress = nothing,
    with_candidates: bool = False,
) -> OfSubjects:
    """Run the stage on canonical tables (`contracts.TABLES`) of some or all subjects, as seen on the day `cutoff`.

    A subject's records must be complete: all of its rows of every table. `with_candidates` derives what was considered for
    the endpoints beside their records, at a fraction of what it costs later.
    """
    tables = tables_as_of(tables, cutoff)
    progress("responses")
    derived, found = derive_responses(ruleset, tables, registry, cutoff, progress)
    timepoints = {name: stream.timepoints for name, stream in derived.items()}
    progress("endpoints")
    collected = collected_assessments(ruleset, tables, registry)
    streams = assessment_streams(ruleset, tables, timepoints, registry, collected)
    endpoints, tallies = _derive_endpoints(
        ruleset, tables, streams, registry, cutoff, progress, with_candidates=with_candidates
    )
    subject_responses, of_subjects = derive_subject_responses(ruleset, derived, endpoints.time_to_event)
    found += [endpoints.findings, *of_subjects, records.treatment_findings(tables["treatments"]).collect()]
    progress("grading")
    grades, more = derive_grades(ruleset, tables, registry, cutoff)
    found.append(more)
    progress("discrepancies")
    discrepancies, compared = derive_discrepancies(ruleset, tables["response_assessments"], timepoints)
    return OfSubjects(
        timepoints=timepoints,
        baselines={name: stream.baselines for name, stream in derived.items()},
        subject_responses=subject_responses,
        collected=collected,
        time_to_event=endpoints.time_to_event,
        responses=endpoints.responses,
        candidates=endpoints.candidates,
        graded=grades.frames(),
        tallies={
            **{f"{COLUMNS_TALLY}{name}": stream.columns for name, stream in derived.items()},
            **{f"{ENDPOINT_TALLY}{paramcd}": counted for paramcd, counted in tallies.items()},
            **({} if grades.lab_tally is None else {LABS_TALLY: grades.lab_tally}),
            **({} if grades.worst_tally is None else {WORST_TALLY: grades.worst_tally}),
            **tally_records(
                tables["subjects"].select("subject", "arm").collect(),
                endpoints.time_to_event,
                endpoints.responses,
                timepoints,
            ),
        },
        discrepancies=discrepancies,
        compared=compared,
        findings=sort_findings(concat_findings(frame.lazy() for frame in found)).collect(),
    )


def _derive_endpoints(
    ruleset: Ruleset, tables: Tables, streams: Mapping[str, pl.LazyFrame], registry: Registry, cutoff: date,
    progress: Progress, *, with_candidates: bool,
) -> tuple[OfEndpoints, dict[str, pl.DataFrame]]:  # fmt: skip
    """What is derived for the endpoints, and their tallies; the records, and all that is held of them, are gone afterwards."""
    gathered = gather_records(ruleset, tables, streams)
    endpoints = derive_endpoint_rows(ruleset, gathered, registry, cutoff, progress, with_candidates=with_candidates)
    return endpoints, tally_endpoints(ruleset, gathered, registry, cutoff)


def derive_subject_responses(
    ruleset: Ruleset, derived: Mapping[str, DerivedResponse], time_to_event: Frames
) -> tuple[dict[str, pl.DataFrame], list[pl.DataFrame]]:
    """Best response and progression of each subject of every derived stream, by name; and baselines that are too old."""
    found: dict[str, pl.DataFrame] = {}
    odd: list[pl.DataFrame] = []
    for name, stream in derived.items():
        rules = ruleset.responses[name].rules
        assert rules is not None  # noqa: S101  (the loader gives every derived stream its rules)
        reference = reference_dates(name, ruleset, stream.baselines, time_to_event)
        found[name] = criteria.subject_responses(stream.timepoints.lazy(), reference, rules).collect(engine=ENGINE)
        odd.append(criteria.baseline_age_findings(stream.baselines.lazy(), reference, rules).collect())
    return found, odd


# Parts of a cohort ----------------------------------------------------------------------------------------------------


def stack(parts: Sequence[OfSubjects]) -> OfSubjects:
    """The whole of a cohort from its parts, each subject in one of them; at least one part."""
    of_parts = [part.frames() for part in _with_all_comparisons(parts)]
    whole = OfSubjects.from_frames({name: stack_frames([frames[name] for frames in of_parts]) for name in of_parts[0]})
    return replace(whole, discrepancies=whole.discrepancies.sort(DISCREPANCY_KEY))


def stack_frames(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One frame of all parts; where it is by subject, in the order of the subjects and within a subject as it was."""
    stacked = pl.concat(frames, how="vertical")
    return stacked.sort("subject", maintain_order=True, nulls_last=True) if "subject" in stacked.columns else stacked


def _with_all_comparisons(parts: Sequence[OfSubjects]) -> list[OfSubjects]:
    """The parts, each with the discrepancies in components that were collected in others alone."""
    anywhere = pl.concat([part.compared for part in parts]).unique().sort(pl.all())
    complete = []
    for part in parts:
        more = uncompared_discrepancies(part.timepoints, part.compared, anywhere)
        complete.append(part if more.is_empty() else replace(part, discrepancies=pl.concat([part.discrepancies, more])))
    return complete
