"""What is odd about the lesions of one subject: a slow, obvious reading, row by row, of what each finding says of itself.

It shares no code with the engine. A finding is (rule, record, value), as texts; `record` and `value` are None where there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from tests.oracle.criteria import (
    PLAIN_CODE,
    Row,
    as_spelled_here,
    contributions,
    hundredths,
    measured_column,
    read_history,
)
from tests.oracle.criteria import contribution as total_of

Finding = tuple[str, str | None, str | None]
Options = Mapping[str, Any]


def findings_about(criterion: str, options: Options, rows: Sequence[Row]) -> set[Finding]:
    """Findings about the baseline, the records and the new lesions of a subject."""
    found = {
        *_of_the_baseline_visit(rows),
        *_of_targets(options, rows),
        *_of_numbers(rows),
        *_of_roles(rows),
        *_of_repetition(rows),
        *_of_merges(rows),
    }
    if criterion in ("irecist", "mrecist_irecist"):
        found |= set(_of_new_targets(options, rows))
    return found


# ------------------------------------------------------------------------------------------------------ the baseline


def first_baseline(rows: Sequence[Row]) -> date | None:
    return min((row["visit_date"] for row in rows if row["is_baseline"]), default=None)


def rows_that_count(rows: Sequence[Row]) -> list[Row]:
    """Those of the baseline and of the visits after it."""
    start = first_baseline(rows)
    return [
        *at_baseline(rows),
        *(r for r in rows if not r["is_baseline"] and (start is None or r["visit_date"] > start)),
    ]


def at_baseline(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["is_baseline"] and row["visit_date"] == first_baseline(rows)]


def _of_the_baseline_visit(rows: Sequence[Row]) -> Iterator[Finding]:
    days = {row["visit_date"] for row in rows if row["is_baseline"]}
    if not days:
        yield "baseline.missing", None, None
        return
    if len(days) > 1:
        yield "baseline.several", f"visit {max(days)}", str(len(days))
    for row in rows:
        if not row["is_baseline"] and row["visit_date"] <= min(days):
            yield "visit.before_baseline", record(row), str(row["visit_date"])


def _of_targets(options: Options, rows: Sequence[Row]) -> Iterator[Finding]:
    first = _without_orphans(at_baseline(rows))
    targets = {name: its for name, its in by_lesion(first).items() if last_trait(its, "role") == "target"}
    lesions = by_lesion(first)
    sizes = {name: _size(options, its, its) for name, its in lesions.items()}
    called_target = by_lesion(row for row in first if row["role"] == "target")
    for name, its in called_target.items():
        size = _size(options, its, lesions[name])
        if size is not None and size < max(smallest(options, row) for row in its):
            yield "target.too_small", record(its[0]), in_mm(size)
    for row in first:
        if row["role"] == "target" and row["kind"] in ("effusion", "pvt", "bone"):
            yield "target.not_measurable", record(row), row["kind"]
        by_enhancement = options.get("mrecist.measure") == "viable" and _is_in_liver(row)
        if by_enhancement and row["role"] == "target" and row["kind"] == "infiltrative":
            yield "target.infiltrative", record(row), row["kind"]
        if row["kind"] == "cyst":
            yield "cyst", record(row), "cyst"
    if len(targets) > options["target.max_total"]:
        yield "target.too_many", None, str(len(targets))
    for organ, count in Counter(place(its) for its in targets.values()).items():
        if count > options["target.max_per_organ"]:
            yield "target.too_many_per_organ", f"organ {organ}", str(count)
    if any(row["role"] == "target" for row in rows) and not _has_sum(targets, sizes):
        unmeasured = sorted(n for n, its in called_target.items() if _size(options, its, lesions[n]) is None)
        yield "baseline.no_sum", _named(first_baseline(rows), unmeasured), None


def _has_sum(targets: Mapping[str, Sequence[Row]], sizes: Mapping[str, Any]) -> bool:
    known = [sizes[name] for name in targets if not _is_counted_twice(targets[name])]
    return bool(targets) and len(known) == len(targets) and None not in known and sum(known) > 0


def _is_counted_twice(its: Sequence[Row]) -> bool:
    """Recorded twice as a whole or in one fragment, or both as a whole and in fragments."""
    parts = [row["fragment_id"] for row in its]
    return len(set(parts)) < len(parts) or (None in parts and len(parts) > 1)


def _without_orphans(first: Sequence[Row]) -> list[Row]:
    """The same rows; a target that is merged into none is not evaluable."""
    targets = {name for name, its in by_lesion(first).items() if last_trait(its, "role") == "target"}
    carried = targets & {row["lesion_id"] for row in first if row["state"] != "merged"}
    return [
        {**row, "state": "ne"}
        if row["state"] == "merged" and row["lesion_id"] in targets and row["into"] not in carried
        else row
        for row in first
    ]


def _size(options: Options, its: Sequence[Row], of_lesion: Sequence[Row]) -> Any:
    """What these rows of a lesion add up to; all its rows tell which diameter counts."""
    return total_of(believed(its), _column(options, of_lesion), options)


def _column(options: Options, its: Sequence[Row]) -> str:
    lesion = {"organ": last_trait(its, "organ"), "node": any(row["node"] for row in its)}
    viable = options.get("mrecist.measure") == "viable" and _is_in_liver(lesion)
    enhanced = max((each["viable_mm_x100"] for each in its if each["viable_mm_x100"] is not None), default=None) != 0
    return "viable_mm_x100" if viable and enhanced else "mm_x100"


def _named(day: date | None, lesions: Sequence[str]) -> str | None:
    parts = [f"visit {day}"] if day else []
    parts += [f"lesion {', '.join(lesions)}"] if lesions else []
    return ", ".join(parts) or None


# ----------------------------------------------------------------------------------------------------- single records


def _of_numbers(rows: Sequence[Row]) -> Iterator[Finding]:
    for row in rows:
        for size in (row["mm_x100"], row["viable_mm_x100"]):
            if size is not None and not 0 <= size <= 500_00:
                yield "diameter.absurd", record(row), in_mm(size)
        if None not in (row["mm_x100"], row["viable_mm_x100"]) and row["viable_mm_x100"] > row["mm_x100"]:
            yield "diameter.viable_above_whole", record(row), in_mm(row["viable_mm_x100"])
        has_size = (row["mm_x100"] or 0) > 0 or (row["viable_mm_x100"] or 0) > 0
        if has_size and row["state"] in ("absent", "ne", "merged"):
            yield "state.contradicts_number", record(row), row["state"]
        if row["role"] == "target":
            continue  # its status says nothing
        if has_size and row["status"] in ("absent", "ne") and not (row["node"] and row["role"] == "new"):
            yield "status.contradicts_number", record(row), row["status"]
        told = "present" if row["status"] == "unequivocal" else row["status"]
        seen = "present" if row["state"] in ("measured", "tstm", "merged") else row["state"]
        if told and seen and told != seen:
            yield "state.contradicts_status", record(row), f"{row['state']}, {row['status']}"


def _of_roles(rows: Sequence[Row]) -> Iterator[Finding]:
    for name, its in by_lesion(rows).items():
        start = min(row["visit_date"] for row in its)
        role = last_trait([row for row in its if row["visit_date"] == start], "role")
        roles = sorted({row["role"] for row in its})
        if len(roles) > 1:
            changed = min((row["visit_date"] for row in its if row["role"] != role), default=start)
            yield "role.changes", f"visit {changed}, lesion {name}", ", ".join(roles)
        if role in ("target", "non-target") and not any(row["is_baseline"] for row in its):
            yield "role.not_at_baseline", f"visit {start}, lesion {name}", role
        if any(row["is_baseline"] and row["role"] == "new" and not _says_absent(row) for row in its):
            yield "role.new_at_baseline", f"visit {start}, lesion {name}", "new"


def _of_repetition(rows: Sequence[Row]) -> Iterator[Finding]:
    for (day, name), its in _by_visit_and_lesion(rows).items():
        here = f"visit {day}, lesion {name}"
        parts = Counter(row["fragment_id"] for row in its)
        for count in parts.values():
            if count > 1:
                yield "record.repeated", here, str(count)
        fragments = sum(count for part, count in parts.items() if part is not None)
        if parts[None] and fragments:
            yield "record.whole_and_fragments", here, str(fragments)
    for day in {row["visit_date"] for row in rows}:
        readers = {(row["assessor"], row["reader"]) for row in rows if row["visit_date"] == day}
        if len(readers) > 1:
            told = sorted(" ".join(part for part in reader if part) for reader in readers)
            yield "reading.several", f"visit {day}", "; ".join(told)


def _of_merges(rows: Sequence[Row]) -> Iterator[Finding]:
    targets = {name for name, its in by_lesion(at_baseline(rows)).items() if last_trait(its, "role") == "target"}
    used = rows_that_count(rows)
    for row in rows:
        if row["state"] != "merged":
            continue
        carried = {r["lesion_id"] for r in rows if r["visit_date"] == row["visit_date"] and r["state"] != "merged"}
        carriers = {r["lesion_id"] for r in used if r["visit_date"] == row["visit_date"] and r["state"] != "merged"}
        if row in used and row["lesion_id"] in targets and row["into"] not in carriers & targets:
            others = by_lesion(r for r in rows if r["visit_date"] == row["visit_date"] and r["state"] == "merged")
            named = min((r["into"] for r in others[row["lesion_id"]] if r["into"] is not None), default=None)
            yield "merged.without_carrier", record(row), named
        if row["role"] == "new" and row["into"] not in carried:
            yield "merged.new_without_carrier", record(row), row["into"]


# -------------------------------------------------------------------------------------------------------- new lesions


def _of_new_targets(options: Options, rows: Sequence[Row]) -> Iterator[Finding]:
    known = {row["lesion_id"] for row in at_baseline(rows) if row["role"] != "new" or not _says_absent(row)}
    later = [row for row in rows_that_count(rows) if not row["is_baseline"]]
    measured = {}
    for name, its in by_lesion([row for row in later if row["lesion_id"] not in known]).items():
        day = min(row["visit_date"] for row in its)
        first = [row for row in its if row["visit_date"] == day]
        has_size = [row for row in its if row["mm_x100"] is not None or row["state"] not in (None, "ne")]
        if last_trait(first, "role") == "new" and last_trait(first, "nl") != "non-target" and has_size:
            measured[name] = first
            if not any(row in has_size for row in first):
                continue  # what is first seen without a measurement is no measured lesion there
            size = _size_of_new(options, first)
            if size is not None and size < smallest(options, first[0]) and _is_shown(options, first, size):
                yield "new_target.too_small", record(first[0]), in_mm(size)
    if len(measured) > options["irecist.new_target_max_total"]:
        yield "new_target.too_many", None, str(len(measured))
    for organ, count in Counter(place(first) for first in measured.values()).items():
        if count > options["irecist.new_target_max_per_organ"]:
            yield "new_target.too_many_per_organ", f"organ {organ}", str(count)


def _size_of_new(options: Options, its: Sequence[Row]) -> Any:
    if any("ne" in (row["state"], row["status"]) for row in its):
        return None
    gone = [{**row, "state": "absent"} if row["status"] == "absent" else row for row in believed(its)]
    return total_of(gone, "mm_x100", options)


def _is_shown(options: Options, its: Sequence[Row], size: Any) -> bool:
    """It is seen, and it is a disease: no cyst, no normal node, no effusion that nobody looked into."""
    first = its[0]
    if all(_says_absent(row) or row["mm_x100"] == 0 for row in its) or first["kind"] == "cyst":
        return False
    if first["node"]:
        too_small = all(row["state"] == "tstm" and row["mm_x100"] is None for row in its)
        if too_small or size < _by_site(options, "new.node_min_short_mm", first):
            return False
    asks = options.get("mrecist.effusion_needs_cytology") and first["kind"] == "effusion"
    return not asks or any(row["cytology"] == "positive" for row in its)


# ---------------------------------------------------------------------------------------------------------- timepoints


def findings_about_visits(
    criterion: str, options: Options, rows: Sequence[Row], timepoints: Sequence[Mapping[str, Any]]
) -> set[Finding]:
    """Findings about what the reference made of a subject's visits: RECIST 1.1, mRECIST and iRECIST."""
    history = read_history(rows)
    viable = options.get("mrecist.measure") == "viable"
    sizes = {v.date: contributions(history, v, options, viable=viable) for v in history.visits}
    rows_of = {visit.date: visit.rows for visit in history.visits}
    found: set[Finding] = set()
    had_cr, had_target_cr, gone, was_confirmed = False, False, set[str](), False
    partial = {now["visit_date"] for now in timepoints if now["target"] == "PD" and not now["sum_complete"]}
    for now in timepoints:
        day = now["visit_date"]
        here = f"visit {day}"
        if not now["accepted"]:
            found.add(("early_scan", here, None))
        confirmed = now["state"] == "CONFIRMED" and not was_confirmed
        was_confirmed |= confirmed
        if confirmed and (day - now["anchor_date"]).days > options["irecist.confirm_max_days"]:
            found.add(("late_confirmation", here, str((day - now["anchor_date"]).days)))
        from_partial = now["anchor_date"] in partial
        grown = confirmed and "C1" in now["confirmation_reasons"] and (from_partial or not now["sum_complete"])
        still_asked = now["overall"] == "iUPD" and now["accepted"] and now["anchor_date"] != day
        if grown or (still_asked and from_partial):
            found.add(("incomplete_growth", here, None))
        back = [
            name
            for name, size in sizes[day].items()
            if size and _is_disease(options, history, name, size, rows_of[day])
        ]
        by_return = bool(back) and (
            (had_cr and options["cr.reappearance"] == "pd")
            or (had_target_cr and not had_cr and options["cr.target_only_return"] == "pd")
        )
        if now["accepted"] and now["target"] == "PD":
            is_node = len(back) == 1 and history.lesions[back[0]]["node"]
            if by_return and is_node and not now["new_lesion"] and now["nontarget"] != "PD":
                found.add(("node_only_relapse", here, None))
            small = {name for name in gone if any(r["state"] == "tstm" for r in rows_of[day].get(name, []))}
            if not by_return and any(sizes[day][name] for name in small):
                found.add(("tstm_reappearance", here, None))
        gone |= {name for name, size in sizes[day].items() if size == 0}
        if now["accepted"]:
            had_cr |= PLAIN_CODE.get(now["overall_as_read"], now["overall_as_read"]) == "CR"
            had_target_cr |= now["target"] == "CR"
    return found


