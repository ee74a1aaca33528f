"""`rules-engine describe`: a ruleset in plain English, as a statistical analysis plan would say it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rules_engine.cli._parameters import set_option


@click.command("describe", short_help="Tell a ruleset in plain English.")
@click.argument("ruleset")
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "html"]),
    help="Markdown or one HTML page; without it what the ending of --out says, else Markdown.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file instead of the terminal."
)
@set_option
def command(ruleset: str, form: str | None, out: Path | None, parameters: dict[str, Any]) -> None:
    """Tell RULESET (a name, a file, or a folder that holds ruleset.yaml) in plain English, without any data.

    \b
    A protocol is told as a statistical analysis plan would: study and estimand, planned assessments, response criteria with
    their sources and deviations, the rules for all endpoints, each endpoint with its definition and its table of events and
    censoring, adverse events and laboratory results, analyses, assumptions, and every option in force with the place where
    it was stated. Criterion and grading rulesets are told by their values and cut-offs.

    \b
    Examples:
      rules-engine describe tace_ici_hcc | less
      rules-engine describe my_protocol.yaml --out plan.html
      rules-engine describe my_protocol.yaml --set gap=120

    Exit code 0: told; 2: the ruleset is not right, or the file cannot be written; 4: a plugin is missing.
    """
    from rules_engine.describe import describe_ruleset
    from rules_engine.loading import load_ruleset
    from rules_engine.study.writing import write_text

    description = describe_ruleset(load_ruleset(ruleset, parameters=parameters))
    as_html = form == "html" or (form is None and out is not None and out.suffix.lower() in (".html", ".htm"))
    text = description.html() if as_html else description.markdown()
    if out is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"Description: {write_text(out, text).resolve()}")
