"""What a ruleset becomes once it is read and checked: frozen values, with the place each one came from.

Nothing here reads files or data. `Ruleset.document` is the effective document (after `extends`) as plain mappings;
the typed parts below are views of it for the rooms that derive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rules_engine.pages import notebook

RulesetKind = Literal["criterion", "grading", "protocol"]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a ruleset file; lines and columns count from 1. A line of 0: no file, and `file` says in words where."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def line_text(self) -> str:
        """`file:line`, or the words."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Statement:
    """What a criterion ruleset says of one of its rules or values in words, with the source and the place of the words."""

    text: str
    reference: str = ""
    interpretation: str = ""
    unit: str = ""
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class CriterionRules:
    """The values that a criterion runs on: a criterion ruleset, with the overrides of one response definition.

    `options` maps each option key as the specification spells it (`pr.pct`, `irecist.confirm_min_days`) to its value.
    `statements` has the words of the ruleset, by rule id (`recist_1_1.target.pd`) and by option key.
    `document` is the criterion ruleset's own document: what each value is, its unit, reference and interpretation.
    """

    ruleset: str
    criterion: str
    options: Mapping[str, Any]
    statements: Mapping[str, Statement] = field(default_factory=dict, compare=False, repr=False)
    document: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __getitem__(self, key: str) -> Any:
        return self.options[key]


@dataclass(frozen=True, slots=True)
class ResponseDefinition:
    """One named stream of timepoint responses.

    `source` says whether it is `derived` from lesions by `rules` or `collected`; `assessor` and `reader` select the rows
    (None = no selection); `collected_as` selects `response_assessments.criterion`.
    """

    name: str
    source: Literal["derived", "collected"]
    rules: CriterionRules | None = None
    collected_as: str | None = None
    assessor: str | None = None
    reader: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of a visit schedule: a visit each `every` days while the offset is at most `until` (None = without end)."""

    every: int
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Nominal tumour assessments: offsets in days from `anchor` (None = time origin), with a window of days around each."""

    segments: tuple[Segment, ...]
    early: int = 0
    late: int = 0
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointDefinition:
    """One endpoint of the protocol: PARAMCD, the kind that derives it, the response stream it reads, its options.

    `options` is complete: every key of the kind's schema has a value (from the ruleset, or the schema's default for
    keys that do not drive the estimand). `position` is where the endpoint is defined.
    """

    paramcd: str
    kind: str
    label: str
    response: str | None
    options: Mapping[str, Any]
    schedule: Schedule | None = None
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class GradingRules:
    """A grading ruleset: its id, the id of the plugin that runs it, and its document."""

    ruleset: str
    grading: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GradedRecords:
    """How adverse events or laboratory results are graded: by which rules, with which options (complete), in which window.

    `window` names the first and the last day as the ruleset states them (`from`, `to`); empty = no window.
    `settings` is everything else that the section of the ruleset states.
    """

    rules: GradingRules
    options: Mapping[str, Any]
    window: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CovariateDefinition:
    """A characteristic of the subjects as analyses use it: a column of `subjects`, read as a number or as levels.

    `kind` is `category`, `number` or None (by the column). `cuts` turn a number into levels, whose names are `intervals`, lowest
    first; `pooled` names the values that a level stands for. `levels` are in the order of tables and the first is the reference;
    further values follow alphabetically. `missing` is
    `own_level` or `exclude`. A number is divided by `per` and, with `transform: log`, its natural logarithm is taken first.
    With `years_to` the column is a (partial) date, and the number the years from it to the date in that column: an age.
    """

    name: str
    column: str
    kind: str | None = None
    levels: tuple[str, ...] = ()
    cuts: tuple[float, ...] = ()
    intervals: tuple[str, ...] = ()
    cut_belongs_to: str = "upper"
    pooled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: str = "own_level"
    transform: str = "none"
    per: float = 1.0
    years_to: str | None = None
    label: str = ""
    unit: str = ""
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class WeightsDefinition:
    """How subjects are weighted so that two groups become comparable: the propensity model and what is made of its score.

    `method` is `overlap`, `inverse_probability` or `treated`. `score_range` are the lowest and highest score that stay in the
    analysis (None = all); `refit` fits the model again to those who stay. Weights above the quantile `truncate_at` become it.
    """

    name: str
    method: str
    covariates: tuple[str, ...]
    stabilised: bool = True
    score_range: tuple[float, float] | None = None
    refit: bool = False
    truncate_at: float | None = None
    position: Position | None = None


#: What a comparison of the section `agreement` does where nothing is stated.
AGREEMENT_DEFAULTS: Mapping[str, Any] = {
    "components": ["overall"], "codes": "plain", "not_evaluable": "category", "weights": "none", "conf_level": 0.95,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AnalysisDefinition:
    """One analysis: the estimator, the endpoints (PARAMCD) it reads, the grouping column (None = all subjects), its options.

    `options` is as stated; what the schema of the estimator gives by default is filled in by the estimator. `subgroups` are
    characteristics in each of whose levels the analysis is repeated; `weights` names a definition of weights. An `optional`
    analysis is left out, with a finding, where the study lacks a column that it names.
    """

    name: str
    estimator: str
    endpoints: tuple[str, ...]
    by: str | None
    options: Mapping[str, Any]
    position: Position | None = None
    subgroups: tuple[str, ...] = ()
    weights: str | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named value of a protocol: what it is, its unit, and the paths of the options that refer to it.

    `position` is where the value in force was stated.
    """

    name: str
    value: Any
    unit: str = ""
    description: str = ""
    used_by: tuple[str, ...] = ()
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A ruleset as resolved: identity, effective document, where each value came from, and its typed parts.

    `positions` maps a path such as `endpoints.PFS.options.new_therapy` to its place. `files` are all files read, in order.
    A ruleset without endpoints (a style, such as `fda`) has its definitions as `definitions`, resolved like endpoints.
    """

    id: str
    kind: RulesetKind
    title: str
    document: Mapping[str, Any]
    positions: Mapping[str, Position] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    responses: Mapping[str, ResponseDefinition] = field(default_factory=dict)
    endpoints: Mapping[str, EndpointDefinition] = field(default_factory=dict)
    definitions: Mapping[str, EndpointDefinition] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    adverse_events: GradedRecords | None = None
    labs: GradedRecords | None = None
    analyses: Mapping[str, AnalysisDefinition] = field(default_factory=dict)
    covariates: Mapping[str, CovariateDefinition] = field(default_factory=dict)
    weights: Mapping[str, WeightsDefinition] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        """The ruleset in a notebook: what it is, and its endpoints."""
        rows = [
            (name, endpoint.label, endpoint.response, endpoint.position.line_text if endpoint.position else "")
            for name, endpoint in (self.endpoints or self.definitions).items()
        ]
        word = "Endpoint" if self.endpoints else "Definition"
        parts = [notebook.facts([("id", self.id), ("kind", self.kind), ("files", ", ".join(self.files))])]
        if rows:
            parts.append(notebook.table([word, "Label", "Response", "Stated at"], rows))
        return notebook.card(self.title, *parts)
