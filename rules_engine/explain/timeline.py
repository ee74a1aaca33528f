"""What happened to one subject, as lanes of dated marks and spans, and the picture of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rules_engine.errors import UsageError
from rules_engine.explain.endpoint import EndpointStory
from rules_engine.explain.subject import SubjectData
from rules_engine.explain.timepoint import TimepointStory
from rules_engine.study.writing import write_file

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened on a day. `kind` decides its sign; `label` stands beside it, `tip` where a pointer rests on it."""

    day: date
    kind: str
    label: str = ""
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasted. `goes_on`: no end is known; `vague`: only the month or year is known, and the span is all of it;
    `quiet`: drawn thin.
    """

    start: date
    end: date
    goes_on: bool = False
    vague: bool = False
    quiet: bool = False
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """Marks and spans that stand on one line; `ending` is what it comes to, told at its right end."""

    name: str
    marks: tuple[Mark, ...] = ()
    spans: tuple[Span, ...] = ()
    ending: str = ""


@dataclass(frozen=True, slots=True)
class SumLine:
    """Target sums over time, in hundredths of a millimetre: (day, sum), the baseline first; `nadir` is the last visit's."""

    name: str
    points: tuple[tuple[date, int], ...]
    nadir_x100: int | None
    nadir_date: date | None


@dataclass(frozen=True, slots=True)
class SubjectTimeline:
    """The course of one subject. `groups` are lanes under a heading each, from top to bottom."""

    subject: str
    title: str
    origin: date | None
    data_cutoff: date
    groups: tuple[tuple[str, tuple[Lane, ...]], ...]
    sums: SumLine | None

    @property
    def days(self) -> list[date]:
        """Every day that has a mark, a span or a sum."""
        lanes = [lane for _heading, of_group in self.groups for lane in of_group]
        found = [mark.day for lane in lanes for mark in lane.marks]
        found += [day for lane in lanes for span in lane.spans for day in (span.start, span.end)]
        found += [day for day, _sum in self.sums.points] if self.sums else []
        return found + ([self.origin] if self.origin else [])

    def svg(self) -> str:
        """The picture as an SVG document."""
        from rules_engine.explain.timeline_picture import draw

        return draw(self).svg()

    def png(self) -> bytes:
        """The picture as a PNG."""
        from rules_engine.explain.timeline_picture import draw

        return draw(self).png()

    def write(self, path: str | Path) -> Path:
        """Write the picture to a file, as an SVG or a PNG by the file's name. Raises `UsageError` for any other."""
        made = {"svg": lambda: self.svg().encode("utf-8"), "png": self.png}
        return write_file(path, made[picture_format(path)]())


def picture_format(path: str | Path) -> str:
    """`svg` or `png`, by the file's name. Raises `UsageError` for any other."""
    found = Path(path).suffix.lower().removeprefix(".")
    if found not in ("svg", "png"):
        raise UsageError.at(
            f"picture {Path(path).name!r}", "its name says neither SVG nor PNG", "end it with .svg or .png"
        )
    return found


def timeline_of(
    data: SubjectData, endpoints: Sequence[EndpointStory], timepoints: Mapping[str, Sequence[TimepointStory]]
) -> SubjectTimeline:
    """The course of the subject with these endpoints and the visits of these response streams."""
    subject = data.tables["subjects"].collect().row(0, named=True)
    treatments = data.tables["treatments"].sort("start_date", "row").collect().to_dicts()
    clinical_events = data.tables["clinical_events"].sort("date", "kind", "row").collect().to_dicts()
    # The sums are those of the stream that the first endpoint reads, where it has any.
    first = [data.ruleset.endpoints[story.endpoint].response for story in endpoints]
    order = sorted(timepoints, key=lambda name: first.index(name) if name in first else len(first))
    sums = next((found for name in order if (found := _sums(name, timepoints[name]))), None)
    responses = [_responses(name, stories) for name, stories in timepoints.items() if stories]
    new = _new_lesions(timepoints[sums.name]) if sums is not None else None
    groups = [
        ("Responses", (*responses, *([new] if new is not None else []))),
        *lanes_of_course(subject, treatments, clinical_events, endpoints),
    ]
    arm = f", {subject['arm']}" if subject.get("arm") else ""
    return SubjectTimeline(
        data.subject,
        f"Subject {data.subject}{arm}: {data.ruleset.title}",
        origin_of(endpoints),
        data.cutoff,
        tuple((heading, lanes) for heading, lanes in groups if lanes),
        sums,
    )


