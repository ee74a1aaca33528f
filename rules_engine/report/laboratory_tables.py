"""Tables of laboratory results out of the analysis results: worst grades, shifts from baseline, Hy's law with its plot."""

from __future__ import annotations

from collections.abc import Mapping

from rules_engine.pages import Block, Figure, Folded, Row, Table, heading
from rules_engine.report.edish import edish_svg
from rules_engine.report.safety_numbers import SafetyNumbers
from rules_engine.report.tables import count
from rules_engine.report.view import ReportView

ANALYSIS = "laboratory"
GRADES = (0, 1, 2, 3, 4)
#: A line of shifts is that of an analyte and direction, and the grade at baseline behind this word.
FROM = " from "


def laboratory_tables(view: ReportView) -> list[Block]:
    """All tables of laboratory results; none where the results have no grades."""
    return [*_worst_grades(view), *_shifts(view), *_hys_law(view)]


def _worst_grades(view: ReportView) -> list[Block]:
    """Subjects by worst grade per analyte and direction, among those with a gradable value."""
    worst = SafetyNumbers.of(view, ANALYSIS, "worst")
    rows = []
    for line, term in worst.lines.items():
        cells = []
        for group in worst.groups:
            cells.append(worst.whole(line, group, "subjects"))
            cells += [worst.share(line, group, name) for name in ("grade_ge_1", "grade_ge_3", "grade_4")]
        rows.append(Row(heading(_name(line, term)), cells))
    if not rows:
        return []
    caption = "Laboratory values: worst grade"
    columns = ["", *["n", "≥1", "≥3", "4"] * len(worst.groups)]
    bands = [("", 1), *((name, 4) for name in worst.headings)]
    notes = [
        "Worst grade per subject after baseline and in the window; n: subjects with at least one gradable value; percentages are of n."
    ]
    return [Folded(caption, [Table(caption, columns, rows, notes, bands)])]


def _name(line: str, term: str) -> str:
    """`Anemia (HGB low)`."""
    return f"{term} ({line})"


def _shifts(view: ReportView) -> list[Block]:
    """Worst laboratory grade after baseline by the grade at baseline, by arm."""
    shifts = SafetyNumbers.of(view, ANALYSIS, "shift")
    if not shifts.lines:
        return []
    rows: list[Row] = []
    analyte = ""
    for line, term in shifts.lines.items():
        name, _, base = line.rpartition(FROM)
        if name != analyte:
            analyte = name
            rows.append(Row(heading(_name(name, term))))
        cells = [count(shifts.value(line, group, f"to_{grade}")) for group in shifts.groups for grade in GRADES]
        rows.append(Row(heading(f"from {base}", indent=1), cells))
    caption = "Laboratory values: shift from baseline"
    columns = ["Grade at baseline", *[f"to {grade}" for grade in GRADES] * len(shifts.groups)]
    bands = [("", 1), *((name, len(GRADES)) for name in shifts.headings)]
    notes = [
        "Subjects with a gradable value after baseline, by the grade at baseline and the worst one after it. The grade at baseline is by "
        "the limits of normal alone; afterwards some terms compare with an abnormal baseline."
    ]
    return [Folded(caption, [Table(caption, columns, rows, notes, bands)])]


def _hys_law(view: ReportView) -> list[Block]:
    """Numbers of subjects who meet Hy's law, and the plot of peaks."""
    cases = SafetyNumbers.of(view, ANALYSIS, "hys_law")
    if not cases.lines:
        return []
    rows = [
        Row(heading(words), [cases.share(line, group) for group in cases.groups]) for line, words in cases.lines.items()
    ]
    rule = _rule(view)
    notes = [str(rule[key]) for key in ("interpretation", "reference") if rule.get(key)]
    blocks: list[Block] = [Table("Hy's law", ["", *cases.headings], rows, notes)]
    if view.hys_law is not None and not view.hys_law.is_empty():
        points = view.hys_law.join(view.safety_subjects, on="subject", how="inner")
        bounds = tuple(_bound(rule.get(part) or {}) for part in ("transaminase", "bilirubin"))
        tested, met = (cases.value(line, None, "subjects") or 0 for line in ("tested", "case"))
        svg = edish_svg(
            points, list(view.arms), (bounds[0], bounds[1]),
            description=f"{tested:,.0f} subjects with both tests, {met:,.0f} of whom meet Hy's law. The numbers are in the table above.",
        )  # fmt: skip
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
