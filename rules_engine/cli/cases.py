"""`rules-engine cases`: worked cases through the engine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command("cases", short_help="Run worked cases through the engine.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@click.option("--json", "as_json", is_flag=True, help="Print every case with its outcome as JSON.")
def command(paths: tuple[Path, ...], as_json: bool) -> int:
    """Run the worked cases under each PATH (a file, or a folder and all below it) and name each one that fails.

    Three formats are read: criterion cases (lesions visit by visit, YAML), endpoint cases (a subject's records, YAML) and
    grading cases (one laboratory result per row, CSV); docs/cases.md describes them. Only what a case states is compared.

    The last line is `N passed, N failed`; the exit code is 0 where all passed, 1 where any failed, 2 where no case was found.
    """
    from rules_engine.casebook import run_cases
    from rules_engine.cli._progress import StageProgress
    from rules_engine.registry import default_registry

    with StageProgress() as progress:
        progress("running worked cases")
        outcomes = run_cases(paths, default_registry())
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if as_json:
        document = {
            "passed": len(outcomes) - len(failed),
            "failed": len(failed),
            "cases": [outcome.as_dict() for outcome in outcomes],
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        for outcome in failed:
            click.echo(f"FAILED {outcome.id}: {outcome.title} ({outcome.file})")
            for line in outcome.mismatches:
                click.echo("    " + line.replace("\n", "\n    "))
        click.echo(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    sys.stdout.flush()
    return 1 if failed else 0