def origin_of(endpoints: Sequence[EndpointStory]) -> date | None:
    """The earliest start of the subject's times."""
    starts = [story.record["start_date"] for story in endpoints if story.record and "start_date" in story.record]
    return min(starts, default=None)


def lanes_of_course(
    subject: Row, treatments: Sequence[Row], clinical_events: Sequence[Row], endpoints: Sequence[EndpointStory]
) -> list[tuple[str, tuple[Lane, ...]]]:
    """Everything but the responses, in lanes under a heading each; the rows are those of the one subject, in order."""
    groups = [
        ("Treatment", tuple(_regimen(treatments))),
        ("Other anticancer therapy", tuple(_other_therapy(treatments))),
        ("Events", tuple(_events(clinical_events, subject))),
        ("Endpoints", tuple(_endpoint(story) for story in endpoints)),
    ]
    return [(heading, lanes) for heading, lanes in groups if lanes]


# Lanes -------------------------------------------------------------------------------------------------------------------


def _responses(name: str, stories: Sequence[TimepointStory]) -> Lane:
    marks = []
    for story in stories:
        notes = [f"{story.visit_date}: {story.overall}"]
        if story.sums is not None and story.sums.sum_x100 is not None:
            notes.append(str(story.sums))
        if story.suspected_pseudoprogression:
            notes.append("pseudoprogression suspected")
        marks.append(Mark(story.visit_date, "response", story.overall, " ".join(notes)))
    return Lane(name, tuple(marks))


def _new_lesions(stories: Sequence[TimepointStory]) -> Lane | None:
    """New lesions on the day from which each counts."""
    found = {
        lesion.lesion: Mark(
            story.visit_date, "new lesion", lesion.lesion, f"{lesion.lesion} ({lesion.organ}): {lesion.said}"
        )
        for story in stories
        for lesion in story.lesions
        if lesion.begins
    }
    return Lane("new lesions", tuple(found.values())) if found else None


def _sums(name: str, stories: Sequence[TimepointStory]) -> SumLine | None:
    """The sums of a derived stream; None where there is no sum to show."""
    with_sums = [story for story in stories if story.sums is not None]
    if not with_sums:
        return None
    sums = with_sums[-1].sums
    assert sums is not None  # noqa: S101  (just selected)
    points = [(sums.baseline_date, sums.baseline_x100)] if sums.baseline_date and sums.baseline_x100 is not None else []
    points += [
        (story.visit_date, story.sums.sum_x100) for story in with_sums if story.sums and story.sums.sum_x100 is not None
    ]
    known = [(day, length) for day, length in points if day is not None and length is not None]
    if not known:
        return None
    lowest = min(known, key=lambda point: (point[1], point[0]))
    return SumLine(name, tuple(known), lowest[1], lowest[0])


def _period(text: str | None) -> tuple[date, date] | None:
    """First and last possible day of a date of which the day or the month may be missing."""
    if not text:
        return None
    first = date.fromisoformat(f"{text}-01-01"[:10])
    if len(text) >= 10:
        return first, first
    following = first.replace(year=first.year + 1) if len(text) == 4 else (first + timedelta(31)).replace(day=1)
    return first, following - timedelta(1)


