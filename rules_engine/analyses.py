"""The section `analyses` of a ruleset, run over derived endpoints: every estimate a row of the analysis results data.

Each analysis is an estimator over one endpoint's rows, joined with the characteristics of the subjects that it names; with
`subgroups` it is repeated in each level of each, with `weights` each run first weighs the subjects whom it looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from threading import RLock
from typing import Any, Final

import polars as pl

from rules_engine.analysis.ard import COUNT
from rules_engine.analysis.covariates import columns_of, derive_covariates, label_of
from rules_engine.analysis.options import with_defaults
from rules_engine.analysis.propensity import derive_weights
from rules_engine.analysis.times import filter_timed
from rules_engine.errors import PluginError, Problem, StudyError
from rules_engine.findings import WARNING, concat_findings, derive_findings, empty_findings, sort_findings
from rules_engine.guard import guarded_estimator
from rules_engine.model import AnalysisDefinition, Ruleset
from rules_engine.registry import Registry
from rules_engine.side_by_side import side_by_side
from rules_engine.vocabulary import ARD_KEY, ARD_OF_ENGINE, ARD_SCHEMA, WEIGHT_SCHEMA, Estimator, require_columns

#: Marks an option `covariates` that is those of the propensity model where the analysis has weights and states none.
FROM_WEIGHTS: Final = "x-from-weights"
#: Why an analysis of subgroups leaves subjects out.
_NO_SUBGROUP = "the characteristic is missing and its definition excludes such subjects"
#: Why an analysis leaves records out.
_NO_TIME = "the record has no start, so that its time is not known"
#: Columns of one run, before it is named by its analysis and endpoint.
_OF_RUN = {name: dtype for name, dtype in ARD_SCHEMA.items() if name not in ("analysis", "paramcd")}


@dataclass(frozen=True)
class Estimated:
    """Analysis results data in the order of the ruleset, the complete options of each analysis, and what was odd."""

    ard: pl.DataFrame
    options: Mapping[str, Mapping[str, Any]]
    findings: pl.DataFrame


def derive_estimates(
    ruleset: Ruleset, endpoints: Mapping[str, pl.DataFrame], subjects: pl.DataFrame, registry: Registry,
    progress: Callable[[str], None] = lambda _stage: None,
) -> Estimated:  # fmt: skip
    """Run every analysis of the ruleset; `endpoints` are the derived rows by PARAMCD, one row per subject and endpoint."""
    parts = [pl.DataFrame(schema=ARD_SCHEMA)]
    complete: dict[str, dict[str, Any]] = {}
    findings = [empty_findings()]
    facts = _Facts(ruleset, subjects)
    asked = [(analysis, paramcd) for analysis in ruleset.analyses.values() for paramcd in analysis.endpoints]
    in_turn = sorted(asked, key=itemgetter(1))  # rows that lie on disk are read once for all that look at them
    work = [
        partial(_estimated, analysis, paramcd, ruleset, endpoints, facts, registry) for analysis, paramcd in in_turn
    ]
    done = {}
    with side_by_side(work) as results:
        for analysis, paramcd in in_turn:
            progress(f"analyses: {analysis.name}, {paramcd}")
            done[analysis.name, paramcd] = next(results)
    for analysis, paramcd in asked:
        estimates, options, lacking = done[analysis.name, paramcd]
        parts.append(estimates)
        if lacking:
            findings.append(_lacking_finding(analysis, lacking))
        else:
            complete[analysis.name] = options
    odd = concat_findings([*findings, *facts.findings])
    return Estimated(pl.concat(parts), complete, sort_findings(odd).collect())


def _estimated(
    analysis: AnalysisDefinition, paramcd: str, ruleset: Ruleset, endpoints: Mapping[str, pl.DataFrame], facts: _Facts,
    registry: Registry,
) -> tuple[pl.DataFrame, dict[str, Any], Sequence[str]]:  # fmt: skip
    """The results of one analysis of one endpoint, its complete options, and the columns for want of which it was not run."""
    estimator = guarded_estimator(registry, registry.estimators.require(analysis.estimator))
    lacking = _lacking(analysis, ruleset, facts.subjects)
    if analysis.optional and lacking:
        return _not_run(analysis, paramcd, lacking), {}, lacking
    options = analysis_options(analysis, estimator, ruleset, paramcd)
    rows = facts.joined(analysis, paramcd, endpoints[paramcd])
    try:
        estimates = pl.concat(list(_runs(analysis, estimator, rows, options, facts, paramcd)))
    except StudyError as error:
        raise StudyError([_placed(problem, analysis, paramcd) for problem in error.problems]) from error
    named = estimates.with_columns(analysis=pl.lit(analysis.name), paramcd=pl.lit(paramcd)).select(list(ARD_SCHEMA))
    return _require_keys(named, estimator), with_defaults(options, estimator.options_schema), ()


class _Facts:
    """The characteristics of the subjects, each derived once, and the weights of each population, each fitted once.

    Several analyses ask at a time; whoever asks for what another is deriving waits for it.
    """

    def __init__(self, ruleset: Ruleset, subjects: pl.DataFrame) -> None:
        self.ruleset = ruleset
        self.subjects = subjects
        self.findings: list[pl.LazyFrame] = []
        self._one_at_a_time = RLock()
        self._columns: dict[tuple[str, bool], pl.Series] = {}
        self._places: dict[str, pl.Series | None] = {}
        self._weights: dict[tuple[object, ...], pl.DataFrame] = {}

    def joined(self, analysis: AnalysisDefinition, paramcd: str, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of an endpoint with every characteristic that the analysis names."""
        strata = list(analysis.options.get("strata", ()))
        apart = [*([analysis.by] if analysis.by is not None else []), *strata]
        model = [name for name in _named(analysis, self.ruleset) if name not in strata or name in analysis.subgroups]
        with self._one_at_a_time:
            place = self._place(paramcd, rows)
            columns = [self._column(name, name not in model) for name in dict.fromkeys([*apart, *model])]
        return rows.with_columns(column if place is None else column.gather(place) for column in columns)

    def weighed(
        self, analysis: AnalysisDefinition, paramcd: str, rows: pl.DataFrame, reference: str | None, *, keep: bool
    ) -> pl.DataFrame:
        """The rows with the weights of the analysis, fitted to just these rows; `keep` remembers them for the next one."""
        assert analysis.weights is not None and analysis.by is not None  # noqa: S101, PT018  (the loader sees to it)
        weights = self.ruleset.weights[analysis.weights]
        if not keep:
            return derive_weights(rows, analysis.by, weights, reference)
        with self._one_at_a_time:
            # None: every subject, in the same order.
            population = None if self._places[paramcd] is None else paramcd
            key = (analysis.by, analysis.weights, reference, population)
            if key not in self._weights:
                weighed = derive_weights(rows, analysis.by, weights, reference)
                self._weights[key] = weighed.select(list(WEIGHT_SCHEMA))
        return rows.with_columns(self._weights[key])

    def _column(self, name: str, keep_missing: bool) -> pl.Series:
        key = (name, keep_missing)
        if key not in self._columns:
            kept = [name] if keep_missing else []
            frame, odd = derive_covariates(self.subjects, [name], self.ruleset.covariates, kept)
            self._columns[key] = frame[name]
            self.findings.append(odd)
        return self._columns[key]

    def _place(self, paramcd: str, rows: pl.DataFrame) -> pl.Series | None:
        """The row of `subjects` for each row of an endpoint; None where they are the same subjects in the same order."""
        if paramcd not in self._places:
            subject = self.subjects["subject"]
            if rows["subject"].equals(subject):
                self._places[paramcd] = None
            else:
                numbered = pl.DataFrame({"subject": subject, "place": pl.int_range(subject.len(), eager=True)})
                found = rows.select("subject").join(numbered, on="subject", how="left", maintain_order="left")
                self._places[paramcd] = found["place"]
        return self._places[paramcd]


