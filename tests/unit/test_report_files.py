"""Figures and tables as files of their own: complete without the page, the same on every run, and inert."""

from __future__ import annotations

import csv
import io
import re
from xml.etree import ElementTree

import pytest
from rules_engine.pages import Cell, Figure, Row, Table, heading
from rules_engine.report import figure_file, table_file
from rules_engine.report.canvas import legend, line, picture, text
from rules_engine.report.drawing import Circle, Shape, Text
from rules_engine.report.figure_style import look
from rules_engine.report.html import tables_of
from rules_engine.report.standalone import as_drawing, svg_document

from tests.unit.test_report_page import view_of

PARTS = [
    line("axis", 10, 20, 110, 20),
    '<path class="line c1" d="M10.0 10.0H20.0V30.0L5.0 5.0"/>',
    '<path class="band c0" d="M0.0 0.0h10.0v-5.0H0.0Z"/>',
    '<path class="bar c2" d="M8.0 40.0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0Z"/>',
    text("label c0", 5, 60, "A & <b>"),
    '<text class="name" x="13" y="50" text-anchor="middle" transform="rotate(-90 13 50)">upright</text>',
    *legend([("first", 0)], 0, 80),
]
FIGURE = Figure(picture(PARTS, 100, identifier="f", title="T", description="D"), "A caption", "f")

TABLE = Table(
    "Rates, 100% of {all}",
    ["", "A_1", "B"],
    [
        Row(heading("Subjects"), [Cell("118"), Cell("=HYPERLINK(1)")]),
        Row(heading("at 6 months", indent=1), [Cell("−3.2"), Cell("≥ 5 µg \\ 50%")]),
        Row(heading("A heading")),
    ],
    ["A note & more."],
    [("", 1), ("Both", 2)],
)


def test_a_class_looks_as_the_style_sheet_of_the_page_says() -> None:
    # style.css: .line { fill: none; stroke-width: 2; }, .line.c1 { stroke: var(--c1); }, --c1: #d55e00 on light paper.
    found = look("path", frozenset({"line", "c1"}))
    assert (found["fill"], found["stroke-width"], found["stroke"]) == ("none", "2", "#d55e00")
    assert "stroke" not in look("text", frozenset({"label", "c1"}))
    assert look("text", frozenset({"label", "c1"}))["fill"] == "#d55e00"


def test_an_svg_file_carries_its_style_and_is_well_formed() -> None:
    document = svg_document(FIGURE)
    root = ElementTree.fromstring(document)  # noqa: S314  (our own)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in document
    assert "#d55e00" in document
    assert "<b>" not in document


def test_every_element_becomes_a_shape_where_it_stood() -> None:
    drawing = as_drawing(FIGURE)
    assert (drawing.width, drawing.height, drawing.title) == (760, 100, "T")
    axis, steps, band, dot, label, upright, field, name = drawing.shapes
    assert isinstance(axis, Shape)
    assert list(axis.points) == [(10, 20), (110, 20)]
    assert isinstance(steps, Shape)
    assert (list(steps.points), steps.closed, steps.fill, steps.stroke) == (
        [(10, 10), (20, 10), (20, 30), (5, 5)], False, None, "#d55e00",
    )  # fmt: skip
    assert isinstance(band, Shape)
    # A fill of 13 % is 33 of 255.
    assert (list(band.points), band.closed, band.fill, band.stroke) == (
        [(0, 0), (10, 0), (10, -5), (0, -5)], True, "#0072b221", None,
    )  # fmt: skip
    assert isinstance(dot, Circle)
    assert (dot.x, dot.y, dot.radius, dot.fill) == (10, 40, 2, "#009e73")
    assert isinstance(label, Text)
    assert (label.words, label.bold, label.upright) == ("A & <b>", True, False)
    assert isinstance(upright, Text)
    assert (upright.upright, upright.anchor) == (True, "middle")
    assert isinstance(field, Shape)
    assert isinstance(name, Text)


@pytest.mark.parametrize(("form", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<svg")])
def test_a_picture_is_the_same_on_every_run(form: str, start: bytes) -> None:
    first = figure_file(FIGURE, form)
    assert first.startswith(start)
    assert first == figure_file(FIGURE, form)


def test_a_csv_table_has_one_line_per_row_and_no_formula() -> None:
    rows = list(csv.reader(io.StringIO(table_file(TABLE, "csv"))))
    assert rows == [
        ["", "Both: A_1", "Both: B"],
        ["Subjects", "118", "'=HYPERLINK(1)"],
        ["  at 6 months", "−3.2", "≥ 5 µg \\ 50%"],
        ["A heading", "", ""],
    ]


def test_a_latex_table_escapes_what_latex_would_take_for_a_command() -> None:
    written = table_file(TABLE, "tex")
    assert r"\caption{Rates, 100\% of \{all\}}" in written
    assert r" & A\_1 & B \\" in written
    assert r"\quad at 6 months & $-$3.2 & $\geq$ 5 µg \textbackslash{} 50\% \\" in written
    assert r"\multicolumn{1}{c}{} & \multicolumn{2}{c}{Both} \\" in written
    assert r"A note \& more." in written


def test_an_rtf_table_is_ascii_and_its_rows_have_all_their_cells() -> None:
    written = table_file(TABLE, "rtf")
    assert written.isascii()
    assert written.count("{") - written.count(r"\{") == written.count("}") - written.count(r"\}")
    # ≥ is U+2265 = 8805, µ is U+00B5 = 181.
    assert r"\u8805? 5 \u181?g \\ 50%" in written
    rows = re.findall(r"\\trowd.*?\\row", written)
    assert [row.count(r"\cell") - row.count(r"\cellx") for row in rows] == [2, 3, 3, 3, 3]


def test_a_markdown_table_names_its_bands() -> None:
    assert "| Both: A_1 |" in table_file(TABLE, "md")


def test_the_tables_of_a_report_have_names_of_their_own() -> None:
    tables = tables_of(view_of(["1", "2", "3", "4"], ["A", "B", "A", "B"]))
    assert {"flow-of-subjects", "pfs-estimates", "pfs-how-records-end"} <= set(tables)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in tables)


def test_circles_are_drawn_and_what_no_file_can_show_is_told() -> None:
    def drawn(part: str) -> list[Shape | Circle | Text]:
        svg = picture([part], 100, identifier="f", title="T", description="D")
        return list(as_drawing(Figure(svg, "A caption", "f")).shapes)

    # style.css: .mark is an outline, .bar is filled.
    (outline,) = drawn('<circle class="mark c0" cx="10" cy="20" r="3"/>')
    assert outline == Circle(10, 20, 3, None, "#0072b2")
    (filled,) = drawn('<circle class="bar c1" cx="10" cy="20" r="3"/>')
    assert filled == Circle(10, 20, 3, "#d55e00", None)
    with pytest.raises(NotImplementedError, match="<ellipse>"):
        drawn('<ellipse cx="1" cy="1" rx="1" ry="2"/>')
