"""What a statistician wants to see first, printed after a run: endpoints, estimates, findings, and where everything lies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rules_engine.engine import Result


def summary(result: Result) -> dict[str, Any]:
    """The run in a few numbers, as plain data."""
    findings = result.findings.group_by("severity", "rule_id").len("n").sort("severity", "rule_id")
    return {
        "ruleset": result.ruleset.id,
        "data_cutoff": result.data_cutoff.isoformat(),
        "subjects": result.subject_count,
        "endpoints": result.endpoint_counts(),
        "findings": findings.to_dicts(),
    }


def print_summary(result: Result) -> None:
    """Print the run in a screenful: endpoints with their main estimates, the commonest findings."""
    click.echo(str(result), nl=False)


def print_json(result: Result, written: Mapping[str, Path]) -> None:
    """Print the summary and the paths of everything written as one JSON document."""
    document = {"ok": True, **summary(result), "written": {name: str(path) for name, path in written.items()}}
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_result(result: Result, written: Mapping[str, Path], out: Path, *, as_json: bool) -> None:
    """Print what a run came to and where it lies, for a person or as JSON."""
    if as_json:
        print_json(result, written)
        return
    print_summary(result)
    click.echo(f"\nADaM data sets: {out.resolve()}")
    if "report" in written:
        click.echo(f"Report:         {written['report'].resolve()}")
