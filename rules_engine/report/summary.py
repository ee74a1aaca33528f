"""The run in a screenful of text: what a statistician looks for first. Everything else is in the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from rules_engine.descriptives import endings, flow, quality, responses
from rules_engine.report.counts import Counts
from rules_engine.report.tables import Estimates, number_text
from rules_engine.report.view import ReportView

#: Columns of a line, letters of a group's name, kinds of findings that are named.
WIDTH, LONGEST_GROUP, MOST_FINDINGS = 100, 16, 8
#: The landmark that is shown where an analysis has it; else its last one.
USUAL_LANDMARK = "12"


@dataclass(frozen=True)
class _Line:
    """One line of a block: the endpoint (on its first line), the group, and the cells."""

    endpoint: str
    group: str
    cells: Sequence[str]


def summary_text(view: ReportView) -> str:
    """Title and numbers of subjects, endpoints by group with their main estimates, and the commonest findings."""
    estimates = Estimates.of(view.ard)
    blocks = [
        "\n".join(_head(view)),
        *_block("Times to event", _times(view, estimates), _time_columns(view)),
        *_block("Cumulative incidence", _incidences(view, estimates), ["events", "competing", "incidence"]),
        *_block("Responses", _rates(view, estimates), ["responders", "rate", "difference", "p"]),
        "\n".join(_findings(view)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def counts_of_endpoints(view: ReportView) -> dict[str, dict[str, Any]]:
    """By PARAMCD: `label`, `records`, and `events` or `responders`; times to event first."""
    found: dict[str, dict[str, Any]] = {}
    kinds = (
        (view.time_to_event, endings.ANALYSIS, "events", (endings.OUTCOME, endings.EVENT, None, "count")),
        (view.responses, responses.ANALYSIS, "responders", (None, None, None, "responders")),
    )
    for frames, analysis, what, place in kinds:
        for paramcd in frames:
            counts = Counts.of(view, analysis, paramcd)
            label, records = view.ruleset.endpoints[paramcd].label, counts.value(None, None, None, "n")
            found[paramcd] = {"label": label, "records": records, what: counts.value(*place)}
    return found


def _head(view: ReportView) -> Iterator[str]:
    subjects = Counts.of(view, flow.ANALYSIS)
    by_arm = ", ".join(f"{arm} {subjects.value(None, None, arm, 'n'):,}" for arm in view.arms)
    yield _cut(view.title, WIDTH)
    yield _cut(
        f"{subjects.value(None, None, None, 'n'):,} subjects{f' ({by_arm})' if by_arm else ''}, data cut-off {view.data_cutoff}",
        WIDTH,
    )


def _groups(view: ReportView) -> list[str | None]:
    return [*view.arms] or [None]


# Times -------------------------------------------------------------------------------------------------------------------


def _time_columns(view: ReportView) -> list[str]:
    reference = (view.study.get("reference_arm") or view.arms[-1]) if len(view.arms) > 1 else None
    compared = [] if reference is None else [f"HR to {_cut(str(reference), LONGEST_GROUP)}", "log-rank"]
    return ["events", "median, months", "event-free", *compared]


def _times(view: ReportView, estimates: Estimates) -> Iterator[_Line]:
    for paramcd in view.time_to_event:
        if view.analysis_for("cumulative_incidence", paramcd) is not None:
            continue
        curve, hazard, test = (view.analysis_for(one, paramcd) for one in ("kaplan_meier", "cox", "log_rank"))
        counts = Counts.of(view, endings.ANALYSIS, paramcd)
        landmark = _landmark(estimates, curve, paramcd)
        for group in _groups(view):
            events = counts.value(endings.OUTCOME, endings.EVENT, group, "count")
            cells = [f"{events:,}/{counts.value(None, None, group, 'n'):,}"]
            cells.append(_of(estimates, curve, paramcd, group, "median", variable="probability", level="0.5"))
            share = _of(estimates, curve, paramcd, group, "survival", variable="time", level=landmark)
            cells.append(f"{share} at {landmark} m" if share and landmark is not None else "")
            if len(view.arms) > 1:
                cells.append(_of(estimates, hazard, paramcd, group, "hazard_ratio", compared=True))
                cells.append(_of(estimates, test, paramcd, group, "p_value", compared=True))
            yield _Line(paramcd, str(group or ""), cells)


def _incidences(view: ReportView, estimates: Estimates) -> Iterator[_Line]:
    for paramcd in view.time_to_event:
        analysis = view.analysis_for("cumulative_incidence", paramcd)
        if analysis is None:
            continue
        landmark = _landmark(estimates, analysis, paramcd)
        for group in _groups(view):
            events, competing = (
                estimates.cell(analysis, paramcd, group, name).text for name in ("events", "competing")
            )
            n = estimates.cell(analysis, paramcd, group, "n").text
            share = _of(estimates, analysis, paramcd, group, "incidence", variable="time", level=landmark)
            cells = [f"{events}/{n}", competing, f"{share} at {landmark} m" if landmark is not None else ""]
            yield _Line(paramcd, str(group or ""), cells)


def _landmark(estimates: Estimates, analysis: str | None, paramcd: str) -> str | None:
    levels = [] if analysis is None else estimates.levels(analysis, paramcd, "time")
    return USUAL_LANDMARK if USUAL_LANDMARK in levels else next(reversed(levels), None)


# Responses ---------------------------------------------------------------------------------------------------------------


def _rates(view: ReportView, estimates: Estimates) -> Iterator[_Line]:
    for paramcd in view.responses:
        rate, difference = view.analysis_for("proportion", paramcd), view.analysis_for("proportion_difference", paramcd)
        counts = Counts.of(view, responses.ANALYSIS, paramcd)
        for group in _groups(view):
            responding = counts.value(None, None, group, "responders")
            cells = [f"{responding:,}/{counts.value(None, None, group, 'n'):,}"]
            cells.append(_of(estimates, rate, paramcd, group, "rate"))
            cells.append(_of(estimates, difference, paramcd, group, "difference", compared=True))
            cells.append(_of(estimates, difference, paramcd, group, "p_value", compared=True))
            yield _Line(paramcd, str(group or ""), cells)


def _of(
    estimates: Estimates, analysis: str | None, paramcd: str, group: str | None, statistic: str, *,
    compared: bool = False, variable: str | None = None, level: str | None = None,
) -> str:  # fmt: skip
    """An estimate as `8.1 (6.6 to 12.8)`; nothing where the ruleset does not ask for it or the group is the reference."""
    if analysis is None or (variable == "time" and level is None):
        return ""
    other = None
    if compared:
        pairs = [pair for pair in estimates.comparisons(analysis, paramcd) if pair[0] == group]
        if not pairs:
            return ""
        other = pairs[0][1]
    row = estimates.number(analysis, paramcd, group, statistic, other, variable, level)
    if row is None:
        return ""
    if statistic == "p_value":
        return estimates.cell(analysis, paramcd, group, statistic, other, variable, level).text
    cell = estimates.with_limits(analysis, paramcd, group, statistic, other, variable, level)
    # The unit once is enough: 41.1 (31.4 to 50.5)%.
    return f"{cell.text.replace('%', '')}%" if "%" in cell.text else cell.text


# Text --------------------------------------------------------------------------------------------------------------------


def _block(title: str, lines: Iterator[_Line], columns: Sequence[str]) -> list[str]:
    """A heading with the names of the columns, and a line per endpoint and group; columns that are empty are left out."""
    told = list(lines)
    if not told:
        return []
    shown = [_column(name, [line.cells[place] for line in told]) for place, name in enumerate(columns)]
    kept = [(name, cells) for name, cells in shown if any(cells)]
    widths = [max(len(name), *map(len, cells)) for name, cells in kept]
    first = max(len(title), 2 + max(len(line.endpoint) for line in told) + 2 + _longest_group(told))
    code = max(len(line.endpoint) for line in told)

    def row(name: str, cells: Sequence[str]) -> str:
        return (
            f"{name:<{first}}" + "".join(f"  {one:>{width}}" for one, width in zip(cells, widths, strict=True))
        ).rstrip()

    text = [row(title, [name for name, _cells in kept])]
    before = None
    for number, line in enumerate(told):
        endpoint = line.endpoint if line.endpoint != before else ""
        before = line.endpoint
        name = f"  {endpoint:<{code}}  {_cut(line.group, LONGEST_GROUP)}"
        text.append(row(name, [cells[number] for _name, cells in kept]))
    return ["\n".join(text)]


def _column(name: str, cells: Sequence[str]) -> tuple[str, list[str]]:
    """A column with its name; the landmark stands in the name where it is the same in all cells."""
    landmarks = {cell.partition(" at ")[2] for cell in cells if cell}
    (landmark,) = landmarks if len(landmarks) == 1 else ("",)
    if not landmark:
        return name, list(cells)
    return f"{name} at {landmark}", [cell.partition(" at ")[0] for cell in cells]


def _longest_group(lines: Sequence[_Line]) -> int:
    return max(min(len(line.group), LONGEST_GROUP) for line in lines)


def _findings(view: ReportView) -> Iterator[str]:
    """The gravest and commonest findings, a line per rule."""
    rows = view.rows_of(quality.FINDINGS).filter(pl.col("variable").is_null())
    numbers: dict[tuple[str | None, str | None], dict[str, Mapping[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        numbers.setdefault((row["group"], row["level"]), {})[row["statistic"]] = row
    total = numbers.pop((None, None), None)
    if not numbers or total is None:
        yield "Findings: none"
        return
    yield f"Findings: {number_text(total['findings'])}, of {len(numbers)} kinds"
    for (severity, rule), of_rule in list(numbers.items())[:MOST_FINDINGS]:
        named = of_rule["subjects"]
        subjects = f"{number_text(named)} subject{'s' if named['value'] != 1 else ''}" if named["value"] else ""
        yield f"  {severity:<8}{number_text(of_rule['findings']):>8}  {rule:<44}{subjects:>16}".rstrip()
    if len(numbers) > MOST_FINDINGS:
        yield f"  … {len(numbers) - MOST_FINDINGS} further kinds"


def _cut(words: str, longest: int) -> str:
    return words if len(words) <= longest else words[: longest - 1] + "…"
