"""CTCAE v6.0 as far as it is held: what is not held is refused by name, and what its text leaves open is flagged."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine import contracts
from rules_engine.cli import main
from rules_engine.grading import LabOptions, conclude_ungraded, derive_lab_grades, tally_ungraded
from rules_engine.grading.documents import rules_of_version

START = date(2024, 3, 1)


def graded(*rows: dict[str, Any], version: str = "6.0") -> pl.DataFrame:
    """Results of one subject, graded; `day` counts from the first treatment."""
    full = [
        {"subject": "1", "seq": number, "row": number, "date": START + timedelta(days=row.pop("day", 5)), **row}
        for number, row in enumerate(rows, start=1)
    ]
    labs = pl.LazyFrame(full, schema=contracts.canonical_schema(contracts.TABLES["labs"]))
    context = pl.LazyFrame({"subject": ["1"], "treatment_start": [START]})
    return derive_lab_grades(labs, rules_of_version(version), LabOptions(), context).collect()


def test_a_term_without_numbers_is_refused_by_name_and_counted() -> None:
    labs = graded({"analyte": "LYM", "value": "0.4", "unit": "10^9/L", "lln": 1.0, "uln": 4.0})
    assert labs.select("atoxdscl", "atoxgrl", "reason_low", "atoxgrh", "reason_high").row(0) == (
        "Lymphopenia", None, "NOT_ENCODED", 0, None,
    )  # fmt: skip
    # A high side of 0 says nothing as long as the low side is not known.
    assert labs.select("atoxgr", "grade_reason").row(0) == (None, "NOT_ENCODED")
    told = conclude_ungraded(tally_ungraded(labs.lazy())).collect()
    assert told.select("value", "severity").rows() == [("NOT_ENCODED", "warning")]
    assert "not_encoded" in told["message"][0]


def test_what_v4_03_does_not_hold_is_told_as_such() -> None:
    labs = graded({"analyte": "LVEF", "value": "35", "unit": "%"}, version="4.03")
    assert labs.select("atoxdscl", "grade_reason").row(0) == ("Ejection fraction decreased", "NOT_ENCODED")


@pytest.mark.parametrize(
    ("baseline", "value", "flagged"), [("200", "600", False), ("201", "600", True), ("201", "300", False)]
)
def test_a_grade_for_which_the_text_names_lower_baselines_only_is_flagged(
    baseline: str, value: str, flagged: bool
) -> None:
    """Grade 3 of ALT is printed for baselines up to 5 x ULN, here 200 U/L; grades 1, 2 and 4 for any."""
    common = {"analyte": "ALT", "unit": "U/L", "lln": 5.0, "uln": 40.0}
    labs = graded({**common, "value": baseline, "day": -1}, {**common, "value": value})
    assert ("BASELINE_BEYOND_TEXT" in (labs["grade_flags"][1] or "")) == flagged
    assert labs["atoxgrh"][1] == (3 if value == "600" else 1)


def test_check_names_what_a_protocol_will_not_get(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    protocol = tmp_path / "mine.yaml"
    protocol.write_text(
        "rules_engine: 1\nid: mine\nkind: protocol\nextends: [tace_ici_hcc]\ntitle: Mine\nlabs: {grading: ctcae_v6}\n",
        encoding="utf-8",
    )
    with pytest.raises(SystemExit) as left:
        main(["check", str(protocol), "--json"])
    assert left.value.code == 0
    notes = json.loads(capsys.readouterr().out)["rulesets"][0]["notes"]
    assert any("Lymphopenia" in note and "NOT_ENCODED" in note for note in notes)
    with pytest.raises(SystemExit):
        main(["check", "ctcae_v5", "--json"])
    assert json.loads(capsys.readouterr().out)["rulesets"][0]["notes"] == []
