"""Safety tables out of the analysis results: overview with rates, shifts of laboratory grades, Hy's law with its plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rules_engine.pages import Block, Cell, Figure, Folded, Row, Table, heading
from rules_engine.report.edish import edish_svg
from rules_engine.report.tables import NO_NUMBER, count
from rules_engine.report.view import ARM, ReportView

Numbers = Mapping[tuple[str, str | None, str], Mapping[str, object]]

#: Statistics of the ARD by level, group and statistic.
GRADES = (0, 1, 2, 3, 4)


def has_counts(view: ReportView) -> bool:
    """The analysis results have an overview of adverse events."""
    return not _rows(view, "adverse_events", "overview").is_empty()


def overview_tables(view: ReportView) -> list[Block]:
    """Subjects by kind of event, and the same with exposure-adjusted rates."""
    rows = _rows(view, "adverse_events", "overview")
    numbers, labels = _numbers(rows), _labels(rows)
    groups = _groups(view)
    levels = [level for level in labels if level != "population"]
    names = [name for _group, name in groups]
    subjects = [
        Row(heading("Subjects"), [_whole(numbers, "population", group, "subjects") for group, _name in groups]),
        *(Row(heading(labels[level]), [_share(numbers, level, group) for group, _name in groups]) for level in levels),
    ]
    rated = [level for level in levels if (level, None, "rate") in numbers]
    rates = [
        Row(heading(labels[level]), [cell for group, _name in groups for cell in _rate(numbers, level, group)])
        for level in rated
    ]
    notes = [
        "Each subject counts once per line. Missing causality counts as related. A line that the study cannot fill says why."
    ]
    rate_notes = [
        "Events are episodes. Rates are per 100 patient-years unless the ruleset says otherwise: subjects with an event over the time "
        "until their first one, with exact Poisson limits; all events over all time."
    ]
    blocks: list[Block] = [Table("Adverse events: overview", ["", *names], subjects, notes)]
    if rates:
        columns = ["", *["Events", "Subjects per 100 PY", "Events per 100 PY"] * len(groups)]
        bands = [("", 1), *((name, 3) for name in names)]
        table = Table("Adverse events: exposure-adjusted rates", columns, rates, rate_notes, bands)
        blocks.append(Folded("Exposure-adjusted rates", [table]))
    return blocks


def shift_tables(view: ReportView) -> list[Block]:
    """Worst laboratory grade after baseline by the grade at baseline, all subjects together."""
    rows = _rows(view, "laboratory", "shift").filter(pl.col("group").is_null())
    if rows.is_empty():
        return []
    numbers = _numbers(rows)
    levels = rows["level"].unique(maintain_order=True).to_list()
    lines = [Row(heading(level), [_whole(numbers, level, None, f"to_{grade}") for grade in GRADES]) for level in levels]
    columns = ["Grade at baseline", *(f"worst {grade}" for grade in GRADES)]
    notes = [
        "Subjects with a gradable value after baseline. The grade at baseline is by the limits of normal alone; afterwards some terms "
        "compare with an abnormal baseline."
    ]
    return [
        Folded(
            "Laboratory values: shift from baseline",
            [Table("Laboratory values: shift from baseline", columns, lines, notes)],
        )
    ]


def hys_law_blocks(view: ReportView) -> list[Block]:
    """Numbers of subjects who meet Hy's law, and the plot of peaks."""
    rows = _rows(view, "laboratory", "hys_law")
    if rows.is_empty():
        return []
    numbers, labels, groups = _numbers(rows), _labels(rows), _groups(view)
    lines = [
        Row(heading(label), [_share(numbers, level, group) for group, _name in groups])
        for level, label in labels.items()
    ]
    rule = _rule(view)
    notes = [str(rule[key]) for key in ("interpretation", "reference") if rule.get(key)]
    blocks: list[Block] = [Table("Hy's law", ["", *(name for _group, name in groups)], lines, notes)]
    if view.hys_law is not None and not view.hys_law.is_empty():
        points = view.hys_law.join(view.subjects_with_arm, on="subject", how="left")
        bounds = tuple(_bound(rule.get(part) or {}) for part in ("transaminase", "bilirubin"))
        svg = edish_svg(points, list(view.arms), (bounds[0], bounds[1]))
        caption = (
            "Each point is a subject at the highest multiple of the upper limit after baseline, not necessarily of one day; filled: "
            "Hy's law is met. The lines are the bounds of the ruleset."
        )
        blocks.append(Figure(svg, caption, "edish"))
    return blocks


def _rule(view: ReportView) -> Mapping[str, object]:
    stated = view.ruleset.labs.options.get("hys_law") if view.ruleset.labs is not None else None
    return stated or {}


def _bound(rise: object) -> float | None:
    assert isinstance(rise, Mapping)  # noqa: S101  (the grammar says so)
    number = rise.get("from") if rise.get("from") is not None else rise.get("above")
    return None if number is None else float(number)


def _rows(view: ReportView, analysis: str, variable: str) -> pl.DataFrame:
    return view.ard.filter(pl.col("analysis") == analysis, pl.col("variable") == variable)


def _numbers(rows: pl.DataFrame) -> Numbers:
    return {(row["level"], row["group"], row["statistic"]): row for row in rows.iter_rows(named=True)}


def _labels(rows: pl.DataFrame) -> dict[str, str]:
    return {
        level: label or level for level, label in rows.select("level", "label").unique(maintain_order=True).iter_rows()
    }


def _groups(view: ReportView) -> Sequence[tuple[str | None, str]]:
    """Groups of the results with their column headings, the total last."""
    arms = [(arm, arm) for arm in view.arms] if ARM in view.subjects.columns else []
    return [*arms, (None, "Total")]


def _value(numbers: Numbers, level: str, group: str | None, statistic: str) -> float | None:
    row = numbers.get((level, group, statistic))
    value = None if row is None else row["value"]
    assert value is None or isinstance(value, float)  # noqa: S101  (ARD_SCHEMA)
    return value


def _whole(numbers: Numbers, level: str, group: str | None, statistic: str) -> Cell:
    return count(_value(numbers, level, group, statistic))


def _share(numbers: Numbers, level: str, group: str | None) -> Cell:
    """`12 (34.3%)`; no percentage beside a zero; the reason as a hint where there is no number."""
    subjects, percent = (_value(numbers, level, group, name) for name in ("subjects", "percent"))
    if subjects is None:
        row = numbers.get((level, group, "subjects"))
        return Cell(NO_NUMBER, hint=str(row["note"] or "") if row else "")
    return Cell(f"{subjects:,.0f}" if not subjects or percent is None else f"{subjects:,.0f} ({percent:.1f}%)")


def _rate(numbers: Numbers, level: str, group: str | None) -> list[Cell]:
    rate, lower, upper, of_events = (
        _value(numbers, level, group, name) for name in ("rate", "rate_lower", "rate_upper", "event_rate")
    )
    shown = NO_NUMBER if rate is None else f"{rate:.1f} ({lower:.1f} to {upper:.1f})"
    return [
        _whole(numbers, level, group, "events"),
        Cell(shown),
        Cell(NO_NUMBER if of_events is None else f"{of_events:.1f}"),
    ]
