"""What the report page shows: plain frames and the resolved ruleset, gathered in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from rules_engine.model import Ruleset
from rules_engine.pages import Block
from rules_engine.report.course import Courses

#: The column of `subjects` that the page groups by.
ARM = "arm"


@dataclass(frozen=True)
class ReportView:
    """Everything on the page.

    `subjects` is the canonical table with the study's own columns; `time_to_event` and `responses` are the derived
    rows by PARAMCD (`vocabulary.TTE_SCHEMA`, `vocabulary.RESPONSE_SCHEMA`); `timepoints` the derived responses by name
    (`vocabulary.TIMEPOINT_SCHEMA`); `ard` and `findings` as published. `adverse_events` and `labs` are the graded
    tables, `hys_law` the liver tests by subject, `treatments` the canonical one; None leaves their parts of the page out.
    `manifest` is shown as it is.
    `analysis_options` holds the options of each analysis, completed with the defaults of its estimator; curves are
    drawn with them. `definitions` is what the ruleset says, in words. `courses` gives
    the courses of single subjects, for the panel; None leaves it out.
    """

    ruleset: Ruleset
    data_cutoff: date
    subjects: pl.DataFrame
    time_to_event: Mapping[str, pl.DataFrame]
    responses: Mapping[str, pl.DataFrame]
    ard: pl.DataFrame
    findings: pl.DataFrame
    timepoints: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    discrepancies: pl.DataFrame | None = None
    adverse_events: pl.DataFrame | None = None
    labs: pl.DataFrame | None = None
    hys_law: pl.DataFrame | None = None
    treatments: pl.DataFrame | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    analysis_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    definitions: Sequence[Block] = ()
    courses: Courses | None = None

    @property
    def title(self) -> str:
        """The ruleset's title."""
        return self.ruleset.title

    @property
    def study(self) -> Mapping[str, Any]:
        """The section `study` of the ruleset."""
        return self.ruleset.document.get("study") or {}

    @property
    def arms(self) -> Sequence[str]:
        """The groups of the tables: those that the ruleset names, then further ones in the data, alphabetically."""
        stated = [str(arm) for arm in self.study.get("arms") or ()]
        if ARM not in self.subjects.columns:
            return stated
        found = self.subjects[ARM].drop_nulls().cast(pl.String).unique().to_list()
        return [*stated, *sorted(set(found) - set(stated))]

    @property
    def subjects_with_arm(self) -> pl.DataFrame:
        """`subject` and `arm` of every subject; a subject without an arm has null."""
        arm = pl.col(ARM).cast(pl.String) if ARM in self.subjects.columns else pl.lit(None, pl.String)
        return self.subjects.select("subject", arm.alias(ARM))

    def analysis_of(self, name: str) -> Mapping[str, Any]:
        """The definition of an analysis in the ruleset."""
        found: Mapping[str, Any] = (self.ruleset.document.get("analyses") or {}).get(name) or {}
        return found

    def analyses_by(self, estimator: str) -> Sequence[str]:
        """Names of the analyses that use an estimator, in the order of the ruleset."""
        analyses: Mapping[str, Any] = self.ruleset.document.get("analyses") or {}
        return [name for name, analysis in analyses.items() if analysis.get("estimator") == estimator]

    def analysis_for(self, estimator: str, paramcd: str) -> str | None:
        """Name of the first analysis by arm that applies an estimator to an endpoint, or None."""
        found = (name for name in self.analyses_by(estimator) if paramcd in self.analysis_of(name).get("endpoints", ()))
        return next((name for name in found if self.is_by_arm(name)), None)

    def is_by_arm(self, analysis: str) -> bool:
        """Whether an analysis has the groups of the page: the arms or, without arms, all subjects together."""
        return self.analysis_of(analysis).get("by") == (ARM if self.arms else None)
