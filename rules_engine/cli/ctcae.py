"""`rules-engine ctcae`: the grading rulesets, told and completed."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group("ctcae", short_help="Import NCI's workbook; show the units of a grading.")
def command() -> None:
    """Gradings by CTCAE: bring in NCI's codes and wording, show the units that a grading ruleset knows.

    \b
    Examples:
      rules-engine ctcae import CTCAE_v5.0.xlsx --out my_ctcae
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


@command.command("import", short_help="Bring NCI's workbook into a ruleset of your own.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("my_ctcae"), show_default=True,
    help="Folder of your copy of the grading ruleset; made if missing, completed if it is there.",
)  # fmt: skip
@click.option(
    "--preferred-terms", type=click.Path(path_type=Path),
    help="CSV with the columns preferred_term and term: MedDRA preferred terms and the dictionary terms they are graded under.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def import_(file: Path, out: Path, preferred_terms: Path | None, as_json: bool) -> None:
    """Read NCI's own workbook of the CTCAE (FILE, .xlsx, versions 5.0 and 6.0), which you have downloaded, and write its
    definitions and codes into OUT/ruleset.yaml, a grading ruleset that extends ours.

    Codes and wording stay in your copy: they are NCI's and MedDRA's, and this package does not ship them. Of a version whose
    dictionary we hold in part (6.0), classes and grades come from the workbook. Of one that we do not hold at all, terms and
    grades come from it, and no laboratory result is graded.
    """
    from rules_engine.grading.importing import import_workbook, read_preferred_terms
    from rules_engine.grading.rules import read_rules
    from rules_engine.grading.workbook import read_workbook
    from rules_engine.loading import load_ruleset
    from rules_engine.study.writing import write_text

    workbook = read_workbook(file)
    base = None
    for name in ("ctcae_v6", "ctcae_v5", "ctcae_v4_03"):
        rules = read_rules(load_ruleset(name).document)
        if rules.version == workbook.version:
            base = (name, rules)
    imported = import_workbook(workbook, out.name, base)
    document = {**_present(out / "ruleset.yaml"), **imported.document}
    if preferred_terms is not None:
        known = (
            base[1]
            if base is not None
            else read_rules({**document, "numerics": {"tolerance": 0, "prolonged_hours": 0}})
        )
        document["preferred_terms"] = read_preferred_terms(preferred_terms, known)
    out.mkdir(parents=True, exist_ok=True)
    written = write_text(out / "ruleset.yaml", _as_yaml(document))
    if as_json:
        done = {
            "ok": True, "written": str(written), "version": workbook.version, "terms": len(workbook.terms),
            "differences": list(imported.differences), "grades_laboratory_results": base is not None,
        }  # fmt: skip
        click.echo(json.dumps(done, ensure_ascii=False, indent=2))
        return
    click.echo(f"{len(workbook.terms)} terms of version {workbook.version} from sheet {workbook.sheet!r}")
    for difference in imported.differences:
        click.echo(f"  {difference}")
    if base is None:
        click.echo(
            f"No cut-offs of version {workbook.version} are known: it grades reported events, and no laboratory result."
        )
    click.echo(f"Written: {written}\nUse it: adverse_events: {{grading: {out}}}")


def _present(file: Path) -> dict[str, object]:
    """What the reader's copy states so far; nothing where there is none."""
    from rules_engine.errors import UsageError
    from rules_engine.loading import read_document

    if not file.is_file():
        return {}
    document = read_document(file)
    if not isinstance(document, dict) or document.get("kind") != "grading":
        raise UsageError.at(str(file), "it is no grading ruleset", "name another folder with --out")
    return document


def _as_yaml(document: object) -> str:
    import yaml

    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=140)
