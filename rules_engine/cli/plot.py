"""`rules-engine plot`: the report's figures as files for a paper or slides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rules_engine.cli._parts import chosen, derive_result, part_options, require_folder, tell_parts


@click.command("plot", short_help="Draw a run's figures as files.")
@part_options("figure", ("svg", "png", "pdf"))
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
    """Draw the figures of RULESET on the study in --data, each as a file in --out.

    They are the report's pictures on white: Kaplan-Meier and incidence curves, waterfall, spider, swimmer, hazard ratios
    side by side, adverse events back to back. The same data give the same files.

    \b
    Examples:
      rules-engine plot tace_ici_hcc --data study/ --data-cutoff 2025-12-31 --list
      rules-engine plot tace_ici_hcc --data study/ --data-cutoff 2025-12-31 --out figures/ --figure km-PFS --format pdf

    Exit code 0: drawn; 2: no such figure, or the ruleset is wrong; 3: the data are.
    """
    from rules_engine.report import figure_file
    from rules_engine.study.writing import write_file

    folder = None if listing else require_folder(out, data)
    figures = chosen(derive_result(ruleset, data, data_cutoff, parameters).figures(), names, "figure")
    captions = {name: one.caption for name, one in figures.items()}
    if folder is None:
        tell_parts(captions, None, as_json=as_json)
        return
    # Everything is drawn before anything is written, so that what fails leaves no half set.
    files = {f"{name}.{form}": figure_file(one, form) for name, one in figures.items() for form in formats}
    tell_parts(captions, [write_file(folder / name, content) for name, content in files.items()], as_json=as_json)
