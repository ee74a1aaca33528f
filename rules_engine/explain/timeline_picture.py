"""The picture of a subject's course: lanes under headings over a calendar, the target sum as a line, what each endpoint came to.

Labels never overlap: in a lane, what does not fit beside its neighbour moves to a row of its own below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from rules_engine import terms
from rules_engine.explain.timeline import Lane, Mark, SubjectTimeline, SumLine
from rules_engine.explain.words import mm
from rules_engine.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    PALE,
    SKY,
    VERMILION,
    WHITE,
    YELLOW,
    Circle,
    Drawing,
    Shape,
    Text,
    box,
    joined,
    line,
    shortened,
    text_width,
)  # fmt: skip

WIDTH, LEFT, RIGHT = 1220.0, 168.0, 868.0
TOP, HEADING, ROW = 66.0, 22.0, 19.0
SUM_HEIGHT = 120.0
SMALL, NORMAL = 10.0, 11.0
#: Share of the calendar that may be empty before the cut-off; where it is further away it is only pointed to.
_MOST_EMPTY = 0.3
_TICK_MONTHS = (1, 2, 3, 6, 12, 24, 60)
_MOST_TICKS = 9

#: Fill of the field in which a response stands; the letters say which it is.
_FIELDS = {
    terms.CR: "#bfe6d7", terms.PR: "#cfe3f2", terms.SD: "#f3e6bd", terms.NON_CR_NON_PD: "#f3e6bd", terms.NED: "#bfe6d7",
    terms.PD: "#f6cfb5", terms.RECUR: "#f6cfb5", terms.IUPD: "#fcebdf",
}  # fmt: skip
#: Codes that are too long for a field.
_SHORT = {terms.NON_CR_NON_PD: "NN", terms.NON_ICR_NON_IUPD: "iNN"}


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days on the horizontal axis."""

    first: date
    last: date

    def x(self, day: date) -> float:
        """Where a day stands."""
        return LEFT + (RIGHT - LEFT) * (day - self.first).days / max((self.last - self.first).days, 1)

    @property
    def ticks(self) -> list[date]:
        """First days of months, few enough to be read."""
        months = (self.last - self.first).days / 30.4
        step = next((one for one in _TICK_MONTHS if months / one <= _MOST_TICKS), _TICK_MONTHS[-1])
        number = self.first.year * 12 + self.first.month - 1
        number += -number % step
        found: list[date] = []
        while (day := date(number // 12, number % 12 + 1, 1)) <= self.last:
            if day >= self.first:
                found.append(day)
            number += step
        return found


def draw(timeline: SubjectTimeline) -> Drawing:
    """The whole picture."""
    calendar = _calendar(timeline)
    drawing = Drawing(WIDTH, 100, timeline.title, _description(timeline))
    placed: list[Shape | Circle | Text] = []
    y = TOP
    for heading, lanes in timeline.groups:
        y = _heading(placed, heading, y)
        for lane in lanes:
            has_codes = any(mark.kind == "response" for mark in lane.marks)
            y = _response_lane(placed, lane, calendar, y) if has_codes else _lane(placed, lane, calendar, y)
        if heading == "Responses" and timeline.sums is not None:
            y = _sum_lane(placed, timeline.sums, calendar, y)
        y += 6
    bottom = y
    drawing.height = bottom + 62
    drawing.add(*_frame(timeline, calendar, bottom), *placed, *_legend(timeline, bottom + 46))
    return drawing


def _calendar(timeline: SubjectTimeline) -> Calendar:
    days = timeline.days or [timeline.data_cutoff]
    first, last = min(days), max(days)
    if last <= timeline.data_cutoff:
        whole = (timeline.data_cutoff - first).days
        if whole and (timeline.data_cutoff - last).days <= _MOST_EMPTY * whole:
            last = timeline.data_cutoff
    margin = timedelta(max(round((last - first).days * 0.02), 7))
    return Calendar(first - margin, last + margin)


def _description(timeline: SubjectTimeline) -> str:
    told = [
        f"{lane.name} {lane.ending}" for heading, lanes in timeline.groups if heading == "Endpoints" for lane in lanes
    ]
    return f"Course of subject {timeline.subject} up to the data cut-off {timeline.data_cutoff}. {'; '.join(told)}."


# Frame -------------------------------------------------------------------------------------------------------------------


def _frame(timeline: SubjectTimeline, calendar: Calendar, bottom: float) -> list[Shape | Circle | Text]:
    """Title, calendar, origin and cut-off; drawn under everything else."""
    parts: list[Shape | Circle | Text] = [Text(14, 24, shortened(timeline.title, WIDTH - 28, 15), 15, bold=True)]
    top = TOP - 8
    cutoff = timeline.data_cutoff
    if cutoff < calendar.last:
        x = calendar.x(cutoff)
        parts.append(box(x, top, RIGHT - x, bottom - top, fill=PALE))
    for tick in calendar.ticks:
        x = calendar.x(tick)
        parts.append(line(x, top, x, bottom, "#e6e6e6"))
        parts.append(Text(x, bottom + 16, f"{tick:%Y-%m}", SMALL, "middle", GREY))
    parts.append(line(LEFT, bottom, RIGHT, bottom, GREY))
    named: list[tuple[float, str, str]] = []
    if timeline.origin is not None:
        x = calendar.x(timeline.origin)
        parts.append(line(x, top, x, bottom, BLUE, width=1.2))
        named.append((x, f"origin {timeline.origin}", BLUE))
    if cutoff < calendar.last:
        x = calendar.x(cutoff)
        parts.append(line(x, top, x, bottom, BLACK, dashed=True))
        named.append((x, f"cut-off {cutoff}", BLACK))
    else:
        parts.append(Text(RIGHT, top - 6, f"cut-off {cutoff} →", SMALL, "end", BLACK))
    free_from = LEFT - 60
    for x, words, colour in named:
        start = min(max(x - text_width(words, SMALL) / 2, free_from), RIGHT - text_width(words, SMALL))
        parts.append(Text(start, top - 6, words, SMALL, "start", colour))
        free_from = start + text_width(words, SMALL) + 10
    return parts


def _heading(parts: list[Shape | Circle | Text], words: str, y: float) -> float:
    parts.append(Text(14, y + 12, words, NORMAL, bold=True))
    parts.append(line(14, y + 17, WIDTH - 14, y + 17, LIGHT))
    return y + HEADING


# Lanes -------------------------------------------------------------------------------------------------------------------


def _lane(parts: list[Shape | Circle | Text], lane: Lane, calendar: Calendar, y: float) -> float:
    """A lane with its name to the left and what it comes to on the right; returns where the next one begins."""
    middle = y + ROW / 2
    parts.append(Text(22, middle + 4, shortened(lane.name, LEFT - 34, NORMAL), NORMAL))
    for span in lane.spans:
        start, end = calendar.x(span.start), calendar.x(min(span.end, calendar.last))
        height, fill = (9.0, "#d9d9d9") if span.vague else (3.0, GREY) if span.quiet else (5.0, SKY)
        parts.append(box(start, middle - height / 2, max(end - start, 1.5), height, fill=fill, title=span.tip))
        if span.goes_on:
            parts.append(
                Shape(((end, middle - 5), (end + 8, middle), (end, middle + 5)), closed=True, fill=SKY, stroke=None)
            )
    rows = _placed(lane.marks, calendar)
    for mark, (row, label_x, anchor) in zip(lane.marks, rows, strict=True):
        x, mark_y = calendar.x(mark.day), middle + row * ROW
        parts += _sign(mark, x, mark_y)
        if mark.label:
            width = text_width(mark.label, SMALL)
            parts.append(box(label_x - (width if anchor == "end" else 0), mark_y - 6, width, 12, fill=WHITE))
            parts.append(Text(label_x, mark_y + 3.6, mark.label, SMALL, anchor))
    if lane.ending:
        parts.append(Text(RIGHT + 14, middle + 4, shortened(lane.ending, WIDTH - RIGHT - 24, SMALL), SMALL))
    return y + ROW * (1 + max((row for row, _x, _anchor in rows), default=0))


def _placed(marks: Sequence[Mark], calendar: Calendar) -> list[tuple[int, float, str]]:
    """For each mark its row, and where its label stands: beside it, in the first row in which both are free."""
    taken: list[float] = []  # how far to the right each row is used
    found = []
    for mark in marks:
        x, width = calendar.x(mark.day), text_width(mark.label, SMALL) if mark.label else 0.0
        to_the_left = bool(mark.label) and x + 8 + width > RIGHT + 4
        start, end = (x - 8 - width, x + 7) if to_the_left else (x - 7, x + 8 + width)
        row = next((number for number, used in enumerate(taken) if used <= start), len(taken)) if mark.label else 0
        taken += [0.0] * (row + 1 - len(taken))
        taken[row] = max(taken[row], end + 4)
        found.append((row, x - 8 if to_the_left else x + 8, "end" if to_the_left else "start"))
    return found


def _sign(mark: Mark, x: float, y: float) -> list[Shape | Circle | Text]:
    """The sign of a mark around (x, y)."""

    def polygon(*points: tuple[float, float], fill: str | None, stroke: str = BLACK, closed: bool = True) -> Shape:
        moved = tuple((x + dx, y + dy) for dx, dy in points)
        return Shape(moved, closed=closed, fill=fill, stroke=stroke, width=1.3, title=mark.tip)

    if mark.kind == "event":
        return [polygon((-5, -5), (5, -5), (5, 5), (-5, 5), fill=VERMILION)]
    if mark.kind == "competing":
        return [polygon((0, -6), (6, 0), (0, 6), (-6, 0), fill=YELLOW)]
    if mark.kind == "censored":
        return [Circle(x, y, 5, fill=WHITE, width=1.5, title=mark.tip)]
    if mark.kind == "picked":
        return [Circle(x, y, 4.5, fill=BLUE, title=mark.tip)]
    if mark.kind == "session":
        return [polygon((-4, -6), (4, -6), (0, 5), fill=BLUE, stroke=BLUE)]
    if mark.kind == "clinical":
        return [polygon((0, -5), (5, 0), (0, 5), (-5, 0), fill=WHITE)]
    if mark.kind == "new lesion":
        return [polygon((0, -5), (5, 4), (-5, 4), fill=VERMILION)]
    if mark.kind == "therapy":
        return [polygon((-4, -6), (6, 0), (-4, 6), fill=GREEN)]
    if mark.kind == "death":
        return [
            polygon((-5, -5), (5, 5), fill=None, closed=False),
            polygon((-5, 5), (5, -5), fill=None, closed=False),
        ]
    return [Circle(x, y, 3.5, fill=GREY, stroke=GREY, title=mark.tip)]


def _response_lane(parts: list[Shape | Circle | Text], lane: Lane, calendar: Calendar, y: float) -> float:
    """Each response as a field with its code; fields that would overlap move down by half a row."""
    parts.append(Text(22, y + ROW / 2 + 4, shortened(lane.name, LEFT - 34, NORMAL), NORMAL))
    taken: list[float] = []
    for mark in lane.marks:
        code = _SHORT.get(mark.label, mark.label)
        width = max(text_width(code, SMALL) + 6, 18)
        x = calendar.x(mark.day)
        row = next((number for number, used in enumerate(taken) if used <= x - width / 2), len(taken))
        taken += [0.0] * (row + 1 - len(taken))
        taken[row] = x + width / 2 + 1
        top = y + 2 + row * (ROW - 2)
        fill = _FIELDS.get(mark.label, _FIELDS.get(terms.PLAIN_FORM.get(mark.label, ""), WHITE))
        parts.append(box(x - width / 2, top, width, 15, fill=fill, stroke=GREY, title=mark.tip))
        parts.append(Text(x, top + 11.3, code, SMALL, "middle"))
    return y + ROW + (ROW - 2) * max(len(taken) - 1, 0) + 1


def _sum_lane(parts: list[Shape | Circle | Text], sums: SumLine, calendar: Calendar, y: float) -> float:
    """The target sum as a line, with its nadir."""
    top, bottom = y + 16, y + SUM_HEIGHT - 8
    highest = max(length for _day, length in sums.points) or 1

    def height(length: int) -> float:
        return bottom - (bottom - top) * length / highest

    parts.append(Text(22, top + 10, "target sum", NORMAL))
    parts.append(Text(22, top + 24, shortened(f"({sums.name})", LEFT - 34, SMALL), SMALL, colour=GREY))
    parts.append(line(LEFT, bottom, RIGHT, bottom, LIGHT))
    parts.append(Text(LEFT - 6, bottom + 3, "0 mm", SMALL, "end", GREY))
    parts.append(line(LEFT, top, RIGHT, top, LIGHT))
    parts.append(Text(LEFT - 6, top + 3, mm(highest), SMALL, "end", GREY))
    if sums.nadir_x100 is not None and sums.nadir_date is not None:
        level = height(sums.nadir_x100)
        parts.append(line(calendar.x(sums.nadir_date), level, RIGHT, level, GREEN, dashed=True))
        parts.append(
            Text(RIGHT + 14, level + 3.6, f"nadir {mm(sums.nadir_x100)}, {sums.nadir_date}", SMALL, colour=GREEN)
        )
    parts.append(joined([(calendar.x(day), height(length)) for day, length in sums.points], BLACK))
    for day, length in sums.points:
        parts.append(Circle(calendar.x(day), height(length), 3, fill=BLACK, title=f"{day}: {mm(length)}"))
    last_day, last = sums.points[-1]
    if (last_day, last) != (sums.nadir_date, sums.nadir_x100):
        level = height(last)
        nadir_level = height(sums.nadir_x100 or 0)
        words_y = level if abs(level - nadir_level) > 13 else nadir_level - 13
        parts.append(Text(RIGHT + 14, words_y + 3.6, f"last {mm(last)}, {last_day}", SMALL))
    return y + SUM_HEIGHT


# Legend ------------------------------------------------------------------------------------------------------------------


def _legend(timeline: SubjectTimeline, y: float) -> list[Shape | Circle | Text]:
    """What the signs that occur mean, in one line."""
    lanes = [lane for _heading, of_group in timeline.groups for lane in of_group]
    marks = [mark for lane in lanes for mark in lane.marks]
    kinds = {mark.kind for mark in marks}
    parts: list[Shape | Circle | Text] = []
    x = 22.0
    for kind, words in _SIGNS.items():
        if kind in kinds:
            parts += _sign(Mark(timeline.data_cutoff, kind), x, y - 4)
            parts.append(Text(x + 11, y, words, SMALL, colour=GREY))
            x += 11 + text_width(words, SMALL) + 18
    notes = ["NN: non-CR/non-PD"] if {mark.label for mark in marks} & set(_SHORT) else []
    notes += ["grey bar: day or month unknown"] if any(span.vague for lane in lanes for span in lane.spans) else []
    parts.append(Text(x, y, "; ".join(notes), SMALL, colour=GREY))
    return parts


_SIGNS = {
    "event": "event", "competing": "competing event", "censored": "censored", "picked": "response counted",
    "session": "session", "therapy": "other therapy starts", "clinical": "clinical event", "new lesion": "new lesion",
    "fact": "dated fact", "death": "death",
}  # fmt: skip
