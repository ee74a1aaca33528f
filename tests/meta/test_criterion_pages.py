"""The page of each criterion is current, its table is that of the papers, and every rule has decided some case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from rules_engine import criteria
from rules_engine.casebook.criterion_cases import lesion_rows
from rules_engine.casebook.criterion_pages import FILE, criterion_page
from rules_engine.contracts import LESION_ASSESSMENTS, canonical_schema
from rules_engine.loading import load_criterion_rules
from rules_engine.pages import Table, render_markdown
from rules_engine.registry import default_registry

ROOT = Path(__file__).resolve().parents[2]
RULESETS = ROOT / "rulesets"
CRITERIA = ("recist_1_1", "mrecist", "irecist", "mrecist_irecist")
#: Eisenhauer 2009, tables 1 and 2, with what was not evaluated and what was not there at baseline.
WITHOUT_NEW_LESION = {
    "CR": ["CR", "PR", "PD", "PR", "CR"],
    "PR": ["PR", "PR", "PD", "PR", "PR"],
    "SD": ["SD", "SD", "PD", "SD", "SD"],
    "PD": ["PD", "PD", "PD", "PD", "PD"],
    "NE": ["NE", "NE", "PD", "NE", "NE"],
    "NA": ["CR", "NON-CR/NON-PD", "PD", "NE", "NED"],
}
I_CODE = {
    "CR": "iCR",
    "PR": "iPR",
    "SD": "iSD",
    "NON-CR/NON-PD": "NON-iCR/NON-iUPD",
    "PD": "iUPD",
    "NE": "NE",
    "NED": "NED",
}


@pytest.mark.parametrize("name", CRITERIA)
def test_the_page_in_the_repository_is_the_one_that_is_generated(name: str) -> None:
    page = render_markdown(criterion_page(RULESETS / name, default_registry()))
    written = (RULESETS / name / FILE).read_text(encoding="utf-8")
    assert written == page, "run `python -m rules_engine.casebook.criterion_pages rulesets` and commit the result"


@pytest.mark.parametrize("name", CRITERIA)
def test_the_table_of_overall_responses_is_that_of_the_papers(name: str) -> None:
    (section,) = [s for s in criterion_page(RULESETS / name, default_registry()).sections if s.anchor == "truth-table"]
    without, with_new = [block for block in section.blocks if isinstance(block, Table)][:2]
    code = I_CODE if name == "irecist" else {one: one for one in I_CODE}
    shown = {row.heading.text: [cell.text for cell in row.cells] for row in without.rows}
    assert shown == {target: [code[one] for one in line] for target, line in WITHOUT_NEW_LESION.items()}
    assert {cell.text for row in with_new.rows for cell in row.cells} == {code["PD"]}


def decided(name: str) -> set[str]:
    """Every rule that fires in the worked cases of a criterion."""
    registry = default_registry()
    found: set[str] = set()
    for case in yaml.safe_load((RULESETS / name / "cases.yaml").read_text(encoding="utf-8"))["cases"]:
        rules = load_criterion_rules(name, case.get("options") or {}, registry=registry)
        lesions = pl.LazyFrame(lesion_rows("S", case), schema=canonical_schema(LESION_ASSESSMENTS))
        timepoints = registry.criteria.require(rules.criterion).assess(lesions, rules).collect()
        day = case.get("reference_date") or case["visits"][0]["date"]
        start = pl.LazyFrame({"subject": ["S"], "reference_date": [day]}).with_columns(
            pl.col("reference_date").cast(pl.String).str.to_date()
        )
        subject = criteria.subject_responses(timepoints.lazy(), start, rules).collect()
        found |= {rule.split(" ")[0] for trace in timepoints["trace"] for rule in trace.split(";")} | set(
            timepoints["rule_id"]
        )
        found |= {
            *subject["bor_rule_id"],
            *(rule for some in subject["progression_reasons"].to_list() for rule in some or []),
        }
    return found


def documented(name: str) -> set[str]:
    document: dict[str, Any] = yaml.safe_load((RULESETS / name / "ruleset.yaml").read_text(encoding="utf-8"))
    return set(document["rules"])


def test_every_rule_has_decided_some_case_and_every_rule_that_decides_is_documented() -> None:
    fired = {name: decided(name) for name in CRITERIA}
    stated = {name: documented(name) for name in CRITERIA}
    everything, known = set().union(*fired.values()), set().union(*stated.values())
    assert not known - everything, "no case is decided by these rules"
    # What confirms an iUPD is a list of reasons; each has its rule in the trace.
    assert not everything - known - {"C1", "C2", "C3", "C4", "C5", "C6"}, "these rules are not documented"


@pytest.mark.parametrize("name", CRITERIA)
def test_every_value_and_every_rule_has_words_and_a_reference(name: str) -> None:
    document: dict[str, Any] = yaml.safe_load((RULESETS / name / "ruleset.yaml").read_text(encoding="utf-8"))
    for entry in (*document["values"].items(), *document["rules"].items()):
        assert entry[1].get("text"), entry
        assert entry[1].get("reference"), entry
