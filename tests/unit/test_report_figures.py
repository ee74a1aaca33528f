"""Figures of single subjects and of comparisons: what stands where, and that nothing of the data becomes markup."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine.pages import Figure
from rules_engine.report.butterfly import Wing, butterflies, butterfly_svg
from rules_engine.report.forest import Ratio, forest_svg
from rules_engine.report.spider import LEFT, RIGHT, spider_svg
from rules_engine.report.swimmer import LANE, TOP, Lane, _first_of_each_kind, swimmer_svg
from rules_engine.report.waterfall import TALL, waterfall_svg
from rules_engine.report.waterfall import TOP as FALL_TOP
from rules_engine.vocabulary import ARD_SCHEMA

from tests.unit.test_report_page import view_of

WORDS = {"identifier": "x", "title": "t", "description": "d"}


def test_bars_rise_and_fall_from_the_middle_and_are_cut_at_double() -> None:
    groups = [("A", [(2.5, "PD"), (-1.0, "PD")]), ("B", [(0.5, "CR")])]
    svg = waterfall_svg(groups, [-0.3], coloured=True, **WORDS)
    middle = FALL_TOP + TALL / 2
    paths = dict(re.findall(r'class="bar (c\d)" d="([^"]+)"', svg))
    assert re.findall(r" ([\d.]+)h", paths["c1"]) == [f"{middle:.1f}"] * 2
    assert re.findall(r"V([\d.]+)h", paths["c1"]) == [f"{FALL_TOP:.1f}", f"{FALL_TOP + TALL:.1f}"]
    assert re.findall(r"V([\d.]+)h", paths["c2"]) == [f"{FALL_TOP + TALL / 4:.1f}"]
    assert re.findall(r'class="name"[^>]*>([^<]+)<', svg) == ["A", "B"]


def test_the_legend_of_a_waterfall_names_the_responses_best_first() -> None:
    bars = [(-0.1, "SD"), (0.3, "PD"), (-0.5, "iPR"), (-0.4, "PR"), (0.0, None)]
    svg = waterfall_svg([("A", bars)], [], coloured=True, **WORDS)
    legend = [words for _x, words in re.findall(r'class="tick" x="([\d.]+)" y="354.0"[^>]*>([^<]+)<', svg)]
    assert legend == ["PR, iPR", "SD", "PD", "NE"]


def test_without_best_responses_the_bars_have_the_colour_of_their_arm() -> None:
    svg = waterfall_svg([("A", [(0.1, None)]), ("B", [(0.1, None)])], [], coloured=False, **WORDS)
    assert re.findall(r'class="bar (c\d)"', svg) == ["c0", "c1"]


def test_threads_begin_at_the_origin_and_end_in_a_dot() -> None:
    svg = spider_svg([(0, [(6.0, -0.5), (12.0, 3.0)])], ["A"], [], **WORDS)
    thread = re.search(r'class="thread c0" d="([^"]+)"', svg)
    assert thread is not None
    half_way = (LEFT + RIGHT) / 2
    assert thread[1] == f"M{LEFT:.1f} 166.0L{half_way:.1f} 241.0L{RIGHT:.1f} 16.0"
    assert len(re.findall(r"a2 2 0 1 0 4 0a2", svg)) == 1


def test_a_lane_is_as_long_as_the_follow_up_and_carries_its_marks() -> None:
    lane = Lane("S-1", 12.0, [(0.0, 6.0)], [3.0], [("partial", 3.0), ("death", 12.0)])
    svg = swimmer_svg([lane, Lane("S-2", 6.0, [], [], [("ongoing", 6.0)])], 0, **WORDS)
    bars = re.search(r'class="band lane c0" d="([^"]+)"', svg)
    assert bars is not None
    lengths = [float(end) - float(start) for start, end in re.findall(r"M([\d.]+) [\d.]+H([\d.]+)", bars[1])]
    assert math.isclose(lengths[0], 2 * lengths[1], abs_tol=0.2)
    assert [words for words in ("partial response", "death", "alive at the data cut-off") if words in svg] == [
        "partial response",
        "death",
        "alive at the data cut-off",
    ]
    assert "complete response" not in svg
    heights = [float(y) for y in re.findall(r'class="tick lane" x="[\d.]+" y="([\d.]+)"', svg)]
    assert heights == [round(TOP + LANE * (number + 0.5) + 3.2, 1) for number in range(2)]


def test_a_lane_shows_the_first_response_of_each_kind_after_the_start() -> None:
    days = [date(2024, 1, 5), date(2024, 3, 1), date(2024, 4, 30), date(2024, 6, 29)]
    timepoints = pl.DataFrame(
        {"subject": ["S"] * 4, "visit_date": days, "overall": ["iPR", "iPR", "iPR", "iUPD"]},
        schema_overrides={"visit_date": pl.Date},
    )
    assert _first_of_each_kind(timepoints, {"S": date(2024, 1, 5)}) == {
        "S": [("partial", 0.0), ("unconfirmed", 176 / 30.4375)]
    }
    # What was seen before the start belongs to no lane.
    assert _first_of_each_kind(timepoints, {"S": date(2024, 2, 1)}) == {
        "S": [("partial", 29 / 30.4375), ("unconfirmed", 149 / 30.4375)]
    }


def test_ratios_lie_on_a_logarithmic_axis() -> None:
    ratios = [Ratio("PFS", 0.5, 0.25, 1.0, "0.50 (0.25 to 1.00)"), Ratio("OS", 2.0, 1.0, 4.0, "2.00 (1.00 to 4.00)")]
    svg = forest_svg(ratios, ("favours A", "favours B"), **WORDS)
    left, one = (float(x) for x in re.findall(r'class="line c0" d="M([\d.]+) ', svg))
    ends = [float(x) for x in re.findall(r'class="line c0" d="M[\d.]+ [\d.]+H([\d.]+)', svg)]
    assert math.isclose(one - left, ends[1] - one, abs_tol=0.2)
    assert math.isclose(ends[0], one, abs_tol=0.1)


def test_wings_show_shares_of_the_subjects_of_their_arm() -> None:
    view = view_of([str(number) for number in range(6)], ["A"] * 4 + ["B"] * 2)
    counted = {"Fatigue": {"A": (2, 1), "B": (0, 0)}, "Nausea": {"A": (0, 0), "B": (1, 0)}}
    sizes = {"A": 4, "B": 2, None: 6}
    rows: list[dict[str, Any]] = [
        {"variable": "overview", "level": "population", "group": group, "statistic": "subjects", "value": float(size)}
        for group, size in sizes.items()
    ]
    for term, by_arm in counted.items():
        total = tuple(map(sum, zip(*by_arm.values(), strict=True)))
        for group, (any_grade, severe) in {**by_arm, None: total}.items():
            numbers = {
                "subjects": any_grade, "percent": 100 * any_grade / sizes[group],
                "percent_grade_ge_3": 100 * severe / sizes[group],
            }  # fmt: skip
            rows += [
                {"variable": "term", "level": term, "group": group, "statistic": name, "value": float(value)}
                for name, value in numbers.items()
            ]
    events = pl.DataFrame([{"analysis": "adverse_events", **row} for row in rows], schema=ARD_SCHEMA)
    (figure,) = butterflies(replace(view, ard=events))
    assert isinstance(figure, Figure)
    assert re.findall(r'text-anchor="(?:start|end)">(\d+%)<', figure.svg) == ["50%", "0%", "0%", "50%"]
    widths = [float(width) for width in re.findall(r'<rect class="bar c0"[^>]* width="([\d.]+)"', figure.svg)]
    bands = [float(width) for width in re.findall(r'<rect class="band wing c0"[^>]* width="([\d.]+)"', figure.svg)]
    assert widths[0] == pytest.approx(bands[0] / 2, abs=0.1)  # one of the two events of fatigue is severe
    assert butterflies(replace(view, ard=events.filter(pl.col("group") == "A"))) == []


def test_names_are_escaped_in_every_figure() -> None:
    evil = "<script>"
    pictures = [
        waterfall_svg([(evil, [(0.1, evil)])], [], coloured=True, **WORDS),
        spider_svg([(0, [(1.0, 0.1)])], [evil], [], **WORDS),
        swimmer_svg([Lane(evil, 1.0, [], [], [])], 0, **WORDS),
        forest_svg([Ratio(evil, 1.0, 0.5, 2.0, evil)], (evil, evil), **WORDS),
        butterfly_svg([(evil, Wing(0.5, 0.1), Wing(0.1, 0.0))], (evil, evil), **WORDS),
    ]
    assert all("<script" not in svg and "&lt;script&gt;" in svg for svg in pictures)
