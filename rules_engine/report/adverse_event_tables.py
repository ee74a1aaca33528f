"""Tables of adverse events out of the analysis results: overview, events of special interest, rates, classes and terms."""

from __future__ import annotations

from collections.abc import Iterable

from rules_engine.pages import Block, Cell, Folded, Row, Table, heading
from rules_engine.report.safety_numbers import SafetyNumbers
from rules_engine.report.tables import NO_NUMBER, estimate_cell, limits_cell
from rules_engine.report.view import ReportView

ANALYSIS = "adverse_events"
#: Lines of the overview by the beginning of their names: those that every journal asks for, and those of a sensitivity
#: analysis; all others are of special interest in the study.
USUAL = ("grade_ge_3", "not_graded", "related", "serious", "fatal", "withdrawn", "interrupted", "reduced")
SENSITIVITY = "within_"
WORST = "worst_grade_"


def adverse_event_tables(view: ReportView) -> list[Block]:
    """All tables of adverse events; none where the results have no overview of them."""
    overview = SafetyNumbers.of(view, ANALYSIS, "overview")
    if not overview.lines:
        return []
    special = [line for line in overview.lines if _is_special(line)]
    sensitivity = [line for line in overview.lines if line.startswith(SENSITIVITY)]
    blocks: list[Block] = [_overview(overview)]
    if special:
        blocks.append(_lines("Adverse events of special interest", overview, special, _ONCE))
    blocks += _by_class_and_term(view, overview)
    blocks += _rates(overview)
    if sensitivity:
        caption = "Adverse events soon after the last treatment"
        note = (
            "Sensitivity: events of the window that began so soon after the last treatment and before any new therapy."
        )
        blocks.append(Folded(caption, [_lines(caption, overview, sensitivity, note)]))
    return blocks


_ONCE = "Each subject counts once per line. A line that the study cannot fill says why."


def _is_special(line: str) -> bool:
    return line not in ("population", "any") and not line.startswith((*USUAL, WORST, SENSITIVITY))


def _overview(overview: SafetyNumbers) -> Table:
    """Subjects with any event, each at the worst grade, and with events of the usual kinds."""
    size = [overview.whole("population", group, "subjects") for group in overview.groups]
    worst = [line for line in overview.lines if line.startswith(WORST)]
    rows = [
        Row(heading("Subjects"), size),
        _row(overview, "any"),
        *(_row(overview, line, indent=1) for line in worst),
        *(_row(overview, line) for line in overview.lines if line.startswith(USUAL)),
    ]
    notes = [
        "Each subject counts once per line, in the lines of worst grades at the worst one. Missing causality counts as related. "
        "A line that the study cannot fill says why."
    ]
    return Table("Adverse events: overview", ["", *overview.headings], rows, notes)


def _lines(caption: str, overview: SafetyNumbers, lines: Iterable[str], note: str) -> Table:
    return Table(caption, ["", *overview.headings], [_row(overview, line) for line in lines], [note])


def _row(overview: SafetyNumbers, line: str, indent: int = 0) -> Row:
    cells = [overview.share(line, group) for group in overview.groups]
    return Row(heading(overview.lines.get(line, line), indent=indent), cells)


def _rates(overview: SafetyNumbers) -> list[Block]:
    rated = [line for line in overview.lines if overview.has(line, "rate") and line != "population"]
    if not rated:
        return []
    caption = "Adverse events: exposure-adjusted rates"
    rows = [
        Row(heading(overview.lines[line]), [cell for group in overview.groups for cell in _rate(overview, line, group)])
        for line in rated
    ]
    columns = ["", *["Events", "Subjects per 100 PY", "Events per 100 PY"] * len(overview.groups)]
    bands = [("", 1), *((name, 3) for name in overview.headings)]
    notes = [
        "Events are episodes. Rates are per 100 patient-years unless the ruleset says otherwise: subjects with an event over the time "
        "until their first one, with exact Poisson limits; all events over all time."
    ]
    return [Folded("Exposure-adjusted rates", [Table(caption, columns, rows, notes, bands)])]


def _rate(overview: SafetyNumbers, line: str, group: str | None) -> list[Cell]:
    rate, lower, upper, of_events = (
        overview.numbers.get((line, group, name)) for name in ("rate", "rate_lower", "rate_upper", "event_rate")
    )
    shown = Cell(NO_NUMBER) if rate is None else limits_cell(rate, lower, upper)
    return [overview.whole(line, group, "events"), shown, estimate_cell(of_events)]


# Classes and terms ----------------------------------------------------------------------------------------------------


_BY_TERM = "Adverse events by class and term"


def _by_class_and_term(view: ReportView, overview: SafetyNumbers) -> list[Block]:
    """One table for all events, and one for each kind that the results tell by class and term."""
    tables: list[Block] = []
    for kind in ("", *overview.lines):
        socs, terms = (SafetyNumbers.of(view, ANALYSIS, f"{kind}_{level}".lstrip("_")) for level in ("soc", "term"))
        if socs.lines:
            words = overview.lines.get(kind, "")
            caption = f"Adverse events by class and term: {words[:1].lower()}{words[1:]}" if kind else _BY_TERM
            tables.append(_term_table(caption, socs, terms))
    titles = (
        "By system organ class and term, worst grade per subject",
        "By system organ class and term: events of one kind",
    )
    return [Folded(title, some) for title, some in zip(titles, (tables[:1], tables[1:]), strict=True) if some]


def _term_table(caption: str, socs: SafetyNumbers, terms: SafetyNumbers) -> Table:
    """Subjects by class and term at any grade, 3 or higher, and 5: the most frequent in total first, ties by name."""
    rows = []
    for soc in socs.lines:
        rows.append(Row(heading(soc), _grades(socs, soc)))
        rows += [Row(heading(term, indent=1), _grades(terms, term)) for term, of in terms.lines.items() if of == soc]
    columns = ["", *["Any", "≥3", "5"] * len(socs.groups)]
    bands = [("", 1), *((name, 3) for name in socs.headings)]
    notes = [
        "Subjects at the worst grade in a line; a class is not the sum of its terms. Percentages are of the safety population."
    ]
    return Table(caption, columns, rows, notes, bands)


def _grades(numbers: SafetyNumbers, line: str) -> list[Cell]:
    statistics = ("subjects", "grade_ge_3", "grade_5")
    return [numbers.share(line, group, statistic) for group in numbers.groups for statistic in statistics]
