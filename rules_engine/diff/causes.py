"""By which rule a record changed: the differing rules of its endpoint and stream are tried one at a time, then two and three.

Starting from the first run, each differing rule alone is given its value of the second run and the endpoint is derived again. A rule
that by itself gives a subject's new record is a cause of the change. Where none does, two or three may: a rule may need another, as
the longest gap needs the method that reads it. Where no three do, the differing rules act together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from itertools import combinations
from typing import Any

import polars as pl

from rules_engine import pipeline
from rules_engine.diff.records import same_records
from rules_engine.diff.rules import ABSENT, Path, RuleDifference
from rules_engine.diff.side import Side
from rules_engine.loading import path_text
from rules_engine.model import EndpointDefinition, ResponseDefinition, Schedule
from rules_engine.pipeline.endpoints import records_of
from rules_engine.pipeline.responses import derive_responses, of_subjects
from rules_engine.vocabulary import SubjectRecords

#: How causes were found: one row per changed record, `by` the rules joined with `; `, `how` one of these.
ALONE, PAIR, THREE, TOGETHER, ONLY_ONE = "alone", "as a pair", "three together", "together", "the only difference"
#: How many rules are tried together, and what that is called.
_SIZES = {1: ALONE, 2: PAIR, 3: THREE}
#: Most combinations of one size that are tried for an endpoint: all pairs of twelve rules.
_MOST_TRIED = 66
CAUSE_SCHEMA: dict[str, pl.DataType] = {
    "paramcd": pl.String(), "subject": pl.String(), "by": pl.String(), "how": pl.String(),
}  # fmt: skip
#: Names of differences that are not of the endpoint's own options.
CUTOFF, DATA = "data cut-off", "input tables"


Change = Callable[[EndpointDefinition], EndpointDefinition]
ChangeOfStream = Callable[[ResponseDefinition], ResponseDefinition]


@dataclasses.dataclass(frozen=True)
class _Trial:
    """Differing rules and what they replace in the first run: values of the endpoint, of the stream that it reads (by the name of
    the rule), the input tables (`data`), the cut-off (`late`).
    """

    name: str
    change: Change = lambda endpoint: endpoint
    of_stream: Mapping[str, ChangeOfStream] = dataclasses.field(default_factory=dict)
    data: bool = False
    late: bool = False

    def and_(self, other: _Trial) -> _Trial:
        """Both together."""
        return _Trial(
            f"{self.name} + {other.name}",
            lambda endpoint: other.change(self.change(endpoint)),
            {**self.of_stream, **other.of_stream},
            self.data or other.data,
            self.late or other.late,
        )


@dataclasses.dataclass
class _Records:
    """The records that endpoints read, as the first run has them or as they are with some rules of the second."""

    before: Side
    after: Side
    subjects: Sequence[str]
    of_before: Mapping[str | None, SubjectRecords]
    known: dict[tuple[Any, ...], SubjectRecords] = dataclasses.field(default_factory=dict)

    def of(self, trial: _Trial, response: str | None) -> SubjectRecords:
        """The records of the subjects. Raises `RulesEngineError` where the stream cannot be derived so."""
        if response in self.of_before and not (trial.of_stream or trial.data or trial.late):
            return records_of(self.of_before[response], self.subjects)
        key = (response, tuple(sorted(trial.of_stream)), trial.data, trial.late)
        if key not in self.known:
            self.known[key] = self._derived(trial, response)
        return self.known[key]

    def _derived(self, trial: _Trial, response: str | None) -> SubjectRecords:
        """Every stream of the subjects derived anew, that of the endpoint with the rules of the trial."""
        tables = self.after.tables if trial.data else self.before.tables
        cutoff = self.after.cutoff if trial.late else self.before.cutoff
        mine = {name: of_subjects(rows, self.subjects) for name, rows in pipeline.tables_as_of(tables, cutoff).items()}
        streams = dict(self.before.ruleset.responses)
        if response is not None:
            stream = streams.get(response) or self.after.ruleset.responses[response]
            streams[response] = reduce(lambda one, change: change(one), trial.of_stream.values(), stream)
        ruleset = dataclasses.replace(self.before.ruleset, responses=streams)
        derived, _findings = derive_responses(ruleset, mine, self.before.registry, cutoff)
        timepoints = {name: one.timepoints for name, one in derived.items()}
        assessments = pipeline.assessment_streams(ruleset, mine, timepoints, self.before.registry)
        return pipeline.gather_records(ruleset, mine, assessments)[response]


def find_causes(before: Side, after: Side, changed: pl.DataFrame, rules: Sequence[RuleDifference]) -> pl.DataFrame:
    """`CAUSE_SCHEMA` for the changed records (`records.RECORD_SCHEMA`) of two runs on the same study."""
    of_before: Mapping[str | None, SubjectRecords] = {}
    parts = [pl.DataFrame(schema=CAUSE_SCHEMA)]
    for paramcd in changed["paramcd"].unique(maintain_order=True):
        trials = _trials(before, after, paramcd, rules)
        subjects = changed.filter(pl.col("paramcd") == paramcd).select("subject")
        if len(trials) > 1:
            of_before = of_before or _gathered(before)
            found = _Records(before, after, subjects["subject"].to_list(), of_before)
            parts.append(_tried(before, after, paramcd, trials, subjects, found))
            continue
        by, how = (trials[0].name, ONLY_ONE) if trials else (DATA, ONLY_ONE)
        parts.append(_caused(paramcd, subjects, by, how))
    return pl.concat(parts)


def _caused(paramcd: str, subjects: pl.DataFrame, by: str, how: str) -> pl.DataFrame:
    return subjects.select(paramcd=pl.lit(paramcd), subject="subject", by=pl.lit(by), how=pl.lit(how))


def _gathered(side: Side) -> Mapping[str | None, SubjectRecords]:
    streams = pipeline.assessment_streams(side.ruleset, side.tables, side.derived.timepoints, side.registry)
    return pipeline.gather_records(side.ruleset, side.tables, streams)


def _trials(before: Side, after: Side, paramcd: str, rules: Sequence[RuleDifference]) -> list[_Trial]:
    """The differences that can change the endpoint's records, each with the endpoint as it would be with that one."""
    one, other = before.ruleset.endpoints[paramcd], after.ruleset.endpoints[paramcd]
    own = [rule for rule in rules if rule.path[:2] == ("endpoints", paramcd) and not rule.is_wording]
    trials = [_Trial(path_text(rule.path[3:] or rule.path[2:]), partial(_with, other, rule)) for rule in own]
    if one.response is not None and one.response == other.response:
        trials += _trials_of_stream(before, after, one.response, rules)
    if any(rule.path[0] == "data" for rule in rules):
        trials.append(_Trial(DATA, data=True))
    if before.cutoff != after.cutoff:
        trials.append(_Trial(CUTOFF, late=True))
    return trials


