"""The course of one subject as the page's panel shows it: plain values, made by the room that explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

#: A day and a length in hundredths of a millimetre; None: not evaluated on that day.
Point = tuple[date, int | None]


@dataclass(frozen=True, slots=True)
class LesionPath:
    """What one target lesion adds to the sum, visit by visit, the baseline first."""

    lesion: str
    organ: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Target lesions and their sum as some response streams (`names`) read them.

    `sums` are the complete sums, the baseline first; `nadirs` the smallest sum before each visit, with the sum from which on
    the visit is progression (None where the criterion states no such limit); `partial_response` the sum down from which it
    is a partial response.
    """

    names: Sequence[str]
    lesions: Sequence[LesionPath]
    sums: Sequence[Point]
    nadirs: Sequence[tuple[date, int, int | None]]
    partial_response: int | None


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit as one stream reads it."""

    day: date
    stream: str
    response: str
    parts: str


@dataclass(frozen=True, slots=True)
class LaneMark:
    """Something on a day: kind of its sign, a label beside it, and what is said where a pointer rests."""

    day: date
    kind: str
    label: str
    tip: str


@dataclass(frozen=True, slots=True)
class LaneSpan:
    """Something that lasted; `form` is `course`, `goes on`, `vague` (only the month or year is known) or `quiet`."""

    start: date
    end: date
    form: str
    tip: str


@dataclass(frozen=True, slots=True)
class CourseLane:
    """A line of the timeline under a heading."""

    group: str
    name: str
    marks: Sequence[LaneMark]
    spans: Sequence[LaneSpan]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an explanation; `rules` each with its words (may be empty) and its name, source and place."""

    text: str
    rules: Sequence[tuple[str, str]]
    sources: str


@dataclass(frozen=True, slots=True)
class Story:
    """Why one endpoint is as it is: what it came to, and its steps, each with a title."""

    endpoint: str
    label: str
    ending: str
    steps: Sequence[tuple[str, Sequence[Sentence]]]


@dataclass(frozen=True, slots=True)
class Course:
    """Everything that the panel shows of one subject; `lanes` are those beside the responses, which `visits` has."""

    subject: str
    arm: str
    origin: date | None
    trajectories: Sequence[Trajectory]
    visits: Sequence[Visit]
    lanes: Sequence[CourseLane]
    stories: Sequence[Story]


#: Gives the courses of the subjects that are asked for, in that order.
Courses = Callable[[Sequence[str]], Sequence[Course]]
