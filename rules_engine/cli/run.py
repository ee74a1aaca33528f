"""`rules-engine run`: a protocol and a study in, ADaM data sets, estimates, findings and a report out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rules_engine.cli._parameters import data_option, set_option


@click.command("run", short_help="Derive a study's endpoints.")
@click.argument("ruleset")
@data_option
@click.option("--data-cutoff", help="Data cut-off (inclusive), such as 2025-12-31; may stand in the ruleset instead.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results; made if missing.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["parquet", "csv"]),
    default=("parquet",),
    show_default=True,
    help="File format of the data sets; may be given twice.",
)
@set_option
@click.option("--no-report", is_flag=True, help="Write the data sets only, without report.html.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    ruleset: str,
    data: Path | str,
    data_cutoff: str | None,
    out: Path,
    formats: tuple[str, ...],
    parameters: dict[str, Any],
    no_report: bool,
    as_json: bool,
) -> None:
    """Derive the endpoints of the study in --data as RULESET states them, and write them to --out.

    RULESET is a path to a YAML file, or the name of a ruleset that comes with the engine or a plugin
    (`rules-engine check` shows whether it is right).

    \b
    Written to --out, all or nothing:
      adtr adrs adtte adae adlb        ADaM data sets
      candidates                       what was considered for each record of adtte, and why it won or lost
      ard                              every estimate, one row per number
      findings discrepancies           what is odd in the data; collected against derived responses
      manifest.json                    ruleset as resolved, versions, hashes of inputs and outputs
      report.html                      one page to read and print

    \b
    Examples:
      rules-engine run tace_ici_hcc --data study/ --data-cutoff 2025-12-31 --out results/
      rules-engine run my_protocol.yaml --data sdtm/ --out results/ --format parquet --format csv
    """
    from rules_engine.cli._progress import StageProgress
    from rules_engine.cli._summary import print_json, print_summary
    from rules_engine.engine import Engine
    from rules_engine.study import read_study
    from rules_engine.study.writing import require_writable

    require_writable(out, inputs=[data])
    engine = Engine(ruleset, parameters=parameters or None)
    with StageProgress() as progress:
        progress("reading")
        study = read_study(data, ruleset=engine.ruleset, registry=engine.registry)
        result = engine.run(study, data_cutoff=data_cutoff, progress=progress)
        progress("writing")
        written = result.write(out, formats=formats, report=not no_report)
    if as_json:
        print_json(result, written)
        return
    print_summary(result)
    click.echo(f"\nADaM data sets: {out.resolve()}")
    if "report" in written:
        click.echo(f"Report:         {written['report'].resolve()}")
