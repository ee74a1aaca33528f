"""Curves as pictures: where steps, marks, labels and numbers at risk stand."""

from __future__ import annotations

import re
from itertools import pairwise

import polars as pl
from rules_engine.analysis.curves import risk_months, survival_curve
from rules_engine.report.plots import PLOT_HEIGHT, PLOT_TOP, Line, curves_svg


def line(name: str, days: list[int], events: list[int], ticks: list[float]) -> Line:
    rows = pl.DataFrame({"days": days, "event": [bool(event) for event in events]})
    curve = survival_curve(rows, risk_days=[tick * 30 for tick in ticks], conf_level=0.95, conf_type="log-log")
    return Line(name, curve, 0)


def picture(*lines: Line, ticks: list[float]) -> str:
    return curves_svg(
        lines, ticks, identifier="x", title="t", description="d", vertical="Event-free", days_per_month=30
    )  # fmt: skip


def test_ticks_are_round_months_and_few() -> None:
    assert risk_months(5.2) == [0, 1, 2, 3, 4, 5]
    assert risk_months(33.0) == [0, 6, 12, 18, 24, 30]
    assert risk_months(0.0) == [0, 1]
    assert all(len(risk_months(last)) <= 11 for last in range(1, 400))


def test_a_curve_steps_at_its_events_and_ends_at_its_last_time() -> None:
    ticks = risk_months(3)
    svg = picture(line("A", [30, 60, 90], [1, 0, 0], ticks), ticks=ticks)
    path = re.search(r'class="line c0" d="([^"]+)"', svg)
    assert path is not None
    # From 100 % along to the first event, down by a third, along to the end.
    third_down = PLOT_TOP + PLOT_HEIGHT / 3
    assert re.fullmatch(rf"M[\d.]+ {PLOT_TOP}\.0H[\d.]+V{third_down:.1f}H[\d.]+", path[1])


def test_numbers_at_risk_stand_under_their_ticks() -> None:
    ticks = risk_months(3)
    svg = picture(line("A", [30, 60, 90], [1, 0, 0], ticks), ticks=ticks)
    columns = [float(x) for x in re.findall(r'class="tick" x="([\d.]+)" y="335\.0"', svg)]
    counts = re.findall(r'class="tick" x="([\d.]+)" y="393\.0" text-anchor="middle">(\d+)<', svg)
    assert [float(x) for x, _count in counts] == columns
    assert [count for _x, count in counts] == ["3", "3", "2", "1"]


def test_labels_at_the_ends_do_not_touch() -> None:
    ticks = risk_months(3)
    svg = picture(*(line(name, [30, 90], [1, 0], ticks) for name in "ABC"), ticks=ticks)
    heights = sorted(float(y) for y in re.findall(r'class="label c0" x="[1-9][\d.]*" y="([\d.]+)"', svg))
    assert len(heights) == 3
    assert all(later - earlier >= 14.9 for earlier, later in pairwise(heights))


def test_names_are_escaped_and_cut() -> None:
    ticks = risk_months(1)
    svg = picture(line("<b>" + "x" * 40, [30], [1], ticks), ticks=ticks)
    assert "<b>" not in svg
    assert "&lt;b&gt;xxxx" in svg
    assert "x" * 20 not in svg