def _regimen(treatments: Sequence[Row]) -> Iterable[Lane]:
    """A lane per component of the regimen: sessions as marks, courses as spans."""
    by_component: dict[str, list[Row]] = {}
    for row in treatments:
        if row["component"] is not None:
            by_component.setdefault(row["component"], []).append(row)
    for component, rows in by_component.items():
        marks, spans = [], []
        for row in rows:
            period = _period(row["start_date"])
            if period is None:
                continue
            first, last = period
            tip = f"{row['treatment']}, {row['start_date']}"
            if row["last_date"] is not None and row["last_date"] > last:
                goes_on = row["ended"] is False
                tip += f" to {row['last_date']}" + (", not ended" if goes_on else "")
                spans.append(Span(first, row["last_date"], goes_on=goes_on, tip=tip))
            elif first != last:
                spans.append(Span(first, last, vague=True, tip=tip))
            else:
                marks.append(Mark(first, "session", tip=tip))
        what = rows[0]["treatment"]
        count = f"{len(marks)} session{'s' if len(marks) != 1 else ''}" if marks else ""
        name = component if what.casefold() == component.casefold() else f"{component} ({what})"
        yield Lane(name, tuple(marks), tuple(spans), count)


def _other_therapy(treatments: Sequence[Row]) -> Iterable[Lane]:
    marks, spans = [], []
    for row in treatments:
        period = _period(row["start_date"])
        if row["component"] is not None or row["kind"] is None or period is None:
            continue
        first, last = period
        tip = f"{row['treatment']} ({row['kind']}), {row['start_date']}"
        if first != last:
            spans.append(Span(first, last, vague=True, tip=tip))
        marks.append(Mark(first, "therapy", row["kind"].replace("_", " "), tip))
    if marks:
        yield Lane("start", tuple(marks), tuple(spans))


def _events(recorded: Sequence[Row], subject: Row) -> Iterable[Lane]:
    marks = [
        Mark(row["date"], "clinical", row["kind"].replace("_", " "), f"{row['kind']}, {row['date']}")
        for row in recorded
        if row["date"] is not None
    ]
    if marks:
        yield Lane("clinical events", tuple(marks))
    facts, vague = [], []
    for column, kind, label in _FACTS:
        stated = subject.get(column)
        if stated is None:
            continue
        period = _period(str(stated))
        assert period is not None  # noqa: S101  (there is a date)
        if period[0] != period[1]:
            vague.append(Span(*period, vague=True, tip=f"{label} {stated}"))
        facts.append(Mark(period[0], kind, label, f"{label} {stated}"))
    if facts:
        yield Lane("follow-up", tuple(sorted(facts, key=lambda mark: mark.day)), tuple(vague))


#: Dates of a subject, the sign of each and its words.
_FACTS = (
    ("baseline_date", "fact", "baseline"),
    ("last_contact_date", "fact", "last contact"),
    ("withdrawal_date", "fact", "withdrawal"),
    ("lost_to_followup_date", "fact", "lost to follow-up"),
    ("end_of_study_date", "fact", "end of study"),
    ("death_date", "death", "death"),
)


def _endpoint(story: EndpointStory) -> Lane:
    ending = ending_of(story)
    record = story.record
    if record is None:
        return Lane(story.endpoint, ending=ending)
    if "event" not in record:
        marks = (Mark(record["date"], "picked", tip=ending),) if record["date"] is not None else ()
        return Lane(story.endpoint, marks, ending=ending)
    happened = _happened(record)
    mark = Mark(record["date"], happened, tip=f"{story.endpoint} {ending}")
    return Lane(story.endpoint, (mark,), (Span(record["start_date"], record["date"], quiet=True, tip=ending),), ending)


def ending_of(story: EndpointStory) -> str:
    """What an endpoint came to, in a few words."""
    record = story.record
    if record is None:
        return "no record"
    if "event" not in record:
        return f"{record['value']}, {record['date']}" if record["date"] is not None else str(record["value"])
    return f"{_happened(record)}: {record['reason']}, {record['date']}, day {record['days']}"


def _happened(record: Row) -> str:
    return "event" if record["event"] else "competing" if record["event_type"] == 2 else "censored"