def analysis_options(
    analysis: AnalysisDefinition, estimator: Estimator, ruleset: Ruleset, paramcd: str
) -> dict[str, Any]:
    """The analysis' own options, and what the engine knows and the estimator asks for."""
    known = estimator.options_schema.get("properties", {})
    given = dict(analysis.options)
    endpoint = ruleset.endpoints[paramcd]
    study: Mapping[str, Any] = ruleset.document.get("study") or {}
    if "days_per_month" in known and "days_per_month" in endpoint.options:
        given.setdefault("days_per_month", endpoint.options["days_per_month"])
    if "group_order" in known and analysis.by == "arm" and study.get("arms"):
        given.setdefault("group_order", list(study["arms"]))
    if "reference_group" in known and analysis.by == "arm" and study.get("reference_arm") is not None:
        given.setdefault("reference_group", study["reference_arm"])
    if analysis.weights is not None and FROM_WEIGHTS in known.get("covariates", {}):
        given.setdefault("covariates", list(ruleset.weights[analysis.weights].covariates))
    named = [*given.get("strata", ()), *given.get("covariates", ())]
    if "labels" in known and named:
        given.setdefault("labels", {name: label_of(name, ruleset.covariates) for name in named})
    return given


def _lacking(analysis: AnalysisDefinition, ruleset: Ruleset, subjects: pl.DataFrame) -> list[str]:
    """Columns that an analysis names and the subjects do not have."""
    names = [*_named(analysis, ruleset), *([analysis.by] if analysis.by is not None else [])]
    columns = [column for name in names for column in columns_of(name, ruleset.covariates)]
    return [column for column in dict.fromkeys(columns) if column not in subjects.columns]


