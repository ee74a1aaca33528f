"""What would have had to be different where progression waits for its confirmation: to reset it, to leave it open, to confirm it."""

from __future__ import annotations

from collections.abc import Iterator

from rules_engine.criteria.numbers import hundredths
from rules_engine.criteria.reassessment import I_CODES
from rules_engine.explain.reassessment import Block, Row, compared, is_enough, new_category, unknown_disease
from rules_engine.explain.thresholds import (
    NEW_LESION,
    NONTARGET,
    TARGET,
    Alternative,
    Change,
    alternatives,
    nontarget_changes,
    target_changes,
    together,
)
from rules_engine.explain.words import listed, mm

#: What is said of an iCPD that would not have been: which code it would have been is for the other rules to say.
UNCONFIRMED = "iUPD or better"
#: Target and non-target response together, from worse to better.
_BETTER = {"PD": 1, "SD": 2, "NON-CR/NON-PD": 2, "PR": 3, "CR": 4, "NED": 4}


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
        known = Change(_unknown_component(row), "evaluated", f"{unknown_disease(block)} evaluated")
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
    if row["persists"] and not is_enough(block):
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
    """What would have left the progression open: it is still there, or new lesions persist and nothing else is better."""
    row, facts = block.row, block.facts
    nontarget, target = row["nontarget"], row["target"]
    ways = [
        (one,)
        for one in target_changes(facts)
        if _leaves_open(block, one.category, nontarget, progressed="anchor_target")
    ]
    ways += [
        (one,)
        for one in nontarget_changes(facts)
        if _leaves_open(block, target, one.category, progressed="anchor_nontarget")
    ]
    return [Alternative("worse", "iUPD", tuple(ways))] if ways else []


def _leaves_open(block: Block, target: str, nontarget: str, *, progressed: str) -> bool:
    """With these responses the bar would not have been reset. Progression of what had not progressed at the iUPD confirms instead."""
    category = together(target, nontarget, new_lesion=False)
    if category == "PD":
        return block.has(progressed)
    rule = block.facts.option("irecist.persisting_new")
    was = _BETTER.get((block.anchor or {}).get("category") or "")
    is_better = was is not None and _BETTER.get(category, 0) > was
    return category in _BETTER and block.has("persists") and rule == "category_improved" and not is_better


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


# Confirmation ------------------------------------------------------------------------------------------------------------


def _confirmed(block: Block) -> list[Alternative]:
    """Everything that would have confirmed the progression, each enough by itself.

    On a scan so late that the ruleset lets it confirm nothing, the same would have begun a new block.
    """
    row, facts = block.row, block.facts
    too_late = row["since_anchor"] > facts.option("irecist.confirm_max_days")
    begins_anew = too_late and facts.option("irecist.late_confirmation") == "new_iupd"
    if begins_anew and row["fate"] == "unchanged":
        return []
    ways = tuple((change,) for change in _confirming(block))
    return [Alternative("worse", "iUPD" if begins_anew else "iCPD", ways)]


def _confirming(block: Block) -> Iterator[Change]:
    """The confirmation reasons C1 to C6 as changes (Seymour 2017 Table 2)."""
    row, facts = block.row, block.facts
    if row["anchor_target"] and row["compared_sum"] is not None and row["target_growth"] is not None:
        yield _grown(block, "C1", "the target sum", row["compared_sum"], row["target_growth"])
    if row["anchor_nontarget"]:
        text = "any further increase of the non-target disease that progressed"
        yield Change(NONTARGET, "iCPD", text, rules=(facts.book.rule("irecist.icpd.c2"),))
    if row["anchor_new"] and row["compared_total"] is not None and row["new_growth"] is not None:
        yield _grown(block, "C3", "the sum of the measured new lesions", row["compared_total"], row["new_growth"])
    unmeasured = [
        one.lesion for one in block.named("present", "unequivocal") if one.counted_x100 is None and not one.begins
    ]
    if row["anchor_new"] and unmeasured:
        text = f"an increase of the new lesion {listed(unmeasured, 'or')}"
        yield Change(NEW_LESION, "iCPD", text, rules=(facts.book.rule("irecist.icpd.c4"),))
    yield Change(NEW_LESION, "iCPD", "a further new lesion", rules=(facts.book.rule("irecist.icpd.c5"),))
    if not row["anchor_target"]:
        yield from (one for one in target_changes(facts) if one.category == "PD")
    if not row["anchor_nontarget"]:
        yield from (one for one in nontarget_changes(facts) if one.category == "PD")


def _grown(block: Block, reason: str, what: str, base: int, growth: int) -> Change:
    """The sum that would have grown enough since the visit compared with."""
    further = block.facts.book.value("irecist.further_mm")
    now, limit = base + growth, base + hundredths(further.value)
    text = f"{what} at least {mm(limit)}: {mm(limit - now)} more ({further.value} mm more than the {mm(base)} {compared(block)})"
    rule = block.facts.book.rule(f"irecist.icpd.{reason.lower()}")
    component = TARGET if reason == "C1" else NEW_LESION
    return Change(component, "iCPD", text, at_least_x100=limit, by_x100=limit - now, rules=(rule, further))


def _avoided(block: Block) -> list[Alternative]:
    """What would have had to be different for the progression not to be confirmed: every reason taken away."""
    reasons = (block.row["confirmation_reasons"] or "").split(";")
    needed = tuple(_without(block, reason) for reason in reasons if reason)
    return [Alternative("better", UNCONFIRMED, (needed,))] if needed else []


def _without(block: Block, reason: str) -> Change:
    """A confirmation reason taken away."""
    row, facts = block.row, block.facts
    if reason == "C1":
        return _grown_less(block, reason, row["compared_sum"], row["target_growth"])
    if reason == "C3":
        return _grown_less(block, reason, row["compared_total"], row["new_growth"])
    begun = listed(one.lesion for one in facts.new if one.begins)
    component, text = {
        "C2": (NONTARGET, "no further increase of the non-target disease that progressed"),
        "C4": (NEW_LESION, "no increase of the new lesions that are not measured"),
        "C5": (NEW_LESION, f"no new lesion {begun}"),
        "C6": (_changed_component(row), f"no progression of {new_category(block)}"),
    }[reason]
    return Change(component, UNCONFIRMED, text, rules=(facts.book.rule(f"irecist.icpd.{reason.lower()}"),))


def _grown_less(block: Block, reason: str, base: int | None, growth: int) -> Change:
    """A sum that would not have grown enough. Without a sum to compare with, only the lesions known at both visits count."""
    further = block.facts.book.value("irecist.further_mm")
    least = hundredths(further.value)
    by = growth - least
    what = "the target sum" if reason == "C1" else "the sum of the measured new lesions"
    if base is None:
        what, below = f"{'the targets' if reason == 'C1' else 'the new lesions'} known at both visits", ""
    else:
        below = f" below {mm(base + least)}"
    rules = (block.facts.book.rule(f"irecist.icpd.{reason.lower()}"), further)
    return Change(
        TARGET if reason == "C1" else NEW_LESION, UNCONFIRMED, f"{what}{below}: more than {mm(by)} less",
        at_most_x100=None if base is None else base + least - 1, by_x100=-by - 1, rules=rules,
    )  # fmt: skip


def _changed_component(row: Row) -> str:
    if row["target"] == "PD" and not row["anchor_target"]:
        return TARGET
    return NONTARGET if row["nontarget"] == "PD" and not row["anchor_nontarget"] else NEW_LESION
