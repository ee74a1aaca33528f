"""The swimmer: each subject's follow-up as a bar, with treatment, responses, progression, death and whether it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from rules_engine import terms
from rules_engine.descriptives import endings
from rules_engine.pages import Block, Figure
from rules_engine.report.canvas import WIDTH, colour_class, line, picture, short, text
from rules_engine.report.clock import DAYS_PER_MONTH, month_ticks, survival
from rules_engine.report.counts import Counts
from rules_engine.report.tables import nth
from rules_engine.report.view import ARM, ReportView

#: More lanes than this cannot be told apart; then every second, third … subject of each arm has one.
MOST_LANES = 80
TOP, LANE, LEFT, RIGHT = 12, 11, 108.0, WIDTH - 24.0
ROW_OF_LEGEND = 20

#: Mark of each kind of event: its words and its shape around (0, 0), within 4 units.
MARKS: Mapping[str, tuple[str, str]] = {
    "complete": ("complete response", "M0 -4L4 3.4H-4Z"),
    "partial": ("partial response", "M0 4L-4 -3.4H4Z"),
    "unconfirmed": ("unconfirmed progression (iUPD)", "M0 -4L4 0L0 4L-4 0Z"),
    "progression": ("progression (PD, iCPD)", "M-3.4 -3.4H3.4V3.4H-3.4Z"),
    "death": ("death", "M-4 -4L4 4M4 -4L-4 4"),
    "ongoing": ("alive at the data cut-off", "M-3 -3.6L3 0L-3 3.6"),
}
#: Marks that are drawn as outlines.
OPEN_MARKS = ("unconfirmed", "death", "ongoing")


@dataclass(frozen=True)
class Lane:
    """One subject: name, length of follow-up, courses (start, end), single sessions and marks; all in months from the start."""

    subject: str
    length: float
    courses: Sequence[tuple[float, float]]
    sessions: Sequence[float]
    marks: Sequence[tuple[str, float]]


def swimmers(view: ReportView) -> list[Block]:
    """A figure per arm, where the ruleset has an endpoint that follows subjects to their death."""
    paramcd = survival(view)
    if paramcd is None:
        return []
    followed = view.time_to_event[paramcd].join(view.subjects_with_arm, on="subject", how="left")
    arms: list[str | None] = [*view.arms] or [None]
    parts = [(arm, followed if arm is None else followed.filter(pl.col(ARM) == arm)) for arm in arms]
    return [
        _swimmer(view, paramcd, arm or "All subjects", number, part)
        for number, (arm, part) in enumerate(parts)
        if part.height
    ]


def _swimmer(view: ReportView, paramcd: str, arm: str, number: int, followed: pl.DataFrame) -> Figure:
    ordered = followed.sort(["days", "subject"], descending=[True, False])
    every = -(-ordered.height // MOST_LANES)
    drawn = ordered.gather_every(every)
    stream = _stream(view)
    counts = Counts.of(view, endings.ANALYSIS, paramcd)
    group = arm if view.arms else None
    subjects, died = (
        counts.value(*place) for place in ((None, None, group, "n"), (endings.OUTCOME, endings.EVENT, group, "count"))
    )
    svg = swimmer_svg(
        _lanes(view, drawn, stream), number, identifier=f"swim-{number}", title=f"Courses of subjects: {arm}",
        description=f"{subjects:,} subjects, {died:,} of whom died.",
    )  # fmt: skip
    caption = (
        f"{arm}: one lane per subject from the start of the clock of {paramcd} to death or the end of follow-up, the "
        "longest first. Dark line: drugs of the regimen; ticks: sessions and procedures of the regimen."
    )
    if stream is not None:
        caption += f" Responses by {stream}: the first of each kind."
    if every > 1:
        caption += f" Of {subjects:,} subjects every {nth(every)} is drawn."
    return Figure(svg, caption, f"swimmer-{number}")


def _stream(view: ReportView) -> str | None:
    """The response stream of the first endpoint that counts progression, where it was derived; else the first derived one."""
    for paramcd in view.time_to_event:
        endpoint = view.ruleset.endpoints[paramcd]
        if "progression" in (endpoint.options.get("events") or ()) and endpoint.response in view.timepoints:
            return endpoint.response
    return next(iter(view.timepoints), None)


def _lanes(view: ReportView, followed: pl.DataFrame, stream: str | None) -> list[Lane]:
    begun: dict[str, date] = dict(followed.select("subject", "start_date").iter_rows())
    courses, sessions = _treatments(view, begun)
    responses = {} if stream is None else _first_of_each_kind(view.timepoints[stream], begun)
    lanes = []
    for row in followed.iter_rows(named=True):
        subject, length = row["subject"], _months(row["date"], row["start_date"])
        ending = "death" if row["event"] else "ongoing" if row["reason"] == "CUTOFF" else None
        marks = [*responses.get(subject, ()), *([(ending, length)] if ending else ())]
        # What the sources date after the end of follow-up is a finding of the run; a lane ends where follow-up does.
        lanes.append(
            Lane(
                subject,
                length,
                [(start, min(end, length)) for start, end in courses.get(subject, ()) if start <= length],
                [one for one in sessions.get(subject, ()) if one <= length],
                [(kind, month) for kind, month in marks if month <= length],
            )
        )
    return lanes


def _first_of_each_kind(timepoints: pl.DataFrame, begun: Mapping[str, date]) -> dict[str, list[tuple[str, float]]]:
    """By subject, since the start: the first complete and partial response, the first unconfirmed progression and the first other one."""
    kinds = {
        **dict.fromkeys((terms.CR, terms.ICR), "complete"),
        **dict.fromkeys((terms.PR, terms.IPR), "partial"),
        terms.IUPD: "unconfirmed",
        **dict.fromkeys((terms.PD, terms.ICPD, terms.RECUR), "progression"),
    }
    started = pl.DataFrame(
        {"subject": list(begun), "start": list(begun.values())}, schema={"subject": pl.String, "start": pl.Date}
    )
    first = (
        timepoints.join(started, on="subject")
        .filter(pl.col("overall").is_in(list(kinds)), pl.col("visit_date") >= pl.col("start"))
        .with_columns(kind=pl.col("overall").replace_strict(kinds, return_dtype=pl.String))
        .group_by("subject", "kind")
        .agg(pl.col("visit_date").min(), pl.col("start").first())
        .sort("subject", "visit_date", "kind")
    )
    found: dict[str, list[tuple[str, float]]] = {}
    for subject, kind, day, start in first.iter_rows():
        found.setdefault(subject, []).append((kind, _months(day, start)))
    return found


def _treatments(
    view: ReportView, begun: Mapping[str, date]
) -> tuple[dict[str, list[tuple[float, float]]], dict[str, list[float]]]:
    """By subject: courses of the regimen's drugs, and days of its sessions; what lies before the start begins with it."""
    courses: dict[str, list[tuple[float, float]]] = {}
    sessions: dict[str, list[float]] = {}
    if view.treatments is None:
        return courses, sessions
    # Partial dates are left out: a figure imputes nothing.
    given = view.treatments.filter(pl.col("component").is_not_null()).select(
        "subject",
        start=pl.col("start_date").str.to_date("%Y-%m-%d", strict=False),
        last=pl.col("last_date").cast(pl.Date, strict=False),
    )
    for subject, start, last in given.drop_nulls("start").sort("subject", "start", "last").iter_rows():
        if subject not in begun:
            continue
        first = max(_months(start, begun[subject]), 0.0)
        if last is None or last <= start:
            sessions.setdefault(subject, []).append(first)
        else:
            courses.setdefault(subject, []).append((first, max(_months(last, begun[subject]), first)))
    return courses, sessions


