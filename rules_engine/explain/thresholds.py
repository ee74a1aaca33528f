"""What would have had to be different for the next better and the next worse response of a visit.

Everything else stays as it was: the baseline, the nadir and what earlier visits remember. Every number is computed from the values
that the criterion ran on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import polars as pl

from rules_engine.criteria.numbers import hundredths, least_that_has_risen_by, most_that_has_fallen_by
from rules_engine.criteria.responses import lesion_response
from rules_engine.explain.lesions import LesionReading
from rules_engine.explain.rulebook import CriterionBook, Rule
from rules_engine.explain.words import as_data, listed, millimetres, mm, plain

Row = Mapping[str, Any]
TARGET, NONTARGET, NEW_LESION = "target", "nontarget", "new_lesion"
_TARGET_CODES = ("CR", "PR", "SD", "PD", "NE", "NA")
_NONTARGET_CODES = ("CR", "NON-CR/NON-PD", "PD", "NE", "NA")
#: Target and non-target response from best to worst; what is not evaluated stands outside.
_ORDER = ("CR", "PR", "SD", "NON-CR/NON-PD", "PD")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would have had to be different: a component of the response and what it would have had to be.

    Where it is a matter of a sum, `at_most_x100` or `at_least_x100` is its limit in hundredths of a millimetre and `by_x100` how far
    it is away from it (negative: less). `category` is what the component would then have been.
    """

    component: str
    category: str
    text: str
    at_most_x100: int | None = None
    at_least_x100: int | None = None
    by_x100: int | None = None
    rules: tuple[Rule, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The change as plain data; lengths in mm."""
        return {
            "component": self.component,
            "category": self.category,
            "text": self.text,
            "at_most_mm": as_data(millimetres(self.at_most_x100)),
            "at_least_mm": as_data(millimetres(self.at_least_x100)),
            "by_mm": as_data(millimetres(self.by_x100)),
            "rules": [rule.as_dict() for rule in self.rules],
        }


@dataclass(frozen=True, slots=True)
class Alternative:
    """The next better or next worse response: each of `ways` suffices, and of a way every change is needed."""

    direction: str
    category: str
    ways: tuple[tuple[Change, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """The alternative as plain data."""
        return {
            "direction": self.direction,
            "category": self.category,
            "ways": [[change.as_dict() for change in way] for way in self.ways],
        }


@dataclass(frozen=True)
class VisitFacts:
    """What a visit was judged by: its row (`Criterion.inspect`), the words of its criterion, and its lesions."""

    row: Row
    book: CriterionBook
    targets: Sequence[LesionReading]
    nontargets: Sequence[LesionReading]
    new: Sequence[LesionReading]

    def option(self, key: str) -> Any:
        """The value of an option, or None where the criterion does not have it."""
        return self.book.options.get(key)


# Target ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SumScale:
    """The target response as a function of the sum, while some target is still there.

    `pd_from`: from this sum on it is PD (None: growth cannot be judged). `pr_up_to`: up to this sum it is PR.
    """

    pd_from: int | None
    pr_up_to: int
    always_pd: bool = False

    def response(self, total: int) -> str:
        """The response that the sum would give."""
        if self.always_pd or (self.pd_from is not None and total >= self.pd_from):
            return "PD"
        return "PR" if total <= self.pr_up_to else "SD"


def sum_scale(facts: VisitFacts) -> SumScale | None:
    """The scale of this visit; None where there is none (no baseline sum, or a criterion without these values)."""
    row, baseline = facts.row, facts.row.get("baseline_x100")
    if baseline is None or any(facts.option(key) is None for key in ("pr.pct", "pd.pct", "pd.abs_mm")):
        return None
    nadir = row.get("nadir_x100")
    pd_from = (
        None if nadir is None else least_that_has_risen_by(nadir, facts.option("pd.pct"), facts.option("pd.abs_mm"))
    )
    stays = row.get("pr_established") and facts.option("pr.persistence") == "after_established"
    pr_up_to = most_that_has_fallen_by(baseline, facts.option("pr.pct"))
    beyond_all = 10**12
    return SumScale(pd_from, beyond_all if stays else pr_up_to, always_pd=returns_are_progression(facts))


def returns_are_progression(facts: VisitFacts) -> bool:
    """A target that is seen again would be progression whatever the sum."""
    overall = bool(facts.row.get("cr_before"))
    if overall:
        return bool(facts.option("cr.reappearance") == "pd")
    return bool(facts.row.get("target_cr_before")) and facts.option("cr.target_only_return") == "pd"


def target_changes(facts: VisitFacts) -> list[Change]:
    """What would have made the target response the next better and the next worse one."""
    response, scale = facts.row.get("target"), sum_scale(facts)
    if scale is None or response not in ("CR", "PR", "SD", "PD", "NE"):
        return []
    if not facts.row.get("sum_complete"):
        return _with_unknown_targets(facts, scale)
    total = facts.row["sum_x100"]
    if response == "CR":
        return _worse_than_complete(facts, scale, total)
    limit = 0
    if response == "PD" and scale.pd_from is not None and not scale.always_pd:
        limit = scale.pd_from - 1
    elif response == "SD":
        limit = scale.pr_up_to
    if limit > 0:
        better = [_at_most(facts, scale.response(limit), limit, total)]
    else:
        better = [Change(TARGET, "CR", f"every target gone: {_still_there(facts)}", rules=_complete_rules(facts))]
    worse = []
    if response == "PR" and (scale.pd_from is None or scale.pr_up_to + 1 < scale.pd_from) and scale.pr_up_to < 10**12:
        worse = [_at_least(facts, "SD", scale.pr_up_to + 1, total)]
    if response in ("PR", "SD") and scale.pd_from is not None:
        worse.append(_at_least(facts, "PD", scale.pd_from, total))
    return [*better, *worse]


def _with_unknown_targets(facts: VisitFacts, scale: SumScale) -> list[Change]:
    """Of an incomplete sum only progression can be proven, by the targets that are known."""
    known = facts.row.get("partial_x100")
    missing = [reading.lesion for reading in facts.targets if not reading.is_evaluated]
    names = listed(missing) if missing else "the targets (one is recorded twice)"
    if facts.row["target"] == "PD" and scale.always_pd:
        back = [reading.lesion for reading in facts.targets if reading.status == "present"]
        return [Change(TARGET, "NE", f"{listed(back)} not seen again", rules=_return_rules(facts))]
    if facts.row["target"] == "PD" and scale.pd_from is not None and known is not None:
        return [_at_most(facts, "NE", scale.pd_from - 1, known, what="the sum of the targets that are known")]
    evaluated = Change(TARGET, "SD", f"{names} evaluated at this visit; then the sum decides")
    if scale.always_pd:
        return [evaluated, Change(TARGET, "PD", "any target seen again", rules=_return_rules(facts))]
    if scale.pd_from is None or known is None:
        return [evaluated]
    proven = _at_least(facts, "PD", scale.pd_from, known, what="the sum of the targets that are known")
    return [evaluated, proven]


def _worse_than_complete(facts: VisitFacts, scale: SumScale, total: int) -> list[Change]:
    if scale.always_pd:
        return [Change(TARGET, "PD", "any target seen again", rules=_return_rules(facts))]
    first = scale.response(total + 1)
    if first == "PD":
        return [Change(TARGET, "PD", "any target seen again", rules=_growth(facts)[1])]
    normal = facts.book.value("node.normal_below_mm")
    nodes = any(reading.node for reading in facts.targets)
    at = f" (a node at {plain(normal.value)} mm or more)" if nodes and normal.value is not None else ""
    changes = [Change(TARGET, first, f"a target seen again{at}", rules=_complete_rules(facts))]
    if scale.pd_from is not None:
        changes.append(_at_least(facts, "PD", scale.pd_from, total, what="a target seen again and the target sum"))
    return changes


def _still_there(facts: VisitFacts) -> str:
    left = [reading for reading in facts.targets if reading.status == "present"]
    return f"{listed(f'{one.lesion} ({mm(one.counted_x100 or 0)})' for one in left)} still there" if left else "none is"


def _complete_rules(facts: VisitFacts) -> tuple[Rule, ...]:
    return (facts.book.value("node.normal_below_mm"),) if any(reading.node for reading in facts.targets) else ()


def _return_rules(facts: VisitFacts) -> tuple[Rule, ...]:
    return (facts.book.value("cr.reappearance" if facts.row.get("cr_before") else "cr.target_only_return"),)


def _at_most(facts: VisitFacts, category: str, limit: int, total: int, *, what: str = "the target sum") -> Change:
    if facts.row["target"] == "PD":
        because, rules = _growth(facts)
        text = f"{what} below {mm(limit + 1)}: more than {mm(total - limit - 1)} less (PD is {because})"
    else:
        because, rules = _shrinkage(facts)
        text = f"{what} at most {mm(limit)}: {mm(total - limit)} less ({category} is {because})"
    return Change(TARGET, category, text, at_most_x100=limit, by_x100=limit - total, rules=rules)


def _at_least(facts: VisitFacts, category: str, limit: int, total: int, *, what: str = "the target sum") -> Change:
    if category == "PD":
        because, rules = _growth(facts)
        text = f"{what} at least {mm(limit)}: {mm(limit - total)} more (PD is {because})"
    else:
        because, rules = _shrinkage(facts)
        text = f"{what} above {mm(limit - 1)}: more than {mm(limit - 1 - total)} more (PR is {because})"
    return Change(TARGET, category, text, at_least_x100=limit, by_x100=limit - total, rules=rules)


def _growth(facts: VisitFacts) -> tuple[str, tuple[Rule, ...]]:
    percent, least = facts.book.value("pd.pct"), facts.book.value("pd.abs_mm")
    also = f" and +{plain(least.value)} mm" if hundredths(least.value) > 0 else ""
    text = f"+{plain(percent.value)} %{also} over the nadir of {mm(facts.row['nadir_x100'])}"
    return text, (percent, least) if also else (percent,)


def _shrinkage(facts: VisitFacts) -> tuple[str, tuple[Rule, ...]]:
    percent = facts.book.value("pr.pct")
    return f"−{plain(percent.value)} % from the baseline of {mm(facts.row['baseline_x100'])}", (percent,)


# Non-target and new lesions ----------------------------------------------------------------------------------------------


def nontarget_changes(facts: VisitFacts) -> list[Change]:
    """What would have made the non-target response the next better and the next worse one."""
    response = facts.row.get("nontarget")
    by_status: dict[str, list[str]] = {}
    for reading in facts.nontargets:
        by_status.setdefault(reading.status, []).append(reading.lesion)
    progression = Change(NONTARGET, "PD", "unequivocal progression of non-target disease, as its reader calls it")
    left = by_status.get("present", []) + by_status.get("unequivocal", [])
    if response == "NON-CR/NON-PD":
        return [Change(NONTARGET, "CR", f"{listed(left)} absent"), progression]
    if response == "CR":
        again = "PD" if facts.row.get("cr_before") else "NON-CR/NON-PD"
        seen = Change(NONTARGET, again, f"{listed(by_status.get('absent', []), 'or')} seen again")
        return [seen] if again == "PD" else [seen, progression]
    if response == "PD" and "unequivocal" in by_status:
        worse = by_status["unequivocal"]
        return [Change(NONTARGET, "NON-CR/NON-PD", f"no unequivocal progression of {listed(worse)}")]
    if response == "PD":
        return [Change(NONTARGET, "CR", f"{listed(left)} still absent, as at the complete response before")]
    if response == "NE":
        missing = by_status.get("not evaluated", [])
        found = "NON-CR/NON-PD" if left else "CR"
        return [Change(NONTARGET, found, f"{listed(missing)} evaluated at this visit"), progression]
    return []


def new_lesion_changes(facts: VisitFacts, *, signal: bool) -> list[Change]:
    """What would have made that there is a new lesion (`signal`), or that none is left."""
    there = [reading.lesion for reading in facts.new if reading.counts and reading.status in ("present", "unequivocal")]
    without = Change(NEW_LESION, "no", f"no new lesion {listed(there)}" if there else "no new lesion")
    if signal:
        return [without]
    found = Change(NEW_LESION, "yes", "a further unequivocal new lesion" if there else "an unequivocal new lesion")
    return [found, without] if there else [found]


# Overall -----------------------------------------------------------------------------------------------------------------


@cache
def _truth_table() -> dict[tuple[str, str], str]:
    """Target and non-target response together, new lesions aside, for every pair."""
    pairs = list(product(_TARGET_CODES, _NONTARGET_CODES))
    frame = pl.DataFrame(pairs, schema=["target", "nontarget"], orient="row")
    together = frame.select(both=lesion_response(pl.col("target"), pl.col("nontarget")))["both"]
    return dict(zip(pairs, together, strict=True))


def together(target: str, nontarget: str, *, new_lesion: bool) -> str:
    """Overall response of the three components (Eisenhauer 2009 Tables 1 and 2)."""
    return "PD" if new_lesion else _truth_table()[(target, nontarget)]


def alternatives(
    facts: VisitFacts, *, signal: bool, left: bool = False, codes: Mapping[str, str] | None = None
) -> list[Alternative]:
    """The next better and next worse overall response, each with every smallest set of changes that gives it.

    `signal`: new lesions make progression now; `left`: some are left that forbid a complete response. `codes` is what each plain
    code is called (iRECIST).
    """
    target, nontarget = facts.row.get("target"), facts.row.get("nontarget")
    if target is None or nontarget is None:
        return []

    def overall(target: str, nontarget: str, new: str) -> str:
        code = together(target, nontarget, new_lesion=new == "yes")
        return "PR" if code == "CR" and new == "left" else code

    new_now = "yes" if signal else "left" if left else "no"
    now = overall(target, nontarget, new_now)
    changes = [target_changes(facts), nontarget_changes(facts), new_lesion_changes(facts, signal=signal)]
    found: dict[str, list[tuple[Change, ...]]] = {}
    for picked in product(*([None, *of_component] for of_component in changes)):
        way = tuple(change for change in picked if change is not None)
        after = [
            change.category if change else before
            for change, before in zip(picked, (target, nontarget, new_now), strict=True)
        ]
        found.setdefault(overall(*after), []).append(way)
    del found[now]
    named = codes or {}
    picked_codes = [("better", _next(found, now, better=True)), ("worse", _next(found, now, better=False))]
    if now == "NE":
        picked_codes = [
            ("better", next((code for code in _ORDER if code in found and code != "PD"), None)),
            ("worse", "PD"),
        ]
    elif now == "PD" and picked_codes[0][1] is None:
        picked_codes[0] = ("better", "NE")
    return [
        Alternative(direction, named.get(code, code), _smallest(found[code]))
        for direction, code in picked_codes
        if code is not None and code in found
    ]


def _next(codes: Iterable[str], now: str, *, better: bool) -> str | None:
    """The code that stands next to the present one on the side asked for."""
    if now not in _ORDER:
        return "PD" if not better and "PD" in codes else None
    here = _ORDER.index(now)
    side = [code for code in codes if code in _ORDER and (_ORDER.index(code) < here) == better and code != now]
    return (max if better else min)(side, key=_ORDER.index, default=None)


def _smallest(ways: Sequence[tuple[Change, ...]]) -> tuple[tuple[Change, ...], ...]:
    """The ways without those that hold another way and something more; those by the targets first."""
    fewest = [way for way in ways if not any(set(map(id, other)) < set(map(id, way)) for other in ways)]
    order = (TARGET, NONTARGET, NEW_LESION)
    return tuple(sorted(fewest, key=lambda way: [order.index(change.component) for change in way]))
