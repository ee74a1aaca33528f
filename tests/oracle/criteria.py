"""A slow, obvious reading of the response criteria, one subject at a time, written from the specification alone.

It shares no code with the engine. `assess` takes one subject's `lesion_assessments` as mappings and gives one mapping
per post-baseline visit; lengths are whole hundredths of a millimetre, as everywhere behind the readers. Comparisons are
made in fractions, so nothing is ever rounded.

Order of the page: options, the subject's visits, sums, target and non-target categories, the table of overall
responses, new lesions, RECIST 1.1 and mRECIST, iRECIST, the hybrid, best overall response, progression, PFS.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
Options = Mapping[str, Any]
Timepoint = dict[str, Any]

_SHARED = {
    "target.max_total": 5, "target.max_per_organ": 2, "target.min_mm": 10, "target.min_node_short_mm": 15,
    "node.normal_below_mm": 10, "tstm.default_mm": 5, "pr.pct": 30, "pd.pct": 20, "pd.abs_mm": 5,
    "nadir.includes_baseline": True, "pr.persistence": "after_established", "cr.before_pd": True,
    "cr.reappearance": "pd", "cr.target_only_return": "arithmetic", "new.node_min_short_mm": 10,
    "equivocal.backdate": "restate", "bor.confirmation": "none", "bor.confirm_min_days": 28, "bor.confirm_max_ne": 1,
    "bor.confirm_max_sd": 1, "bor.sd_min_days": 42,
}  # fmt: skip
_MRECIST = {
    "pd.abs_mm": 0, "new.node_min_short_mm.porta_hepatis": 20, "mrecist.measure": "viable", "mrecist.new_min_mm": 10,
    "mrecist.growth_mm": 10, "mrecist.effusion_needs_cytology": True, "mrecist.on_study_local": "keep",
}  # fmt: skip
_IRECIST = {
    "irecist.confirm_min_days": 28, "irecist.confirm_max_days": 56, "irecist.early_scan": "ignore",
    "irecist.late_confirmation": "accept", "irecist.further_mm": 5, "irecist.further_from": "anchor",
    "irecist.persisting_new": "category_improved", "irecist.icr_requires_new_resolved": True,
    "irecist.ne_between": "keep_pending", "irecist.pending_at_end": "event", "irecist.new_target_max_total": 5,
    "irecist.new_target_max_per_organ": 2,
}  # fmt: skip
_HYBRID = {
    "hybrid.basis": "viable",
    "hybrid.whole_pd_abs_mm": 5,
    "hybrid.progression_date": "first_iupd",
    "hybrid.unconfirmed_last": "event",
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "recist_1_1": {**_SHARED},
    "mrecist": {**_SHARED, **_MRECIST},
    "irecist": {**_SHARED, **_IRECIST},
    "mrecist_irecist": {**_SHARED, **_IRECIST, **_MRECIST, **_HYBRID},
}

OPEN, PENDING, CONFIRMED, PROGRESSED = "OPEN", "PENDING", "CONFIRMED", "PROGRESSED"
I_CODE = {"CR": "iCR", "PR": "iPR", "SD": "iSD", "NON-CR/NON-PD": "NON-iCR/NON-iUPD", "PD": "iUPD"}
PLAIN_CODE = {**{i: plain for plain, i in I_CODE.items()}, "iCPD": "PD"}
QUALITY = {"CR": 3, "PR": 2, "SD": 1, "NON-CR/NON-PD": 1, "NED": 1, "PD": 0}


def all_options(criterion: str, options: Options) -> dict[str, Any]:
    return {**DEFAULTS[criterion], **options}


def hundredths(millimetres: Any) -> Fraction:
    return Fraction(str(millimetres)) * 100


# ---------------------------------------------------------------------------------------------- the subject's visits


@dataclass
class Visit:
    date: date
    is_baseline: bool
    reason: str
    flagged: bool
    rows: dict[str, list[Row]]


@dataclass
class History:
    baseline: Visit
    visits: list[Visit]
    lesions: dict[str, Row]  # each lesion's first record: its role, organ, node, kind, site, nl

    def targets(self) -> list[str]:
        return self._at_baseline("target")

    def nontargets(self) -> list[str]:
        return self._at_baseline("non-target")

    def new(self) -> list[str]:
        """Lesions first called new; one that is seen at baseline is not, whatever it is called."""
        return [
            name for name, row in self.lesions.items() if row["role"] == "new" and not self._is_seen_at_baseline(name)
        ]

    def _is_seen_at_baseline(self, name: str) -> bool:
        return any("absent" not in (row.get("state"), row.get("status")) for row in self.baseline.rows.get(name, []))

    def _at_baseline(self, role: str) -> list[str]:
        return [name for name in self.baseline.rows if self.lesions[name]["role"] == role]


def read_history(rows: Iterable[Row]) -> History:
    by_date: dict[date, list[Row]] = {}
    for row in sorted(rows, key=lambda r: (r["visit_date"], r["lesion_id"], r.get("fragment_id") or "")):
        by_date.setdefault(row["visit_date"], []).append(row)
    visits, lesions = [], {}
    for day, here in sorted(by_date.items()):
        grouped: dict[str, list[Row]] = {}
        for row in here:
            grouped.setdefault(row["lesion_id"], []).append(row)
            lesions.setdefault(row["lesion_id"], as_spelled_here(row))
        first = here[0]
        reason = first.get("reason") or "scheduled"
        flagged = bool(first.get("suspected_pseudoprogression"))
        visits.append(Visit(day, bool(first["is_baseline"]), reason, flagged, grouped))
    baseline = next(visit for visit in visits if visit.is_baseline)
    return History(baseline, [visit for visit in visits if visit.date > baseline.date], lesions)


def as_spelled_here(row: Row) -> Row:
    """Organ and site in small letters, without blanks around, and one underscore for blanks and hyphens within a site."""
    site = row.get("site")
    spelled = "_".join(site.strip().lower().replace("-", " ").split()) if site else None
    return {**row, "organ": (row["organ"] or "").strip().lower(), "site": spelled}


# ------------------------------------------------------------------------------------------- contributions and sums


def contribution(rows: list[Row] | None, column: str, options: Options) -> Fraction | None:
    """What a lesion adds to the sum; None where that is not known."""
    if not rows:
        return None  # no row is no data, never absence
    parts = [_part(row, column, options) for row in rows]
    return None if any(part is None for part in parts) else sum((p for p in parts if p is not None), Fraction(0))


def _part(row: Row, column: str, options: Options) -> Fraction | None:
    if row.get("state") == "absent" or row.get("mm_x100") == 0:
        return Fraction(0)
    if row.get("state") == "merged":
        return Fraction(0)
    if row.get("state") == "ne":
        return None  # whatever number stands beside it
    if row.get(column) is not None:
        return Fraction(row[column])
    if row.get("state") == "tstm":
        return hundredths(options["tstm.default_mm"])
    return None


def measured_column(history: History, name: str, *, viable: bool) -> str:
    """Which diameter of a target counts. mRECIST: the viable one of an enhancing liver lesion, else the whole."""
    lesion = history.lesions[name]
    if not viable or lesion["node"] or lesion["organ"] != "liver":
        return "mm_x100"
    at_baseline = [row.get("viable_mm_x100") for row in history.baseline.rows.get(name, [])]
    return "mm_x100" if at_baseline and all(size == 0 for size in at_baseline) else "viable_mm_x100"


def contributions(history: History, visit: Visit, options: Options, *, viable: bool) -> dict[str, Fraction | None]:
    targets = history.targets()
    carriers = [name for name in targets if name in visit.rows and not is_merged(visit.rows[name])]
    found = {}
    for name in targets:
        rows = visit.rows.get(name)
        found[name] = contribution(rows, measured_column(history, name, viable=viable), options)
        if rows and is_merged(rows) and rows[0].get("into") not in carriers:
            found[name] = None  # the mass is measured nowhere
    return found


def at_least(history: History, visit: Visit, options: Options, *, viable: bool) -> dict[str, Fraction]:
    """What each target adds for certain: of a lesion that is known in part, the part."""
    floor = {}
    for name, part in contributions(history, visit, options, viable=viable).items():
        column = measured_column(history, name, viable=viable)
        known = [_part(row, column, options) for row in visit.rows.get(name, []) if row.get("state") != "merged"]
        floor[name] = part if part is not None else sum((size for size in known if size is not None), Fraction(0))
    return floor


def is_merged(rows: list[Row]) -> bool:
    return rows[0].get("state") == "merged"


def complete_sum(parts: Mapping[str, Fraction | None]) -> Fraction | None:
    known = [part for part in parts.values() if part is not None]
    return sum(known, Fraction(0)) if parts and len(known) == len(parts) else None


# ------------------------------------------------------------------------------------------------- what came before


@dataclass
class Memory:
    """What a later visit must know of the earlier, accepted ones."""

    sums: list[Fraction] = field(default_factory=list)  # complete post-baseline sums
    had_overall_cr: bool = False
    had_target_cr: bool = False
    responses: list[tuple[date, str]] = field(default_factory=list)  # target responses since the last PD

    def pr_is_established(self, options: Options) -> bool:
        if options["bor.confirmation"] == "none":
            return any(code in ("CR", "PR") for _day, code in self.responses)
        return any(
            is_confirmed(self.responses, first, second, ("CR", "PR"), ("CR", "PR"), options)
            for second in range(len(self.responses))
            for first in range(second)
        )


def is_confirmed(
    responses: Sequence[tuple[date, str]],
    first: int,
    second: int,
    starts: tuple[str, ...],
    confirms: tuple[str, ...],
    options: Options,
) -> bool:
    """The pair of visits is far enough apart and nothing in between speaks against it."""
    (day1, code1), (day2, code2) = responses[first], responses[second]
    between = [code for _day, code in responses[first + 1 : second]]
    sd_allowed = options["bor.confirm_max_sd"] if "PR" in confirms else 0
    return (
        code1 in starts
        and code2 in confirms
        and (day2 - day1).days >= options["bor.confirm_min_days"]
        and (options["bor.confirm_max_ne"] == "any" or between.count("NE") <= options["bor.confirm_max_ne"])
        and (sd_allowed == "any" or between.count("SD") <= sd_allowed)
        and all(code in (*confirms, "NE", "SD") for code in between)
    )


# -------------------------------------------------------------------------------------- target and non-target response


@dataclass
class Categories:
    """The three readings of one visit."""

    parts: dict[str, Fraction | None]
    floor: dict[str, Fraction]
    sum: Fraction | None
    baseline: Fraction | None
    nadir: Fraction | None
    target: str
    nontarget: str
    progressed_nontargets: list[str]

    def without_new(self) -> str:
        return overall_response(self.target, self.nontarget, new_lesion=False)


def categorise(
    history: History, visit: Visit, memory: Memory, options: Options, family: str, *, viable: bool
) -> Categories:
    parts = contributions(history, visit, options, viable=viable)
    baseline = complete_sum(contributions(history, history.baseline, options, viable=viable))
    candidates = list(memory.sums)
    if options["nadir.includes_baseline"] and baseline is not None:
        candidates.append(baseline)
    nadir = min(candidates) if candidates else None
    floor = at_least(history, visit, options, viable=viable)
    target = target_response(history, visit, parts, floor, baseline, nadir, memory, options)
    nontarget, progressed = nontarget_response(history, visit, memory, options, family)
    return Categories(parts, floor, complete_sum(parts), baseline, nadir, target, nontarget, progressed)


def target_response(
    history: History,
    visit: Visit,
    parts: Mapping[str, Fraction | None],
    floor: Mapping[str, Fraction],
    baseline: Fraction | None,
    nadir: Fraction | None,
    memory: Memory,
    options: Options,
) -> str:
    if not parts:
        return "NA"
    if not baseline:
        return "NE"  # nothing to compare with
    came_back = [
        name
        for name, size in floor.items()
        if (not is_normal_node(size, visit.rows.get(name, []), options) if history.lesions[name]["node"] else size > 0)
    ]
    if memory.had_overall_cr:
        if came_back and options["cr.reappearance"] == "pd":
            return "PD"
    elif memory.had_target_cr and came_back and options["cr.target_only_return"] == "pd":
        return "PD"
    total = complete_sum(parts)
    if total is None:
        return "PD" if has_grown(sum(floor.values(), Fraction(0)), nadir, options) else "NE"
    gone = not came_back
    if gone and options["cr.before_pd"]:
        return "CR"
    if has_grown(total, nadir, options):
        return "PD"
    if gone:
        return "CR"
    if total * 100 <= (100 - Fraction(str(options["pr.pct"]))) * baseline:
        return "PR"
    if options["pr.persistence"] == "after_established" and memory.pr_is_established(options):
        return "PR"
    return "SD"


def is_normal_node(part: Fraction, rows: list[Row], options: Options) -> bool:
    too_small = all(row.get("state") == "tstm" and row.get("mm_x100") is None for row in rows)
    return too_small or part < hundredths(options["node.normal_below_mm"])


def has_grown(total: Fraction, smallest: Fraction | None, options: Options) -> bool:
    """At least pd.pct and at least pd.abs_mm more than the smallest sum; from 0, any size meets the relative part."""
    if smallest is None or total <= smallest:
        return False
    relative = total * 100 >= (100 + Fraction(str(options["pd.pct"]))) * smallest
    return relative and total - smallest >= hundredths(options["pd.abs_mm"])


def is_effusion_without_proof(lesion: Row, row: Row, options: Options, family: str) -> bool:
    return (
        family == "mrecist"
        and lesion.get("kind") == "effusion"
        and options["mrecist.effusion_needs_cytology"]
        and row.get("cytology") != "positive"
    )


def nontarget_status(lesion: Row, rows: list[Row] | None, options: Options) -> str:
    """absent, present, unequivocal or ne."""
    if not rows:
        return "ne"
    row = rows[0]
    status = row.get("status")
    size = row.get("mm_x100")
    if status in ("unequivocal", "ne"):
        return str(status)
    if status is None and row.get("state") == "ne":
        return "ne"
    if lesion["node"] and size is not None:
        return "absent" if size < hundredths(options["node.normal_below_mm"]) else "present"
    if status is None:
        too_small = row.get("state") == "tstm"
        if row.get("state") == "absent" or size == 0 or (too_small and lesion["node"]):
            return "absent"  # a node that is too small to measure is normal
        return "present" if size is not None or too_small or row.get("state") == "merged" else "ne"
    return str(status)


def nontarget_response(
    history: History, visit: Visit, memory: Memory, options: Options, family: str
) -> tuple[str, list[str]]:
    names = history.nontargets()
    if not names:
        return "NA", []
    statuses = {}
    progressed = []
    for name in names:
        lesion, rows = history.lesions[name], visit.rows.get(name)
        status = nontarget_status(lesion, rows, options)
        unproven = bool(rows) and is_effusion_without_proof(lesion, rows[0], options, family) if rows else False
        if status == "unequivocal" and unproven:
            status = "present"
        statuses[name] = status
        returned = memory.had_overall_cr and status == "present" and not lesion["node"] and not unproven
        if status == "unequivocal" or returned:
            progressed.append(name)
    if progressed:
        return "PD", progressed
    if "ne" in statuses.values():
        return "NE", []
    if all(status == "absent" for status in statuses.values()):
        return "CR", []
    return "NON-CR/NON-PD", []


_TABLE = {
    ("CR", "CR"): "CR", ("CR", "NON-CR/NON-PD"): "PR", ("CR", "NE"): "PR", ("CR", "NA"): "CR",
    ("PR", "CR"): "PR", ("PR", "NON-CR/NON-PD"): "PR", ("PR", "NE"): "PR", ("PR", "NA"): "PR",
    ("SD", "CR"): "SD", ("SD", "NON-CR/NON-PD"): "SD", ("SD", "NE"): "SD", ("SD", "NA"): "SD",
    ("NE", "CR"): "NE", ("NE", "NON-CR/NON-PD"): "NE", ("NE", "NE"): "NE", ("NE", "NA"): "NE",
    ("NA", "CR"): "CR", ("NA", "NON-CR/NON-PD"): "NON-CR/NON-PD", ("NA", "NE"): "NE", ("NA", "NA"): "NED",
}  # fmt: skip


def overall_response(target: str, nontarget: str, *, new_lesion: bool) -> str:
    return "PD" if new_lesion or "PD" in (target, nontarget) else _TABLE[target, nontarget]


# ------------------------------------------------------------------------------------------------------- new lesions


@dataclass
class NewLesion:
    """What is known of one new lesion so far."""

    first_seen: date | None = None  # start of the unbroken run in which it was not reported gone
    first_mm: Fraction | None = None
    counted_on: date | None = None
    seen: bool | None = False  # at the visit looked at: seen, known to be gone, or (None) not known
    size: Fraction | None = None
    is_measured: bool = False
    vs_last: str = "same"
    status: str | None = None
    proven: bool = True


def look(
    known: Mapping[str, NewLesion], history: History, visit: Visit, options: Options, family: str
) -> dict[str, NewLesion]:
    """The new lesions after this visit."""
    found = {}
    for name in history.new():
        lesion = history.lesions[name]
        now = copy.copy(known.get(name, NewLesion()))
        now.vs_last, now.status, now.size = "same", None, None
        rows = visit.rows.get(name)
        if not rows:
            now.seen = None if now.first_seen else False
        else:
            _look_at(now, lesion, rows, visit, options, family)
        found[name] = now
    return found


def _look_at(now: NewLesion, lesion: Row, rows: list[Row], visit: Visit, options: Options, family: str) -> None:
    """A lesion in several parts is unknown where one of them is, and gone where all are; else what one of them shows is so."""
    proven_rows = [row for row in rows if not is_effusion_without_proof(lesion, row, options, family)]
    now.proven = proven = bool(proven_rows)
    now.size = contribution(
        [{**row, "mm_x100": 0} if is_reported_gone(row) else row for row in rows], "mm_x100", options
    )
    now.status = "unequivocal" if any(row.get("status") == "unequivocal" for row in proven_rows) else None
    now.vs_last = "increased" if any(row.get("vs_last") == "increased" for row in proven_rows) else "same"
    if any("ne" in (row.get("state"), row.get("status")) for row in rows):
        now.seen, now.size = None, None
    elif all(is_reported_gone(row) for row in rows):
        now.seen, now.size = False, Fraction(0)
    elif lesion.get("kind") == "cyst" or is_small_new_node(now, lesion, rows, options, family):
        now.seen = False
    else:
        now.seen = proven or now.counted_on is not None
    if now.seen is False:
        now.size = now.size if now.counted_on else None
        if now.counted_on is None:
            now.first_seen = now.first_mm = None  # it vanished: nothing happened
    if now.seen and now.first_seen is None:
        now.first_seen = visit.date
    if now.seen and now.first_mm is None:
        now.first_mm = now.size
    is_disease = family != "mrecist" or not is_liver_nodule(lesion) or is_hcc(now, rows, options)
    is_certain = any(row.get("certainty") != "equivocal" for row in rows)
    if now.seen and now.counted_on is None and is_certain and is_disease:
        now.counted_on = visit.date
    has_size = any(row.get("mm_x100") is not None or row.get("state") not in (None, "ne") for row in rows)
    now.is_measured = now.is_measured or (lesion.get("nl") != "non-target" and has_size)


def is_reported_gone(row: Row) -> bool:
    return "absent" in (row.get("state"), row.get("status")) or (
        row.get("mm_x100") == 0 and row.get("state") != "merged"
    )


def is_small_new_node(now: NewLesion, lesion: Row, rows: list[Row], options: Options, family: str) -> bool:
    if not lesion["node"] or now.size is None:
        return False
    too_small = all(row.get("state") == "tstm" and row.get("mm_x100") is None for row in rows)
    return too_small or now.size < smallest_new_node(now, lesion, options, family)


def smallest_new_node(now: NewLesion, lesion: Row, options: Options, family: str) -> Fraction:
    """Short axis from which a new node is disease; one that has counted is disease until it is normal."""
    at_porta_hepatis = family == "mrecist" and lesion.get("site") == "porta_hepatis"
    to_count = hundredths(options["new.node_min_short_mm" + (".porta_hepatis" if at_porta_hepatis else "")])
    if now.counted_on is not None:
        return min(to_count, hundredths(options["node.normal_below_mm"]))
    return to_count


def is_liver_nodule(lesion: Row) -> bool:
    return (
        lesion["organ"] == "liver"
        and not lesion["node"]
        and lesion.get("kind") not in ("effusion", "pvt", "infiltrative")
    )


def is_hcc(now: NewLesion, rows: list[Row], options: Options) -> bool:
    if now.size is None or now.first_mm is None:
        return False
    has_pattern = any(row.get("pattern") == "typical" for row in rows)
    typical = has_pattern and now.size >= hundredths(options["mrecist.new_min_mm"])
    return typical or now.size - now.first_mm >= hundredths(options["mrecist.growth_mm"])


# ------------------------------------------------------------------------------------------------- the four criteria


def assess(criterion: str, options: Options, lesions: Iterable[Row]) -> list[Timepoint]:
    """Timepoint responses of one subject, in the order of the visits."""
    history = read_history(lesions)
    chosen = all_options(criterion, options)
    if criterion in ("recist_1_1", "mrecist"):
        return assess_plain(history, chosen, criterion)
    if criterion == "irecist":
        return assess_irecist(history, chosen, "irecist", viable=False)
    return assess_hybrid(history, chosen)


def _timepoint(visit: Visit, categories: Categories | None, **more: Any) -> Timepoint:
    row: Timepoint = {
        "visit_date": visit.date, "reason": visit.reason, "suspected_pseudoprogression": visit.flagged,
        "sum_x100": None, "sum_complete": None, "baseline_x100": None, "nadir_x100": None,
        "target": None, "nontarget": None, "new_lesion": None,
        "overall": None, "overall_as_read": None, "basis_overall": None, "progression_date": None,
        "accepted": True, "state": None, "anchor_date": None, "confirmation_reasons": None,
    }  # fmt: skip
    if categories is not None:
        row |= {
            "sum_x100": _whole(categories.sum),
            "sum_complete": categories.sum is not None,
            "baseline_x100": _whole(categories.baseline),
            "nadir_x100": _whole(categories.nadir),
            "target": categories.target,
            "nontarget": categories.nontarget,
        }
    return row | more


def _whole(size: Fraction | None) -> int | None:
    return None if size is None else int(size)


def assess_plain(history: History, options: Options, criterion: str) -> list[Timepoint]:
    """RECIST 1.1 and mRECIST: visit by visit as read, then the retrospective dating of new lesions."""
    family = "mrecist" if criterion == "mrecist" else "recist"
    viable = family == "mrecist" and options["mrecist.measure"] == "viable"
    memory, known, timepoints = Memory(), {}, []
    backdated: list[tuple[date, date]] = []  # (first visit that showed the lesion, visit at which it counts)
    for visit in history.visits:
        categories = categorise(history, visit, memory, options, family, viable=viable)
        known = look(known, history, visit, options, family)
        new_lesion = any(lesion.seen and lesion.counted_on for lesion in known.values())
        backdated += [
            (lesion.first_seen, visit.date)
            for lesion in known.values()
            if lesion.counted_on == visit.date and lesion.first_seen is not None and lesion.first_seen < visit.date
        ]
        overall = overall_response(categories.target, categories.nontarget, new_lesion=new_lesion)
        timepoints.append(
            _timepoint(
                visit,
                categories,
                new_lesion=new_lesion,
                overall=overall,
                overall_as_read=overall,
                progression_date=visit.date if overall == "PD" else None,
            )
        )
        remember(memory, visit, categories, overall)
    redate(timepoints, backdated, options)
    for row in timepoints:
        row["basis_overall"] = row["overall"]
    return timepoints


def remember(memory: Memory, visit: Visit, categories: Categories, overall: str) -> None:
    if categories.sum is not None:
        memory.sums.append(categories.sum)
    memory.had_overall_cr = memory.had_overall_cr or overall in ("CR", "iCR")
    memory.had_target_cr = memory.had_target_cr or categories.target == "CR"
    if categories.target == "PD" or overall in ("iUPD", "iCPD"):
        memory.responses.clear()
    else:
        memory.responses.append((visit.date, categories.target))


def redate(timepoints: list[Timepoint], backdated: Iterable[tuple[date, date]], options: Options) -> None:
    """Progression by a lesion that was doubtful at first belongs to the first visit that showed it."""
    by_date = {row["visit_date"]: row for row in timepoints}
    for first, counted in backdated:
        if options["equivocal.backdate"] == "restate":
            by_date[first] |= {"overall": "PD", "progression_date": by_date[first]["progression_date"] or first}
        if options["equivocal.backdate"] in ("restate", "date_only"):
            by_date[counted]["progression_date"] = min(by_date[counted]["progression_date"], first)


# ---------------------------------------------------------------------------------------------------------- iRECIST


@dataclass
class Anchor:
    """The first iUPD visit of the current block, and what it looked like."""

    date: date
    parts: dict[str, Fraction | None]
    new: dict[str, NewLesion]
    by_target: bool
    by_nontarget: bool
    by_new: bool
    progressed_nontargets: list[str]
    causing_new: list[str]
    without_new: str


def assess_irecist(history: History, options: Options, family: str, *, viable: bool) -> list[Timepoint]:
    return Machine(history, options, family, viable=viable).run()


class Machine:
    """OPEN, PENDING and CONFIRMED over a subject's visits."""

    def __init__(self, history: History, options: Options, family: str, *, viable: bool) -> None:
        self.history, self.options, self.family, self.viable = history, options, family, viable
        self.memory = Memory()
        self.new: dict[str, NewLesion] = {}
        self.new_sums: list[tuple[frozenset[str], Fraction]] = []  # earlier complete sums of measured new lesions
        self.first_sizes: dict[str, Fraction] = {}
        self.state = OPEN
        self.anchor: Anchor | None = None
        # The last accepted visit of the block whose sum was known, for targets and for new lesions.
        self.compared_parts: dict[str, Fraction | None] = {}
        self.compared_new: dict[str, NewLesion] = {}
        self.timepoints: list[Timepoint] = []

    def run(self) -> list[Timepoint]:
        for visit in self.history.visits:
            self.step(visit)
        return self.timepoints

    def step(self, visit: Visit) -> None:
        categories = categorise(self.history, visit, self.memory, self.options, self.family, viable=self.viable)
        new = look(self.new, self.history, visit, self.options, self.family)
        added = [name for name, lesion in new.items() if lesion.counted_on == visit.date]
        reasons: list[str] = []
        before = self.anchor
        if self.is_too_early(visit):
            reasons = self.early_confirmation(visit, added)
            if not reasons:
                self.put(visit, categories, new, "iUPD", [], before, accepted=False)
                return
            overall = "iCPD"
            self.state = CONFIRMED
        elif self.state == CONFIRMED:
            overall = "iCPD"
        elif self.state == PENDING:
            overall, reasons = self.pending(visit, categories, new, added)
        else:
            overall = self.open(visit, categories, new, added)
        self.put(visit, categories, new, overall, reasons, self.anchor or before, accepted=True)
        self.new = new
        for name in self.measured_new(new):
            size = new[name].size
            if size is not None:
                self.first_sizes.setdefault(name, size)
        if self.state == PENDING and self.anchor is not None:
            if complete_sum(categories.parts) is not None:
                self.compared_parts = categories.parts
            if all(new[name].size is not None for name in self.measured_at_anchor(self.anchor, new)):
                self.compared_new = new
            if self.anchor.date == visit.date:
                self.compared_parts, self.compared_new = categories.parts, new
        together = self.sum_of_new(new)
        if together is not None:
            self.new_sums.append(together)
        remember(self.memory, visit, categories, overall)

    def put(
        self,
        visit: Visit,
        categories: Categories,
        new: Mapping[str, NewLesion],
        overall: str,
        reasons: list[str],
        anchor: Anchor | None,
        *,
        accepted: bool,
    ) -> None:
        self.timepoints.append(
            _timepoint(
                visit,
                categories,
                new_lesion=any(lesion.seen and lesion.counted_on for lesion in new.values()),
                overall=overall,
                overall_as_read=overall,
                basis_overall=overall,
                accepted=accepted,
                state=self.state,
                anchor_date=anchor.date if anchor else None,
                confirmation_reasons=";".join(reasons) or None,
            )
        )

    def is_too_early(self, visit: Visit) -> bool:
        if self.state != PENDING or self.options["irecist.early_scan"] == "use":
            return False
        assert self.anchor is not None
        return (visit.date - self.anchor.date).days < self.options["irecist.confirm_min_days"]

    def early_confirmation(self, visit: Visit, added: list[str]) -> list[str]:
        return ["C5"] if visit.reason == "symptom" and added else []

    # -- OPEN

    def open(self, visit: Visit, categories: Categories, new: dict[str, NewLesion], added: list[str]) -> str:
        causing_new = added + self.grown_leftovers(new)
        if categories.target == "PD" or categories.nontarget == "PD" or causing_new:
            return self.progression_when_open(visit, categories, new, causing_new)
        return self.code(categories, new, I_CODE)

    def progression_when_open(
        self, visit: Visit, categories: Categories, new: dict[str, NewLesion], causing_new: list[str]
    ) -> str:
        self.set_anchor(visit, categories, new, causing_new)
        return "iUPD"

    def set_anchor(
        self, visit: Visit, categories: Categories, new: dict[str, NewLesion], causing_new: list[str]
    ) -> None:
        self.state = PENDING
        self.anchor = Anchor(
            date=visit.date,
            parts=categories.parts,
            new=new,
            by_target=categories.target == "PD",
            by_nontarget=categories.nontarget == "PD",
            by_new=bool(causing_new),
            progressed_nontargets=categories.progressed_nontargets,
            causing_new=causing_new,
            without_new=categories.without_new(),
        )

    def code(self, categories: Categories, new: Mapping[str, NewLesion], codes: Mapping[str, str]) -> str:
        plain = categories.without_new()
        if plain == "CR" and self.options["irecist.icr_requires_new_resolved"] and not all_gone(new):
            plain = "PR"
        return codes.get(plain, plain)

    def measured_new(self, new: Mapping[str, NewLesion]) -> list[str]:
        return [name for name, lesion in new.items() if lesion.counted_on and lesion.is_measured]

    def measured_at_anchor(self, anchor: Anchor, new: Mapping[str, NewLesion]) -> list[str]:
        """The lesions that counted at the anchor and are followed by their size, some of them perhaps only since."""
        return [name for name, lesion in anchor.new.items() if lesion.counted_on and new[name].is_measured]

    def sum_of_new(self, new: Mapping[str, NewLesion]) -> tuple[frozenset[str], Fraction] | None:
        names = self.measured_new(new)
        total = complete_sum({name: new[name].size for name in names})
        return None if total is None else (frozenset(names), total)

    def grown_leftovers(self, new: Mapping[str, NewLesion]) -> list[str]:
        """New lesions of an earlier, refuted iUPD that have grown again."""
        left = {name: lesion for name, lesion in new.items() if name in self.counted_before()}
        grown = [
            name
            for name, lesion in left.items()
            if not lesion.is_measured and lesion.seen and lesion.proven and lesion.status == "unequivocal"
        ]
        measured = {name for name in self.measured_new(left) if name in self.first_sizes}
        if measured and self.new_sums:
            # A lesion that joined later counts, at the visits before, with its first size.
            earlier = [total + sum(self.first_sizes[n] for n in measured - names) for names, total in self.new_sums]
            certain = sum((new[name].size or Fraction(0) for name in measured), Fraction(0))
            own_minimum = {**self.options, "pd.abs_mm": self.options["irecist.further_mm"]}
            if has_grown(certain, min(earlier), own_minimum):
                grown += sorted(measured)
        return grown

    def counted_before(self) -> list[str]:
        return [name for name, lesion in self.new.items() if lesion.counted_on]

    # -- PENDING

    def pending(
        self, visit: Visit, categories: Categories, new: dict[str, NewLesion], added: list[str]
    ) -> tuple[str, list[str]]:
        anchor = self.anchor
        assert anchor is not None
        reasons = self.confirmations(visit, categories, new, added)
        if reasons:
            too_late = (visit.date - anchor.date).days > self.options["irecist.confirm_max_days"]
            if too_late and self.options["irecist.late_confirmation"] == "new_iupd":
                self.begin_again(visit, categories, new, added, reasons)
                return "iUPD", []
            self.state = CONFIRMED
            return "iCPD", reasons
        anchor.progressed_nontargets = sorted({*anchor.progressed_nontargets, *categories.progressed_nontargets})
        if "NE" in (categories.target, categories.without_new()) or self.cause_is_unknown(categories, new):
            return self.not_evaluable(), []
        if categories.target == "PD" or categories.nontarget == "PD":
            return "iUPD", []
        if not all_gone(new) and not self.may_reset_beside_new_lesions(categories):
            return "iUPD", []
        self.state, self.anchor = OPEN, None
        return self.code(categories, new, I_CODE), []

    def begin_again(
        self, visit: Visit, categories: Categories, new: dict[str, NewLesion], added: list[str], reasons: list[str]
    ) -> None:
        """A confirmation that came too late: this visit is the iUPD of a new block, for whatever would have confirmed."""
        progressed = self.anchor.progressed_nontargets if self.anchor else []
        causing_new = added + self.grown_leftovers(new)
        if {"C3", "C4", "C5"} & set(reasons):
            causing_new = [name for name, lesion in new.items() if lesion.counted_on]
        self.set_anchor(visit, categories, new, causing_new)
        assert self.anchor is not None
        self.anchor.by_target = self.anchor.by_target or "C1" in reasons
        self.anchor.by_nontarget = self.anchor.by_nontarget or "C2" in reasons
        self.anchor.progressed_nontargets = sorted({*progressed, *self.anchor.progressed_nontargets})

    def not_evaluable(self) -> str:
        if self.options["irecist.ne_between"] == "clear":
            self.state, self.anchor = OPEN, None
        return "NE"

    def confirmations(
        self, visit: Visit, categories: Categories, new: dict[str, NewLesion], added: list[str]
    ) -> list[str]:
        anchor = self.anchor
        assert anchor is not None
        before_parts, before_new = anchor.parts, anchor.new
        if self.options["irecist.further_from"] == "previous":
            before_parts, before_new = self.compared_parts, self.compared_new
        further = hundredths(self.options["irecist.further_mm"])
        found = []
        if anchor.by_target:
            gain = increase(before_parts, categories.parts, categories.floor)
            if gain is not None and gain >= further:
                found.append("C1")
        if anchor.by_nontarget and any(
            self.is_increased(visit, name)
            for name in (*anchor.progressed_nontargets, *categories.progressed_nontargets)
        ):
            found.append("C2")
        if anchor.by_new:
            names = self.measured_at_anchor(anchor, new)
            sizes = {n: new[n].size for n in names}
            known = {n: size or Fraction(0) for n, size in sizes.items()}
            gain = increase({n: before_new[n].size for n in names}, sizes, known)
            if names and gain is not None and gain >= further:
                found.append("C3")
            if any(
                lesion.seen and lesion.proven and not lesion.is_measured and lesion.vs_last == "increased"
                for name, lesion in new.items()
                if name in self.counted_before()
            ):
                found.append("C4")
        if added:
            found.append("C5")
        if (
            (categories.target == "PD" and not anchor.by_target)
            or (categories.nontarget == "PD" and not anchor.by_nontarget)
            or (self.grown_leftovers(new) and not anchor.by_new)
        ):
            found.append("C6")
        return found

    def is_increased(self, visit: Visit, name: str) -> bool:
        rows = visit.rows.get(name)
        lesion = self.history.lesions[name]
        if not rows or nontarget_status(lesion, rows, self.options) in ("absent", "ne"):
            return False
        return rows[0].get("vs_last") == "increased" and not is_effusion_without_proof(
            lesion, rows[0], self.options, self.family
        )

    def cause_is_unknown(self, categories: Categories, new: Mapping[str, NewLesion]) -> bool:
        anchor = self.anchor
        assert anchor is not None
        if anchor.by_nontarget and categories.nontarget == "NE":
            return True
        return any(
            new[name].seen is None or (new[name].is_measured and new[name].size is None) for name in anchor.causing_new
        )

    def may_reset_beside_new_lesions(self, categories: Categories) -> bool:
        anchor = self.anchor
        assert anchor is not None
        how = self.options["irecist.persisting_new"]
        if how == "any_non_pd":
            return True
        if how == "never" or anchor.without_new == "NE" or categories.without_new() == "NE":
            return False
        return QUALITY[categories.without_new()] > QUALITY[anchor.without_new]


