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
        click.echo("\nEstimates")
        click.echo("\n".join(lines))
    if numbers["findings"]:
        total = sum(row["n"] for row in numbers["findings"])
        click.echo(f"\nFindings: {total} (all in findings.parquet)")
        for row in sorted(numbers["findings"], key=lambda row: (row["severity"] != "error", -row["n"]))[
            :_MOST_FINDINGS
        ]:
            click.echo(f"  {row['n']:>7}  {row['severity']:<8}{row['rule_id']}")


def _estimate_lines(result: Result) -> list[str]:
    """One line per endpoint and group: the median or the rate, with limits."""
    lines: list[str] = []
    ard = result.ard.filter(
        result.ard["statistic"].is_in(["median", "median_lower", "median_upper", "rate", "rate_lower", "rate_upper"])
    )
    seen: dict[tuple[str, str, str], dict[str, float | None]] = {}
    for row in ard.iter_rows(named=True):
        name = row["statistic"].split("_")[0]
        key = (row["paramcd"], row["group"] or "all", f"{row['analysis']}/{name}")
        seen.setdefault(key, {})[row["statistic"].removeprefix(name).lstrip("_") or "value"] = row["value"]
    for (paramcd, group, which), values in seen.items():
        name = which.split("/")[1]
        scale, unit = (1.0, " months") if name == "median" else (100.0, " %")
        shown = [
            "not reached" if values.get(part) is None else f"{scale * float(values[part] or 0.0):.1f}"
            for part in ("value", "lower", "upper")
        ]
        lines.append(f"  {paramcd:<9}{group:<12}{name} {shown[0]}{unit} (95 % limits {shown[1]} to {shown[2]})")
    return lines


def print_json(result: Result, written: dict[str, Path]) -> None:
    """Print the summary and the paths of everything written as one JSON document."""
    document = {"ok": True, **summary(result), "written": {name: str(path) for name, path in written.items()}}
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
