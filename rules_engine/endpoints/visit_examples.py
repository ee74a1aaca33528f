"""The rule on missed visits worked out in the days of a schedule, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules_engine.model import Schedule

#: Planned visits that an example may start from, counted from the start (0).
_FIRST = 2


def planned_days(schedule: Schedule) -> Iterator[int]:
    """The days of the planned visits after the anchor, without end."""
    day = 0
    for position, segment in enumerate(schedule.segments):
        last = position == len(schedule.segments) - 1
        while last or segment.until is None or day + segment.every <= segment.until:
            day += segment.every
            yield day


def first_planned_days(schedule: Schedule, count: int) -> list[int]:
    """Day 0 and the days of the first `count` planned visits."""
    days = planned_days(schedule)
    return [0, *(next(days) for _ in range(count))]


def last_day_of_event(schedule: Schedule, method: str, n: int, last_assessment: int) -> int:
    """The last day on which an event counts after a last assessment on a day; both are days after the anchor."""
    days = planned_days(schedule)
    seen, planned = 0, [0]
    while len(planned) <= seen + n or planned[seen + 1] - schedule.early <= last_assessment:
        planned.append(next(days))
        if planned[seen + 1] - schedule.early <= last_assessment:
            seen += 1
    if method == "windows":
        return planned[seen + n] + schedule.late
    return last_assessment + planned[seen + n] - planned[seen] + schedule.early + schedule.late


def visit_examples(schedule: Schedule, method: str, n: int, anchor: str) -> list[str]:
    """Sentences: from the start, from the first visit, and around each change of the interval."""
    told = []
    for visit in _telling_visits(schedule, n):
        day = first_planned_days(schedule, visit)[visit]
        until = last_day_of_event(schedule, method, n, day)
        since = f"after a last assessment on day {day} (planned visit {visit})" if visit else "without any assessment,"
        rest = f" ({until - day} days later)" if visit else ""
        told.append(f"{since} an event counts up to day {until}{rest} and no longer from day {until + 1}")
    first, *others = told
    sentences = [f"Days are counted from {anchor}: {first}."]
    return [*sentences, *(f"{text[:1].upper()}{text[1:]}." for text in others)]


def _telling_visits(schedule: Schedule, n: int) -> Sequence[int]:
    """Visits that show the rule: the first ones, and those from which it reaches into the next part of the schedule."""
    found = set(range(_FIRST))
    for segment in schedule.segments[:-1]:
        if segment.until is not None:
            inside = sum(1 for _ in _until(schedule, segment.until))
            found |= {visit for visit in (inside - n + 1, inside) if visit >= 0}
    return sorted(found)


def _until(schedule: Schedule, last: int) -> Iterator[int]:
    for day in planned_days(schedule):
        if day > last:
            return
        yield day