def _trials_of_stream(before: Side, after: Side, name: str, rules: Sequence[RuleDifference]) -> list[_Trial]:
    """The differences of one stream: each by itself where one criterion reads both, all as one where the streams have none in common."""
    differing = [rule for rule in rules if rule.path[:2] == ("responses", name)]
    one, other = before.ruleset.responses.get(name), after.ruleset.responses.get(name)
    if not differing or one is None or other is None:
        return []
    if one.rules is None or other.rules is None or one.rules.criterion != other.rules.criterion:
        together = "; ".join(rule.name for rule in differing)
        return [_Trial(together, of_stream={together: lambda _one: other})]
    # The name of the criterion's ruleset says nothing that its options do not say.
    acting = [rule for rule in differing if rule.path[2] not in ("criterion", "plugin")]
    return [_Trial(rule.name, of_stream={rule.name: partial(_stream_with, other, rule)}) for rule in acting]


def _stream_with(other: ResponseDefinition, rule: RuleDifference, one: ResponseDefinition) -> ResponseDefinition:
    """A derived stream with a single rule of the other."""
    part = rule.path[2]
    if part != "options":
        return dataclasses.replace(one, **{part: getattr(other, part)})
    assert one.rules is not None  # noqa: S101  (asked before)
    options = _placed(one.rules.options, rule.path[3:], rule.after)
    return dataclasses.replace(one, rules=dataclasses.replace(one.rules, options=options))


