"""`rules-engine check`: is a ruleset right, what does it say in full, and where does each value come from."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rules_engine.model import Ruleset

from rules_engine.cli._parameters import set_option


@click.command("check", short_help="Check rulesets without data.")
@click.argument("rulesets", nargs=-1, required=True, metavar="RULESET…")
@click.option("--effective", "show", is_flag=True, help="Print each ruleset in full, and where each value was stated.")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def command(rulesets: tuple[str, ...], show: bool, as_json: bool, parameters: dict[str, Any]) -> int:
    """Check each RULESET (a name, a file, or a folder that holds ruleset.yaml) without any data.

    All problems are told at once: file, line and column, the path in the document, what is wrong, what was meant
    perhaps, and what to do. --effective prints the ruleset as it is in force, after `extends`, `like` and defaults; the
    output is itself a ruleset. Notes say which options change nothing, and what a ruleset does not hold, such as terms
    that have no number yet.

    \b
    Examples:
      rules-engine check my_protocol.yaml
      rules-engine check tace_ici_hcc --effective > in_force.yaml

    Exit code 0: all are right; 2: at least one is not.
    """
    from rules_engine.cli._progress import StageProgress
    from rules_engine.errors import EXIT_RULESET, RulesetError
    from rules_engine.loading import effective, load_ruleset

    answers: list[dict[str, object]] = []
    failed = False
    for name in rulesets:
        try:
            with StageProgress() as progress:
                progress(f"checking {name}")
                ruleset = load_ruleset(name, parameters=parameters)
        except RulesetError as error:
            failed = True
            problems = [problem.as_dict() for problem in error.problems]
            answers.append({"ruleset": name, "ok": False, "problems": problems})
            if not as_json:
                for problem in error.problems:
                    click.echo(str(problem), err=True)
                count = len(error.problems)
                click.echo(f"{name}: {count} problem{'s' if count != 1 else ''}", err=True)
            continue
        text = effective(ruleset) if show else None
        answer: dict[str, object] = {
            "ruleset": name,
            "ok": True,
            "id": ruleset.id,
            "kind": ruleset.kind,
            "title": ruleset.title,
            "files": list(ruleset.files),
            "responses": list(ruleset.responses),
            "endpoints": {
                paramcd: {"label": endpoint.label, "kind": endpoint.kind, "response": endpoint.response}
                for paramcd, endpoint in ruleset.endpoints.items()
            },
            "analyses": list(ruleset.analyses),
            "problems": [],
            "notes": (notes := _notes(ruleset)),
        }
        if text is not None:
            answer["effective"] = text
        answers.append(answer)
        if not as_json:
            click.echo(
                text if text is not None else _summary(name, ruleset.kind, ruleset.title, list(ruleset.endpoints))
            )
            for note in notes:
                click.echo(f"  note: {note}", err=text is not None)
    if as_json:
        click.echo(json.dumps({"ok": not failed, "rulesets": answers}, ensure_ascii=False, indent=2))
    sys.stdout.flush()
    return EXIT_RULESET if failed else 0


def _notes(ruleset: Ruleset) -> list[str]:
    """Options that change nothing, and what the gradings of the ruleset, or it itself as a grading, say of themselves."""
    from rules_engine.describe import options_without_effect
    from rules_engine.registry import default_registry

    gradings = default_registry().gradings
    used = [
        (graded.rules.grading, graded.rules.document) for graded in (ruleset.labs, ruleset.adverse_events) if graded
    ]
    if ruleset.kind == "grading":
        used.append((str(ruleset.document["grading"]), ruleset.document))
    idle = options_without_effect(ruleset)
    return idle + list(dict.fromkeys(note for name, document in used for note in gradings[name].notes(document)))


def _summary(name: str, kind: str, title: str, endpoints: list[str]) -> str:
    lines = [f"{name}: right ({kind})", f"  {title}"]
    if endpoints:
        lines.append(f"  endpoints: {', '.join(endpoints)}")
    return "\n".join(lines)