def increase(
    before: Mapping[str, Fraction | None], now: Mapping[str, Fraction | None], floor: Mapping[str, Fraction]
) -> Fraction | None:
    """Growth since `before`, or what is certain of it.

    Where that sum is incomplete, over the lesions measured at both visits; where today's is, `floor` is a lower bound.
    """
    if any(size is None for size in before.values()):
        both = [name for name in before if before[name] is not None and now[name] is not None]
        return sum((now[n] - before[n] for n in both), Fraction(0)) if both else None  # type: ignore[operator]
    return sum(floor.values(), Fraction(0)) - sum((size for size in before.values() if size is not None), Fraction(0))


def all_gone(new: Mapping[str, NewLesion]) -> bool:
    """Every new lesion that counted is known to have disappeared."""
    return all(lesion.seen is False for lesion in new.values() if lesion.counted_on)


# ----------------------------------------------------------------------------------------------------------- hybrid


class HybridMachine(Machine):
    """mRECIST; a progression that the investigator suspects to be none is re-assessed as in iRECIST."""

    whole: Mapping[date, Timepoint] | None = None  # the parallel reading of whole diameters, where it decides

    def open(self, visit: Visit, categories: Categories, new: dict[str, NewLesion], added: list[str]) -> str:
        if self.state == PROGRESSED:
            return ""  # for information, the code of mRECIST
        causing_new = added + self.grown_leftovers(new)
        if categories.target == "PD" or categories.nontarget == "PD" or causing_new:
            return self.progression_when_open(visit, categories, new, causing_new)
        return self.code(categories, new, {})

    def progression_when_open(
        self, visit: Visit, categories: Categories, new: dict[str, NewLesion], causing_new: list[str]
    ) -> str:
        if visit.flagged:
            self.set_anchor(visit, categories, new, causing_new)
            return "iUPD"
        self.state = PROGRESSED
        return "PD"

    def early_confirmation(self, visit: Visit, added: list[str]) -> list[str]:
        if self.whole is None:
            return super().early_confirmation(visit, added)
        read = self.whole[visit.date]
        by_new_lesion = read["state"] == CONFIRMED and "C5" in (read["confirmation_reasons"] or "")
        return [read["confirmation_reasons"]] if visit.reason == "symptom" and by_new_lesion else []

    def pending(
        self, visit: Visit, categories: Categories, new: dict[str, NewLesion], added: list[str]
    ) -> tuple[str, list[str]]:
        if self.whole is None:
            return super().pending(visit, categories, new, added)
        assert self.anchor is not None
        read = self.whole[visit.date]
        if read["state"] == CONFIRMED:
            too_late = (visit.date - self.anchor.date).days > self.options["irecist.confirm_max_days"]
            if too_late and self.options["irecist.late_confirmation"] == "new_iupd":
                self.set_anchor(visit, categories, new, added)
                return "iUPD", []
            self.state = CONFIRMED
            return "iCPD", [read["confirmation_reasons"]] if read["confirmation_reasons"] else []
        if read["overall"] == "NE":
            return self.not_evaluable(), []
        if read["state"] == PENDING:
            return read["overall"], []
        self.state, self.anchor = OPEN, None
        return read["overall"], []


