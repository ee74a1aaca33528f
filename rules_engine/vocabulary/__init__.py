"""The named objects that plugins offer: criteria, gradings, endpoint kinds and their words, estimators, readers, tables.

Each carries what the engine must know before it runs it: an id, a version, a title, a reference, and the JSON Schema of its
options. The functions work on lazy frames, take everything they need as arguments and have no side effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from rules_engine.contracts import UNITS_PER_MM, Column, Table
from rules_engine.errors import PluginError
from rules_engine.findings import empty_findings
from rules_engine.model import CriterionRules, EndpointDefinition
from rules_engine.vocabulary.records import RECORD_FRAMES, SubjectRecords
from rules_engine.vocabulary.words import (
    FACT_OPTIONAL,
    FACT_REQUIRED,
    KINDS_OF_WORDS,
    Censored,
    CensoringDate,
    CensoringRule,
    ConfigurationError,
    Effect,
    Event,
    Need,
    Observation,
    Origin,
    Rank,
    Tell,
    Told,
    ToldStep,
    Word,
    Words,
    no_errors,
)

__all__ = [
    "ANALYSES_OF_ENGINE",
    "ARD_SCHEMA",
    "CANDIDATE_SCHEMA",
    "FACT_OPTIONAL",
    "FACT_REQUIRED",
    "KINDS_OF_WORDS",
    "RECORD_FRAMES",
    "RESPONSE_SCHEMA",
    "TIMEPOINT_SCHEMA",
    "TTE_SCHEMA",
    "Censored",
    "CensoringDate",
    "CensoringRule",
    "ConfigurationError",
    "Criterion",
    "DataSet",
    "Effect",
    "EndpointKind",
    "Estimator",
    "Event",
    "Grading",
    "JsonSchema",
    "Need",
    "Observation",
    "Origin",
    "Rank",
    "Reader",
    "RulesetFolder",
    "SubjectRecords",
    "Table",
    "Tell",
    "Told",
    "ToldStep",
    "Word",
    "Words",
    "Writer",
    "no_errors",
    "unbound",
]

JsonSchema = Mapping[str, Any]


def require_columns(frame: pl.DataFrame, schema: Mapping[str, pl.DataType], who: str) -> pl.DataFrame:
    """The same frame, or `PluginError` that names every column that is missing or of another type."""
    faults = [
        f"{name}: {'missing' if name not in frame.columns else f'{frame.schema[name]} instead of {dtype}'}"
        for name, dtype in schema.items()
        if name not in frame.columns or frame.schema[name] != dtype
    ]
    if faults:
        raise PluginError.at(who, f"it returned columns that break its contract: {'; '.join(faults)}", "correct it")
    return frame


def lesions_not_read(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:  # noqa: ARG001
    """The `assess` of a criterion that is judged from input tables instead (`Criterion.assess_tables`)."""
    raise LookupError(f"criterion {rules.criterion!r} is not judged from lesions: call its `assess_tables`")


def no_findings_of_tables(
    tables: Mapping[str, pl.LazyFrame],  # noqa: ARG001
    rules: CriterionRules,  # noqa: ARG001
    timepoints: pl.LazyFrame,  # noqa: ARG001
) -> pl.LazyFrame:
    """The validation of a criterion of tables that has nothing to validate."""
    return empty_findings()


def no_findings(lesions: pl.LazyFrame, rules: CriterionRules, timepoints: pl.LazyFrame) -> pl.LazyFrame:  # noqa: ARG001
    """The validation of a criterion that has nothing to validate."""
    return empty_findings()


#: Columns that every criterion returns: one row per subject and visit, baseline visits left out.
TIMEPOINT_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "visit_date": pl.Date(),
    "reason": pl.String(),
    "suspected_pseudoprogression": pl.Boolean(),
    "sum_x100": pl.Int64(),  # null unless every target is known
    "sum_complete": pl.Boolean(),
    "baseline_x100": pl.Int64(),
    "nadir_x100": pl.Int64(),
    "target": pl.String(),
    "nontarget": pl.String(),
    "new_lesion": pl.Boolean(),
    "overall": pl.String(),
    "overall_as_read": pl.String(),  # before retrospective dating
    "basis_overall": pl.String(),  # hybrid: the plain criterion's code at every visit; elsewhere equal to `overall`
    "progression_date": pl.Date(),  # where this visit is PD: the day that the PD is dated to; else null
    "accepted": pl.Boolean(),  # false for a scan that iRECIST disregards
    "state": pl.String(),  # iRECIST: OPEN, PENDING or CONFIRMED after this visit; else null
    "anchor_date": pl.Date(),
    "confirmation_reasons": pl.String(),  # C1;C5 …
    "rule_id": pl.String(),  # the rule that decided `overall`
    "trace": pl.String(),  # all rules that fired, joined by `;`; after a space the day that one speaks of
}


@dataclass(frozen=True, slots=True)
class SumParameter:
    """What a criterion adds up over the target lesions, as ADTR names it.

    `code` and `label` are PARAMCD and PARAM; `per_unit` of the whole numbers that the engine holds (`sum_x100`) make one `unit`.
    """

    code: str = "SDIAM"
    label: str = "Sum of diameters of target lesions"
    unit: str = "mm"
    per_unit: int = UNITS_PER_MM


@dataclass(frozen=True, slots=True)
class Criterion:
    """A response criterion: lesions, or other records of the disease, in; timepoint responses out.

    A criterion is judged from lesions (`assess`) or from input tables (`tables` and `assess_tables`).

    `assess(lesions, rules)` receives the canonical `lesion_assessments` of one assessor and reader (any subjects, any order)
    and returns one row per subject and post-baseline visit with at least the columns of `TIMEPOINT_SCHEMA`.
    `validate(lesions, rules, timepoints)` returns findings; `timepoints` is what `assess` gave for the same lesions.
    `responses` is the codelist of `overall`, best first.
    `columns` names the columns of `lesion_assessments`, as the engine holds them, without which the criterion makes no sense; where
    one is empty in a reading with target lesions, a finding says so.
    `extra_columns` are columns beyond the contract that the criterion reads where the study has them. They are read as the
    contract's own: a length comes in hundredths of a millimetre, and what cannot be read is a finding.
    `sum_of` is what the criterion adds up. `baselines(lesions, rules)` gives the sum at baseline: one row per subject with a
    baseline, `subject`, `visit_date`, `sum_x100`; None: the date alone is known where no later visit tells.
    `check(rules)` returns what a schema cannot express: (option key, what, remedy) triples.
    `inspect(lesions, rules)` shows what `assess` decided by, for explanations: one row per subject and visit, with as many of the
    columns of `criteria.visits`, `criteria.responses` and `criteria.reassessment.EVIDENCE` as the criterion has (None: nothing).

    `tables` names the input tables that a criterion reads instead of lesions; the study must bring them. `assess_tables(tables,
    rules)` receives them by name, each limited to the stream's assessor and reader where it has such columns, and to what was
    known on the day of the data cut-off (its column `date` or `visit_date`); it returns what `assess` returns, which
    `criteria.complete_timepoints` completes. `validate_tables(tables, rules, timepoints)` returns findings. `plain_forms` maps codes of
    `responses` that endpoints do not know to those that they read instead (`sCR` is read as CR); ADRS shows the code itself.
    """

    id: str
    version: str
    title: str
    reference: str
    options_schema: JsonSchema
    responses: Sequence[str]
    assess: Callable[[pl.LazyFrame, CriterionRules], pl.LazyFrame] = lesions_not_read
    validate: Callable[[pl.LazyFrame, CriterionRules, pl.LazyFrame], pl.LazyFrame] = no_findings
    columns: Sequence[str] = ()
    inspect: Callable[[pl.LazyFrame, CriterionRules], pl.LazyFrame] | None = None
    extra_columns: Sequence[Column] = ()
    sum_of: SumParameter = SumParameter()
    baselines: Callable[[pl.LazyFrame, CriterionRules], pl.LazyFrame] | None = None
    check: Callable[[CriterionRules], Sequence[tuple[str, str, str]]] = field(default=lambda _rules: ())
    tables: Sequence[Need] = ()
    assess_tables: Callable[[Mapping[str, pl.LazyFrame], CriterionRules], pl.LazyFrame] | None = None
    validate_tables: Callable[[Mapping[str, pl.LazyFrame], CriterionRules, pl.LazyFrame], pl.LazyFrame] = (
        no_findings_of_tables
    )
    plain_forms: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.assess is lesions_not_read) == (self.assess_tables is None):
            raise ValueError(f"criterion {self.id!r} needs either `assess`, or `tables` and `assess_tables`")
        if (self.assess_tables is None) != (not self.tables):
            raise ValueError(f"criterion {self.id!r} needs `tables` and `assess_tables` together")


#: Columns of a baseline: at most one row per subject.
BASELINE_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "visit_date": pl.Date(),
    "sum_x100": pl.Int64(),  # null unless every target is known, and not 0
}

#: Columns that a time-to-event kind returns: at most one row per subject.
TTE_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "start_date": pl.Date(),
    "date": pl.Date(),
    "days": pl.Int64(),
    "months": pl.Float64(),
    "event": pl.Boolean(),
    "cnsr": pl.Int64(),
    "event_type": pl.Int64(),
    "reason": pl.String(),
    "event_description": pl.String(),
    "censoring_description": pl.String(),
    "source_domain": pl.String(),
    "source_variable": pl.String(),
    "source_seq": pl.Int64(),
    "source_id": pl.String(),
    "date_imputation": pl.String(),
    "start_variable": pl.String(),
    "entry_days": pl.Int64(),
    "interval_left": pl.Date(),
    "interval_right": pl.Date(),
    "rule_id": pl.String(),
}

#: Columns of the candidates of a time to event: one row per subject and candidate that was considered.
CANDIDATE_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "position": pl.Int64(),  # 1 = first considered: events by date, then reasons to censor in the order of the list
    "role": pl.String(),  # event, competing or censoring
    "word": pl.String(),  # the event or censoring rule that gave it
    "reason": pl.String(),
    "date": pl.Date(),  # the date that the record has, or would have
    "fact_date": pl.Date(),  # the date of the fact itself
    "date_imputation": pl.String(),
    "source_domain": pl.String(),  # where `date` comes from
    "source_variable": pl.String(),
    "source_seq": pl.Int64(),
    "source_id": pl.String(),
    "fact_domain": pl.String(),  # where the fact comes from
    "fact_variable": pl.String(),
    "fact_seq": pl.Int64(),
    "fact_id": pl.String(),
    "rule_id": pl.String(),
    "outcome": pl.String(),  # `won`, or why it lost
    "detail": pl.String(),
}

#: Columns that a response-rate or best-response kind returns: at most one row per subject. It may also return `number`
#: (Float64), what ADRS shows as AVAL instead of 1 for a responder and 0 for others, and `visit` (text) of the record.
RESPONSE_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "value": pl.String(),
    "responder": pl.Boolean(),
    "date": pl.Date(),
    "source_domain": pl.String(),
    "source_variable": pl.String(),
    "source_seq": pl.Int64(),
    "source_id": pl.String(),
    "rule_id": pl.String(),
}


def unbound(_records: SubjectRecords, _endpoint: EndpointDefinition, _cutoff: date) -> pl.LazyFrame:
    """The derivation of a kind that can derive nothing before it is bound to the words that plugins offer."""
    raise LookupError("this kind of endpoint is bound to its words when the registry is built")


@dataclass(frozen=True, slots=True)
class Situation:
    """One row of the table of events and censoring (FDA 2007, Appendix 3, Table A): what happens to a subject, what that
    makes of the endpoint, the date that is used, and the reason with its code.
    """

    situation: str
    outcome: str
    date: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EndpointText:
    """An endpoint in plain English.

    `clock` is where it starts and `counts` what it counts, as phrases; `definition` says both in sentences. `situations` is
    the table of events and censoring, in order of precedence, and `notes` what must be known to read it. `worked` are
    sentences that work a rule out in numbers, each under the heading of the part that it belongs to.
    """

    clock: str
    counts: str
    definition: Sequence[str]
    situations: Sequence[Situation] = ()
    notes: Sequence[str] = ()
    worked: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class EndpointKind:
    """A way to derive an endpoint from a subject's records.

    `shape` is `time_to_event` (returns `TTE_SCHEMA`, goes to ADTTE) or `response` (returns `RESPONSE_SCHEMA`, goes to ADRS).
    `options_schema` is the JSON Schema of the options; a property with `"x-estimand": true` has no default and must be stated.
    `check(endpoint)` returns configuration errors that a schema cannot express: (option path, what, remedy) triples.
    `validate` returns findings about the records (a death before the origin, an assessment that straddles the cut-off), each
    about one subject, as one frame or several; a frame that several endpoints return is told once. What is odd about the
    subjects together is found in two steps, so that parts of a cohort can be run apart: `tally` counts in some subjects'
    records, `conclude(tallies, endpoint)` makes findings of the stacked counts of all parts; however the subjects are
    parted, it must find the same.
    `describe` tells an endpoint of the kind in plain English; without it the options alone are told, by their schema.

    `schema_for(options)` gives the schema that completes options as stated, where that depends on them (the words that
    they name); None: `options_schema`. `needs(endpoint)` says what the study must bring, `reads_responses(endpoint)`
    whether it needs a stream of responses. `bind(kind, words)` is called once when all plugins are known, and gives the
    kind with the words of events, censoring and origins that they offer. `candidates` gives everything that was
    considered for a record (`CANDIDATE_SCHEMA`); the one that won is the record. `trace`, called as `derive`, gives a
    `rules_engine.endpoints.trace.Trace` where the kind is made of the toolbox's steps, so that explanations can tell them.
    A kind of other steps may `tell` them itself: called as `derive`, it gives for each subject of the records the steps in
    which something was decided, in their order; a sentence names the options of the endpoint that decided.
    """

    id: str
    version: str
    title: str
    reference: str
    shape: str
    options_schema: JsonSchema
    derive: Callable[[SubjectRecords, EndpointDefinition, date], pl.LazyFrame]
    check: Callable[[EndpointDefinition], Sequence[ConfigurationError]] = no_errors
    validate: Callable[[SubjectRecords, EndpointDefinition, date], pl.LazyFrame | Sequence[pl.LazyFrame]] = field(
        default=lambda _records, _endpoint, _cutoff: empty_findings()
    )
    tally: Callable[[SubjectRecords, EndpointDefinition, date], pl.LazyFrame] | None = None
    conclude: Callable[[pl.LazyFrame, EndpointDefinition], pl.LazyFrame] = field(
        default=lambda _tallies, _endpoint: empty_findings()
    )
    schema_for: Callable[[Mapping[str, Any]], JsonSchema] | None = None
    needs: Callable[[EndpointDefinition], Sequence[Need]] = field(default=lambda _endpoint: ())
    reads_responses: Callable[[EndpointDefinition], bool] | None = None
    bind: Callable[[EndpointKind, Words], EndpointKind] | None = None
    candidates: Callable[[SubjectRecords, EndpointDefinition, date], pl.LazyFrame] | None = None
    trace: Callable[[SubjectRecords, EndpointDefinition, date], Any] | None = None
    tell: Callable[[SubjectRecords, EndpointDefinition, date], Mapping[str, Sequence[ToldStep]]] | None = None
    describe: Callable[[EndpointDefinition], EndpointText] | None = None

    def schema_of(self, options: Mapping[str, Any]) -> JsonSchema:
        """The schema that completes these options."""
        return self.options_schema if self.schema_for is None else self.schema_for(options)


@dataclass(frozen=True, slots=True)
class Grading:
    """A grading engine: runs any grading ruleset of its `format`.

    `grade_labs(labs, ruleset document, options, context)` adds the graded columns to canonical labs;
    `grade_events(adverse events, ruleset document, options, context)` adds term matching and grade validity.
    `context` is one row per subject: when treatment and the window of observation begin and end (`grading.CONTEXT_SCHEMA`).
    `lab_findings` and `event_findings` say, from the graded rows, what is odd in them, each finding about one subject.
    `lab_tally` counts in the graded results of some subjects, and `lab_conclude` makes findings of the stacked counts; see
    `EndpointKind`. `needs_all_subjects(options)` says why results of one subject cannot be graded without those of the
    others; empty: they can. `document_schema` is the JSON Schema of the keys that a grading ruleset has beside those of every
    ruleset; empty = any.
    `check(document, options)` returns what a schema cannot see, such as an option that names no term of the dictionary:
    (option path, what, remedy) triples. `notes(document)` says what its user should know beforehand, such as terms that it
    holds no number for.
    """

    id: str
    version: str
    title: str
    reference: str
    options_schema: JsonSchema
    grade_labs: Callable[[pl.LazyFrame, Mapping[str, Any], Mapping[str, Any], pl.LazyFrame], pl.LazyFrame]
    grade_events: Callable[[pl.LazyFrame, Mapping[str, Any], Mapping[str, Any], pl.LazyFrame], pl.LazyFrame]
    lab_findings: Callable[[pl.LazyFrame], pl.LazyFrame] = field(default=lambda _graded: empty_findings())
    event_findings: Callable[[pl.LazyFrame], pl.LazyFrame] = field(default=lambda _graded: empty_findings())
    lab_tally: Callable[[pl.LazyFrame], pl.LazyFrame] | None = None
    lab_conclude: Callable[[pl.LazyFrame], pl.LazyFrame] = field(default=lambda _tallies: empty_findings())
    needs_all_subjects: Callable[[Mapping[str, Any]], str] = field(default=lambda _options: "")
    document_schema: JsonSchema = field(default_factory=dict)
    check: Callable[[Mapping[str, Any], Mapping[str, Any]], Sequence[tuple[str, str, str]]] = field(
        default=lambda _document, _options: ()
    )
    notes: Callable[[Mapping[str, Any]], Sequence[str]] = field(default=lambda _document: ())


#: Columns of the analysis results data (ARD): one row per number. `ARD_KEY` names a number: no two rows share it.
ARD_SCHEMA: dict[str, pl.DataType] = {
    "analysis": pl.String(),  # name of the analysis in the ruleset
    "paramcd": pl.String(),
    "subgroup_variable": pl.String(),  # null = all subjects of the analysis
    "subgroup": pl.String(),  # null under a subgroup variable: a number about all of its levels, such as an interaction test
    "group_variable": pl.String(),  # null = all subjects
    "group": pl.String(),
    "comparison": pl.String(),  # the other group, for a comparison; else null
    "variable": pl.String(),  # what the statistic is of, e.g. `time` in months for a survival estimate
    "level": pl.String(),  # the level of `variable`, e.g. `12`
    "statistic": pl.String(),  # short stable name: n, events, median, lower, upper, survival, rate …
    "label": pl.String(),
    "value": pl.Float64(),
    "note": pl.String(),  # the reason where value is null
    "n": pl.Int64(),  # subjects that the number rests on
    "format": pl.String(),  # how to print it, e.g. `.1f`
    "method": pl.String(),
}
ARD_KEY = (
    "analysis", "paramcd", "subgroup_variable", "subgroup", "group_variable", "group", "comparison", "variable",
    "level", "statistic",
)  # fmt: skip
#: Analyses that every run has, whatever its ruleset asks for: counts and summaries. No analysis of a ruleset may be called so.
ANALYSES_OF_ENGINE = (
    "flow", "characteristics", "endings", "at_risk", "responses", "sums_of_diameters", "reassessment", "adverse_events",
    "laboratory", "findings", "discrepancies",
)  # fmt: skip
#: Columns that the engine adds to what an estimator returns.
ARD_OF_ENGINE = ("analysis", "paramcd", "subgroup_variable", "subgroup")

#: Columns that the engine adds to the rows of an endpoint where an analysis has weights: the weight, the propensity score
#: behind it, and where there is no weight the reason. A subject without a weight is not in the analysis.
WEIGHT_SCHEMA: dict[str, pl.DataType] = {
    "weight": pl.Float64(),
    "propensity_score": pl.Float64(),
    "weight_note": pl.String(),
}

#: What an estimator reads.
SHAPES = ("time_to_event", "response", "any")


@dataclass(frozen=True, slots=True)
class Estimator:
    """A statistical estimate over derived endpoints.

    `estimate(rows, group, options)` receives the collected endpoint rows of one PARAMCD, with the group column (None = one
    group) and every column that its options `strata` and `covariates` name, and returns rows of `ARD_SCHEMA` without the
    columns `ARD_OF_ENGINE`. A category comes as Enum, its levels in order and the first the reference.
    `shape` says which endpoints it reads (`time_to_event`, `response` or `any`).
    `weighted` estimators use the columns `WEIGHT_SCHEMA` where the rows have them; others cannot be asked for weights.
    `interaction(rows, group, subgroup, options)` tests whether the comparison of groups differs between the levels of the
    column `subgroup`; None where there is no such test.
    """

    id: str
    version: str
    title: str
    reference: str
    shape: str
    options_schema: JsonSchema
    estimate: Callable[[pl.DataFrame, str | None, Mapping[str, Any]], pl.DataFrame]
    weighted: bool = False
    interaction: Callable[[pl.DataFrame, str | None, str, Mapping[str, Any]], pl.DataFrame] | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """A form in which tables come: files with one of the endings `suffixes`, or connections with one of the `schemes`.

    A file that is one table: `scan(path)` gives every column of it, text formats as text; the table is named as the file
    is. A file or connection that holds several (a workbook, a database): `scan_tables(place, is_wanted)` gives the name of
    each, and its rows where `is_wanted(name)`; rows must not need the connection any more.

    `signatures` are bytes that such a file has at a place (`(0, b"PAR1")`); a file that has none of them is refused before it
    is opened. With `takes_encoding`, `scan(path, encoding)` is told the text encoding that the protocol states, or None.

    Raises `errors.ReadError` where the bytes are not what they should be and `errors.UsageError` where a library is missing.
    """

    id: str
    version: str
    title: str
    suffixes: Sequence[str]
    scan: Callable[..., pl.LazyFrame] | None = None
    scan_tables: Callable[[str, Callable[[str], bool]], Mapping[str, pl.LazyFrame | None]] | None = None
    schemes: Sequence[str] = ()
    signatures: Sequence[tuple[int, bytes]] = ()
    takes_encoding: bool = False


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set to be written: its rows, and what a file may say about them.

    `labels` are the labels of its columns, `short_names` names of at most eight letters for those whose own is longer,
    `keys` the columns that name a row, in order. `as_of` is the data cut-off: the only day that a file may carry, because
    the same data must give the same bytes.
    """

    name: str
    label: str
    rows: pl.DataFrame | pl.LazyFrame
    labels: Mapping[str, str]
    short_names: Mapping[str, str] = field(default_factory=dict)
    keys: Sequence[str] = ()
    study: str = ""
    as_of: date = date(1960, 1, 1)

    @property
    def frame(self) -> pl.DataFrame:
        """The rows in memory; a format that can takes `rows` as they come and streams them."""
        return self.rows.lazy().collect()

    @property
    def short_name(self) -> str:
        """The name of the data set in formats that allow eight letters."""
        return self.name.upper()[:8]


@dataclass(frozen=True, slots=True)
class Writer:
    """A file format of the results: `write(data_set, path)` makes one file, the same bytes for the same data.

    `described` formats go to an agency or an archive: a define.xml is written beside their files. `columns(data_set)` says what
    such a file holds where that is not the rows as they are: them as they are written, and by name the column that each comes
    from and its label; `day_format` is the SAS format that shows its days. A writer that `takes_categories` is given texts of which
    a column has few as `Categorical`, and writes them as the texts that they are; others are given `String`. Raises
    `errors.WriteError` where the format cannot hold the data without loss, and `errors.UsageError` where a library is missing.
    """

    id: str
    version: str
    title: str
    suffix: str
    write: Callable[[DataSet, Path], None]
    described: bool = False
    columns: Callable[[DataSet], tuple[pl.DataFrame, Mapping[str, tuple[str, str]]]] | None = None
    day_format: str = "E8601DA."
    takes_categories: bool = False


@dataclass(frozen=True, slots=True)
class RulesetFolder:
    """A folder whose sub-folders each hold a `ruleset.yaml`; the sub-folder's name is the ruleset's id."""

    id: str
    path: Path
