"""Planned visits of a schedule, in closed form: how many lie before a day, and the day of the k-th.

Visit 0 is the anchor. Within a segment a visit follows each `every` days while its offset is at most `until`; the
last segment has no end.
"""

from __future__ import annotations

import polars as pl

from rules_engine.model import Schedule


def _parts(schedule: Schedule) -> list[tuple[int, int, int | None, int]]:
    """Each segment as (offset at which it begins, interval, number of visits or None, visits before it)."""
    parts: list[tuple[int, int, int | None, int]] = []
    begin, before = 0, 0
    for position, segment in enumerate(schedule.segments):
        last = position == len(schedule.segments) - 1
        if last or segment.until is None:
            parts.append((begin, segment.every, None, before))
            break
        visits = max((segment.until - begin) // segment.every, 0)
        parts.append((begin, segment.every, visits, before))
        begin, before = begin + visits * segment.every, before + visits
    return parts


def visits_up_to(schedule: Schedule, offset: pl.Expr) -> pl.Expr:
    """Number of visits k ≥ 1 whose offset from the anchor is at most `offset` days."""
    return pl.sum_horizontal(
        [((offset - begin) // every).clip(0, visits) for begin, every, visits, _before in _parts(schedule)]
    )


def visit_offset(schedule: Schedule, number: pl.Expr) -> pl.Expr:
    """Offset in days of visit `number` (0 = the anchor)."""
    found = pl.lit(0, pl.Int64)
    for begin, every, _visits, before in _parts(schedule):
        found = pl.when(number > before).then(begin + (number - before) * every).otherwise(found)
    return found


def planned_offsets(schedule: Schedule, until: int) -> list[int]:
    """Offsets in days of the planned visits 0, 1, 2 … up to `until` days, one by one."""
    offsets = [0]
    parts = _parts(schedule)
    while True:
        number = len(offsets)
        begin, every, _visits, before = next(part for part in reversed(parts) if number > part[3])
        following = begin + (number - before) * every
        if following > until:
            return offsets
        offsets.append(following)