def assess_hybrid(history: History, options: Options) -> list[Timepoint]:
    plain = assess_plain(history, options, "mrecist")
    machine = HybridMachine(history, options, "mrecist", viable=options["mrecist.measure"] == "viable")
    if options["hybrid.basis"] == "whole":
        conventional = {**options, "pd.abs_mm": options["hybrid.whole_pd_abs_mm"]}
        reading = assess_irecist(history, conventional, "irecist", viable=False)
        machine.whole = {row["visit_date"]: row for row in reading}
    timepoints = machine.run()
    backdated: list[tuple[date, date]] = []
    for row, basis in zip(timepoints, plain, strict=True):
        row["basis_overall"] = basis["overall"]
        row["plain_progression_date"] = basis["progression_date"]
        if row["state"] != PROGRESSED:
            continue
        if not row["overall"]:
            row["overall"] = row["overall_as_read"] = basis["overall"]
        row["progression_date"] = row["visit_date"] if row["overall"] == "PD" else None
        backdated += [
            (lesion.first_seen, row["visit_date"])
            for lesion in machine.new.values()
            if lesion.counted_on == row["visit_date"] and lesion.first_seen and lesion.first_seen < row["visit_date"]
        ]
    redate(timepoints, backdated, options)
    return timepoints


# ------------------------------------------------------------------------------------------- best overall response


