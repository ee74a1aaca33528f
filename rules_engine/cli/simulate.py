"""`rules-engine simulate`: a realistic study of the first trial, made up."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("simulate", short_help="Make up a realistic study of the first trial.")
@click.option("--subjects", required=True, type=click.IntRange(min=1), help="Number of subjects.")
@click.option("--seed", required=True, type=click.IntRange(min=0), help="Start of the random numbers; the same seed gives the same study.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the study; made if missing.")
@click.option("--format", "file_format", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True,
              help="File format of the tables.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(subjects: int, seed: int, out: Path, file_format: str, as_json: bool) -> None:
    """Make up a study of TACE with and without immune checkpoint inhibitors."""
    from rules_engine.cli._progress import StageProgress
    from rules_engine.simulator import simulate_to

    with StageProgress() as progress:
        summary = simulate_to(out, subjects, seed, format=file_format, progress=progress)  # type: ignore[arg-type]
    if as_json:
        click.echo(json.dumps({"ok": True, "out": str(out.resolve()), **summary}, ensure_ascii=False, indent=2))
        return
    for name, rows in summary["rows"].items():
        click.echo(f"{name:22}{rows:>12,} rows")
    click.echo(f"\nStudy: {out.resolve()}")
