"""`rules-engine ctcae`: the grading rulesets, told and completed."""

from __future__ import annotations

import json

import click


@click.group("ctcae", short_help="Show the units of a grading.")
def command() -> None:
    """Gradings by CTCAE: show the units that a grading ruleset knows.

    \b
    Examples:
      rules-engine ctcae units                 UCUM codes, spellings, exact factors
      rules-engine ctcae units ctcae_v4_03 --json
    """


@command.command("units", short_help="The units of a grading ruleset.")
@click.argument("ruleset", default="ctcae_v5")
@click.option("--json", "as_json", is_flag=True, help="Print the tables as JSON.")
def units(ruleset: str, as_json: bool) -> None:
    """Print the units that a grading RULESET knows, as a Markdown page: UCUM codes, the ways studies write them, and the
    exact factors between them.
    """
    from rules_engine.errors import UsageError
    from rules_engine.grading import read_rules
    from rules_engine.grading.unit_table import factor_rows, unit_rows, units_page
    from rules_engine.loading import load_ruleset

    loaded = load_ruleset(ruleset)
    if loaded.kind != "grading":
        raise UsageError.at(
            f"ruleset {loaded.id!r}", f"it is a {loaded.kind} ruleset", "name a grading, such as ctcae_v5"
        )
    rules = read_rules(loaded.document)
    if as_json:
        tables = {"ruleset": loaded.id, "units": unit_rows(loaded.document), "factors": factor_rows(rules)}
        click.echo(json.dumps(tables, ensure_ascii=False, indent=2))
        return
    click.echo(units_page(loaded.document, rules), nl=False)
