"""The schedule of tumour assessments in words."""

from __future__ import annotations

from collections.abc import Iterator

from rules_engine.describe.language import joined, spoken, with_unit
from rules_engine.endpoints.visit_examples import first_planned_days
from rules_engine.model import Schedule

#: Planned days that are named.
_SHOWN = 8


def schedule_sentences(schedule: Schedule) -> list[str]:
    """How often, from when, and how early or late an assessment may be."""
    anchor = "the time origin" if schedule.anchor is None else spoken(schedule.anchor)
    windows = (
        f"An assessment belongs to a planned visit from {with_unit(schedule.early, 'days')} before to "
        f"{with_unit(schedule.late, 'days')} after its day."
        if schedule.early or schedule.late
        else "An assessment belongs to a planned visit only on its day."
    )
    days = joined([*(str(day) for day in first_planned_days(schedule, _SHOWN)[1:]), "so on"])
    return [
        f"Tumour assessments are planned {joined(list(_parts(schedule)))}, counted from {anchor} (day 0).",
        f"The planned visits are thus on days {days}.",
        windows,
    ]


def _parts(schedule: Schedule) -> Iterator[str]:
    before = 0
    for position, segment in enumerate(schedule.segments):
        weeks = f" ({with_unit(segment.every // 7, 'weeks')})" if segment.every % 7 == 0 else ""
        often = f"every {with_unit(segment.every, 'days')}{weeks}"
        if segment.until is not None and position < len(schedule.segments) - 1:
            yield f"{often} up to day {segment.until}"
        else:
            yield f"{often} thereafter" if before else often
        before = segment.until or 0
