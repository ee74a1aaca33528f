"""What a statistician wants to see first, printed after a run: endpoints, estimates, findings, and where everything lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rules_engine.engine import Result

_MOST_FINDINGS = 8


def summary(result: Result) -> dict[str, Any]:
    """The run in a few numbers, as plain data."""
    findings = result.findings.group_by("severity", "rule_id").len("n").sort("severity", "rule_id")
    return {
        "ruleset": result.ruleset.id,
        "data_cutoff": result.data_cutoff.isoformat(),
        "subjects": result.subject_count,
        "endpoints": {
            paramcd: {
                "label": result.ruleset.endpoints[paramcd].label,
                "records": rows.height,
                "events": int(rows["event"].sum()),
            }
            for paramcd, rows in result.derived.time_to_event.items()
        }
        | {
            paramcd: {
                "label": result.ruleset.endpoints[paramcd].label,
                "records": rows.height,
                "responders": int(rows["responder"].sum()),
            }
            for paramcd, rows in result.derived.responses.items()
        },
        "findings": findings.to_dicts(),
    }


def print_summary(result: Result) -> None:
    """Print the run in a few lines: endpoints with their counts, estimates by group, the commonest findings."""
    numbers = summary(result)
    click.echo(
        f"{result.ruleset.title}\n{numbers['subjects']} subjects, data cut-off {numbers['data_cutoff']}\n", nl=True
    )
    for paramcd, row in numbers["endpoints"].items():
        counted = f"{row['events']} events" if "events" in row else f"{row['responders']} responders"
        click.echo(f"  {paramcd:<9}{row['records']:>7} records {counted:>16}   {row['label']}")
    lines = list(_estimate_lines(result))
    if lines:
        click.echo("\nEstimates, with their limits")
        click.echo("\n".join(lines))
    if numbers["findings"]:
        total = sum(row["n"] for row in numbers["findings"])
        click.echo(f"\nFindings: {total} (all in findings.parquet)")
        for row in sorted(numbers["findings"], key=lambda row: (row["severity"] != "error", -row["n"]))[
            :_MOST_FINDINGS
        ]:
            click.echo(f"  {row['n']:>7}  {row['severity']:<8}{row['rule_id']}")


#: Statistics that the summary shows: how each is called, scaled and followed by a unit.
_SHOWN = {
    "median": ("median", 1.0, " months"),
    "rate": ("rate", 100.0, " %"),
    "hazard_ratio": ("hazard ratio", 1.0, ""),
}


def _estimate_lines(result: Result) -> list[str]:
    """One line per endpoint and group: the median, the rate or the hazard ratio, with its limits."""
    rows = [row for row in result.ard.to_dicts() if row["subgroup_variable"] is None]
    place = ("analysis", "paramcd", "group", "comparison", "variable", "level")
    limits = {(*(row[key] for key in place), row["statistic"]): row["value"] for row in rows}
    width = max((len(_who(row)) for row in rows), default=0) + 2
    wide = max((len(row["analysis"]) for row in rows), default=0) + 2
    lines = []
    for row in rows:
        if row["statistic"] not in _SHOWN or row["variable"] not in (None, "probability"):
            continue
        name, scale, unit = _SHOWN[row["statistic"]]
        of = tuple(row[key] for key in place)
        numbers = (row["value"], limits.get((*of, "lower")), limits.get((*of, "upper")))
        value, low, high = (_number(number, scale) for number in numbers)
        shown = f"{name} {value}{unit if row['value'] is not None else ''}"
        if (*of, "lower") in limits:
            shown += f" ({low} to {high})"
        lines.append(f"  {row['analysis']:<{wide}}{row['paramcd']:<9}{_who(row):<{width}}{shown}")
    return lines


def _who(row: dict[str, Any]) -> str:
    group = row["group"] if row["group"] is not None else "all"
    return f"{group} against {row['comparison']}" if row["comparison"] is not None else str(group)


def _number(value: float | None, scale: float) -> str:
    return "not reached" if value is None else f"{scale * value:.2f}" if scale * value < 1 else f"{scale * value:.1f}"


def print_json(result: Result, written: dict[str, Path]) -> None:
    """Print the summary and the paths of everything written as one JSON document."""
    document = {"ok": True, **summary(result), "written": {name: str(path) for name, path in written.items()}}
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
