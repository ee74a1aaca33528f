"""By which rule a record changed: the differing rules of its endpoint are tried one at a time.

Starting from the first run, each differing rule alone is given its value of the second run and the endpoint is derived again. A rule
that by itself gives a subject's new record is a cause of the change. Where none does, the differing rules act together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from rules_engine import pipeline
from rules_engine.diff.records import same_records
from rules_engine.diff.rules import ABSENT, Path, RuleDifference
from rules_engine.diff.side import Side
from rules_engine.loading import path_text
from rules_engine.model import EndpointDefinition, Schedule
from rules_engine.vocabulary import SubjectRecords

#: How causes were found: one row per changed record, `by` the rules joined with `; `, `how` one of these.
ALONE, TOGETHER, ONLY_ONE = "alone", "together", "the only difference"
CAUSE_SCHEMA: dict[str, pl.DataType] = {
    "paramcd": pl.String(), "subject": pl.String(), "by": pl.String(), "how": pl.String(),
}  # fmt: skip
#: Names of differences that are not of the endpoint's own options.
CUTOFF, DATA = "data cut-off", "input tables"


@dataclasses.dataclass(frozen=True)
class _Trial:
    """One differing rule and what it replaces in the first run: the endpoint, its records, the cut-off."""

    name: str
    endpoint: EndpointDefinition
    from_after: bool = False
    late: bool = False


def find_causes(before: Side, after: Side, changed: pl.DataFrame, rules: Sequence[RuleDifference]) -> pl.DataFrame:
    """`CAUSE_SCHEMA` for the changed records (`records.RECORD_SCHEMA`) of two runs on the same study."""
    gathered: dict[bool, Mapping[str | None, SubjectRecords]] = {}
    parts = [pl.DataFrame(schema=CAUSE_SCHEMA)]
    for paramcd in changed["paramcd"].unique(maintain_order=True):
        trials = _trials(before, after, paramcd, rules)
        subjects = changed.filter(pl.col("paramcd") == paramcd).select("subject")
        if len(trials) > 1:
            gathered = gathered or {False: _gathered(before), True: _gathered(after)}
            parts.append(_tried(before, after, paramcd, trials, subjects, gathered))
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
    trials = [_Trial(path_text(rule.path[3:] or rule.path[2:]), _with(one, other, rule)) for rule in own]
    streams = [
        rule.name
        for rule in rules
        if rule.path[0] == "responses" and len(rule.path) > 1 and rule.path[1] in (one.response, other.response)
    ]
    if streams and one.response == other.response:
        trials.append(_Trial("; ".join(streams), one, from_after=True))
    if any(rule.path[0] == "data" for rule in rules):
        trials.append(_Trial(DATA, one, from_after=True))
    if before.cutoff != after.cutoff:
        trials.append(_Trial(CUTOFF, one, late=True))
    return trials


def _with(one: EndpointDefinition, other: EndpointDefinition, rule: RuleDifference) -> EndpointDefinition:
    """The first endpoint with a single rule of the second."""
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
    before: Side, after: Side, paramcd: str, trials: Sequence[_Trial], subjects: pl.DataFrame,
    gathered: Mapping[bool, Mapping[str | None, SubjectRecords]],
) -> pl.DataFrame:  # fmt: skip
    wanted = {**after.derived.time_to_event, **after.derived.responses}[paramcd]
    found = []
    for trial in trials:
        records = gathered[trial.from_after].get(trial.endpoint.response)
        if records is None:  # a response stream that only the second run has
            records = gathered[True][trial.endpoint.response]
        kind = before.registry.endpoint_kinds.require(trial.endpoint.kind)
        if any(True for _problem in kind.check(trial.endpoint)):
            continue  # a rule that makes no sense without the others cannot act alone
        cutoff = after.cutoff if trial.late else before.cutoff
        rows = kind.derive(records, trial.endpoint, cutoff).collect(engine=pipeline.ENGINE)
        if rows.columns == wanted.columns:
            found.append(
                pl.DataFrame({"subject": same_records(subjects, rows, wanted)}).with_columns(by=pl.lit(trial.name))
            )
    alone = pl.concat([pl.DataFrame(schema={"subject": pl.String, "by": pl.String}), *found])
    causes = alone.group_by("subject", maintain_order=True).agg(pl.col("by").str.join("; "))
    every = "; ".join(trial.name for trial in trials)
    return (
        subjects.join(causes, on="subject", how="left")
        .with_columns(
            paramcd=pl.lit(paramcd), how=pl.when(pl.col("by").is_null()).then(pl.lit(TOGETHER)).otherwise(pl.lit(ALONE))
        )
        .with_columns(pl.col("by").fill_null(every))
        .select(list(CAUSE_SCHEMA))
    )
