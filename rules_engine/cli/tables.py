"""`rules-engine tables`: the report's tables as files for a paper or a further program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rules_engine.cli._parts import chosen, derive_result, part_options, require_folder, tell_parts


@click.command("tables", short_help="Write a run's tables as files.")
@part_options("table", ("csv", "md", "tex", "rtf"))
def command(
    ruleset: str,
    data: Path | str,
    data_cutoff: str | None,
    out: Path | None,
    names: tuple[str, ...],
    formats: tuple[str, ...],
    listing: bool,
    as_json: bool,
    parameters: dict[str, Any],
) -> None:
    """Write the tables of RULESET on the study in --data, each as a file in --out.

    They are the tables of the report as it writes its numbers; every number in full is in ard.parquet of `run`.

    \b
    Examples:
      rules-engine tables tace_ici_hcc --data study/ --data-cutoff 2025-12-31 --list
      rules-engine tables tace_ici_hcc --data study/ --data-cutoff 2025-12-31 --out tables/ --format rtf

    Exit code 0: written; 2: no such table, or the ruleset is wrong; 3: the data are.
    """
    from rules_engine.report import table_file
    from rules_engine.study.writing import write_text

    folder = None if listing else require_folder(out, data)
    tables = chosen(derive_result(ruleset, data, data_cutoff, parameters).tables(), names, "table")
    captions = {name: one.caption for name, one in tables.items()}
    if folder is None:
        tell_parts(captions, None, as_json=as_json)
        return
    # Everything is made before anything is written, so that what fails leaves no half set.
    files = {f"{name}.{form}": table_file(one, form) for name, one in tables.items() for form in formats}
    tell_parts(captions, [write_text(folder / name, content) for name, content in files.items()], as_json=as_json)
