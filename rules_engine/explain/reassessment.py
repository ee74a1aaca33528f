"""Progression that waits for confirmation, told for one visit: its state, what confirmed or reset it, and what would have.

Reads the evidence that a criterion with re-assessment shows (`criteria.reassessment.EVIDENCE`); the numbers of the confirmation
reasons are those of Seymour 2017 Table 2 as docs/criteria.md lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from rules_engine.explain.lesions import LesionReading
from rules_engine.explain.rulebook import Rule
from rules_engine.explain.sentences import Sentence
from rules_engine.explain.thresholds import VisitFacts
from rules_engine.explain.words import as_data, days, listed, mm

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reassessment:
    """The state of a progression that waits, before and after a visit.

    `fate` is what the visit did to it; `reasons` are the confirmation reasons with their arithmetic.
    """

    fate: str
    state_before: str
    state: str | None
    anchor_date: date | None
    accepted: bool
    reasons: tuple[tuple[str, Sentence], ...]
    sentences: tuple[Sentence, ...]

    def as_dict(self) -> dict[str, Any]:
        """The re-assessment as plain data."""
        return {
            "fate": self.fate,
            "state_before": self.state_before,
            "state": self.state,
            "anchor_date": as_data(self.anchor_date),
            "accepted": self.accepted,
            "reasons": [{"id": name, **sentence.as_dict()} for name, sentence in self.reasons],
            "sentences": [sentence.as_dict() for sentence in self.sentences],
        }


@dataclass(frozen=True)
class Block:
    """A visit and the block of unconfirmed progression that it met: the visit of the iUPD and the visit compared with."""

    facts: VisitFacts
    state_before: str
    anchor: Row | None
    compared_on: date | None

    @property
    def row(self) -> Row:
        """What the visit was judged by."""
        return self.facts.row

    def has(self, name: str) -> bool:
        """A fact of the visit holds."""
        return bool(self.row.get(name))

    def named(self, *statuses: str) -> list[LesionReading]:
        """New lesions that count and have one of these states."""
        return [reading for reading in self.facts.new if reading.counts and reading.status in statuses]


def tell(block: Block) -> Reassessment:
    """The visit's part in the story of a progression that waits."""
    row, fate = block.row, str(block.row["fate"])
    reasons = tuple((name, _reason(name, block)) for name in (row["confirmation_reasons"] or "").split(";") if name)
    return Reassessment(
        fate, block.state_before, row["state"], row["anchor_date"], bool(row["accepted"]), reasons,
        tuple(_sentences(fate, block, reasons)),
    )  # fmt: skip


def _sentences(fate: str, block: Block, reasons: tuple[tuple[str, Sentence], ...]) -> list[Sentence]:
    row, facts = block.row, block.facts
    since = row.get("since_anchor")
    anchor = row.get("anchor")
    waited = f"{days(since)} after the iUPD of {anchor}" if since is not None else ""
    least, most = facts.book.value("irecist.confirm_min_days"), facts.book.value("irecist.confirm_max_days")
    if fate == "iupd":
        suspected = "Pseudoprogression was suspected, so it" if facts.option("hybrid.basis") is not None else "It"
        return [
            Sentence(
                f"Progression begins here, by {_causes(row)}. {suspected} is unconfirmed (iUPD) until a later scan confirms it."
            )
        ]
    if fate == "final":
        return [Sentence(f"Progression by {_causes(row)}; nobody suspected pseudoprogression, so it is final.")]
    if fate == "early":
        counts_from = row["anchor"] + timedelta(days=least.value)
        return [Sentence(
            f"The scan came {waited}, too soon: it is disregarded. From {counts_from} on it would have counted; before that only a scan "
            "for symptoms that shows a further new lesion.", (least, facts.book.value("irecist.early_scan")),
        )]  # fmt: skip
    if fate == "late":
        return [Sentence(
            f"It would have confirmed, but came {waited}, more than {days(most.value)}: a new block begins here.",
            (most, facts.book.value("irecist.late_confirmation")),
        )]  # fmt: skip
    told = [Sentence(f"The scan came {waited}. {_anchor_words(block)}")] if since is not None else []
    if row.get("parallel_state") is not None and fate in ("confirmed", "unknown", "unchanged", "reset"):
        code = row["parallel_code"] or "nothing"
        return [
            *told,
            Sentence(f"The parallel reading of whole diameters says {code}.", (facts.book.value("hybrid.basis"),)),
        ]
    if fate == "confirmed":
        late = [Sentence(f"It came later than {days(most.value)}, which is accepted.", (most,))] if row["late"] else []
        return [*told, *(sentence for _name, sentence in reasons), *late]
    if fate == "unknown":
        closes = facts.option("irecist.ne_between") == "clear"
        after = "which closes the iUPD" if closes else "so the iUPD stays open"
        return [
            *told,
            Sentence(
                f"{unknown_disease(block)} cannot be evaluated, {after}.", (facts.book.value("irecist.ne_between"),)
            ),
        ]
    if fate == "unchanged":
        return [
            *told,
            Sentence(f"Nothing confirms it and nothing resets it: {listed(_blockers(block))}.", _blocking_rules(block)),
        ]
    if fate == "reset":
        return [
            *told,
            Sentence(
                f"Nothing confirms it and no progression is left: the bar is reset{_despite(block)}.",
                _blocking_rules(block),
            ),
        ]
    if fate == "after_confirmed":
        return [Sentence(f"Progression was confirmed before; its date is that of the iUPD of {row['anchor_date']}.")]
    if fate == "after_progression":
        return [Sentence("Progression was final at an earlier visit; this response is for information.")]
    return []