def _with(other: EndpointDefinition, rule: RuleDifference, one: EndpointDefinition) -> EndpointDefinition:
    """An endpoint with a single rule of the other."""
    part = rule.path[2]
    if part == "options":
        return dataclasses.replace(one, options=_placed(one.options, rule.path[3:], rule.after))
    if part == "schedule":
        schedule: Schedule | None = other.schedule
        return dataclasses.replace(one, schedule=schedule)
    return dataclasses.replace(one, **{part: getattr(other, part)})


def _placed(options: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The options with one value put in place; an absent value is null, as an option without a value is."""
    head, *rest = path
    below = options.get(head)
    if not rest:
        return {**options, head: None if value is ABSENT else value}
    return {**options, head: _placed(below if isinstance(below, Mapping) else {}, tuple(rest), value)}


def _tried(
    before: Side, after: Side, paramcd: str, trials: Sequence[_Trial], subjects: pl.DataFrame, records: _Records
) -> pl.DataFrame:  # fmt: skip
    left, found = subjects, []
    for size, how in _SIZES.items():
        tried = [reduce(_Trial.and_, chosen) for chosen in combinations(trials, size)] if size < len(trials) else []
        if left.is_empty() or len(tried) > _MOST_TRIED:
            break
        explained = _explained(before, after, paramcd, tried, left, records)
        found.append(explained.with_columns(how=pl.lit(how)))
        left = left.join(explained, on="subject", how="anti")
    every = "; ".join(trial.name for trial in trials)
    found.append(left.with_columns(by=pl.lit(every), how=pl.lit(TOGETHER)))
    return pl.concat(found).select(paramcd=pl.lit(paramcd), subject="subject", by="by", how="how")


def _explained(
    before: Side, after: Side, paramcd: str, trials: Sequence[_Trial], subjects: pl.DataFrame, records: _Records
) -> pl.DataFrame:  # fmt: skip
    """Those of the subjects whom a trial gives their new record, with `by`, the trials that do."""
    wanted = {**after.derived.time_to_event, **after.derived.responses}[paramcd]
    found = [pl.DataFrame(schema={"subject": pl.String, "by": pl.String})]
    for trial in trials:
        endpoint = trial.change(before.ruleset.endpoints[paramcd])
        kind = before.registry.endpoint_kinds.require(endpoint.kind)
        if any(True for _problem in kind.check(endpoint)):
            continue  # a rule that makes no sense without others cannot act without them
        if not _is_possible(trial, before, endpoint.response):
            continue
        cutoff = after.cutoff if trial.late else before.cutoff
        own = records_of(records.of(trial, endpoint.response), subjects["subject"].to_list())
        rows = kind.derive(own, endpoint, cutoff).collect(engine=pipeline.ENGINE)
        if rows.columns == wanted.columns:
            same = same_records(subjects, rows, wanted.filter(pl.col("subject").is_in(subjects["subject"].implode())))
            found.append(pl.DataFrame({"subject": same}).with_columns(by=pl.lit(trial.name)))
    return pl.concat(found).group_by("subject", maintain_order=True).agg(pl.col("by").str.join("; "))


def _is_possible(trial: _Trial, before: Side, response: str | None) -> bool:
    """The criterion of the stream accepts its values together."""
    stream = None if response is None else before.ruleset.responses.get(response)
    if stream is None or not trial.of_stream:
        return True
    changed = reduce(lambda one, change: change(one), trial.of_stream.values(), stream)
    if changed.rules is None:
        return True
    return not list(before.registry.criteria.require(changed.rules.criterion).check(changed.rules))
