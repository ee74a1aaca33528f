"""ADAE and ADLB variables of one subject, slowly and in plain Python: no code of the engine.

Written from what the documentation of admiral says of `derive_var_trtemfl`, `derive_var_ontrtfl`, `derive_var_extreme_flag`
(with `restrict_derivation` to treatment-emergent records), `derive_var_base` and `derive_var_chg`, and from the rules for
partial dates and baselines in docs/grading.md. Days are `date`; an event is a mapping.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Person:
    """What the variables of one subject depend on."""

    first: date | None  # TRTSDT
    last: date | None  # TRTEDT
    death: date | None
    end_of_study: date | None
    cutoff: date
    first_time: time | None = None


# Dates ----------------------------------------------------------------------------------------------------------------


def possible_days(text: str) -> tuple[date, date]:
    """The first and the last day that `2024-05-17`, `2024-05` or `2024` may mean."""
    parts = [int(part) for part in text.split("-")]
    year, month = parts[0], parts[1] if len(parts) > 1 else None
    if len(parts) == 3:
        return date(*parts), date(*parts)
    if month is not None:
        return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
    return date(year, 1, 1), date(year, 12, 31)


def unit_imputed(text: str | None) -> str | None:
    return None if text is None else {3: None, 2: "D", 1: "M"}[len(text.split("-"))]


def start_day(event: Event, person: Person) -> date | None:
    if event["start"] is None:
        return None
    first, last = possible_days(event["start"])
    if first == last:
        return first
    ended_before = (
        event["end"] is not None and person.first is not None and possible_days(event["end"])[1] < person.first
    )
    day = first
    if person.first is not None and first <= person.first <= last and not ended_before:
        day = person.first
    bounds = [day]
    if event["end"] is not None and unit_imputed(event["end"]) is None:
        bounds.append(possible_days(event["end"])[0])
    if person.death is not None:
        bounds.append(person.death)
    return min(bounds)


def end_day(event: Event, person: Person) -> date | None:
    if event["end"] is None:
        return None
    last = possible_days(event["end"])[1]
    if unit_imputed(event["end"]) is None:
        return last
    return min([last, person.cutoff, *(day for day in (person.death, person.end_of_study) if day is not None)])


def study_day(day: date | None, person: Person) -> int | None:
    if day is None or person.first is None:
        return None
    return (day - person.first).days + (1 if day >= person.first else 0)


# Events ---------------------------------------------------------------------------------------------------------------


def is_emergent(event: Event, person: Person, window: int | None) -> bool:
    start, end = start_day(event, person), end_day(event, person)
    if person.first is None or (end is not None and end < person.first):
        return False
    if start is None:
        return True
    if start >= person.first:
        return window is None or person.last is None or start <= person.last + timedelta(days=window)
    initial, grade = event["initial"], event["grade"]
    return initial is None or grade is None or grade > initial


def is_on_treatment(event: Event, person: Person, window: int) -> bool:
    start, end = start_day(event, person), end_day(event, person)
    if person.first is None or (end is not None and end < person.first):
        return False
    if start is None or start == person.first:
        return True
    return person.last is not None and person.first < start <= person.last + timedelta(days=window)


BY: Mapping[str, Callable[[Event], Any]] = {
    "": lambda _event: None,
    "S": lambda event: event["soc"],
    "P": lambda event: event["term"],
}


def occurrence_flags(events: Sequence[Event], person: Person, window: int | None) -> dict[str, set[int]]:
    """Per flag the sequence numbers of the records that carry it."""
    emergent = [event for event in events if is_emergent(event, person, window)]
    flags: dict[str, set[int]] = {}
    for letter, of_group in BY.items():
        for worst_first in (False, True):
            carried = set()
            for group in {of_group(event) for event in emergent}:
                members = [event for event in emergent if of_group(event) == group]

                def order(event: Event, worst_first: bool = worst_first) -> tuple[Any, ...]:
                    start = start_day(event, person) or date.max
                    severity = -(event["grade"] or 0) if worst_first else 0
                    return severity, start, event["seq"]

                carried.add(min(members, key=order)["seq"])
            flags[f"aocc{letter}{'I' if worst_first else ''}fl".lower()] = carried
    return flags


# Laboratory results ---------------------------------------------------------------------------------------------------


def baseline(results: Iterable[Event], person: Person, lookback: int | None) -> Event | None:
    """The last number before the first treatment: by day, time (one without is the earliest), sequence number."""
    eligible = [
        one for one in results
        if one["number"] is not None and person.first is not None and not is_after_start(one, person)
        and (lookback is None or (person.first - one["date"]).days <= lookback)
    ]  # fmt: skip
    return max(
        eligible,
        key=lambda one: (one["date"], one["time"] or time.min, one["time"] is not None, one["seq"]),
        default=None,
    )


def is_after_start(result: Event, person: Person) -> bool:
    if person.first is None:
        return False
    if result["date"] == person.first and result["time"] is not None and person.first_time is not None:
        return bool(result["time"] > person.first_time)
    return bool(result["date"] > person.first)


def is_after(result: Event, base: Event | None, person: Person) -> bool:
    if base is None:
        return is_after_start(result, person)
    if result["date"] != base["date"]:
        return bool(result["date"] > base["date"])
    if result["time"] is not None and base["time"] is not None and result["time"] != base["time"]:
        return bool(result["time"] > base["time"])
    return bool(result["seq"] > base["seq"])


def is_result_on_treatment(result: Event, person: Person) -> bool:
    return is_after_start(result, person) and person.last is not None and result["date"] <= person.last


def change(result: Event, base: Event | None, person: Person) -> float | None:
    if base is None or result["number"] is None or not is_after(result, base, person):
        return None
    return float(result["number"] - base["number"])


def worst(results: Sequence[Event], base: Event | None, person: Person) -> int | None:
    """Sequence number of the first result of the worst grade after baseline, up to the end of the study; None without one."""
    counted = [
        one for one in results
        if one["grade"] is not None and is_after(one, base, person)
        and one["date"] <= min(day for day in (person.end_of_study, person.death, person.cutoff) if day is not None)
    ]  # fmt: skip
    best = min(counted, key=lambda one: (-one["grade"], one["date"], one["seq"]), default=None)
    return None if best is None else int(best["seq"])
