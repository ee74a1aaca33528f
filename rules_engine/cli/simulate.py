"""`rules-engine simulate`: a realistic study of the first trial, made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


def _defect_names(_ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> bool | tuple[str, ...]:
    """Names from `--defects a,b --defects c`; `all` stands for every one."""
    names = tuple(name.strip() for text in given for name in text.split(",") if name.strip())
    return True if "all" in names else names


def _list_defects(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    """Print every defect and leave."""
    if not wanted or ctx.resilient_parsing:
        return
    from rules_engine.simulator.defects import DEFECTS

    for name, defect in DEFECTS.items():
        click.echo(f"{name:26}{defect.table + '.' + defect.column:36}{defect.meaning}")
    ctx.exit()


@click.command("simulate", short_help="Make up a realistic study of the first trial.")
@click.option("--subjects", required=True, type=click.IntRange(min=1), help="Number of subjects; a million works.")
@click.option(
    "--seed",
    required=True,
    type=click.IntRange(min=0),
    help="Where the random numbers start: the same seed and number of subjects give the same study.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the study; made if missing.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["parquet", "csv"]),
    default="parquet",
    show_default=True,
    help="File format of the tables.",
)
@click.option(
    "--defects",
    multiple=True,
    callback=_defect_names,
    metavar="NAME[,NAME…]|all",
    help="Put one record of each of these defects into the study; may be given several times.",
)
@click.option(
    "--list-defects",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_defects,
    help="List the defects and leave.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    subjects: int, seed: int, out: Path, file_format: Any, defects: bool | tuple[str, ...], as_json: bool
) -> None:
    """Make up a study of TACE with and without immune checkpoint inhibitors in liver cancer, and write it to --out.

    The study has what a registry has: lesions with whole and viable diameters, pseudoprogression, missed and unreadable
    scans, repeat TACE, later therapies, partial dates, adverse events and laboratory results. No subject in it is real.
    It keeps every rule of the input tables (docs/data.md) unless --defects asks for records that break one.

    \b
    Written to --out, all or nothing; a previous simulation is replaced, anything else is left alone:
      subjects lesion_assessments response_assessments treatments clinical_events
      adverse_events labs              the input tables
      simulation.json                  how the study was made: subjects, seed, rows
      defects.json                     with --defects: what was put where

    \b
    Examples:
      rules-engine simulate --subjects 200 --seed 1 --out study/
      rules-engine simulate --subjects 300 --seed 1 --out broken/ --format csv --defects two_baselines,missing_unit
      rules-engine simulate --subjects 300 --seed 1 --out broken/ --defects all

    Exit codes: 0 done; 2 a wrong option, too few subjects for the defects, or a folder that must not be overwritten.
    """
    from rules_engine.cli._progress import StageProgress
    from rules_engine.simulator import simulate_to

    with StageProgress() as progress:
        summary = simulate_to(out, subjects, seed, format=file_format, defects=defects, progress=progress)
    if as_json:
        click.echo(json.dumps({"ok": True, "out": str(out.resolve()), **summary}, ensure_ascii=False, indent=2))
        return
    for name, rows in summary["rows"].items():
        click.echo(f"{name:20}{rows:>14,} rows")
    if summary["defects"]:
        click.echo(f"\nDefects: {', '.join(summary['defects'])} (what was put where: {out / 'defects.json'})")
    click.echo(f"\nStudy: {out.resolve()}")
