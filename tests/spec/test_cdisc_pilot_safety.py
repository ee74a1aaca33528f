"""ADAE and ADLB variables of the CDISC pilot study against those that pharmaverse published, every difference by its reason.

Runs where the environment variable RULES_ENGINE_PILOT_DATA names the folder with the files; the data are not ours to ship.
What the publisher did: TRTEMFL within 30 days of the last treatment without an initial grade, AOCCIFL by severity, ABLFL the
last result up to the first treatment, grades by CTCAE v4.03.
"""

from __future__ import annotations

import csv
import os
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from rules_engine import contracts, grading
from rules_engine.grading.documents import rules_of_version
from rules_engine.grading.occurrence import FLAGS, derive_occurrence_flags

from tests.strategies.safety import table

FOLDER = Path(os.environ.get("RULES_ENGINE_PILOT_DATA", ""))
pytestmark = pytest.mark.skipif(
    not (FOLDER / "adlb.parquet").is_file(), reason="RULES_ENGINE_PILOT_DATA names no folder with the pilot study"
)
CUTOFF = date(2015, 3, 5)


def rows(file: str) -> list[dict[str, str]]:
    with Path(FOLDER, f"{file}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def day(text: str) -> date | None:
    return date.fromisoformat(text[:10]) if text else None


@pytest.fixture(scope="module")
def context() -> pl.LazyFrame:
    people = rows("adsl")
    subjects = [
        {"subject": row["USUBJID"], "death_date": row["DTHDT"] or None, "end_of_study_date": day(row["EOSDT"])} for row in people
    ]  # fmt: skip
    courses = [
        {"subject": row["USUBJID"], "component": "other", "start_date": row["TRTSDT"], "last_date": day(row["TRTEDT"])}
        for row in people
        if row["TRTSDT"]
    ]
    return grading.derive_context(table("subjects", subjects), table("treatments", courses), CUTOFF)


@pytest.fixture(scope="module")
def events(context: pl.LazyFrame) -> pl.DataFrame:
    """Our columns in small letters beside the published ones; severity (1 to 3) stands in for the grade."""
    published = rows("adae")
    given = [
        {
            "subject": row["USUBJID"], "term": row["AETERM"], "soc": row["AEBODSYS"], "start_date": row["AESTDTC"] or None,
            "end_date": row["AEENDTC"] or None, "aeseq": int(row["AESEQ"]), "grade": row["ASEVN"] or None,
        }
        for row in published
    ]  # fmt: skip
    options = grading.event_options({"emergent_window_days": 30})
    found = grading.derive_event_grades(table("adverse_events", given), rules_of_version("5.0"), options, context)
    wanted = ("ASTDT", "ASTDTF", "AENDT", "AENDTF", "ASTDY", "AENDY", "TRTEMFL", "AOCCIFL", "TRTSDT")
    theirs = pl.DataFrame([{name: row[name] or None for name in wanted} for row in published], infer_schema_length=None)
    return pl.concat([found.collect().sort("row"), theirs], how="horizontal")


def test_days_of_events_are_the_published_ones(events: pl.DataFrame) -> None:
    assert events.height == 1191
    assert (
        events.filter(pl.col("ASTDTF").is_not_null()).height == 26
    )  # of 26 starts the day, or the month too, is unknown
    for name in ("ASTDT", "ASTDTF", "AENDT", "AENDTF", "ASTDY", "AENDY"):
        ours = pl.col(name.lower()).cast(pl.String)
        assert events.filter(ours.ne_missing(pl.col(name))).is_empty(), name


def test_emergent_events_differ_only_where_nobody_says_whether_they_worsened(events: pl.DataFrame) -> None:
    differing = events.filter(pl.col("treatment_emergent") != pl.col("TRTEMFL").eq_missing("Y"))
    assert differing.height == 61
    first = pl.col("TRTSDT").str.to_date()
    went_on = (pl.col("astdt") < first) & ((pl.col("aendt") >= first) | pl.col("aendt").is_null())
    assert differing.filter(went_on & pl.col("treatment_emergent")).height == 61


def test_first_events_of_the_worst_severity_are_the_published_ones(events: pl.DataFrame) -> None:
    same_emergent = events.drop(list(FLAGS)).with_columns(treatment_emergent=pl.col("TRTEMFL").eq_missing("Y"))
    flagged = derive_occurrence_flags(same_emergent)
    assert flagged.filter(pl.col("aoccifl") != pl.col("AOCCIFL").eq_missing("Y")).is_empty()
    assert flagged["aoccifl"].sum() == 217


@pytest.fixture(scope="module")
def labs(context: pl.LazyFrame) -> pl.DataFrame:
    """Our columns in small letters beside the published ones: chemistry and haematology as measured."""
    measured = (
        pl.read_parquet(FOLDER / "adlb.parquet")
        .filter(pl.col("DTYPE").is_null(), pl.col("PARCAT1").is_in(["CHEMISTRY", "HEMATOLOGY"]))
        .with_row_index("row", offset=1)
    )
    schema = contracts.canonical_schema(contracts.TABLES["labs"])
    given = measured.select(
        "row", subject="USUBJID", date="ADT", analyte="LBTESTCD", value=pl.coalesce(pl.col("AVAL").cast(pl.String), "AVALC"),
        unit="LBSTRESU", lln="ANRLO", uln="ANRHI", seq="LBSEQ",
    )  # fmt: skip
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in given.columns]
    canonical = given.with_columns(missing).select([pl.col(name).cast(kind) for name, kind in schema.items()])
    options = grading.LabOptions(baseline="derived", baseline_lookback_days=None)
    found = grading.derive_lab_grades(canonical.lazy(), rules_of_version("4.03"), options, context).collect()
    return pl.concat([found.sort("row"), measured.drop("row")], how="horizontal")