def best_overall_response(
    criterion: str, options: Options, timepoints: Sequence[Timepoint], reference_date: date
) -> dict[str, Any]:
    """The subject's best overall response, the day that it is dated to, and the day of the first response that counts."""
    chosen = all_options(criterion, options)
    rows = [row for row in timepoints if row["accepted"]]
    responses = [(row["visit_date"], row["overall"]) for row in rows]
    nontargets_only = any(row["target"] == "NA" for row in rows)
    if criterion == "irecist":
        counted = _truncated(responses, "iCPD")
        found, day = _best(counted, chosen, reference_date, PLAIN_CODE, nontargets_only)
        return {"bor": found, "bor_date": day, "response_date": _response_date(counted, chosen)}
    if criterion == "mrecist_irecist":
        responses = [(day, PLAIN_CODE.get(code, code)) for day, code in _without_void(rows)]
    counted = _truncated(responses, "PD")
    found, day = _best(counted, chosen, reference_date, {}, nontargets_only)
    return {"bor": found, "bor_date": day, "response_date": _response_date(counted, chosen)}


def _response_date(responses: Sequence[tuple[date, str]], options: Options) -> date | None:
    """The first CR or PR; where confirmation is required, the first of the earliest pair that confirms one."""
    plain = [(day, PLAIN_CODE.get(code, code)) for day, code in responses]
    if options["bor.confirmation"] == "none":
        return next((day for day, code in plain if code in ("CR", "PR")), None)
    pairs = [(a, b) for b in range(len(plain)) for a in range(b)]
    kinds = ((("CR",), ("CR",)), (("PR",), ("PR", "CR")))
    return min(
        (plain[a][0] for a, b in pairs for kind in kinds if is_confirmed(plain, a, b, *kind, options)), default=None
    )


