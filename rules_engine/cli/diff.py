"""`rules-engine diff`: two rulesets, or one at two data cut-offs, side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from rules_engine.cli._parameters import STUDY_HELP, STUDY_PLACE, set_b_option, set_option
from rules_engine.errors import EXIT_FOUND


@click.command("diff", short_help="Compare two rulesets, by what they mean and what they give.")
@click.argument("before")
@click.argument("after")
@click.option("--data", type=STUDY_PLACE, metavar="PLACE", help=f"{STUDY_HELP} Without it, the rules alone.")
@click.option("--data-cutoff", help="Data cut-off (inclusive), such as 2025-12-31; may stand in the rulesets instead.")
@click.option("--cutoff-b", help="Data cut-off of the second run, where it is another one.")
@click.option(
    "--endpoint", "endpoints", multiple=True, metavar="PARAMCD", help="Only this endpoint; may be given more than once."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Also write the comparison as a page, with curves.",
)
@set_option
@set_b_option
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def command(
    before: str,
    after: str,
    data: Path | str | None,
    data_cutoff: str | None,
    cutoff_b: str | None,
    endpoints: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    parameters: dict[str, Any],
    parameters_b: dict[str, Any],
) -> int:
    """Compare the rulesets BEFORE and AFTER: what differs in what they mean, however they are written or inherited.

    With --data both run on the study: which subjects' records change their event, date or reason in which endpoint, by
    which rule (the differing rules are tried one by one, then two and three together), and what that does to the estimates. For
    two data cut-offs of one ruleset name it twice and give --cutoff-b; for two values of a parameter, --set-b.

    \b
    Examples:
      rules-engine diff fda ema
      rules-engine diff plan_v1.yaml plan_v2.yaml --data study/ --data-cutoff 2025-12-31 --out comparison.html
      rules-engine diff tace_ici_hcc tace_ici_hcc --data study/ --data-cutoff 2025-06-30 --cutoff-b 2025-12-31 --json
      rules-engine diff plan.yaml plan.yaml --set-b gap=120

    Exit code 0: nothing differs (without --data: in the rules; with it: in records and estimates); 1: something does;
    2: a ruleset is wrong; 3: the data are.
    """
    settings = (parameters, {**parameters, **parameters_b})
    if data is None:
        if out is not None or data_cutoff or cutoff_b or endpoints:
            raise click.UsageError(
                "--out, --endpoint and the cut-offs need --data: without it the rules alone are compared."
            )
        return _rules_alone(before, after, settings, as_json=as_json)
    from rules_engine.cli._progress import StageProgress
    from rules_engine.engine import Engine
    from rules_engine.study import read_study
    from rules_engine.study.writing import write_text

    engines = [Engine(name, parameters=given or None) for name, given in zip((before, after), settings, strict=True)]
    with StageProgress() as progress:
        results = []
        for engine, cutoff in zip(engines, (data_cutoff, cutoff_b or data_cutoff), strict=True):
            progress(f"reading for {engine.ruleset.id}")
            study = read_study(data, ruleset=engine.ruleset, registry=engine.registry)
            results.append(engine.run(study, data_cutoff=cutoff, progress=progress))
        progress("comparing")
        comparison = results[0].diff(results[1], endpoints=endpoints)
    if out is not None:
        write_text(out, comparison.html())
    if as_json:
        click.echo(json.dumps({"ok": True, **comparison.as_dict()}, ensure_ascii=False, indent=2))
    else:
        click.echo(str(comparison))
        if out is not None:
            click.echo(f"Page: {out.resolve()}")
    return EXIT_FOUND if comparison.results_differ else 0


def _rules_alone(before: str, after: str, settings: Sequence[dict[str, Any]], *, as_json: bool) -> int:
    from rules_engine.diff import compare_rules, with_sentences
    from rules_engine.diff.page import rule_blocks
    from rules_engine.loading import load_ruleset
    from rules_engine.pages import Page, Section, render_markdown
    from rules_engine.registry import default_registry

    rulesets = [load_ruleset(name, parameters=given) for name, given in zip((before, after), settings, strict=True)]
    rules = with_sentences(compare_rules(*rulesets), rulesets[0], rulesets[1], default_registry())
    if as_json:
        named = {side: {"ruleset": one.id} for side, one in zip(("before", "after"), rulesets, strict=True)}
        click.echo(
            json.dumps({"ok": True, **named, "rules": [rule.as_dict() for rule in rules]}, ensure_ascii=False, indent=2)
        )
    else:
        title = f"{rulesets[0].id} and {rulesets[1].id} compared"
        blocks = rule_blocks(None, None, rules)
        click.echo(render_markdown(Page(title, [], [Section("rules", "What differs in the rules", blocks)])))
    return EXIT_FOUND if rules else 0
