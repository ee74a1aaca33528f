"""admiral's own unit cases of TRTEMFL, ATOXGR and ATOXGRL/H, where the rules are meant to be the same.

Runs where the environment variable RULES_ENGINE_ADMIRAL_CASES names the folder with the cases; they are not ours to ship. Where
our rule differs on purpose, the case is left out by its reason, not by its number:

* without `initial_intensity` admiral counts no event from before treatment; here one that may have worsened counts;
* `group_var` (worsening within a group of records) is not our rule: the initial grade stands on the record;
* `ignore_time_for_trt_end = False` compares clock times; here days are compared;
* DAIDS and v6.0 are other gradings than the two we ship;
* fibrinogen, GGT at twice the baseline, hyponatremia between whole numbers, triglycerides at their first cut-off, and INR:
  docs/grading.md, Interpretations.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rules_engine import contracts, grading
from rules_engine.grading.documents import rules_of_version

FOLDER = Path(os.environ.get("RULES_ENGINE_ADMIRAL_CASES", ""))
pytestmark = pytest.mark.skipif(
    not (FOLDER / "derive_var_trtemfl.json").is_file(),
    reason="RULES_ENGINE_ADMIRAL_CASES names no folder with unit cases",
)


def day(text: str | None) -> str | None:
    return None if text is None else text[:10]


def test_treatment_emergent_events() -> None:
    compared = 0
    for case in json.loads((FOLDER / "derive_var_trtemfl.json").read_text(encoding="utf-8")):
        asked = case["args"]
        if "expected" not in case or "initial_intensity" not in asked or "group_var" in asked:
            continue
        if asked.get("ignore_time_for_trt_end") is False:
            continue
        flag = asked.get("new_var", {"var": "TRTEMFL"})["var"]
        for row in case["expected"]:
            question = {name.removesuffix("M"): day(row[name]) for name in ("TRTSDTM", "TRTEDTM", "ASTDTM", "AENDTM")}
            question |= {"AEITOXGR": row["AEITOXGR"], "AETOXGR": row["AETOXGR"], "window_days": asked.get("end_window")}
            assert grading.treatment_emergent(question) == {"TRTEMFL": row[flag]}, (case["id"], row)
            compared += 1
    assert compared >= 36


def test_one_grade_out_of_two_directions() -> None:
    rows = pl.read_csv(FOLDER / "derive_var_atoxgr.csv", infer_schema=False)
    for row in rows.iter_rows(named=True):
        assert grading.combine_atoxgr(row) == {"ATOXGR": row["EXPECTED"]}, row


#: Terms of the cases, in small letters, and the analyte that we grade them by; two of a term are told apart by nothing there.
ANALYTES = {
    "anemia": "HGB", "leukocytosis": "WBC", "activated partial thromboplastin time prolonged": "APTT",
    "alanine aminotransferase increased": "ALT", "alkaline phosphatase increased": "ALP", "aspartate aminotransferase increased": "AST",
    "blood bilirubin increased": "BILI", "cd4 lymphocytes decreased": "CD4", "cholesterol high": "CHOL", "cpk increased": "CK",
    "creatinine increased": "CREAT", "hemoglobin increased": "HGB", "lipase increased": "LIPASE",
    "lymphocyte count decreased": "LYM", "lymphocyte count increased": "LYM", "neutrophil count decreased": "NEUT",
    "platelet count decreased": "PLAT", "serum amylase increased": "AMYLASE", "white blood cell decreased": "WBC",
    "hyperkalemia": "K", "hypokalemia": "K", "hypermagnesemia": "MG", "hypomagnesemia": "MG", "hypernatremia": "SODIUM",
    "hypoalbuminemia": "ALB", "hypoglycemia": "GLUC", "hyperuricemia": "URATE", "hypophosphatemia": "PHOS",
    "haptoglobin decreased": "HAPTOG", "blood lactate dehydrogenase increased": "LDH",
}  # fmt: skip


def test_grades_of_laboratory_results() -> None:
    cases = pl.read_parquet(FOLDER / "derive_var_atoxgr_dir.parquet")
    compared, differing = Counter[str](), Counter[str]()
    for criteria, version in (("ctcv4", "4.03"), ("ctcv5", "5.0"), ("ctcv4_uscv", "4.03"), ("ctcv5_uscv", "5.0")):
        part = cases.filter(pl.col("CRITERIA") == f"atoxgr_criteria_{criteria}", pl.col("EXPECTED").is_not_null())
        terms = pl.col("TERM").str.to_lowercase()
        chosen = part.filter(terms.is_in(list(ANALYTES))).with_columns(
            _analyte=terms.replace_strict(ANALYTES, default=None)
        )
        for row, graded in zip(chosen.iter_rows(named=True), _graded(chosen, version), strict=True):
            compared[criteria] += 1
            if graded is not None and str(graded) != row["EXPECTED"]:
                differing[f"{row['TERM']} {version}"] += 1
    assert sum(compared.values()) > 400
    assert differing == Counter()


def _graded(rows: pl.DataFrame, version: str) -> list[int | None]:
    """Our grades of the rows, each a subject of its own: baseline on day 0, value on day 1."""
    start = date(2024, 1, 1)
    labs: list[dict[str, Any]] = []
    for number, row in enumerate(rows.iter_rows(named=True)):
        common = {
            "subject": f"{number:05d}", "analyte": row["_analyte"], "unit": row["UNIT"], "lln": row["ANRLO"], "uln": row["ANRHI"],
            "fasting": True,
        }  # fmt: skip
        if row["BASE"] is not None:
            labs.append({**common, "date": start, "value": str(row["BASE"]), "row": 2 * number})
        value = None if row["AVAL"] is None else str(row["AVAL"])
        labs.append({**common, "date": start + timedelta(days=1), "value": value, "row": 2 * number + 1})
    frame = pl.LazyFrame(labs, schema=contracts.canonical_schema(contracts.TABLES["labs"]))
    context = frame.select("subject").unique().with_columns(treatment_start=pl.lit(start))
    options = grading.LabOptions(contradicting_range="grade")
    out = grading.derive_lab_grades(frame, rules_of_version(version), options, context).collect()
    values = out.filter(pl.col("date") > start).sort("row")
    directions = rows["DIRECTION"].to_list()
    return [
        low if direction == "L" else high
        for direction, low, high in zip(directions, values["atoxgrl"], values["atoxgrh"], strict=True)
    ]
