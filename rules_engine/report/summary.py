"""The run in a screenful of text: what a statistician looks for first. Everything else is in the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from rules_engine.findings import SEVERITIES
from rules_engine.report.tables import Estimates, counts_by_arm, written
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
        "\n".join(_findings(view.findings)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _head(view: ReportView) -> Iterator[str]:
    numbers = counts_by_arm(view.subjects_with_arm, view.arms)
    by_arm = ", ".join(f"{arm} {number:,}" for arm, number in zip(view.arms, numbers, strict=False))
    yield _cut(view.title, WIDTH)
    yield _cut(
        f"{view.subjects.height:,} subjects{f' ({by_arm})' if by_arm else ''}, data cut-off {view.data_cutoff}", WIDTH
    )


def _groups(view: ReportView) -> list[str | None]:
    return [*view.arms] or [None]


# Times -------------------------------------------------------------------------------------------------------------------


def _time_columns(view: ReportView) -> list[str]:
    reference = (view.study.get("reference_arm") or view.arms[-1]) if len(view.arms) > 1 else None
    compared = [] if reference is None else [f"HR to {_cut(str(reference), LONGEST_GROUP)}", "log-rank"]
    return ["events", "median, months", "event-free", *compared]


def _times(view: ReportView, estimates: Estimates) -> Iterator[_Line]:
    for paramcd, rows in view.time_to_event.items():
        if view.analysis_for("cumulative_incidence", paramcd) is not None:
            continue
        curve, hazard, test = (view.analysis_for(one, paramcd) for one in ("kaplan_meier", "cox", "log_rank"))
        joined = rows.join(view.subjects_with_arm, on="subject", how="left")
        landmark = _landmark(estimates, curve, paramcd)
        for group in _groups(view):
            mine = joined if group is None else joined.filter(pl.col("arm") == group)
            cells = [f"{int(mine['event'].sum()):,}/{mine.height:,}"]
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
    for paramcd, rows in view.responses.items():
        rate, difference = view.analysis_for("proportion", paramcd), view.analysis_for("proportion_difference", paramcd)
        joined = rows.join(view.subjects_with_arm, on="subject", how="left")
        for group in _groups(view):
            mine = joined if group is None else joined.filter(pl.col("arm") == group)
            cells = [f"{int(mine['responder'].sum()):,}/{mine.height:,}"]
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


def _findings(findings: pl.DataFrame) -> Iterator[str]:
    """The gravest and commonest findings, a line per rule."""
    if findings.is_empty():
        yield "Findings: none"
        return
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    rules: list[dict[str, Any]] = (
        findings.group_by("severity", "rule_id")
        .agg(n=pl.len(), subjects=pl.col("subject").drop_nulls().n_unique())
        .to_dicts()
    )
    rules.sort(key=lambda rule: (rank.get(rule["severity"], len(rank)), -rule["n"], rule["rule_id"]))
    yield f"Findings: {findings.height:,}, of {len(rules)} kinds"
    for rule in rules[:MOST_FINDINGS]:
        subjects = f"{rule['subjects']:,} subject{'s' if rule['subjects'] != 1 else ''}" if rule["subjects"] else ""
        yield f"  {rule['severity']:<8}{written(rule['n'], 'd'):>8}  {rule['rule_id']:<44}{subjects:>16}".rstrip()
    if len(rules) > MOST_FINDINGS:
        yield f"  … {len(rules) - MOST_FINDINGS} further kinds"


def _cut(words: str, longest: int) -> str:
    return words if len(words) <= longest else words[: longest - 1] + "…"
