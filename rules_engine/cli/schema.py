"""`rules-engine schema`: the JSON Schemas of rulesets and worked cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command("schema", short_help="Write the JSON Schemas of rulesets and cases.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("schemas"),
    show_default=True,
    help="Folder to write to; made if missing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the schemas as one JSON document instead of writing them.")
def command(out: Path, as_json: bool) -> None:
    """Write ruleset.schema.json, cases.schema.json and endpoint-case.schema.json (draft 2020-12) to --out.

    They are composed from the grammar and from the options of every plugin that is installed, and serve editors:
    completion, explanations, errors while typing. A ruleset names its schema in the first line:

    \b
      # yaml-language-server: $schema=schemas/ruleset.schema.json
    """
    from rules_engine.errors import UsageError

    found = schemas()
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, schema in found.items():
            (out / name).write_text(as_text(schema), encoding="utf-8")
            click.echo(str(out / name))
    except OSError as error:
        raise UsageError.at(str(out), f"it cannot be written: {error.strerror}", "name another folder") from None


def schemas() -> dict[str, Any]:
    """File name and content of every schema."""
    from rules_engine.casebook.case_schemas import cases_schema, endpoint_case_schema
    from rules_engine.loading import ruleset_schema

    return {
        "ruleset.schema.json": ruleset_schema(),
        "cases.schema.json": cases_schema(),
        "endpoint-case.schema.json": endpoint_case_schema(),
    }


def as_text(schema: Any) -> str:
    """A schema as it stands in its file."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
