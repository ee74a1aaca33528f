"""`rules-engine explain`: why one subject's record is as it is, told as a person would tell it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from rules_engine.cli._parameters import data_option, set_option


@click.command("explain", short_help="Explain one subject's records.")
@click.argument("ruleset")
@data_option
@click.option("--subject", required=True, help="The subject, as subjects.subject has it.")
@click.option("--endpoint", help="PARAMCD of the endpoint to explain, such as PFS.")
@click.option("--response", help="Name of the response stream whose visits to explain.")
@click.option("--visit", metavar="DATE", help="Explain the response of this visit alone, such as 2025-03-01.")
@click.option("--data-cutoff", help="Data cut-off (inclusive), such as 2025-12-31; may stand in the ruleset instead.")
@click.option(
    "--timeline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also draw the subject's course: FILE.svg or FILE.png.",
)
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def command(
    ruleset: str,
    data: Path | str,
    subject: str,
    endpoint: str | None,
    response: str | None,
    visit: str | None,
    data_cutoff: str | None,
    timeline: Path | None,
    as_json: bool,
    parameters: dict[str, Any],
) -> None:
    """Explain how RULESET derives the records of one subject of the study in --data, step by step.

    With --endpoint, the story of that endpoint; with --response, every visit of that response stream; with --visit,
    that visit alone (in the stream named, in that of the endpoint named, or in all). With none of these, everything.
    Each sentence names the rule that decided, its place in the YAML (file:line), and the record that it rests on.
    Only this subject is derived, however large the study is.

    \b
    Examples:
      rules-engine explain tace_ici_hcc --data study/ --data-cutoff 2025-12-31 --subject HCC-000014 --endpoint PFS
      rules-engine explain my_protocol.yaml --data study/ --subject 1001 --response overall --visit 2025-03-01
      rules-engine explain my_protocol.yaml --data study/ --subject 1001 --timeline 1001.svg
      rules-engine explain my_protocol.yaml --data study/ --subject 1001 --json > 1001.json

    Exit code 0: explained; 2: no such subject, endpoint, response or visit, or the ruleset is wrong; 3: the data are.
    """
    from rules_engine.cli._progress import StageProgress
    from rules_engine.engine import Engine
    from rules_engine.explain.timeline import picture_format
    from rules_engine.study import read_study

    if timeline is not None:
        picture_format(timeline)
    engine = Engine(ruleset, parameters=parameters or None)
    with StageProgress() as progress:
        progress("reading")
        study = read_study(data, ruleset=engine.ruleset, registry=engine.registry)
        progress("explaining")
        explanation = engine.explain(study, subject, endpoint, response=response, visit=visit, data_cutoff=data_cutoff)
        if timeline is not None:
            progress("drawing")
            drawn = engine.timeline(study, subject, endpoint, response=response, data_cutoff=data_cutoff)
            drawn.write(timeline)
    if as_json:
        click.echo(json.dumps(explanation.as_dict(), ensure_ascii=False, indent=2))
    else:
        click.echo(str(explanation))
        if timeline is not None:
            click.echo(f"\nTimeline: {timeline.resolve()}")
