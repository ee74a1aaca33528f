"""`rules-engine template`: a workbook for a study's records, to be filled in by hand."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("template", short_help="Write a workbook to fill in.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The workbook to write, such as study.xlsx."
)
@click.option(
    "--table", "names", multiple=True, metavar="NAME", help="Only this input table; may be given more than once."
)
def command(out: Path, names: tuple[str, ...]) -> None:
    """Write a workbook with a sheet for each input table: headings with notes, drop-downs, example rows.

    Whoever keeps the study's records fills it in; `rules-engine run RULESET --data study.xlsx` reads it. An existing file is
    not replaced.

    \b
    Examples:
      rules-engine template --out study.xlsx
      rules-engine template --out labs.xlsx --table subjects --table labs
    """
    import tempfile

    from rules_engine.contracts import TABLES
    from rules_engine.errors import UsageError, closest
    from rules_engine.study.template import write_template
    from rules_engine.study.writing import write_file

    for name in names:
        if name not in TABLES:
            raise UsageError.at(
                f"table {name!r}", "there is no such input table", f"name one of {', '.join(TABLES)}",
                meant=closest(name, TABLES),
            )  # fmt: skip
    if out.suffix.lower() != ".xlsx":
        raise UsageError.at(str(out), "a workbook ends in .xlsx", f"name it {out.stem}.xlsx")
    if out.exists():
        raise UsageError.at(str(out), "it is there already, and may have been filled in", "name another file")
    with tempfile.TemporaryDirectory() as work:
        made = Path(work) / "template.xlsx"
        write_template(made, [TABLES[name] for name in names] if names else list(TABLES.values()))
        write_file(out, made.read_bytes())
    click.echo(
        f"{out}: fill in its sheets, then `rules-engine run RULESET --data {out} --data-cutoff DAY --out results`"
    )