def _is_disease(options: Options, history: Any, name: str, size: Any, rows: Mapping[str, Sequence[Row]]) -> bool:
    if not history.lesions[name]["node"]:
        return True
    column = measured_column(history, name, viable=False)
    too_small = any(row["state"] == "tstm" and row[column] is None for row in rows[name])
    return bool(size >= hundredths(options["node.normal_below_mm"])) and not too_small


# ------------------------------------------------------------------------------------------------------- in few words


def by_lesion(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["lesion_id"], []).append(row)
    return found


def _by_visit_and_lesion(rows: Iterable[Row]) -> dict[tuple[date, str], list[Row]]:
    found: dict[tuple[date, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["visit_date"], row["lesion_id"]), []).append(row)
    return found


def believed(rows: Iterable[Row]) -> list[Row]:
    """The rows without the diameters that nobody believes, and without any where the lesion was not evaluated."""
    columns = ("mm_x100", "viable_mm_x100")

    def is_believed(row: Row, column: str) -> bool:
        return row[column] is not None and 0 <= row[column] <= 500_00 and row["state"] != "ne"

    return [{**row, **{c: row[c] if is_believed(row, c) else None for c in columns}} for row in rows]


def last_trait(rows: Iterable[Row], trait: str) -> Any:
    """Of contradicting words the alphabetically last."""
    return max((row[trait] for row in rows if row[trait] is not None), default=None)


def smallest(options: Options, row: Row) -> Any:
    """The least size of a lesion that is measured."""
    return _by_site(options, "target.min_node_short_mm", row) if row["node"] else hundredths(options["target.min_mm"])


def _by_site(options: Options, key: str, row: Row) -> Any:
    special = options.get(f"{key}.porta_hepatis") if as_spelled_here(row)["site"] == "porta_hepatis" else None
    return hundredths(options[key] if special is None else special)


def place(rows: Sequence[Row]) -> str:
    """The organ: all nodes are one."""
    return "lymph_node" if any(row["node"] for row in rows) else str(last_trait(rows, "organ")).strip().lower()


def _is_in_liver(row: Row) -> bool:
    return not row["node"] and (row["organ"] or "").strip().lower() == "liver"


def _says_absent(row: Row) -> bool:
    return "absent" in (row["state"], row["status"])


def record(row: Row) -> str:
    return f"visit {row['visit_date']}, lesion {row['lesion_id']}"


def in_mm(size: Any) -> str:
    return str(float(size) / 100)