def _named(analysis: AnalysisDefinition, ruleset: Ruleset) -> list[str]:
    """Characteristics that an analysis names beside its groups."""
    options = analysis.options
    named = [*options.get("strata", ()), *analysis.subgroups, *options.get("covariates", ())]
    return named if analysis.weights is None else [*named, *ruleset.weights[analysis.weights].covariates]


def _not_run(analysis: AnalysisDefinition, paramcd: str, lacking: Sequence[str]) -> pl.DataFrame:
    """The one row of an optional analysis that could not be run."""
    row = {
        "analysis": analysis.name, "paramcd": paramcd, "statistic": "not_run", "label": "Analysis not run",
        "note": _not_there(lacking), "n": 0, "format": COUNT,
    }  # fmt: skip
    return pl.DataFrame([row], schema=ARD_SCHEMA)


def _lacking_finding(analysis: AnalysisDefinition, lacking: Sequence[str]) -> pl.LazyFrame:
    return derive_findings(
        pl.LazyFrame({"analysis": [analysis.name]}),
        rule_id="analysis.not_run",
        severity=WARNING,
        table="subjects",
        message=f"the analysis {analysis.name!r} was not run: {_not_there(lacking)}",
        action="the optional analysis is left out",
        subject=None,
        field=", ".join(lacking),
    )


def _not_there(lacking: Sequence[str]) -> str:
    return f"the study has no column {', '.join(map(repr, lacking))} in the table subjects"


# Runs -----------------------------------------------------------------------------------------------------------------


