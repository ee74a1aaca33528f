"""Progression that waits for confirmation, told for one visit: its state, what confirmed or reset it, and what would have.

Reads the evidence that a criterion with re-assessment shows (`criteria.reassessment.EVIDENCE`); the numbers of the confirmation
reasons are those of Seymour 2017 Table 2 as docs/criteria.md lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from rules_engine.criteria.numbers import hundredths
from rules_engine.criteria.reassessment import I_CODES
from rules_engine.explain.lesions import LesionReading
from rules_engine.explain.rulebook import Rule
from rules_engine.explain.sentences import Sentence
from rules_engine.explain.thresholds import (
    NEW_LESION,
    NONTARGET,
    TARGET,
    Alternative,
    Change,
    VisitFacts,
    alternatives,
    nontarget_changes,
    target_changes,
    together,
)  # fmt: skip
from rules_engine.explain.words import as_data, days, listed, mm

Row = Mapping[str, Any]
#: What is said of an iCPD that would not have been: which code it would have been is for the other rules to say.
UNCONFIRMED = "iUPD or better"
_BETTER = {"PD": 1, "SD": 2, "NON-CR/NON-PD": 2, "PR": 3, "CR": 4, "NED": 4}


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
            Sentence(f"{_unknown(block)} cannot be evaluated, {after}.", (facts.book.value("irecist.ne_between"),)),
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


def _compared(block: Block) -> str:
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
        text = f"the target sum is {mm(now)}, {mm(row['target_growth'], sign=True)} from the {mm(row['compared_sum'])} {_compared(block)}"
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
            text += f" from the {mm(row['compared_total'])} {_compared(block)}"
        return Sentence(f"{name}: {text}.", (rule, further, since))
    if name == "C4":
        grown = listed(one.lesion for one in block.named("present", "unequivocal") if "increased" in one.said)
        return Sentence(f"{name}: a new lesion that is not measured has increased ({grown}).", (rule,))
    if name == "C5":
        return Sentence(
            f"{name}: a further new lesion ({listed(one.lesion for one in facts.new if one.begins)}).", (rule,)
        )
    return Sentence(f"{name}: {_new_category(block)} had not progressed at the iUPD and now has.", (rule,))


def _new_category(block: Block) -> str:
    row = block.row
    found = []
    if row["target"] == "PD" and not row["anchor_target"]:
        found.append("the target disease")
    if row["nontarget"] == "PD" and not row["anchor_nontarget"]:
        found.append("the non-target disease")
    if (row["grown_new"] or row["new_unequivocal"]) and not row["anchor_new"]:
        found.append("the new disease")
    return listed(found)


def _unknown(block: Block) -> str:
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
    if row["persists"] and not _is_enough(block):
        found.append("new lesions persist")
    return found


def _is_enough(block: Block) -> bool:
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


# What would have been -------------------------------------------------------------------------------------------------------


def reassessed_alternatives(block: Block) -> list[Alternative]:
    """The next better and next worse response of a visit of a criterion with re-assessment."""
    row, facts = block.row, block.facts
    fate = row["fate"]
    if row.get("parallel_state") is not None and block.state_before == "PENDING":
        return []
    signal = block.has("begins") or block.has("grown_new") or block.has("new_unequivocal")
    left = block.has("persists") and bool(facts.option("irecist.icr_requires_new_resolved"))
    if fate in ("open", "iupd", "final"):
        return alternatives(facts, signal=signal, left=left, codes=_codes(block))
    if fate == "reset":
        better = [
            one for one in alternatives(facts, signal=False, left=left, codes=I_CODES) if one.direction == "better"
        ]
        return [*better, *_joined([*_still_open(block), *_confirmed(block)])]
    if fate == "unchanged":
        return [*_reset(block), *_confirmed(block)]
    if fate == "unknown":
        known = Change(_unknown_component(row), "evaluated", f"{_unknown(block)} evaluated")
        return [Alternative("better", "iUPD or the response of the scan", ((known,),)), *_confirmed(block)]
    if fate == "confirmed":
        return _avoided(block)
    return []


def _codes(block: Block) -> dict[str, str]:
    """What each plain code would have been called while nothing was open."""
    if block.facts.option("hybrid.basis") is None:
        return {**I_CODES, "PD": "iUPD"}
    return {"PD": "iUPD"} if block.has("suspected_pseudoprogression") else {}


def _unknown_component(row: Row) -> str:
    return TARGET if row["target"] == "NE" else NONTARGET if row["nontarget"] == "NE" else NEW_LESION


def _picked(changes: list[Change], now: str, *, better: bool) -> Change | None:
    """The change to a category on the side asked for."""
    order = _BETTER.get(now)
    found = [
        one for one in changes if one.category in _BETTER and (order is None or (_BETTER[one.category] > order) == better)
        and _BETTER[one.category] != order
    ]  # fmt: skip
    return found[0] if found else None


def _reset(block: Block) -> list[Alternative]:
    """What would have reset the bar: everything that kept the progression open taken away."""
    row, facts = block.row, block.facts
    target, nontarget = row["target"], row["nontarget"]
    needed: list[Change] = []
    if target == "PD" and (change := _picked(target_changes(facts), "PD", better=True)):
        needed.append(change)
        target = change.category
    if nontarget == "PD" and (change := _picked(nontarget_changes(facts), "PD", better=True)):
        needed.append(change)
        nontarget = change.category
    category = together(target, nontarget, new_lesion=False)
    anchor_category = (block.anchor or {}).get("category")
    improves = _BETTER.get(category, 0) > _BETTER.get(anchor_category or "", 9)
    if row["persists"] and not _is_enough(block):
        there = block.named("present", "unequivocal", "not evaluated")
        gone = Change(
            NEW_LESION,
            "no",
            f"the new lesion{'s' if len(there) > 1 else ''} {listed(one.lesion for one in there)} gone",
        )
        if not improves or facts.option("irecist.persisting_new") == "never":
            needed.append(gone)
    return [Alternative("better", I_CODES.get(category, category), (tuple(needed),))] if needed else []


def _still_open(block: Block) -> list[Alternative]:
    """What would have left the progression open."""
    row, facts = block.row, block.facts
    ways = []
    if row["anchor_target"]:
        ways += [(one,) for one in target_changes(facts) if one.category == "PD"]
    if row["anchor_nontarget"]:
        ways += [(one,) for one in nontarget_changes(facts) if one.category == "PD"]
    return [Alternative("worse", "iUPD", tuple(ways))] if ways else []


def _joined(found: list[Alternative]) -> list[Alternative]:
    """Alternatives of one category as one; of several limits of the target sum the lowest counts."""
    joined = []
    for category in dict.fromkeys(one.category for one in found):
        ways = [way for one in found if one.category == category for way in one.ways]
        limits = [
            way[0].at_least_x100 for way in ways if way[0].component == TARGET and way[0].at_least_x100 is not None
        ]
        kept = [
            way
            for way in ways
            if way[0].component != TARGET or way[0].at_least_x100 in (None, min(limits, default=None))
        ]
        joined.append(Alternative("worse", category, tuple(kept)))
    return joined


def _confirmed(block: Block) -> list[Alternative]:
    """Everything that would have confirmed the progression, each enough by itself.

    On a scan so late that the ruleset lets it confirm nothing, the same would have begun a new block.
    """
    row, facts = block.row, block.facts
    too_late = row["since_anchor"] > facts.option("irecist.confirm_max_days")
    begins_anew = too_late and facts.option("irecist.late_confirmation") == "new_iupd"
    if begins_anew and row["fate"] == "unchanged":
        return []
    further = facts.book.value("irecist.further_mm")
    least = hundredths(further.value)
    ways: list[Change] = []
    if row["anchor_target"] and row["compared_sum"] is not None and row["target_growth"] is not None:
        now, limit = row["compared_sum"] + row["target_growth"], row["compared_sum"] + least
        ways.append(
            _grown(
                TARGET,
                "the target sum",
                now,
                limit,
                f"the {mm(row['compared_sum'])} {_compared(block)}",
                facts.book.rule("irecist.icpd.c1"),
                further,
            )
        )
    if row["anchor_nontarget"]:
        ways.append(
            Change(
                NONTARGET,
                "iCPD",
                "any further increase of the non-target disease that progressed",
                rules=(facts.book.rule("irecist.icpd.c2"),),
            )
        )
    if row["anchor_new"] and row["compared_total"] is not None and row["new_growth"] is not None:
        now, limit = row["compared_total"] + row["new_growth"], row["compared_total"] + least
        ways.append(
            _grown(
                NEW_LESION,
                "the sum of the measured new lesions",
                now,
                limit,
                f"the {mm(row['compared_total'])} {_compared(block)}",
                facts.book.rule("irecist.icpd.c3"),
                further,
            )
        )
    unmeasured = [
        one.lesion for one in block.named("present", "unequivocal") if one.counted_x100 is None and not one.begins
    ]
    if row["anchor_new"] and unmeasured:
        ways.append(
            Change(
                NEW_LESION,
                "iCPD",
                f"an increase of the new lesion {listed(unmeasured, 'or')}",
                rules=(facts.book.rule("irecist.icpd.c4"),),
            )
        )
    ways.append(Change(NEW_LESION, "iCPD", "a further new lesion", rules=(facts.book.rule("irecist.icpd.c5"),)))
    if not row["anchor_target"]:
        ways += [one for one in target_changes(facts) if one.category == "PD"]
    if not row["anchor_nontarget"]:
        ways += [one for one in nontarget_changes(facts) if one.category == "PD"]
    return [Alternative("worse", "iUPD" if begins_anew else "iCPD", tuple((one,) for one in ways))]


def _grown(component: str, what: str, now: int, limit: int, than: str, rule: Rule, further: Rule) -> Change:
    text = f"{what} at least {mm(limit)}: {mm(limit - now)} more ({further.value} mm more than {than})"
    return Change(component, "iCPD", text, at_least_x100=limit, by_x100=limit - now, rules=(rule, further))


def _avoided(block: Block) -> list[Alternative]:
    """What would have had to be different for the progression not to be confirmed: every reason taken away."""
    row, facts = block.row, block.facts
    further = facts.book.value("irecist.further_mm")
    least = hundredths(further.value)
    needed: list[Change] = []
    for name in (row["confirmation_reasons"] or "").split(";"):
        rule = facts.book.rule(f"irecist.icpd.{name.lower()}")
        if name in ("C1", "C3"):
            what = "the target sum" if name == "C1" else "the sum of the measured new lesions"
            base, growth = (
                (row["compared_sum"], row["target_growth"])
                if name == "C1"
                else (row["compared_total"], row["new_growth"])
            )
            component = TARGET if name == "C1" else NEW_LESION
            excess = growth - least + 1
            limit = None if base is None else base + least - 1
            words = f"{what} less than {mm(limit + 1)}" if limit is not None else f"{what} smaller"
            needed.append(
                Change(
                    component,
                    UNCONFIRMED,
                    f"{words}: by more than {mm(excess - 1)}" if excess > 1 else words,
                    at_most_x100=limit,
                    by_x100=-excess,
                    rules=(rule, further),
                )
            )
        elif name == "C2":
            needed.append(
                Change(
                    NONTARGET,
                    UNCONFIRMED,
                    "no further increase of the non-target disease that progressed",
                    rules=(rule,),
                )
            )
        elif name == "C4":
            needed.append(
                Change(NEW_LESION, UNCONFIRMED, "no increase of the new lesions that are not measured", rules=(rule,))
            )
        elif name == "C5":
            begun = listed(one.lesion for one in facts.new if one.begins)
            needed.append(Change(NEW_LESION, UNCONFIRMED, f"no new lesion {begun}", rules=(rule,)))
        elif name == "C6":
            needed.append(
                Change(_changed_component(row), UNCONFIRMED, f"no progression of {_new_category(block)}", rules=(rule,))
            )
    return [Alternative("better", UNCONFIRMED, (tuple(needed),))] if needed else []


def _changed_component(row: Row) -> str:
    if row["target"] == "PD" and not row["anchor_target"]:
        return TARGET
    return NONTARGET if row["nontarget"] == "PD" and not row["anchor_nontarget"] else NEW_LESION