def _truncated(responses: Sequence[tuple[date, str]], last: str) -> list[tuple[date, str]]:
    kept = []
    for day, code in responses:
        kept.append((day, code))
        if code == last:
            break
    return kept


def _without_void(rows: Sequence[Timepoint]) -> list[tuple[date, str]]:
    """Responses in which a suspected progression that a later scan refuted says nothing."""
    refuted = {
        earlier["anchor_date"]
        for earlier, later in pairwise(rows)
        if earlier["state"] == PENDING and later["state"] == OPEN
    }
    return [
        (row["visit_date"], "NE" if row["overall"] == "iUPD" and row["anchor_date"] in refuted else row["overall"])
        for row in rows
    ]


def _best(
    responses: Sequence[tuple[date, str]],
    options: Options,
    reference_date: date,
    plain: Mapping[str, str],
    nontargets_only: bool,
) -> tuple[str, date | None]:
    as_plain = [(day, plain.get(code, code) if code not in ("iUPD", "iCPD") else code) for day, code in responses]
    i_code = I_CODE if plain else {}
    long_enough = [(day, code) for day, code in as_plain if (day - reference_date).days >= options["bor.sd_min_days"]]

    def first(codes: tuple[str, ...], among: Sequence[tuple[date, str]]) -> date | None:
        return next((day for day, code in among if code in codes), None)

    if options["bor.confirmation"] == "none":
        steps = [("CR", ("CR",), as_plain), ("PR", ("PR",), as_plain), ("SD", ("SD",), long_enough)]
        steps += [("NON-CR/NON-PD", ("NON-CR/NON-PD",), long_enough)]
    else:
        pairs = [(a, b) for b in range(len(as_plain)) for a in range(b)]
        for best, starts, confirms in (("CR", ("CR",), ("CR",)), ("PR", ("PR",), ("PR", "CR"))):
            confirmed = [as_plain[a][0] for a, b in pairs if is_confirmed(as_plain, a, b, starts, confirms, options)]
            if confirmed:
                return i_code.get(best, best), min(confirmed)
        least = ("NON-CR/NON-PD", ("CR", "PR", "NON-CR/NON-PD")) if nontargets_only else ("SD", ("CR", "PR", "SD"))
        steps = [(*least, long_enough)]
    steps += [(code, (code,), as_plain) for code in ("iCPD", "iUPD", "PD", "NED")]
    for best, codes, among in steps:
        day = first(codes, among)
        if day is not None:
            return i_code.get(best, best), day
    return "NE", first(("NE",), as_plain)