def _months(day: date, start: date) -> float:
    return (day - start).days / DAYS_PER_MONTH


def swimmer_svg(lanes: Sequence[Lane], colour: int, *, identifier: str, title: str, description: str) -> str:
    """Lanes from top to bottom in the order given, an axis of months, and a legend of the marks that occur."""
    furthest = max((lane.length for lane in lanes), default=1.0) or 1.0
    bottom = TOP + LANE * len(lanes) + 6

    def x(month: float) -> float:
        return LEFT + (RIGHT - LEFT) * month / furthest

    parts: list[str] = []
    for tick in month_ticks(furthest):
        parts.append(line("grid", x(tick), TOP, x(tick), bottom))
        parts.append(text("tick", x(tick), bottom + 16, f"{tick}", "middle"))
    parts.append(text("name", (LEFT + RIGHT) / 2, bottom + 34, "Months", "middle"))
    bars, drugs, ticks = [], [], []
    shapes: dict[str, list[str]] = {}
    for number, lane in enumerate(lanes):
        y = TOP + LANE * (number + 0.5)
        parts.append(text("tick lane", LEFT - 8, y + 3.2, short(lane.subject), "end"))
        bars.append(f"M{x(0):.1f} {y - 3.5:.1f}H{x(lane.length):.1f}v7H{x(0):.1f}Z")
        drugs += [f"M{x(start):.1f} {y:.1f}H{x(end):.1f}" for start, end in lane.courses]
        ticks += [f"M{x(month):.1f} {y - 3.5:.1f}v7" for month in lane.sessions]
        for kind, month in lane.marks:
            shapes.setdefault(kind, []).append(_placed(kind, x(month) + (5 if kind == "ongoing" else 0), y))
    css = colour_class(colour)
    parts.append(f'<path class="band lane {css}" d="{"".join(bars)}"/>')
    parts.append(f'<path class="line {css}" d="{"".join(drugs)}"/>' if drugs else "")
    parts.append(f'<path class="mark {css}" d="{"".join(ticks)}"/>' if ticks else "")
    for kind in MARKS:
        if kind in shapes:
            parts.append(f'<path class="sign {_sign_class(kind)}" d="{"".join(shapes[kind])}"/>')
    parts += _legend_of_marks([kind for kind in MARKS if kind in shapes], bottom + 56)
    rows = -(-len(shapes) // 3)
    return picture(
        parts, bottom + 50 + ROW_OF_LEGEND * rows, identifier=identifier, title=title, description=description
    )


def _sign_class(kind: str) -> str:
    return "open" if kind in OPEN_MARKS else "filled"


def _placed(kind: str, x: float, y: float) -> str:
    """The shape of a mark with its absolute coordinates moved to (x, y)."""
    moved = []
    for command, *numbers in _commands(MARKS[kind][1]):
        offsets = {"H": (x,), "V": (y,), "M": (x, y), "L": (x, y), "Z": ()}[command]
        moved.append(
            command + " ".join(f"{float(one) + offset:.1f}" for one, offset in zip(numbers, offsets, strict=True))
        )
    return "".join(moved)


def _commands(path: str) -> list[list[str]]:
    """The commands of a path with their numbers."""
    commands: list[list[str]] = []
    for letter in "MLHVZ":
        path = path.replace(letter, f"|{letter} ")
    for part in path.split("|")[1:]:
        commands.append(part.split())
    return commands


def _legend_of_marks(kinds: Sequence[str], y: float) -> list[str]:
    parts = []
    for number, kind in enumerate(kinds):
        x, row = 12 + 245 * (number % 3), y + ROW_OF_LEGEND * (number // 3)
        parts.append(f'<path class="sign {_sign_class(kind)}" d="{_placed(kind, x, row - 4)}"/>')
        parts.append(text("tick", x + 12, row, MARKS[kind][0]))
    return parts
