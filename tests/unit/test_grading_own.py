"""A sponsor's own grading is a file: the one that docs/grading.md shows, run from the command line."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from rules_engine import Engine, read_study
from rules_engine.cli import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "grading.md"

#: Analyte, unit, upper or lower limit, baseline, result, and the grade by the table (worse of the two arms of creatinine).
RESULTS = [
    ("ALT", "U/L", None, 40.0, None, "49.9", "0"), ("ALT", "U/L", None, 40.0, None, "50", "1"),
    ("ALT", "U/L", None, 40.0, None, "100", "2"), ("ALT", "U/L", None, 40.0, None, "400", "4"),
    # An abnormal baseline makes no difference to ALT: ten times the limit is grade 4, where CTCAE v5.0 says 1.
    ("ALT", "U/L", None, 40.0, "380", "400", "4"),
    ("CREAT", "mg/dL", None, 1.2, "0.6", "0.77", "0"), ("CREAT", "mg/dL", None, 1.2, "0.6", "0.78", "2"),
    ("CREAT", "mg/dL", None, 1.2, "0.6", "0.9", "3"), ("CREAT", "mg/dL", None, 1.2, "0.6", "1.2", "4"),
    ("CREAT", "mg/dL", None, 1.2, None, "1.56", "1"), ("CREAT", "mg/dL", None, 1.2, None, "1.57", "2"),
    # Each printed scale by its own numbers; other units are converted to the first one.
    ("URATE", "mg/dL", None, None, None, "9.99", "1"), ("URATE", "mg/dL", None, None, None, "10", "2"),
    ("URATE", "mmol/L", None, None, None, "0.59", "2"), ("URATE", "umol/L", None, None, None, "892.1", "3"),
    ("URATE", "umol/L", None, None, None, "892.3", "4"), ("URATE", "mg/dL", None, None, None, "7.4", "0"),
    # No limit of normal is asked for: 1.0 belongs to grade 1, and 1.01 is grade 0 even below the limit.
    ("NEUT", "10^9/L", 2.0, None, None, "1.01", "0"), ("NEUT", "10^9/L", 2.0, None, None, "1.0", "-1"),
    ("NEUT", "/mm3", 2000.0, None, None, "399", "-4"),
    # The worse of the absolute and the relative cut-off.
    ("FIBRINO", "mg/dL", 400.0, None, None, "190", "-3"), ("FIBRINO", "g/L", 1.0, None, None, "1.5", "-1"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The grading of the page, a protocol that names it, and a study of one subject for each result."""
    section = PAGE.read_text(encoding="utf-8").split("## A grading of one's own")[1]
    (tmp_path / "daids_small.yaml").write_text(section.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    protocol = "rules_engine: 1\nid: own\nkind: protocol\ntitle: Own grading\nlabs: {grading: daids_small.yaml}\n"
    (tmp_path / "own.yaml").write_text(protocol, encoding="utf-8")
    study = tmp_path / "study"
    study.mkdir()
    names = [f"{number:02d}" for number in range(len(RESULTS))]
    pl.DataFrame({"subject": names}).write_csv(study / "subjects.csv")
    courses = {"subject": names, "treatment": "TACE", "component": "tace", "start_date": "2024-03-01"}
    pl.DataFrame(courses).write_csv(study / "treatments.csv")
    rows = []
    for name, (analyte, unit, lln, uln, baseline, value, _grade) in zip(names, RESULTS, strict=True):
        common = {"subject": name, "analyte": analyte, "unit": unit, "lln": lln, "uln": uln}
        rows.append({**common, "date": "2024-03-05", "value": value})
        if baseline is not None:
            rows.append({**common, "date": "2024-02-28", "value": baseline})
    pl.DataFrame(rows, infer_schema_length=None).write_csv(study / "labs.csv")
    return tmp_path


def test_the_grading_of_the_page_runs_and_grades_by_its_table(folder: Path) -> None:
    engine = Engine(folder / "own.yaml")
    out = engine.run(read_study(folder / "study", ruleset=engine.ruleset), data_cutoff="2024-12-31")
    graded = out.adlb.filter(pl.col("ADT") == pl.date(2024, 3, 5)).sort("USUBJID")
    assert graded["ATOXGR"].to_list() == [grade for *_facts, grade in RESULTS]
    assert set(graded["CTCAEVER"]) == {"DAIDS 2.1"}
    assert {"ALT, High", "Creatinine, High", "Uric Acid, High"} == set(graded["ATOXDSCH"].drop_nulls())


def test_the_command_line_takes_it(folder: Path) -> None:
    for arguments in (["check", str(folder / "own.yaml"), str(folder / "daids_small.yaml")],
                      ["run", str(folder / "own.yaml"), "--data", str(folder / "study"), "--data-cutoff", "2024-12-31",
                       "--out", str(folder / "out")]):  # fmt: skip
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 0
    assert (folder / "out" / "adlb.parquet").is_file()
