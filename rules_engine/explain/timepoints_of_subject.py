"""From one subject's data to the stories of its timepoint responses: one response stream, every visit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from rules_engine import guard, pipeline
from rules_engine.criteria.options import waits_for_confirmation
from rules_engine.explain.lesions import TOOLBOX_VALUES, LesionBook, RecordedLesions
from rules_engine.explain.reassessed_alternatives import reassessed_alternatives
from rules_engine.explain.reassessment import Block, tell
from rules_engine.explain.rulebook import CriterionBook
from rules_engine.explain.sentences import Sentence, SourceRecord
from rules_engine.explain.subject import LESION_TABLE, SubjectData
from rules_engine.explain.thresholds import Alternative, VisitFacts, alternatives
from rules_engine.explain.timepoint import Component, Sums, TimepointStory
from rules_engine.explain.timepoints_of_tables import tell_of_tables
from rules_engine.explain.words import change_percent, listed, mm, percent
from rules_engine.model import CriterionRules, ResponseDefinition
from rules_engine.vocabulary import Criterion

Row = Mapping[str, Any]


def tell_timepoints(data: SubjectData, response: ResponseDefinition) -> list[TimepointStory]:
    """Every visit of one response stream of the subject, in order."""
    if response.source == "collected":
        return [
            _tell_collected(data, response, row)
            for row in data.assessments(response).sort("date", "seq").iter_rows(named=True)
        ]
    criterion = data.criterion(response)
    if criterion is not None and criterion.assess_tables is not None:
        return tell_of_tables(data, response, criterion)
    return _Teller.of(data, response).stories()


def _tell_collected(data: SubjectData, response: ResponseDefinition, row: Row) -> TimepointStory:
    """A response as a reader reported it: there is nothing to derive, only a record to point to."""
    source = SourceRecord("RS", "RSDTC", row["seq"], row["source_id"])
    day = row["date"] or row["latest_part_date"] or row["visit_date"]
    # Of a partial date the first day that is possible, to put the record in its place among the others.
    visit = date.fromisoformat(f"{day}-01-01"[:10])
    code = row["response"]
    text = f"{code} as collected on {day}" + (f", re-assessed as {row['iresponse']}" if row["iresponse"] else "")
    return TimepointStory(
        data.subject, response.name, response.collected_as or "collected", f"collected: {response.collected_as}", visit, 0, None,
        bool(row["suspected_pseudoprogression"]), code, (), None, None, None, None,
        Component(code, Sentence(f"{text}.", sources=(source,), day=visit)), None, (),
    )  # fmt: skip


@dataclass(frozen=True)
class _Teller:
    """Everything that the stories of one derived stream are told from."""

    data: SubjectData
    response: ResponseDefinition
    criterion: Criterion
    rules: CriterionRules
    book: CriterionBook
    lesions: LesionBook | RecordedLesions
    rows: Sequence[Row]
    inspected: Mapping[date, Row]

    @classmethod
    def of(cls, data: SubjectData, response: ResponseDefinition) -> _Teller:
        assert response.rules is not None  # noqa: S101  (the loader gives every derived stream its rules)
        criterion = data.registry.criteria.require(response.rules.criterion)
        reading = data.reading(response)
        rows = data.assessed(response).to_dicts()
        who = pipeline.criterion_name(criterion, data.registry)
        inspected = _inspected(who, criterion, reading, response.rules)
        book = CriterionBook(data.ruleset, response)
        by_toolbox = response.rules.options.keys() >= TOOLBOX_VALUES
        lesions = LesionBook.of(reading, book, response.rules) if by_toolbox else RecordedLesions.of(reading.collect())
        return cls(data, response, criterion, response.rules, book, lesions, rows, inspected)

    def stories(self) -> list[TimepointStory]:
        return [self._story(place) for place in range(len(self.rows))]

    def _story(self, place: int) -> TimepointStory:
        row = self.rows[place]
        visit = row["visit_date"]
        looked_at = self.inspected.get(visit, {})
        disregarded = [earlier["visit_date"] for earlier in self.rows[:place] if not earlier["accepted"]]
        targets, nontargets = self.lesions.targets(visit), self.lesions.nontargets(visit)
        new = self.lesions.new_lesions(visit, disregarded, self.rules)
        facts = VisitFacts({**row, **looked_at} if looked_at else row, self.book, targets, nontargets, new)
        sums = self._sums(place, looked_at)
        block = self._block(place, facts) if "fate" in looked_at else None
        told = tell(block) if block is not None else None
        return TimepointStory(
            subject=self.data.subject,
            response_name=self.response.name,
            criterion=self.rules.ruleset,
            title=self.criterion.title,
            visit_date=visit,
            number=place + 1,
            reason=row["reason"],
            suspected_pseudoprogression=bool(row["suspected_pseudoprogression"]),
            overall=row["overall"],
            lesions=(*targets, *nontargets, *new),
            sums=sums if row["target"] != "NA" else None,
            target=self._target(place, facts, sums),
            nontarget=self._nontarget(facts),
            new_lesion=self._new_lesion(facts, block),
            decision=self._decision(row),
            reassessment=told,
            alternatives=tuple(self._alternatives(facts, block)),
            notes=tuple(self._notes(row, facts, sums)),
        )

    # Sums

    def _sums(self, place: int, looked_at: Row) -> Sums:
        row = self.rows[place]
        baseline_date = looked_at.get("baseline_date")
        limits = tuple(self.rules.options[key] for key in ("pr.pct", "pd.pct") if key in self.rules.options)
        return Sums(
            row["sum_x100"], row["sum_x100"] if row["sum_complete"] else looked_at.get("partial_x100"), row["baseline_x100"],
            baseline_date, row["nadir_x100"], self._nadir_date(place, baseline_date), limits,
        )  # fmt: skip

    def _nadir_date(self, place: int, baseline_date: date | None) -> date | None:
        """The first visit that had the nadir."""
        row = self.rows[place]
        nadir = row["nadir_x100"]
        if nadir is None:
            return None
        if nadir == row["baseline_x100"] and self.rules.options.get("nadir.includes_baseline", True):
            return baseline_date
        earlier = (
            one for one in self.rows[:place] if one["accepted"] and one["sum_complete"] and one["sum_x100"] == nadir
        )
        return next((one["visit_date"] for one in earlier), None)

    # Components

    def _target(self, place: int, facts: VisitFacts, sums: Sums) -> Component:
        row = facts.row
        rule_id = row.get("target_rule")
        if rule_id is None:  # the criterion does not show it: the trace has it, if any
            return Component(
                row["target"], Sentence(f"{row['target']}.", tuple(map(self.book.rule, _first(row["trace"]))))
            )
        why = self._why_target(rule_id.rpartition(".")[2], place, facts, sums)
        values = [
            self.book.value(key)
            for key in _TARGET_VALUES.get(rule_id.rpartition(".")[2], ())
            if key in self.rules.options
        ]
        return Component(row["target"], Sentence(f"{row['target']}{why}.", (self.book.rule(rule_id), *values)))

    def _why_target(self, rule: str, place: int, facts: VisitFacts, sums: Sums) -> str:
        """The reason for the target response with its numbers."""
        fall, rise = sums.baseline_change, sums.nadir_change
        growth = (
            None if sums.sum_x100 is None or sums.nadir_x100 is None else mm(sums.sum_x100 - sums.nadir_x100, sign=True)
        )
        risen = ", ".join(part for part in (rise, growth) if part)
        if rule == "pd":
            return f": {risen} from the nadir"
        if rule == "pr":
            return f": {fall} from the baseline"
        if rule == "sd":
            return f": {fall} from the baseline is too little for PR" + (
                f", {risen} from the nadir too little for PD" if risen else ""
            )
        if rule == "cr":
            nodes = [
                f"{one.lesion} ({mm(one.counted_x100 or 0)})" for one in facts.targets if one.node and one.counted_x100
            ]
            return ": every target is gone" + (f", and the nodes are normal: {listed(nodes)}" if nodes else "")
        if rule == "pr_persists":
            since = self._response_since(place)
            return (
                f": a response was seen on {since} and has not been lost"
                if since
                else ": an earlier response has not been lost"
            )
        if rule == "reappearance":
            back = listed(one.lesion for one in facts.targets if one.status == "present")
            before = self._complete_before(place, facts)
            return f": {back} seen again after the complete response of {before}"
        if rule == "pd_partial":
            change = _against(sums.known_x100, sums.nadir_x100, sums.limits)
            return f": the targets that are known prove it, {change} from the nadir"
        if rule == "ne":
            missing = [one.lesion for one in facts.targets if not one.is_evaluated]
            return (
                f": {listed(missing)} not evaluated, and the others prove no progression"
                if missing
                else ": a target is recorded twice"
            )
        return ""

    def _response_since(self, place: int) -> date | None:
        """The visit that first showed the response that persists."""
        since = None
        for row in self.rows[:place]:
            if not row["accepted"]:
                continue
            ends = row["target"] == "PD" or (waits_for_confirmation(self.rules) and row["overall"] in ("iUPD", "iCPD"))
            if ends:
                since = None
            elif since is None and row["target"] in ("CR", "PR"):
                since = row["visit_date"]
        return since

    def _complete_before(self, place: int, facts: VisitFacts) -> date | None:
        """The complete response that a lesion came back after."""
        overall = bool(facts.row.get("cr_before"))
        for row in self.rows[:place]:
            if row["accepted"] and ((row["overall_as_read"] in ("CR", "iCR")) if overall else row["target"] == "CR"):
                return row["visit_date"]  # type: ignore[no-any-return]
        return None

    def _nontarget(self, facts: VisitFacts) -> Component | None:
        row = facts.row
        rule_id = row.get("nontarget_rule")
        rules = (self.book.rule(rule_id),) if rule_id is not None else ()
        by_status = {status: [one.lesion for one in facts.nontargets if one.status == status] for status in _STATUSES}
        named = [f"{listed(lesions)} {status}" for status, lesions in by_status.items() if lesions]
        why = f": {'; '.join(named)}" if named else ""
        return Component(row["nontarget"], Sentence(f"{row['nontarget']}{why}.", rules))

    def _new_lesion(self, facts: VisitFacts, block: Block | None) -> Component:
        there = [one for one in facts.new if one.counts and one.status in ("present", "unequivocal")]
        waiting = [one.lesion for one in facts.new if one.status == "uncertain"]
        if facts.row["new_lesion"]:
            said = [
                f"{one.lesion} ({'first counts at this visit' if one.begins else f'counts since {one.counts_since}'})"
                for one in there
            ]
            text = f"yes: {listed(said)}" if said else "yes"
        else:
            text = "none"
        if waiting:
            text += f"; {listed(waiting)} seen, but not counted yet"
        if (
            block is not None
            and there
            and not (block.has("begins") or block.has("grown_new") or block.has("new_unequivocal"))
        ):
            text += "; no new sign of progression in them" if facts.row["new_lesion"] else ""
        return Component("yes" if facts.row["new_lesion"] else "no", Sentence(f"{text}."))

    def _decision(self, row: Row) -> Component:
        rule = self.book.rule(row["rule_id"])
        code, as_read = row["overall"], row["overall_as_read"]
        text = str(code)
        if as_read is not None and as_read != code:
            text += f", restated: it was read as {as_read}"
        if row["progression_date"] is not None and row["progression_date"] != row["visit_date"]:
            text += f"; progression is dated back to {row['progression_date']}, the visit that first showed the lesion"
        sources = tuple(SourceRecord(LESION_TABLE, seq=number) for number in self._records(row["visit_date"]))
        sentence = Sentence(f"{text}.", (rule, *self._backdating(row)), sources, row["visit_date"])
        return Component(code, sentence)

    def _backdating(self, row: Row) -> tuple[Any, ...]:
        moved = row["overall_as_read"] != row["overall"] or row["progression_date"] not in (None, row["visit_date"])
        return (self.book.value("equivocal.backdate"),) if moved and "equivocal.backdate" in self.rules.options else ()

    def _records(self, visit: date) -> list[int]:
        return sorted(
            {
                number
                for (day, _lesion), rows in self.lesions.readings.items()
                if day == visit
                for number in (r["row"] for r in rows)
            }
        )

    # The rest

    def _block(self, place: int, facts: VisitFacts) -> Block:
        before = self.rows[place - 1]["state"] if place else "OPEN"
        anchor_date = facts.row.get("anchor")
        anchor = self.inspected.get(anchor_date) if anchor_date is not None else None
        compared_on = anchor_date
        if facts.option("irecist.further_from") == "previous" and anchor_date is not None:
            known = [
                one["visit_date"] for one in self.rows[:place]
                if one["visit_date"] >= anchor_date and one["accepted"] and one["sum_complete"]
            ]  # fmt: skip
            compared_on = known[-1] if known else anchor_date
        return Block(facts, before, anchor, compared_on)

    def _alternatives(self, facts: VisitFacts, block: Block | None) -> list[Alternative]:
        if not self.inspected:
            return []
        if block is not None:
            return reassessed_alternatives(block)
        if facts.row["overall"] != facts.row["overall_as_read"]:
            return []
        return alternatives(facts, signal=bool(facts.row["new_lesion"]))

    def _notes(self, row: Row, facts: VisitFacts, sums: Sums) -> Iterator[Sentence]:
        if not self.inspected:
            yield Sentence("The criterion does not show what it decided by, so there is no more to tell.")
        if isinstance(self.lesions, LesionBook) and sums.sum_x100 is not None:
            counted = [one.counted_x100 for one in facts.targets]
            if None in counted or sum(one or 0 for one in counted) != sums.sum_x100:
                yield Sentence("The criterion sums in a way of its own; what the lesions add here is what RECIST adds.")
        if row["basis_overall"] != row["overall"]:
            yield Sentence(f"By the plain criterion, without re-assessment, the visit is {row['basis_overall']}.")


def _inspected(who: str, criterion: Criterion, reading: pl.LazyFrame, rules: CriterionRules) -> dict[date, Row]:
    """What the criterion shows of each visit; nothing where it shows nothing."""
    if criterion.inspect is None:
        return {}
    looked_at = guard.collect(who, partial(criterion.inspect, reading, rules), "its `inspect`")
    return {row["visit_date"]: row for row in looked_at.iter_rows(named=True)}


_STATUSES = ("unequivocal", "present", "absent", "not evaluated")
#: Values of the ruleset that each rule of the target response rests on.
_TARGET_VALUES = {
    "pd": ("pd.pct", "pd.abs_mm"),
    "pr": ("pr.pct",),
    "sd": ("pr.pct", "pd.pct", "pd.abs_mm"),
    "cr": ("node.normal_below_mm",),
    "pr_persists": ("pr.persistence",),
    "reappearance": ("cr.reappearance",),
    "pd_partial": ("pd.pct", "pd.abs_mm"),
}


def _first(trace: str | None) -> list[str]:
    return trace.split(";")[:1] if trace else []


def _against(value: int | None, reference: int | None, limits: Sequence[Any]) -> str:
    if value is None or reference is None:
        return ""
    change = change_percent(value, reference)
    growth = mm(value - reference, sign=True)
    return growth if change is None else f"{percent(change, limits)}, {growth}"
