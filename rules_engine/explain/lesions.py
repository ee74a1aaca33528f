"""What each lesion said at one visit, and what of it counted: one reading per lesion, in words and as numbers.

The numbers come from the toolbox that the criteria are made of (`rules_engine.criteria`); whether they add up to the sum that the
criterion reported is checked by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from rules_engine.criteria.lesions import ABSURD_MM, baseline_lesions, local_therapy_rule, orphaned_merges
from rules_engine.criteria.new_lesions import counts, derive_counted_new_lesions, derive_new_lesions
from rules_engine.criteria.numbers import hundredths
from rules_engine.criteria.visits import derive_readings
from rules_engine.explain.rulebook import CriterionBook, Rule
from rules_engine.explain.words import as_data, millimetres, mm
from rules_engine.model import CriterionRules

Row = Mapping[str, Any]
TARGET, NONTARGET, NEW = "target", "non-target", "new"
_TREATED = {"lesion_id": pl.String(), "treated_on": pl.Date()}


@dataclass(frozen=True, slots=True)
class LesionReading:
    """One lesion at one visit.

    `counted_x100` is what it contributes to its sum in hundredths of a millimetre (None: not evaluated, or no part of a sum);
    `baseline_x100` the same at baseline. `status` is `absent`, `present`, `unequivocal` or `not evaluated`; of a new lesion also
    `uncertain`. `counts` tells whether a new lesion counts, `counts_since` from which visit. `said` is the reading in words, `rule`
    the value of the ruleset that made it so, `rows` the rows of `lesion_assessments` (empty: none at this visit).
    """

    lesion: str
    role: str
    organ: str
    node: bool
    status: str
    said: str
    baseline_x100: int | None = None
    counted_x100: int | None = None
    counts: bool = True
    counts_since: date | None = None
    begins: bool = False
    rule: Rule | None = None
    rows: tuple[int, ...] = ()

    @property
    def is_evaluated(self) -> bool:
        """The lesion was evaluated at this visit."""
        return self.status != "not evaluated"

    def as_dict(self) -> dict[str, Any]:
        """The reading as plain data; lengths in mm."""
        return {
            "lesion": self.lesion,
            "role": self.role,
            "organ": self.organ,
            "node": self.node,
            "status": self.status,
            "said": self.said,
            "baseline_mm": as_data(millimetres(self.baseline_x100)),
            "counted_mm": as_data(millimetres(self.counted_x100)),
            "counts": self.counts,
            "counts_since": as_data(self.counts_since),
            "rule": self.rule.as_dict() if self.rule else None,
            "rows": list(self.rows),
        }


@dataclass(frozen=True)
class LesionBook:
    """The lesions of one subject as one criterion reads them, collected once for all visits."""

    book: CriterionBook
    baseline: Mapping[str, Row]
    readings: Mapping[tuple[date, str], Sequence[Row]]
    baseline_readings: Mapping[str, Sequence[Row]]
    new: pl.DataFrame
    nodes: frozenset[str]
    treated: Mapping[str, date]

    @classmethod
    def of(cls, rows: pl.LazyFrame, book: CriterionBook, rules: CriterionRules) -> LesionBook:
        """Read the canonical lesion rows of one subject and one reading."""
        known = baseline_lesions(rows)
        told = rows.with_columns(recorded_status="status")
        treated = local_therapy_rule(rows, rules)
        found, known_now, orphaned, new, ended, nodes = pl.collect_all(
            [
                derive_readings(told, rows, known, rules, also=("row", "is_baseline", "recorded_status")).sort("row"),
                known.sort("lesion_id"),
                orphaned_merges(rows, known),
                derive_new_lesions(rows, rules),
                treated if treated is not None else pl.LazyFrame(schema=_TREATED),
                rows.filter("node").select("lesion_id"),
            ],
            engine="in-memory",
        )
        lost = {(row["visit_date"], row["lesion_id"]) for row in orphaned.iter_rows(named=True)}
        by_visit: dict[tuple[date, str], list[Row]] = {}
        at_baseline: dict[str, list[Row]] = {}
        for row in found.iter_rows(named=True):
            row["orphaned"] = (row["visit_date"], row["lesion_id"]) in lost
            if row["is_baseline"]:
                at_baseline.setdefault(row["lesion_id"], []).append(row)
            else:
                by_visit.setdefault((row["visit_date"], row["lesion_id"]), []).append(row)
        return cls(
            book,
            {row["lesion_id"]: row for row in known_now.iter_rows(named=True)},
            by_visit,
            at_baseline,
            new,
            frozenset(nodes["lesion_id"]),
            {row["lesion_id"]: row["treated_on"] for row in ended.iter_rows(named=True)},
        )

    def of_role(self, role: str) -> list[str]:
        """The lesions of the baseline that play this role."""
        return [lesion for lesion, traits in self.baseline.items() if traits["role"] == role]

    def targets(self, visit: date) -> list[LesionReading]:
        """Every target of the baseline at this visit."""
        return [self._target(lesion, visit) for lesion in self.of_role(TARGET)]

    def nontargets(self, visit: date) -> list[LesionReading]:
        """Every non-target lesion of the baseline at this visit."""
        return [self._nontarget(lesion, visit) for lesion in self.of_role(NONTARGET)]

    def new_lesions(self, visit: date, disregarded: Sequence[date], rules: CriterionRules) -> list[LesionReading]:
        """Every lesion that is or was new at this visit; scans that the criterion disregarded show nothing before it."""
        seen = self.new.filter(
            pl.col("visit_date") <= visit, ~pl.col("visit_date").is_in([d for d in disregarded if d != visit])
        )
        if seen.is_empty():
            return []
        counted = (
            derive_counted_new_lesions(seen.lazy(), rules)
            .with_columns(counts=counts(rules, pl.col("first_c")))
            .collect()
        )
        found = []
        for lesion in sorted(set(counted["lesion_id"])):
            history = counted.filter(pl.col("lesion_id") == lesion).sort("visit_date")
            now = history.filter(pl.col("visit_date") == visit).to_dicts()
            found.append(self._new(lesion, history.to_dicts()[-1], now[0] if now else None, visit))
        return found

    # One lesion

    def _target(self, lesion: str, visit: date) -> LesionReading:
        rows = self.readings.get((visit, lesion), ())
        parts = [self._said_of_target(row, visit) for row in rows]
        evaluated = bool(rows) and all(row["c"] is not None for row in rows)
        counted = sum(row["c"] for row in rows) if evaluated else None
        words = (
            "; ".join(text for text, _rule in parts) or "no row at this visit, so not evaluated (never taken as absent)"
        )
        if len(rows) > 1:
            words = f"{len(rows)} fragments: {words}"
        at_baseline = self.baseline_readings.get(lesion, ())
        known = bool(at_baseline) and all(row["c"] is not None for row in at_baseline)
        return LesionReading(
            lesion, TARGET, *self._traits(lesion), self._target_status(lesion, counted), words,
            baseline_x100=sum(row["c"] for row in at_baseline) if known else None,
            counted_x100=counted,
            rule=next((rule for _text, rule in parts if rule), None),
            rows=_rows(rows),
        )  # fmt: skip

    def _target_status(self, lesion: str, counted: int | None) -> str:
        if counted is None:
            return "not evaluated"
        normal_below = hundredths(self.book.options["node.normal_below_mm"])
        gone = counted < normal_below if self.baseline[lesion]["node"] else counted == 0
        return "absent" if gone else "present"

    def _said_of_target(self, row: Row, visit: date) -> tuple[str, Rule | None]:
        """The reading of one row in words, and the value of the ruleset that made it so."""
        lesion, state = row["lesion_id"], row["state"]
        if (treated := self.treated.get(lesion)) is not None and visit >= treated:
            return f"treated locally on or before {treated}, so not evaluable from then on", self._value(
                "mrecist.on_study_local"
            )
        if row["orphaned"]:
            return f"merged into {row['into']}, which carries no measurement at this visit, so not evaluable", None
        if state == "merged":
            return f"merged into {row['into']}, which carries the mass: counts 0", None
        if state == "absent":
            return "absent: counts 0", None
        if state == "ne":
            return "not evaluable", None
        return self._measured(row)

    def _measured(self, row: Row) -> tuple[str, Rule | None]:
        which, rule = self._diameter(row["lesion_id"])
        size = row["viable_mm_x100"] if which == "viable diameter" else row["mm_x100"]
        if row["c"] is None and size is not None:
            return f"{which} {mm(size)} is not believed (below 0 or above {ABSURD_MM} mm), so not evaluable", None
        if size is not None:
            also = (
                f" (whole lesion {mm(row['mm_x100'])})"
                if which == "viable diameter" and row["mm_x100"] is not None
                else ""
            )
            return f"{which} {mm(size)}{also}", rule
        if row["state"] == "tstm":
            return f"too small to measure: counts {mm(row['c'])}", self.book.value("tstm.default_mm")
        if row["c"] == 0:
            return "the whole lesion has gone: counts 0", rule
        return f"no {which} recorded, so not evaluated", rule

    def _diameter(self, lesion: str) -> tuple[str, Rule | None]:
        traits = self.baseline[lesion]
        if traits["node"]:
            return "short axis", None
        rule = self._value("mrecist.measure")
        in_liver = (traits["organ"] or "").strip().lower() == "liver"
        if self.book.options.get("mrecist.measure") == "viable" and in_liver and traits["enhanced"]:
            return "viable diameter", rule
        return "diameter", rule

    def _value(self, key: str) -> Rule | None:
        return self.book.value(key) if key in self.book.options else None

    def _nontarget(self, lesion: str, visit: date) -> LesionReading:
        rows = self.readings.get((visit, lesion), ())
        statuses = [row["status"] for row in rows]
        rule = None
        if not rows:
            status, words = "not evaluated", "no row at this visit, so not evaluated (never taken as absent)"
        elif None in statuses:
            status, words = "not evaluated", "not evaluated"
        else:
            status = next(word for word in ("unequivocal", "present", "absent") if word in statuses)
            words = {"unequivocal": "unequivocal progression"}.get(status, status)
            recorded = {row["recorded_status"] for row in rows}
            if status == "present" and "unequivocal" in recorded:
                words, rule = (
                    "reported as progression, without positive cytology: present",
                    self._value("mrecist.effusion_needs_cytology"),
                )
            elif status == "absent" and "present" in recorded:
                words, rule = (
                    f"node of {mm(rows[0]['mm_x100'])}, which is normal: absent",
                    self._value("node.normal_below_mm"),
                )
        if any(row["vs_last"] == "increased" for row in rows):
            words += ", increased since the last assessment"
        return LesionReading(lesion, NONTARGET, *self._traits(lesion), status, words, rule=rule, rows=_rows(rows))

    def _new(self, lesion: str, last: Row, now: Row | None, visit: date) -> LesionReading:
        since = last["counted_on"] if last["counted_on"] is not None and last["counted_on"] <= visit else None
        rows = self.readings.get((visit, lesion), ())
        begins = since == visit
        if now is None:
            status, words = "not evaluated", "no row at this visit"
        elif now["unread"]:
            status, words = "not evaluated", "not evaluable"
        elif now["resolved"]:
            status, words = "absent", "gone"
        elif since is None:
            status, words = (
                "uncertain",
                f"seen since {last['shown_on']}, but does not count yet"
                if last["shown_on"]
                else "seen, does not count",
            )
        else:
            status = "unequivocal" if now["unequivocal"] else "present"
            words = "unequivocal increase" if now["unequivocal"] else "present"
        why, rule = self._why_new(now, since)
        size = now["c"] if now is not None else None
        measured = f", {mm(size)}" if size else ""
        grown = ", increased since the last assessment" if now is not None and now["increased"] else ""
        return LesionReading(
            lesion, NEW, last["organ"] or "", lesion in self.nodes, status, f"{words}{measured}{grown}{why}",
            counted_x100=size if last["measured"] else None, counts=since is not None, counts_since=since,
            begins=begins, rule=rule, rows=_rows(rows),
        )  # fmt: skip

    def _why_new(self, now: Row | None, since: date | None) -> tuple[str, Rule | None]:
        """Why a new lesion that is seen does not count, or when it began to."""
        if since is not None:
            return f" (counts since {since})", None
        if now is None or now["resolved"] or now["unread"]:
            return "", None
        if not now["shown"]:
            return ": too small a node, a cyst, or an effusion without positive cytology", self._value(
                "new.node_min_short_mm"
            )
        if not now["certain"]:
            return ": the reader is not certain of it", None
        if now["nodule"]:
            needed = self._value("mrecist.new_min_mm"), self._value("mrecist.growth_mm")
            return (
                f": an intrahepatic nodule counts at {needed[0].value if needed[0] else ''} mm with a typical pattern, "
                f"or when it has grown by {needed[1].value if needed[1] else ''} mm"
            ), needed[0]
        return "", None

    def _traits(self, lesion: str) -> tuple[str, bool]:
        traits = self.baseline[lesion]
        return traits["organ"] or "", bool(traits["node"])


def _rows(rows: Sequence[Row]) -> tuple[int, ...]:
    return tuple(row["row"] for row in rows)


# Criteria that are not made of the toolbox -----------------------------------------------------------------------------------

#: Values without which the toolbox cannot read a lesion.
TOOLBOX_VALUES = frozenset({"node.normal_below_mm", "tstm.default_mm", "new.node_min_short_mm"})


@dataclass(frozen=True)
class RecordedLesions:
    """The lesions of one subject as they were recorded, for a criterion that reads them in a way of its own."""

    readings: Mapping[tuple[date, str], Sequence[Row]]

    @classmethod
    def of(cls, lesions: pl.DataFrame) -> RecordedLesions:
        """Take the canonical lesion rows of one subject and one reading as they are."""
        by_visit: dict[tuple[date, str], list[Row]] = {}
        for row in lesions.sort("row").iter_rows(named=True):
            by_visit.setdefault((row["visit_date"], row["lesion_id"]), []).append(row)
        return cls(by_visit)

    def targets(self, visit: date) -> list[LesionReading]:
        """The targets recorded at this visit."""
        return self._of(TARGET, visit)

    def nontargets(self, visit: date) -> list[LesionReading]:
        """The non-target lesions recorded at this visit."""
        return self._of(NONTARGET, visit)

    def new_lesions(self, visit: date, disregarded: Sequence[date], rules: CriterionRules) -> list[LesionReading]:  # noqa: ARG002
        """The new lesions recorded at this visit."""
        return self._of(NEW, visit)

    def _of(self, role: str, visit: date) -> list[LesionReading]:
        return [
            LesionReading(
                lesion, role, rows[0]["organ"] or "", bool(rows[0]["node"]), "present",
                "as recorded: " + "; ".join(map(_recorded, rows)), rows=_rows(rows),
            )
            for (day, lesion), rows in sorted(self.readings.items(), key=lambda item: item[0])
            if day == visit and rows[0]["role"] == role
        ]  # fmt: skip


def _recorded(row: Row) -> str:
    diameters = {"mm_x100": "diameter", "viable_mm_x100": "viable diameter"}
    said = [f"{words} {mm(row[column])}" for column, words in diameters.items() if row[column] is not None]
    said += [f"{column} {row[column]}" for column in ("state", "status", "certainty") if row[column] is not None]
    return ", ".join(said) or "nothing"
