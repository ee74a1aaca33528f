"""What the report page shows: plain frames and the resolved ruleset, gathered in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import polars as pl

from rules_engine.descriptives import arms_of
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
    (`vocabulary.TIMEPOINT_SCHEMA`); `ard` and `findings` as published: every statistic on the
    page is a row of `ard`. `hys_law` are the liver tests by subject, `treatments` the canonical table; None leaves their parts
    of the page out.
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
        return arms_of(self.study.get("arms") or (), self.subjects[ARM] if ARM in self.subjects.columns else None)

    @property
    def columns(self) -> Sequence[str | None]:
        """The groups of a table of counts: the arms and, unless there is just one, the total (None)."""
        return [*self.arms] if len(self.arms) == 1 else [*self.arms, None]

    @cached_property
    def _by_analysis(self) -> Mapping[str, pl.DataFrame]:
        parts = self.ard.partition_by("analysis", maintain_order=True, as_dict=True)
        return {str(name): rows for (name,), rows in parts.items()}

    def rows_of(self, analysis: str) -> pl.DataFrame:
        """The rows of the analysis results of one analysis; none where it does not exist."""
        found = self._by_analysis.get(analysis)
        return self.ard.clear() if found is None else found

    @property
    def subjects_with_arm(self) -> pl.DataFrame:
        """`subject` and `arm` of every subject; a subject without an arm has null."""
        arm = pl.col(ARM).cast(pl.String) if ARM in self.subjects.columns else pl.lit(None, pl.String)
        return self.subjects.select("subject", arm.alias(ARM))

    @property
    def marks_safety_population(self) -> bool:
        """Whether the data say who is in the safety population."""
        return "safety_population" in self.subjects.columns and bool(self.subjects["safety_population"].any())

    @property
    def safety_subjects(self) -> pl.DataFrame:
        """`subject` and `arm` of the safety population; without a mark, of all."""
        if not self.marks_safety_population:
            return self.subjects_with_arm
        safe = self.subjects.filter(pl.col("safety_population").fill_null(value=False)).select("subject")
        return self.subjects_with_arm.join(safe, on="subject", how="semi")

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