def _runs(
    analysis: AnalysisDefinition,
    estimator: Estimator,
    rows: pl.DataFrame,
    options: Mapping[str, Any],
    facts: _Facts,
    paramcd: str,
) -> Iterator[pl.DataFrame]:
    """The analysis of all its subjects, then in each level of each subgroup."""

    def weighed(part: pl.DataFrame, *, keep: bool = False) -> pl.DataFrame:
        if analysis.weights is None:
            return part
        reference = options.get("reference_group")
        if reference is None and analysis.by == "arm":
            reference = (facts.ruleset.document.get("study") or {}).get("reference_arm")
        return facts.weighed(analysis, paramcd, part, reference, keep=keep)

    def run(part: pl.DataFrame, name: str | None = None, level: str | None = None) -> pl.DataFrame:
        estimates = estimator.estimate(weighed(part, keep=name is None and is_whole), analysis.by, options)
        return _of_subgroup(estimates, estimator, name, level)

    recorded, rows = rows.height, filter_timed(rows)
    is_whole = rows.height == recorded
    yield run(rows)
    if not is_whole:
        yield _left_out(recorded - rows.height, "n_without_time", "Subjects without a time", _NO_TIME)
    for name in analysis.subgroups:
        column = rows[name]
        for level in _levels(column):
            yield run(rows.filter((pl.col(name).cast(pl.String) == level).fill_null(value=False)), name, level)
        if column.null_count():
            label = "Subjects in no subgroup"
            yield _left_out(column.null_count(), "n_without_subgroup", label, _NO_SUBGROUP, name)
        if estimator.interaction is not None:
            known = rows.filter(pl.col(name).is_not_null()) if column.null_count() else rows
            tests = estimator.interaction(weighed(known), analysis.by, name, options)
            yield _of_subgroup(tests, estimator, name, None)


def _levels(column: pl.Series) -> Sequence[str]:
    """The levels of a subgroup in their order, also those that nobody is in."""
    if isinstance(column.dtype, pl.Enum):
        return column.dtype.categories.to_list()
    return column.drop_nulls().cast(pl.String).unique().sort().to_list()


def _of_subgroup(
    estimates: pl.DataFrame, estimator: Estimator, subgroup_variable: str | None, subgroup: str | None
) -> pl.DataFrame:
    own = {name: dtype for name, dtype in ARD_SCHEMA.items() if name not in ARD_OF_ENGINE}
    require_columns(estimates, own, f"estimator {estimator.id!r} (version {estimator.version})")
    placed = estimates.with_columns(
        subgroup_variable=pl.lit(subgroup_variable, pl.String), subgroup=pl.lit(subgroup, pl.String)
    )
    return placed.select(list(_OF_RUN))


def _left_out(number: int, statistic: str, label: str, why: str, subgroup: str | None = None) -> pl.DataFrame:
    """How many subjects are left out."""
    row = {
        "subgroup_variable": subgroup, "statistic": statistic, "label": label,
        "value": float(number), "note": why, "n": number, "format": COUNT,
    }  # fmt: skip
    return pl.DataFrame([row], schema=_OF_RUN)


# Contracts ------------------------------------------------------------------------------------------------------------


def _require_keys(ard: pl.DataFrame, estimator: Estimator) -> pl.DataFrame:
    """The same rows, or `PluginError` where two numbers have one name, or a number is missing without a reason."""
    who = f"estimator {estimator.id!r} (version {estimator.version})"
    repeated = ard.filter(pl.struct(ARD_KEY).is_duplicated())
    if repeated.height:
        shown = ", ".join(f"{key} {value!r}" for key, value in zip(ARD_KEY, repeated.row(0), strict=False) if value)
        raise PluginError.at(who, f"it returned two numbers of one name: {shown}", "name each number once")
    silent = ard.filter(pl.col("value").is_null() & pl.col("note").is_null())
    if silent.height:
        statistic = silent["statistic"][0]
        raise PluginError.at(who, f"it returned {statistic!r} without a value and without a reason", "state `note`")
    return ard


def _placed(problem: Problem, analysis: AnalysisDefinition, paramcd: str) -> Problem:
    """A problem of an estimator at the place of its analysis in the ruleset."""
    place = f"{analysis.position} " if analysis.position is not None else ""
    return Problem(
        where=f"{place}(analyses.{analysis.name}, {paramcd})",
        what=problem.what,
        remedy=problem.remedy,
        meant=problem.meant,
        file=analysis.position.file if analysis.position is not None else None,
        line=analysis.position.line if analysis.position is not None else None,
        column=analysis.position.column if analysis.position is not None else None,
    )