# ------------------------------------------------------------------------------------------------- progression, PFS


def progression_date(criterion: str, options: Options, timepoints: Sequence[Timepoint]) -> date | None:
    chosen = all_options(criterion, options)
    plain = [row["progression_date"] for row in timepoints if row["progression_date"] is not None]
    if criterion in ("recist_1_1", "mrecist"):
        return min(plain, default=None)
    if criterion == "irecist":
        return _unrefuted(timepoints, chosen["irecist.pending_at_end"] == "event", confirmation=False)
    if chosen["hybrid.progression_date"] == "first_mrecist_pd":
        dates = [row["plain_progression_date"] for row in timepoints if row["plain_progression_date"] is not None]
        return min(dates, default=None)
    at_confirmation = chosen["hybrid.progression_date"] == "confirmation"
    return min(
        [*plain, *filter(None, [_hybrid_unrefuted(timepoints, chosen, at_confirmation=at_confirmation)])], default=None
    )


def progression_status(criterion: str, options: Options, timepoints: Sequence[Timepoint]) -> str:
    """What is known of the progression: `progressed`, `confirmed`, `unconfirmed` (open at the end) or `none`."""
    chosen = all_options(criterion, options)
    day = progression_date(criterion, options, timepoints)
    plain = [row["progression_date"] for row in timepoints if row["progression_date"] is not None]
    at_once = criterion in ("recist_1_1", "mrecist") or (
        criterion == "mrecist_irecist" and chosen["hybrid.progression_date"] == "first_mrecist_pd"
    )
    if at_once or (criterion == "mrecist_irecist" and plain and day == min(plain)):
        return "none" if day is None else "progressed"
    if any(row["state"] == CONFIRMED for row in timepoints):
        return "confirmed"
    return "unconfirmed" if timepoints and timepoints[-1]["state"] == PENDING else "none"


