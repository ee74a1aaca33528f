"""A further criterion of the family, written outside the package in a page, runs from lesion rows to ADRS and PFS."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from rules_engine.engine import Result
from rules_engine.registry import build_registry

from tests.strategies.small_studies import codes, run, told, write_tables
from tests.unit import who_criterion

RULESET: dict[str, Any] = {
    "rules_engine": 1, "id": "who", "kind": "criterion", "extends": ["recist_1_1"], "criterion": "who",
    "title": "WHO, response by products of diameters", "reference": "Miller 1981",
    "values": {
        "pr.pct": {"value": 50, "unit": "%", "text": "Fall of the sum of products.", "reference": "Miller 1981"},
        "pd.pct": {"value": 25, "unit": "%", "text": "Rise of the sum of products.", "reference": "Miller 1981"},
        "pd.abs_mm": {"value": 0, "unit": "mm", "text": "There is no absolute minimum.", "reference": "Miller 1981"},
        "pr.persistence": {"value": "memoryless", "text": "Each visit stands alone.", "reference": "Miller 1981"},
    },
}  # fmt: skip
LESIONS = """
subject,visit_date,is_baseline,lesion_id,role,organ,node,mm,perpendicular_mm,state
A,2024-01-08,Y,T1,target,liver,N,40,20,
A,2024-01-08,Y,L1,target,lymph_node,Y,20,10,
A,2024-03-04,N,T1,target,liver,N,25,16,
A,2024-03-04,N,L1,target,lymph_node,Y,10,10,
A,2024-04-29,N,T1,target,liver,N,25,21,
A,2024-04-29,N,L1,target,lymph_node,Y,10,10,
B,2024-01-08,Y,T1,target,liver,N,30,10,
B,2024-03-04,N,T1,target,liver,N,30,5.1,
B,2024-04-29,N,T1,target,liver,N,30,,
C,2024-01-08,Y,T1,target,liver,N,30,"10,5",
C,2024-03-04,N,T1,target,liver,N,30,10,
"""
SUBJECTS = """
subject,arm,randomisation_date,baseline_date,baseline_adequate,death_date
A,X,2024-01-10,2024-01-08,Y,
B,X,2024-01-10,2024-01-08,Y,
C,X,2024-01-10,2024-01-08,Y,
"""


def derived(folder: Path) -> Result:
    (folder / "who").mkdir()
    (folder / "who" / "ruleset.yaml").write_text(yaml.safe_dump(RULESET), encoding="utf-8")
    study = write_tables(folder / "study", subjects=SUBJECTS, lesion_assessments=LESIONS)
    registry = build_registry(extra=[("who", who_criterion)])
    return run(study, {"overall": {"criterion": str(folder / "who" / "ruleset.yaml")}}, registry=registry)


def test_products_of_diameters_give_responses(tmp_path: Path) -> None:
    result = derived(tmp_path)
    # A: 1000 mm2; 500 is -50 %; 625 is exactly +25 %. B: 300; 153 is -49 %; a diameter is missing.
    assert codes(result) == {"A": ["PR", "PD"], "B": ["SD", "NE"], "C": ["NE"]}
    sums = result.adtr.filter(pl.col("USUBJID") == "A")
    assert sums["AVAL"].to_list() == [1000, 500, 625]
    assert set(sums["PARAMCD"]) == {"SPD"}
    assert set(sums["AVALU"]) == {"mm2"}
    assert sums["ABLFL"].to_list() == ["Y", None, None]
    assert sums["PCHG"].to_list() == [None, -50, -37.5]
    decided = result.adrs.filter(pl.col("PARCAT1") == "TIMEPOINT", pl.col("USUBJID") == "A")
    assert decided["RULEID"].to_list() == ["who.overall.pr", "who.target.pd"]


def test_the_endpoints_of_a_ruleset_are_derived_from_them(tmp_path: Path) -> None:
    pfs = derived(tmp_path).adtte.filter(pl.col("PARAMCD") == "PFS").sort("USUBJID")
    assert pfs["CNSR"].to_list()[0] == 0
    assert pfs["ADT"].to_list()[:2] == [date(2024, 4, 29), date(2024, 3, 4)]
    assert pfs["CNSR"].to_list()[1] != 0


def test_the_second_diameter_is_read_like_the_first(tmp_path: Path) -> None:
    result = derived(tmp_path)
    (said,) = result.findings.filter(pl.col("field") == "perpendicular_mm").iter_rows(named=True)
    assert (said["rule_id"], said["subject"], said["value"]) == ("data.length", "C", "10,5")
    assert said["record"] == "row 10, visit 2024-01-08, lesion T1"
    assert not {rule for rule in told(result, "A") if rule.startswith("lesions.")}


def test_it_is_a_page() -> None:
    assert len(Path(who_criterion.__file__).read_text(encoding="utf-8").splitlines()) < 60


def test_the_page_on_plugins_shows_it() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"
    assert Path(who_criterion.__file__).read_text(encoding="utf-8").rstrip() in page.read_text(encoding="utf-8")