def _causes(row: Row) -> str:
    """Which categories are progression at a visit at which nothing was open."""
    causes = []
    if row["target"] == "PD":
        causes.append("the targets")
    if row["nontarget"] == "PD":
        causes.append("non-target disease")
    if row.get("begins"):
        causes.append("a new lesion")
    if row.get("grown_new") or row.get("new_unequivocal"):
        causes.append("growth of new lesions left from before")
    return listed(causes) or "a scan that would have confirmed too late"


def _anchor_words(block: Block) -> str:
    names = {"anchor_target": "the targets", "anchor_nontarget": "non-target disease", "anchor_new": "new lesions"}
    causes = [words for name, words in names.items() if block.has(name)]
    return f"That iUPD was by {listed(causes)}." if causes else ""


def compared(block: Block) -> str:
    """The visit that growth is compared with, in words."""
    if block.compared_on is None or (block.anchor is not None and block.compared_on == block.anchor["visit_date"]):
        return f"of the iUPD on {block.row['anchor']}"
    return f"of the scan on {block.compared_on}"


def _reason(name: str, block: Block) -> Sentence:
    """A confirmation reason with its arithmetic."""
    row, facts = block.row, block.facts
    further = facts.book.value("irecist.further_mm")
    since = facts.book.value("irecist.further_from")
    rule = facts.book.rule(f"irecist.icpd.{name.lower()}")
    if name == "C1" and row["compared_sum"] is not None:
        now = row["compared_sum"] + row["target_growth"]
        text = f"the target sum is {mm(now)}, {mm(row['target_growth'], sign=True)} from the {mm(row['compared_sum'])} {compared(block)}"
        return Sentence(f"{name}: {text}.", (rule, further, since))
    if name == "C1":
        text = f"the targets known at both visits have grown by {mm(row['target_growth'])} since the iUPD on {row['anchor']}"
        return Sentence(f"{name}: {text}.", (rule, further, since))
    if name == "C2":
        grown = listed(sorted(row.get("increased_ids") or ()))
        return Sentence(f"{name}: non-target disease that had progressed has increased further ({grown}).", (rule,))
    if name == "C3":
        text = f"the measured new lesions have grown by {mm(row['new_growth'])} together"
        if row["compared_total"] is not None:
            text += f" from the {mm(row['compared_total'])} {compared(block)}"
        return Sentence(f"{name}: {text}.", (rule, further, since))
    if name == "C4":
        grown = listed(one.lesion for one in block.named("present", "unequivocal") if "increased" in one.said)
        return Sentence(f"{name}: a new lesion that is not measured has increased ({grown}).", (rule,))
    if name == "C5":
        return Sentence(
            f"{name}: a further new lesion ({listed(one.lesion for one in facts.new if one.begins)}).", (rule,)
        )
    return Sentence(f"{name}: {new_category(block)} had not progressed at the iUPD and now has.", (rule,))


def new_category(block: Block) -> str:
    """The disease that had not progressed at the iUPD and now has (C6), in words."""
    row = block.row
    found = []
    if row["target"] == "PD" and not row["anchor_target"]:
        found.append("the target disease")
    if row["nontarget"] == "PD" and not row["anchor_nontarget"]:
        found.append("the non-target disease")
    if (row["grown_new"] or row["new_unequivocal"]) and not row["anchor_new"]:
        found.append("the new disease")
    return listed(found)


def unknown_disease(block: Block) -> str:
    """The disease that would have to be evaluated, in words."""
    row, facts = block.row, block.facts
    if row["target"] == "NE":
        return f"The target disease ({listed(one.lesion for one in facts.targets if not one.is_evaluated)})"
    if row["nontarget"] == "NE":
        return f"The non-target disease ({listed(one.lesion for one in facts.nontargets if not one.is_evaluated)})"
    return f"The new disease ({listed(one.lesion for one in facts.new if not one.is_evaluated)})"


def _blockers(block: Block) -> list[str]:
    row = block.row
    found = []
    if row["target"] == "PD":
        found.append("the targets are still progression against the nadir")
    if row["nontarget"] == "PD":
        found.append("non-target disease is still progression")
    if row["persists"] and not is_enough(block):
        found.append("new lesions persist")
    return found


def is_enough(block: Block) -> bool:
    """The rest is good enough for a reset although new lesions persist."""
    rule = block.facts.option("irecist.persisting_new")
    return bool(block.row["improved"]) if rule == "category_improved" else bool(rule == "any_non_pd")


def _blocking_rules(block: Block) -> tuple[Rule, ...]:
    return (block.facts.book.value("irecist.persisting_new"),) if block.has("persists") else ()


def _despite(block: Block) -> str:
    if not block.has("persists"):
        return ""
    if block.facts.option("irecist.persisting_new") == "any_non_pd":
        return " although new lesions persist"
    return " although new lesions persist, because target and non-target response are better than at the iUPD"