def differing(labs: pl.DataFrame, ours: str, theirs: pl.Expr) -> dict[str, int]:
    """How many results differ, by analyte."""
    kept = labs.filter(pl.col(ours).ne_missing(theirs))
    return dict(kept.group_by("LBTESTCD").len().iter_rows())


def test_results_on_treatment_are_the_published_ones(labs: pl.DataFrame) -> None:
    assert labs.height == 54_659
    assert differing(labs, "on_treatment", pl.col("ONTRTFL").eq_missing("Y")) == {}


def test_baseline_records_are_the_published_ones(labs: pl.DataFrame) -> None:
    known = labs.filter(pl.col("analyte_key").is_not_null(), pl.col("value_number").is_not_null())
    assert known.height == 36_274
    assert differing(known, "is_baseline_record", pl.col("ABLFL").eq_missing("Y")) == {}


def test_baselines_differ_only_by_the_correction_of_calcium_and_derived_lymphocyte_counts(labs: pl.DataFrame) -> None:
    known = labs.filter(pl.col("analyte_key").is_not_null(), pl.col("value_number").is_not_null())
    rounded = known.with_columns(pl.col("base", "BASE", "value_number", "CHG").round(9))
    # CA: here corrected by albumin. LYM: there from the percentage and the white cells, where no count was measured.
    assert differing(rounded, "base", pl.col("BASE")) == {"CA": 777, "LYM": 28}
    after = rounded.filter(pl.col("is_post_baseline"), ~pl.col("LBTESTCD").is_in(["CA"]), pl.col("base").is_not_null())
    change = (pl.col("value_number") - pl.col("base")).round(9)
    assert after.height > 29_000
    assert after.filter((change - pl.col("CHG")).abs() > 1e-8).is_empty()


def test_grades_differ_only_by_reason(labs: pl.DataFrame) -> None:
    both = labs.filter(pl.col("value_number").is_not_null())
    counts: dict[str, dict[str, int]] = {}
    for name in ("ATOXGRL", "ATOXGRH"):
        graded = both.filter(pl.col(name).is_not_null(), pl.col(name.lower()).is_not_null())
        counts[name] = differing(graded, name.lower(), pl.col(name).cast(pl.Int8))
        assert graded.height == {"ATOXGRL": 16_276, "ATOXGRH": 23_615}[name]
        # No result that was graded there is without a grade here.
        assert both.filter(pl.col(name).is_not_null(), pl.col(name.lower()).is_null()).is_empty()
    # CA: corrected by albumin here. LYM: graded there by the cut-offs of CD4 cells.
    assert counts["ATOXGRL"] == {"CA": 30, "LYM": 21}
    # GLUC: taken as not fasting there, here unknown. CREAT: compared there with a baseline that was taken later.
    assert counts["ATOXGRH"] == {"CA": 12, "CREAT": 4, "GLUC": 63}
    creatinine = both.filter(pl.col("LBTESTCD") == "CREAT", pl.col("ATOXGRH").cast(pl.Int8) != pl.col("atoxgrh"))
    assert not creatinine["is_post_baseline"].any()
    lymphocytes = both.filter(pl.col("LBTESTCD") == "LYM", pl.col("ATOXGRL").cast(pl.Int8) != pl.col("atoxgrl"))
    assert set(lymphocytes["ATOXDSCL"]) == {"CD4 lymphocytes decreased"}
