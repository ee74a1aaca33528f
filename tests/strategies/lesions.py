"""Random lesion histories and random options for the response criteria, valid by construction.

`random_history` draws from anything with the methods of `random.Random`, so the same code serves a fast seeded run
(`random.Random(seed)`) and Hypothesis (`st.randoms()`), which can then shrink a failure. Sizes crowd around the
thresholds: exactly 70 % or 120 % of an earlier size and a tenth of a millimetre to either side, +4.9, +5.0 and +5.1 mm,
nodes at 9.9, 10.0 and 10.1 mm; visits crowd around 28, 42 and 56 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

BASELINE = date(2024, 1, 8)
GAPS = [13, 14, 20, 27, 28, 28, 29, 41, 42, 42, 43, 49, 56, 56, 57, 63]

Row = dict[str, Any]

ROW: Row = {
    "subject": None, "visit_date": None, "is_baseline": False, "lesion_id": None, "role": None, "organ": "liver",
    "node": False, "kind": None, "site": None, "nl": None, "mm_x100": None, "viable_mm_x100": None, "state": None,
    "into": None, "fragment_id": None, "status": None, "vs_last": "same", "certainty": "unequivocal", "pattern": None,
    "cytology": "not_done", "reason": "scheduled", "suspected_pseudoprogression": False, "assessor": "investigator",
    "reader": None,
}  # fmt: skip


# --------------------------------------------------------------------------------------------------------- histories


def random_history(rng: Random, subject: str) -> list[Row]:
    """One subject's rows: baseline and up to eight visits, with every kind of lesion that a rule speaks of.

    In some histories everything happens at once. In the others only one role moves and the rest stays as it was, so that
    nothing else decides before what is looked at: growth of new lesions from visit to visit, of a sum with a lesion missing.
    """
    moves = rng.choice(["all", "all", "all", "target", "non-target", "new", "new"])
    count = rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 8]) if moves == "all" else rng.randrange(3, 8)
    targets = [_target(rng, f"T{k + 1}") for k in range(rng.choice(_TARGETS[moves]))]
    nontargets = [_nontarget(rng, f"NT{k + 1}") for k in range(rng.choice(_NONTARGETS[moves]))]
    news = [_new(rng, f"N{k + 1}", count) for k in range(rng.choice(_NEWS[moves]))] if count else []
    for lesion in (*targets, *nontargets):
        lesion["moves"] = moves in ("all", lesion["role"])
    day = BASELINE
    rows = _visit(rng, subject, day, 0, targets, nontargets, [], flags=0)
    for number in range(1, count + 1):
        day += timedelta(rng.choice(GAPS))
        rows += _visit(rng, subject, day, number, targets, nontargets, news, flags=0.5 if moves == "all" else 0.9)
    return rows


#: How many lesions of each role, by the role that moves.
_TARGETS = {"all": [0, 0, 1, 1, 1, 1, 1, 2, 2, 3], "target": [2, 2, 3], "non-target": [0, 1], "new": [0, 1, 1]}
_NONTARGETS = {"all": [0, 0, 1, 1, 2], "target": [0, 0, 1], "non-target": [1, 2, 3], "new": [0, 0, 1]}
_NEWS = {"all": [0, 0, 0, 1, 1, 2, 3], "target": [0], "non-target": [0], "new": [1, 2, 3]}


def _visit(
    rng: Random,
    subject: str,
    day: date,
    number: int,
    targets: list[Row],
    nontargets: list[Row],
    news: list[Row],
    *,
    flags: float,
) -> list[Row]:
    visit = {
        "subject": subject,
        "visit_date": day,
        "is_baseline": number == 0,
        "reason": rng.choice(["scheduled", "scheduled", "scheduled", "symptom", "other"]) if number else "scheduled",
        "suspected_pseudoprogression": rng.random() < flags,
    }
    nothing = number > 0 and rng.random() < 0.03
    rows: list[Row] = []
    for lesion in targets:
        rows += _not_assessed(lesion) if nothing else _target_rows(rng, lesion, targets, number)
    for lesion in nontargets:
        rows += _not_assessed(lesion) if nothing else _nontarget_rows(rng, lesion, number)
    for lesion in news:
        rows += [] if nothing else _new_rows(rng, lesion, number)
    return [{**ROW, **visit, **row} for row in rows]


def _chance(rng: Random, probability: float) -> bool:
    return rng.random() < probability


def _identity(lesion: Row) -> Row:
    return {key: lesion[key] for key in ("lesion_id", "role", "organ", "node", "kind", "site", "nl")}


def _not_assessed(lesion: Row) -> list[Row]:
    key = "state" if lesion["role"] == "target" else "status"
    return [{**_identity(lesion), key: "ne"}]


def _near(rng: Random, anchors: list[int]) -> int:
    """A size near a threshold that one of the earlier sizes sets; hundredths of a millimetre."""
    size = rng.choice(anchors)
    jitter = rng.choice([0, 0, 0, -10, 10, -1, 1])
    how = rng.randrange(9)
    changed = [
        size,
        size * 7 // 10,
        size * 6 // 5,
        size + 500,
        size + 300,
        size - 400,
        size // 2,
        size * 11 // 10,
        size + 1000,
    ][how]
    return max(10, changed + jitter)


def _node_size(rng: Random, last: int) -> int:
    return rng.choice([990, 1000, 1010, 800, 900, 1200, 1800, 700, last, last + 500, last * 6 // 5])


# -- targets


def _target(rng: Random, name: str) -> Row:
    form = rng.choice(["liver"] * 6 + ["lung", "lung", "node", "node", "porta"])
    node = form in ("node", "porta")
    size = (
        rng.choice([1500, 1600, 2000, 2400]) if node else rng.choice([1000, 1500, 2000, 2700, 3000, 4000, 5000, 10000])
    )
    return {
        "lesion_id": name, "role": "target", "node": node, "nl": None,
        "kind": None, "site": "porta_hepatis" if form == "porta" else None,
        "organ": "lymph_node" if node else ("lung" if form == "lung" else "liver"),
        "size": size, "history": [size],
    }  # fmt: skip


def _target_rows(rng: Random, lesion: Row, targets: list[Row], number: int) -> list[Row]:
    row = _identity(lesion)
    liver = lesion["organ"] == "liver"
    if number == 0:
        if _chance(rng, 0.01):
            return [{**row, "state": "ne"}]
        viable = lesion["size"] if liver else None
        if liver and _chance(rng, 0.05):
            viable = rng.choice([0, 0, None])  # no arterial enhancement at baseline, or no arterial phase
        return [{**row, "mm_x100": lesion["size"], "viable_mm_x100": viable}]
    if not lesion["moves"]:
        return [{**row, "mm_x100": lesion["size"], "viable_mm_x100": lesion["size"] if liver else None}]
    form = rng.random()
    if form < 0.04:
        return []
    if form < 0.08:
        return [{**row, "state": "ne"}]
    if form < 0.19:
        return [{**row, "state": "absent"} if _chance(rng, 0.8) else {**row, "mm_x100": 0}]
    if form < 0.23:
        small = rng.choice([None, None, None, 300])  # where a reader gives a number all the same, the number counts
        return [{**row, "state": "tstm", "mm_x100": small, "viable_mm_x100": small if liver else None}]
    if form < 0.25 and not lesion["node"]:
        into = [other["lesion_id"] for other in targets if other is not lesion and not other["node"]]
        if into:
            return [{**row, "state": "merged", "into": rng.choice(into)}]
    if form < 0.28 and not lesion["node"]:
        return _fragments(rng, row, lesion)
    size = (
        _node_size(rng, lesion["size"]) if lesion["node"] else _near(rng, [*lesion["history"], min(lesion["history"])])
    )
    lesion["size"] = size
    lesion["history"].append(size)
    if not liver:
        return [{**row, "mm_x100": size}]
    necrosis = rng.choice([0, 0, 300, 1000])
    viable: int | None = size
    if _chance(rng, 0.10):
        viable, necrosis = 0, size
    elif _chance(rng, 0.05):
        viable = None
    return [{**row, "mm_x100": size if viable == 0 else size + necrosis, "viable_mm_x100": viable}]


def _fragments(rng: Random, row: Row, lesion: Row) -> list[Row]:
    found = []
    for number in range(rng.choice([2, 2, 3])):
        fragment = {**row, "fragment_id": f"F{number + 1}"}
        form = rng.random()
        if form < 0.1:
            fragment["state"] = "absent"
        elif form < 0.2:
            fragment["state"] = "tstm"
        elif form < 0.25:
            fragment["state"] = "ne"
        else:
            size = max(10, lesion["size"] // 2 + rng.choice([-100, 0, 0, 100, 250]))
            fragment |= {"mm_x100": size, "viable_mm_x100": size if lesion["organ"] == "liver" else None}
        found.append(fragment)
    return found


# -- non-targets


def _nontarget(rng: Random, name: str) -> Row:
    organs = {"liver": "liver", "bone": "bone", "effusion": "peritoneum", "pvt": "portal_vein", "node": "lymph_node"}
    form = rng.choice(sorted(organs))
    return {
        "lesion_id": name, "role": "non-target", "node": form == "node", "nl": None, "site": None,
        "kind": form if form in ("effusion", "pvt", "bone") else None,
        "organ": organs[form],
        "gone": rng.random() < 0.5,  # tends to disappear
    }  # fmt: skip


def _nontarget_rows(rng: Random, lesion: Row, number: int) -> list[Row]:
    row = _identity(lesion)
    if lesion["kind"] == "effusion":
        row["cytology"] = rng.choice(["positive", "negative", "not_done"])
    if number == 0:
        return [{**row, "status": "present", "mm_x100": 1200 if lesion["node"] else None}]
    if not lesion["moves"]:
        return [{**row, "status": "present", "mm_x100": 1200 if lesion["node"] else None}]
    form = rng.random()
    if form < 0.03:
        return []
    if form < 0.07:
        return [{**row, "status": "ne"}]
    if form < 0.12:
        size = 1800 if lesion["node"] else None
        return [{**row, "status": "unequivocal", "vs_last": rng.choice(["increased", "same"]), "mm_x100": size}]
    if lesion["node"] and _chance(rng, 0.7):
        return [{**row, "mm_x100": rng.choice([700, 990, 1000, 1010, 1300]), "status": rng.choice([None, "present"])}]
    if form < (0.7 if lesion["gone"] else 0.3):
        return [{**row, "status": "absent"}]
    return [{**row, "status": "present", "vs_last": rng.choice(["same", "same", "increased", "decreased"])}]


# -- new lesions


def _new(rng: Random, name: str, visits: int) -> Row:
    form = rng.choice(["lung", "lung", "nodule", "nodule", "node", "porta", "effusion", "pvt", "peritoneum", "small"])
    node = form in ("node", "porta")
    organ = {
        "lung": "lung", "small": "lung", "nodule": "liver", "node": "lymph_node", "porta": "lymph_node",
        "effusion": "pleura", "pvt": rng.choice(["portal_vein", "liver"]), "peritoneum": "peritoneum",
    }[form]  # fmt: skip
    size = {
        "lung": [1000, 1200, 1500], "small": [400, 600, 990], "nodule": [1000, 1200, 700, 990, 1400],
        "node": [1500, 1600, 1400, 990, 1000, 1010], "porta": [1500, 1990, 2000, 2010],
    }.get(form)  # fmt: skip
    first = rng.choice(size) if size else None
    measured = first is not None and first >= (1500 if node else 1000)
    certain_from = rng.randrange(1, visits + 2) if _chance(rng, 0.35) else 0
    return {
        "lesion_id": name, "role": "new", "node": node, "organ": organ,
        "kind": form if form in ("effusion", "pvt") else None, "site": "porta_hepatis" if form == "porta" else None,
        "nl": "target" if measured else "non-target", "form": form, "size": first, "history": [first],
        "appears": rng.randrange(1, visits + 1), "seen": False,
        "certain_from": 0 if form in ("nodule", "effusion") else certain_from,
    }  # fmt: skip


def _new_rows(rng: Random, lesion: Row, number: int) -> list[Row]:
    if number < lesion["appears"]:
        return []
    certain = number >= lesion["certain_from"]
    row = {**_identity(lesion), "certainty": "unequivocal" if certain else "equivocal"}
    form = rng.random()
    if lesion["seen"]:
        if form < 0.05:
            return []
        if form < 0.09:
            return [{**row, "state": "ne"} if lesion["nl"] == "target" else {**row, "status": "ne"}]
        if form < 0.20:
            return [{**row, "state": "absent"} if lesion["nl"] == "target" else {**row, "status": "absent"}]
    worse = rng.choice(["same", "same", "same", "increased", "decreased"]) if lesion["seen"] else "same"
    first, lesion["seen"] = not lesion["seen"], True
    if lesion["size"] is None:
        status = rng.choice(["present"] * 7 + ["unequivocal", None, None])  # a bare row shows the lesion, too
        row |= {"status": status, "vs_last": worse}
        if lesion["form"] == "effusion":
            row["cytology"] = rng.choice(["positive", "positive", "negative", "not_done"])
        return [row]
    if not first:
        lesion["size"] = _node_size(rng, lesion["size"]) if lesion["node"] else _near(rng, lesion["history"])
        lesion["history"].append(lesion["size"])
    row["mm_x100"] = lesion["size"]
    if (
        lesion["nl"] == "target"
        and not first
        and not lesion["node"]
        and lesion["form"] != "nodule"
        and _chance(rng, 0.04)
    ):
        row |= {"mm_x100": None, "state": "tstm"}
    if lesion["nl"] == "non-target":
        normal = lesion["node"] and lesion["size"] < 1000
        progressed = not first and not normal and _chance(rng, 0.1)
        row |= {"status": "unequivocal" if progressed else "present", "vs_last": worse}
    if lesion["form"] == "nodule":
        row["pattern"] = rng.choice(["typical", "atypical", "atypical", None])
    return [row]


# -- odd records

_STATES = [None, "absent", "ne", "tstm", "measured"]
_STATUSES = [None, "absent", "present", "unequivocal", "ne"]


def odd_history(rng: Random, subject: str) -> list[Row]:
    """A history in which some lesions are of an unusual kind and some records contradict themselves, or are half empty."""
    rows = random_history(rng, subject)
    lesions: dict[str, list[Row]] = {}
    for row in rows:
        lesions.setdefault(row["lesion_id"], []).append(row)
    for its_rows in lesions.values():
        if _chance(rng, 0.1):
            _make_unusual(rng, its_rows)
    for row in rows:
        if not row["is_baseline"] and row["fragment_id"] is None and _chance(rng, 0.08):
            row |= _odd_record(rng, row)
    parts = [_second_part(rng, row) for row in rows if row["role"] == "new" and _chance(rng, 0.15)]
    return rows + parts


def _second_part(rng: Random, row: Row) -> Row:
    """A row of a new lesion becomes its first fragment; another one beside it, of which other things may be said."""
    row["fragment_id"] = "F1"
    said: Row = {
        "certainty": ["equivocal", "unequivocal", None], "pattern": ["typical", "atypical"], "cytology": ["positive", "negative", None],
        "vs_last": ["increased", "same"], "status": _STATUSES, "state": [None, "absent", "ne", "tstm"], "mm_x100": [None, 0, 600, 1500],
    }  # fmt: skip
    changed = {key: rng.choice(values) for key, values in said.items() if _chance(rng, 0.3)}
    return {**row, "fragment_id": "F2", **changed}


def _make_unusual(rng: Random, rows: list[Row]) -> None:
    first = rows[0]
    unusual: list[Row] = [{"kind": rng.choice(["cyst", "infiltrative", "bone", "other", "effusion", "pvt"])}]
    if first["role"] == "new":
        unusual += [{"nl": None}, {"nl": "non-target" if first["nl"] == "target" else "target"}]
    if first["node"]:
        unusual.append({"site": rng.choice(["porta_hepatis", "Porta hepatis", " porta-hepatis", "PORTA -HEPATIS "])})
    else:
        unusual.append({"organ": rng.choice(["lung", "Liver", " LIVER ", None]), "node": rng.choice([False, None])})
    change = rng.choice(unusual)
    for row in rows:
        row |= change


def _odd_record(rng: Random, row: Row) -> Row:
    if row["role"] == "target":
        changes: list[Row] = [{"status": rng.choice(_STATUSES)}]
        if row["mm_x100"]:
            changes.append({"state": rng.choice(_STATES)})
        if row["viable_mm_x100"]:
            changes.append({"mm_x100": 0})
    elif row["role"] == "non-target":
        changes = [{"status": None, "mm_x100": None, "state": rng.choice([*_STATES, "merged"])}]
        changes.append({"status": rng.choice(_STATUSES), "mm_x100": rng.choice([0, 800, 1000, 1200])})
    else:
        changes = [{"state": rng.choice(_STATES), "status": rng.choice(_STATUSES)}, {"certainty": "equivocal"}]
        changes += [{"mm_x100": None}, {"mm_x100": 0}, {"status": "present", "state": None}, {"certainty": None}]
    return rng.choice([*changes, {"vs_last": "increased"}])


def fits_irecist(rows: list[Row]) -> bool:
    """Whether every measured new lesion was large enough to be one when it first counted."""
    first: dict[str, Row] = {}
    for row in rows:
        if row["role"] == "new" and row["nl"] == "target":
            first.setdefault(row["lesion_id"], row)
    return all((row["mm_x100"] or 0) >= (1500 if row["node"] else 1000) for row in first.values())


# ----------------------------------------------------------------------------------------------------------- options

_SHARED: dict[str, list[Any]] = {
    "node.normal_below_mm": [10, 10, 10, 9],
    "tstm.default_mm": [5, 5, 5, 4],
    "pr.pct": [30, 30, 30, 50],
    "pd.pct": [20, 20, 20, 25],
    "pd.abs_mm": [5, 5, 0, 3],
    "nadir.includes_baseline": [True, True, False],
    "pr.persistence": ["after_established", "memoryless"],
    "cr.before_pd": [True, False],
    "cr.reappearance": ["pd", "arithmetic"],
    "cr.target_only_return": ["arithmetic", "pd"],
    "new.node_min_short_mm": [10, 10, 15],
    "equivocal.backdate": ["restate", "date_only", "none"],
    "bor.confirmation": ["none", "required"],
    "bor.confirm_min_days": [28, 28, 42],
    "bor.confirm_max_ne": [1, 0, 2, "any"],
    "bor.confirm_max_sd": [1, 0, 2, "any"],
    "bor.sd_min_days": [42, 42, 49, 56],
}
_MRECIST: dict[str, list[Any]] = {
    "new.node_min_short_mm.porta_hepatis": [20, 20, 15],
    "mrecist.measure": ["viable", "viable", "whole"],
    "mrecist.new_min_mm": [10, 10, 12],
    "mrecist.growth_mm": [10, 10, 5],
    "mrecist.effusion_needs_cytology": [True, False],
}
_IRECIST: dict[str, list[Any]] = {
    "irecist.confirm_min_days": [28, 28, 26],
    "irecist.confirm_max_days": [56, 56, 70],
    "irecist.early_scan": ["ignore", "ignore", "use"],
    "irecist.late_confirmation": ["accept", "accept", "new_iupd"],
    "irecist.further_mm": [5, 5, 3],
    "irecist.further_from": ["anchor", "anchor", "previous"],
    "irecist.persisting_new": ["category_improved", "never", "any_non_pd"],
    "irecist.icr_requires_new_resolved": [True, True, False],
    "irecist.ne_between": ["keep_pending", "keep_pending", "clear"],
    "irecist.pending_at_end": ["event", "censor"],
}
_HYBRID: dict[str, list[Any]] = {
    "hybrid.basis": ["viable", "viable", "whole"],
    "hybrid.whole_pd_abs_mm": [5, 5, 3],
    "hybrid.progression_date": ["first_iupd", "confirmation", "first_mrecist_pd"],
    "hybrid.unconfirmed_last": ["event", "censor"],
}
OPTION_VALUES: dict[str, dict[str, list[Any]]] = {
    "recist_1_1": _SHARED,
    "mrecist": {**_SHARED, **_MRECIST},
    "irecist": {**_SHARED, **_IRECIST},
    "mrecist_irecist": {**_SHARED, **_MRECIST, **_IRECIST, **_HYBRID},
}
CRITERIA = sorted(OPTION_VALUES)


def random_options(rng: Random, criterion: str) -> dict[str, Any]:
    """Some options away from their defaults, each with a value that the criterion knows."""
    many = rng.random()
    return {key: rng.choice(values) for key, values in OPTION_VALUES[criterion].items() if rng.random() < many}


def spread_options(criterion: str, place: int, places: int) -> dict[str, Any]:
    """Options for one of several samples, which together have every value of every option, each about equally often."""
    chosen = {}
    for key, values in OPTION_VALUES[criterion].items():
        distinct = list(dict.fromkeys(values))
        enough = distinct * -(-places // len(distinct))
        chosen[key] = Random(f"{criterion} {key}").sample(enough[:places], places)[place]
    return chosen


_EXTREME: dict[str, list[Any]] = {
    "tstm.default_mm": [12],
    "node.normal_below_mm": [4, 8],
    "new.node_min_short_mm": [8],
    "pr.pct": [0.5, 99],
    "bor.sd_min_days": [0, 400],
    "bor.confirm_min_days": [0],
    "irecist.confirm_min_days": [0, 56],
    "irecist.further_mm": [0],
}


def extreme_options(rng: Random, criterion: str) -> dict[str, Any]:
    """Options of which some have values that hardly a protocol states, thresholds in unusual order among them."""
    known = OPTION_VALUES[criterion]
    extreme = {key: rng.choice(values) for key, values in _EXTREME.items() if key in known and _chance(rng, 0.2)}
    return {**random_options(rng, criterion), **extreme}


@dataclass(frozen=True)
class Sample:
    """Subjects drawn from a seed, and the options under which they are read."""

    name: str
    criterion: str
    options: dict[str, Any]
    people: dict[str, list[Row]]
    references: dict[str, date]
    deaths: dict[str, date | None]


# -------------------------------------------------------------------------------------------------------- Hypothesis


@st.composite
def histories(draw: st.DrawFn, subject: str = "S") -> list[Row]:
    """A subject's rows, shrinkable."""
    return random_history(draw(st.randoms(use_true_random=False)), subject)


@st.composite
def criteria_with_options(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A criterion and options that it knows."""
    criterion = draw(st.sampled_from(CRITERIA))
    values = OPTION_VALUES[criterion]
    keys = draw(st.lists(st.sampled_from(sorted(values)), unique=True, max_size=6))
    return criterion, {key: draw(st.sampled_from(values[key])) for key in sorted(keys)}
