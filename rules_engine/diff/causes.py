"""By which rule a record changed: the differing rules of its endpoint are tried one at a time, then two and three.

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
from rules_engine.model import EndpointDefinition, Schedule
from rules_engine.pipeline.endpoints import records_of
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


@dataclasses.dataclass(frozen=True)
class _Trial:
    """Differing rules and what they replace in the first run: values of the endpoint, its records, the cut-off."""

    name: str
    change: Change = lambda endpoint: endpoint
    from_after: bool = False
    late: bool = False

    def and_(self, other: _Trial) -> _Trial:
        """Both together."""
        return _Trial(
            f"{self.name} + {other.name}",
            lambda endpoint: other.change(self.change(endpoint)),
            self.from_after or other.from_after,
            self.late or other.late,
        )


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
    trials = [_Trial(path_text(rule.path[3:] or rule.path[2:]), partial(_with, other, rule)) for rule in own]
    streams = [
        rule.name
        for rule in rules
        if rule.path[0] == "responses" and len(rule.path) > 1 and rule.path[1] in (one.response, other.response)
    ]
    if streams and one.response == other.response:
        trials.append(_Trial("; ".join(streams), from_after=True))
    if any(rule.path[0] == "data" for rule in rules):
        trials.append(_Trial(DATA, from_after=True))
    if before.cutoff != after.cutoff:
        trials.append(_Trial(CUTOFF, late=True))
    return trials


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
    before: Side, after: Side, paramcd: str, trials: Sequence[_Trial], subjects: pl.DataFrame,
    gathered: Mapping[bool, Mapping[str | None, SubjectRecords]],
) -> pl.DataFrame:  # fmt: skip
    left, found = subjects, []
    for size, how in _SIZES.items():
        tried = [reduce(_Trial.and_, chosen) for chosen in combinations(trials, size)] if size < len(trials) else []
        if left.is_empty() or len(tried) > _MOST_TRIED:
            break
        explained = _explained(before, after, paramcd, tried, left, gathered)
        found.append(explained.with_columns(how=pl.lit(how)))
        left = left.join(explained, on="subject", how="anti")
    every = "; ".join(trial.name for trial in trials)
    found.append(left.with_columns(by=pl.lit(every), how=pl.lit(TOGETHER)))
    return pl.concat(found).select(paramcd=pl.lit(paramcd), subject="subject", by="by", how="how")


def _explained(
    before: Side, after: Side, paramcd: str, trials: Sequence[_Trial], subjects: pl.DataFrame,
    gathered: Mapping[bool, Mapping[str | None, SubjectRecords]],
) -> pl.DataFrame:  # fmt: skip
    """Those of the subjects whom a trial gives their new record, with `by`, the trials that do."""
    wanted = {**after.derived.time_to_event, **after.derived.responses}[paramcd]
    found = [pl.DataFrame(schema={"subject": pl.String, "by": pl.String})]
    for trial in trials:
        endpoint = trial.change(before.ruleset.endpoints[paramcd])
        kind = before.registry.endpoint_kinds.require(endpoint.kind)
        if any(True for _problem in kind.check(endpoint)):
            continue  # a rule that makes no sense without others cannot act without them
        records = gathered[trial.from_after].get(endpoint.response)
        if records is None:  # a response stream that only the second run has
            records = gathered[True][endpoint.response]
        cutoff = after.cutoff if trial.late else before.cutoff
        own = records_of(records, subjects["subject"].to_list())
        rows = kind.derive(own, endpoint, cutoff).collect(engine=pipeline.ENGINE)
        if rows.columns == wanted.columns:
            same = same_records(subjects, rows, wanted.filter(pl.col("subject").is_in(subjects["subject"].implode())))
            found.append(pl.DataFrame({"subject": same}).with_columns(by=pl.lit(trial.name)))
    return pl.concat(found).group_by("subject", maintain_order=True).agg(pl.col("by").str.join("; "))