def _unrefuted(timepoints: Sequence[Timepoint], pending_is_event: bool, *, confirmation: bool) -> date | None:
    """The anchor of the confirmed block, or of the block still pending at the end."""
    for row in timepoints:
        if row["state"] == CONFIRMED:
            return row["visit_date"] if confirmation else row["anchor_date"]
    if timepoints and timepoints[-1]["state"] == PENDING and pending_is_event and not confirmation:
        return timepoints[-1]["anchor_date"]
    return None


def _hybrid_unrefuted(timepoints: Sequence[Timepoint], options: Options, *, at_confirmation: bool) -> date | None:
    if not timepoints:
        return None
    anchor = timepoints[-1]["anchor_date"]
    followed = any(row["accepted"] and anchor is not None and row["visit_date"] > anchor for row in timepoints)
    chosen = options["irecist.pending_at_end" if followed else "hybrid.unconfirmed_last"]
    return _unrefuted(timepoints, chosen == "event", confirmation=at_confirmation)


def pfs(
    criterion: str, options: Options, timepoints: Sequence[Timepoint], reference_date: date, death: date | None
) -> dict[str, Any]:
    """Event, day and cause: the earlier of progression and death, else the last evaluable assessment."""
    progressed = progression_date(criterion, options, timepoints)
    if progressed is not None and (death is None or progressed <= death):
        return {"event": True, "date": progressed, "cause": "progression"}
    if death is not None:
        return {"event": True, "date": death, "cause": "death"}
    evaluable = [row["visit_date"] for row in timepoints if row["overall"] != "NE"]
    return {"event": False, "date": max([reference_date, *evaluable]), "cause": "censored"}
