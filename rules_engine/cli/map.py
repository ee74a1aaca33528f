"""`rules-engine map`: a first mapping of a study's own files, proposed from what they show."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from rules_engine.cli._parameters import data_option


def _seen_from(out: Path | None, ruleset: str | None) -> str | None:
    """The ruleset as the written file names it: a path starts at the folder of that file."""
    if ruleset is None or out is None or not Path(ruleset).exists():
        return ruleset
    return Path(os.path.relpath(ruleset, out.parent)).as_posix()


@click.command("map", short_help="Propose a mapping of a study's files.")
@data_option
@click.option(
    "--ruleset", help="The protocol that is to be run: the proposal extends it and says what its endpoints lack."
)
@click.option("--out", type=click.Path(path_type=Path), help="File to write; without it the proposal is printed.")
@click.option("--json", "as_json", is_flag=True, help="Print the mapping and the remarks as JSON.")
def command(data: Path | str, ruleset: str | None, out: Path | None, as_json: bool) -> None:
    """Look at the files in --data and propose how they become the input tables, as a protocol in YAML.

    SDTM domains and ADaM data sets are known by their columns, whatever the files are called; tables of a hospital are matched
    by names. The proposal is tried on the data: its comments say which codes there are, what was left aside, what is
    missing for which endpoint and what is odd. Read it before you use it.

    \b
    Examples:
      rules-engine map --data sdtm/
      rules-engine map --data sdtm/ --ruleset ema --out my_study.yaml
      rules-engine run my_study.yaml --data sdtm/ --data-cutoff 2025-12-31 --out results/
    """
    from rules_engine.study.proposal import place_of, propose_mapping
    from rules_engine.study.writing import write_text

    proposal = propose_mapping(data, ruleset=ruleset)
    extended = _seen_from(out, ruleset)
    text = proposal.as_yaml(extended, place_of(data))
    if out is not None:
        write_text(out, text)
    if as_json:
        document = {
            "ok": True, "protocol": proposal.document(extended), "remarks": proposal.remarks, "missing": proposal.missing,
            "odd": proposal.odd, **({"written": str(out)} if out is not None else {}),
        }  # fmt: skip
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    elif out is None:
        click.echo(text, nl=False)
    else:
        click.echo(
            f"{out}: {len(proposal.missing)} things are missing, {len(proposal.odd)} kinds of oddity; read its comments"
        )
