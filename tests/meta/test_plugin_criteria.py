"""Criteria in folders of their own: rulesets in words with sources, cases that pass and reach every rule, pages that are current."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from rules_engine.casebook import run_cases
from rules_engine.casebook.criterion_pages import FILE, criterion_page
from rules_engine.casebook.table_cases import judged
from rules_engine.cli.schema import schemas
from rules_engine.loading import load_criterion_rules, read_document
from rules_engine.pages import render_markdown
from rules_engine.registry import default_registry

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(file.parent for file in (ROOT / "plugins").glob("*/rulesets/*/ruleset.yaml"))
NAMES = [folder.name for folder in FOLDERS]


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "ruleset.yaml").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_the_cases_pass(folder: Path) -> None:
    outcomes = run_cases([folder / "cases.yaml"], default_registry())
    assert [(outcome.id, outcome.mismatches) for outcome in outcomes if not outcome.passed] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_ruleset_and_cases_are_valid_in_an_editor(folder: Path) -> None:
    for name, schema in (("ruleset.yaml", "ruleset.schema.json"), ("cases.yaml", "cases.schema.json")):
        errors = list(Draft202012Validator(schemas()[schema]).iter_errors(read_document(folder / name)))
        assert not errors, [(list(error.path), error.message[:200]) for error in errors[:3]]
        first = (folder / name).read_text(encoding="utf-8").splitlines()[0]
        assert first == f"# yaml-language-server: $schema=../../../../schemas/{schema}"


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_the_page_in_the_repository_is_the_one_that_is_generated(folder: Path) -> None:
    written = (folder / FILE).read_text(encoding="utf-8")
    page = render_markdown(criterion_page(folder, default_registry()))
    assert written == page, "run `python -m rules_engine.casebook.criterion_pages plugins` and commit the result"


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_every_value_and_every_rule_has_words_and_a_reference(folder: Path) -> None:
    stated = document(folder)
    for name, entry in (*stated["values"].items(), *stated["rules"].items()):
        assert entry.get("text"), name
        assert entry.get("reference"), name


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_every_rule_decides_some_case_and_every_rule_that_decides_is_documented(folder: Path) -> None:
    fired: set[str] = set()
    for case in yaml.safe_load((folder / "cases.yaml").read_text(encoding="utf-8"))["cases"]:
        rules = load_criterion_rules(folder / "ruleset.yaml", case.get("options") or {}, registry=default_registry())
        rows = judged({"S": case}, rules, default_registry())
        fired |= {*rows["rule_id"], *(rule for trace in rows["trace"] for rule in trace.split(";") if rule)}
    assert fired == set(document(folder)["rules"])
