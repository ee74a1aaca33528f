"""The panel of single subjects: lesions, timeline and the reason for every endpoint, of the one that a reader picks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from rules_engine.errors import PluginError
from rules_engine.pages import Block, Folded, Interactive, Paragraph, Row, Section, Table, heading, words
from rules_engine.report.clock import DAYS_PER_MONTH
from rules_engine.report.course import Course, Story, Trajectory
from rules_engine.report.tables import nth
from rules_engine.report.view import ReportView

#: More subjects than this make a page that is slow to open; then every second, third … by name is in the panel.
MOST_SUBJECTS = 300
NAME = "subject-panel"
_EPOCH = date(1970, 1, 1).toordinal()


def subject_panel(view: ReportView) -> Section:
    """The panel with the static index of its subjects; empty where the view brings no courses."""
    if view.courses is None or view.subjects.is_empty():
        return Section("subject", "Single subjects", [])
    names = view.subjects["subject"].unique().sort()
    every = -(-names.len() // MOST_SUBJECTS)
    try:
        courses = view.courses(names.gather_every(every).to_list())
    except PluginError as error:
        # A plugin that cannot tell its story costs the page this section, not the run its results.
        return Section(
            "subject", "Single subjects", [Paragraph(f"A plugin could not be told: {error}", lead="Left out.")]
        )
    blocks: list[Block] = []
    if every > 1:
        text = (
            f"Of {names.len():,} subjects every {nth(every)} by name is here, so that the page opens at once. "
            f"Any other is told by: rules-engine explain {view.ruleset.id} --data … --subject …"
        )
        blocks.append(Paragraph(text))
    index = _index(courses)
    fallback = "Without scripts the panel stays closed; the index below names each subject's outcomes."
    blocks += [
        Interactive(NAME, _script(), encoded(courses, view.data_cutoff), fallback),
        Folded(index.caption, [index]),
    ]
    return Section("subject", "Single subjects", blocks)


@cache
def _script() -> str:
    return (Path(__file__).parent / "subject_panel.js").read_text(encoding="utf-8")


def _index(courses: Sequence[Course]) -> Table:
    """A line per subject with what each endpoint came to."""
    endpoints = [story.endpoint for story in courses[0].stories] if courses else []
    rows = [
        Row(heading(one.subject), [words(one.arm), *(words(story.ending) for story in one.stories)]) for one in courses
    ]
    return Table("Index of subjects and their endpoints", ["Subject", "Arm", *endpoints], rows)


# The data of the script ------------------------------------------------------------------------------------------------------


class _Texts:
    """Values that are told once and pointed to by number."""

    def __init__(self) -> None:
        self.places: dict[Any, int] = {}

    def place(self, value: Any) -> int:
        return self.places.setdefault(value, len(self.places))


def encoded(courses: Sequence[Course], cutoff: date) -> dict[str, Any]:
    """The courses as the script reads them: days since 1970, lengths in hundredths of a millimetre, each sentence once."""
    texts, rules, sentences, steps, streams = _Texts(), _Texts(), _Texts(), _Texts(), _Texts()

    def step(title: str, told: Sequence[Any]) -> int:
        numbers = tuple(
            sentences.place(
                (
                    texts.place(one.text),
                    tuple(rules.place((texts.place(said), texts.place(cited))) for said, cited in one.rules),
                    texts.place(one.sources),
                )
            )
            for one in told
        )
        return steps.place((texts.place(title), numbers))

    def story(one: Story) -> list[Any]:
        return [one.ending, [step(title, told) for title, told in one.steps]]

    subjects = [
        {
            "subject": one.subject,
            "arm": one.arm,
            "origin": _day(one.origin),
            "trajectories": list(map(_trajectory, one.trajectories)),
            "visits": [[_day(v.day), streams.place(v.stream), v.response, texts.place(v.parts)] for v in one.visits],
            "lanes": [
                {
                    "group": lane.group,
                    "name": lane.name,
                    "marks": [[_day(m.day), m.kind, m.label, texts.place(m.tip)] for m in lane.marks],
                    "spans": [[_day(s.start), _day(s.end), s.form, texts.place(s.tip)] for s in lane.spans],
                }
                for lane in one.lanes
            ],
            "stories": list(map(story, one.stories)),
        }
        for one in courses
    ]
    endpoints = [[story.endpoint, story.label] for story in courses[0].stories] if courses else []
    tables = {"texts": texts, "rules": rules, "sentences": sentences, "steps": steps, "streams": streams}
    return {
        "cutoff": _day(cutoff),
        "days_per_month": DAYS_PER_MONTH,
        "endpoints": endpoints,
        "subjects": subjects,
        **{name: list(table.places) for name, table in tables.items()},
    }


def _trajectory(path: Trajectory) -> dict[str, Any]:
    return {
        "names": list(path.names),
        "lesions": [
            [one.lesion, one.organ, [[_day(day), length] for day, length in one.points]] for one in path.lesions
        ],
        "sums": [[_day(day), length] for day, length in path.sums],
        "nadirs": [[_day(day), nadir, limit] for day, nadir, limit in path.nadirs],
        "partial_response": path.partial_response,
    }


def _day(day: date | None) -> int | None:
    return None if day is None else day.toordinal() - _EPOCH
