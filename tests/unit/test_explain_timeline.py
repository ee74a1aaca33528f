"""The picture of a subject's course: what it shows, in both forms, without overlap and byte for byte the same."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest
from rules_engine import Engine, UsageError
from rules_engine.explain.timeline import Lane, Mark, Span, SubjectTimeline, SumLine
from rules_engine.explain.timeline_picture import draw
from rules_engine.report.drawing import Text, box, shortened, text_width

from tests.unit.test_explain_command import PROTOCOL, study

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def timeline() -> SubjectTimeline:
    tables = study()
    tables["subjects"] = tables["subjects"].with_columns(death_date=pl.lit("2024-06"), arm=pl.lit("<A & B>"))
    tables["treatments"] = pl.DataFrame(
        {
            "subject": ["S-001"] * 4,
            "treatment": ["x", "TACE", "TACE", "sorafenib"],
            "component": ["ici", "tace", "tace", None],
            "kind": [None, None, None, "systemic"],
            "start_date": ["2024-01-10", "2024-01-12", "2024-02-20", "2024-05"],
            "last_date": [date(2024, 4, 1), None, None, None],
            "ended": [False, None, None, None],
        }
    )
    tables["clinical_events"] = pl.DataFrame(
        {"subject": ["S-001"], "date": [date(2024, 5, 2)], "kind": ["vascular_invasion"]}
    )
    return Engine(PROTOCOL).timeline(tables, "S-001")


def texts(timeline: SubjectTimeline) -> list[str]:
    root = ElementTree.fromstring(timeline.svg())  # noqa: S314  (our own markup)
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]


def test_it_shows_everything_that_is_dated(timeline: SubjectTimeline) -> None:
    shown = texts(timeline)
    for words in ("SD", "PD", "ici (x)", "tace", "systemic", "vascular invasion", "death", "last contact", "baseline"):
        assert words in shown, words
    assert "origin 2024-01-10" in shown
    assert any(words.startswith("cut-off 2024-12-31") for words in shown)
    assert "2 sessions" in shown
    assert "nadir 40.0 mm, 2024-03-04" in shown
    assert "event: PD, 2024-04-29, day 111" in shown  # 29 April is day 111 from 10 January, both counted
    assert any(words.startswith("event: DEATH, 2024-06-15") for words in shown)  # the 15th stands for the month


def test_the_data_cannot_break_the_markup(timeline: SubjectTimeline) -> None:
    assert "<A & B>" not in timeline.svg()
    assert "&lt;A &amp; B&gt;" in timeline.svg()


def test_both_forms_are_the_same_every_time(timeline: SubjectTimeline) -> None:
    assert timeline.svg() == timeline.svg()
    pytest.importorskip("matplotlib")
    first = timeline.png()
    assert first.startswith(b"\x89PNG")
    assert first == timeline.png()


def test_the_file_is_named_after_its_form(timeline: SubjectTimeline, tmp_path: Path) -> None:
    assert timeline.write(tmp_path / "a.SVG").read_text().startswith("<svg")
    with pytest.raises(UsageError, match="neither SVG nor PNG"):
        timeline.write(tmp_path / "a.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["a.SVG"]


def crowded(seed: int) -> SubjectTimeline:
    """Marks that crowd, at both ends of the calendar too."""
    start = date(2023, 1, 1)
    days = sorted(start + timedelta((seed * 37 * k) % 700) for k in range(1, 25))
    marks = tuple(Mark(day, "fact", f"fact number {k}") for k, day in enumerate(days))
    codes = tuple(Mark(day, "response", "NON-iCR/NON-iUPD" if k % 3 else "iCPD") for k, day in enumerate(days))
    sums = SumLine("read", tuple((day, 1000 + 10 * k) for k, day in enumerate(days)), 1000, days[0])
    return SubjectTimeline(
        "S", "S", start, start + timedelta(650),
        (("Responses", (Lane("read", codes),)), ("Events", (Lane("facts", marks, (Span(days[0], days[-1], vague=True),)),))), sums,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(1, 8))
def test_no_two_texts_overlap(seed: int) -> None:
    drawing = draw(crowded(seed))
    fields: list[tuple[float, float, float, float, str]] = []
    for shape in drawing.shapes:
        if isinstance(shape, Text):
            width = text_width(shape.words, shape.size)
            left = shape.x - {"start": 0, "middle": width / 2, "end": width}[shape.anchor]
            fields.append((left, shape.y - shape.size * 0.8, left + width, shape.y + shape.size * 0.2, shape.words))
    assert len(fields) > 50
    for one, other in combinations(fields, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, f"{one[4]!r} and {other[4]!r}"
    assert all(left >= 0 and right <= drawing.width for left, _top, right, _bottom, _words in fields)


def test_a_text_is_cut_where_there_is_no_room() -> None:
    assert shortened("short", 100) == "short"
    cut = shortened("a very long name of a treatment", 80)
    assert cut.endswith("…")
    assert text_width(cut) <= 80


def test_shapes_stand_where_they_are_put() -> None:
    drawing = draw(crowded(1))
    drawing.shapes.clear()
    drawing.add(box(10, 20, 30, 40, fill="#ffffff", title="tip"))
    points: Any = re.search(r'<polygon points="([^"]+)"', drawing.svg())
    assert points[1] == "10.0,20.0 40.0,20.0 40.0,60.0 10.0,60.0"
    assert "<title>tip</title>" in drawing.svg()
