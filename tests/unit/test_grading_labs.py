"""Laboratory grading in named facts: cut-offs, units, baselines, clinical facts, missing data, directions."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine import contracts
from rules_engine.grading import LabOptions, derive_lab_grades, derive_worst_grades, grade_case
from rules_engine.grading.documents import rules_of_version

START = date(2024, 3, 1)

#: Term, analyte, direction and unit of the values below.
TERMS = {
    "ALT": ("Alanine aminotransferase increased", "H", "U/L"),
    "ALP": ("Alkaline phosphatase increased", "H", "U/L"),
    "GGT": ("GGT increased", "H", "U/L"),
    "BILI": ("Blood bilirubin increased", "H", "mg/dL"),
    "CREAT": ("Creatinine increased", "H", "mg/dL"),
    "HGB": ("Anemia", "L", "g/dL"),
    "HGBH": ("Hemoglobin increased", "H", "g/dL"),
    "INR": ("INR increased", "H", "ratio"),
    "FIBRINO": ("Fibrinogen decreased", "L", "g/L"),
    "K": ("Hyperkalemia", "H", "mmol/L"),
    "KL": ("Hypokalemia", "L", "mmol/L"),
    "SODIUM": ("Hyponatremia", "L", "mmol/L"),
    "GLUC": ("Hypoglycemia", "L", "mg/dL"),
    "GLUCH": ("Hyperglycemia", "H", "mg/dL"),
    "MG": ("Hypomagnesemia", "L", "mg/dL"),
    "TRIG": ("Hypertriglyceridemia", "H", "mg/dL"),
    "CHOL": ("Cholesterol high", "H", "mg/dL"),
    "URATE": ("Hyperuricemia", "H", "umol/L"),
    "LIPASE": ("Lipase increased", "H", "U/L"),
    "EOS": ("Eosinophilia", "H", "10^9/L"),
    "TROPONI": ("Cardiac troponin I increased", "H", "ng/L"),
    "WEIGHT": ("Weight loss", "L", "kg"),
    "LVEF": ("Ejection fraction decreased", "L", "%"),
    "QTC": ("Electrocardiogram QT corrected interval prolonged", "H", "ms"),
    "TEMP": ("Fever", "H", "C"),
    "DLCO": ("Carbon monoxide diffusing capacity decreased", "L", "mL/min/mmHg"),
    "BICARB": ("Blood bicarbonate decreased", "L", "mmol/L"),
    "PROTUDIP": ("Proteinuria", "H", "plus"),
    "WBC": ("White blood cell decreased", "L", "10^9/L"),
    "CACORR": ("Hypercalcemia", "H", "mg/dL"),
    "PHOS": ("Hypophosphatemia", "L", "mg/dL"),
    "PLAT": ("Platelet count decreased", "L", "10^9/L"),
}


def grade(key: str, value: object, version: str = "5.0", policy: str = "worst_case", **more: Any) -> str:
    term, direction, unit = TERMS[key]
    case = {
        "version": version, "term": term, "analyte": key.removesuffix("H") if key in ("HGBH", "GLUCH") else key,
        "direction": direction, "value": value, "unit": unit, "policy": policy, **more,
    }  # fmt: skip
    case["analyte"] = {"KL": "K"}.get(case["analyte"], case["analyte"])
    return grade_case(case)


def test_baseline_multiples_replace_the_limit_after_an_abnormal_baseline() -> None:
    facts = {"uln": 40, "baseline_value": 150, "baseline_uln": 40}
    assert grade("ALT", 600, **facts) == "2"  # 15 x ULN, 4 x baseline
    assert grade("ALT", 600, "4.03", **facts) == "3"  # v4.03 knows no baseline


@pytest.mark.parametrize(("value", "expected"), [(224.9, "0"), (225, "1"), (450, "1"), (451, "2"), (3001, "4")])
def test_alt_begins_at_one_and_a_half_times_an_abnormal_baseline(value: float, expected: str) -> None:
    assert grade("ALT", value, uln=40, baseline_value=150, baseline_uln=40) == expected


@pytest.mark.parametrize("key", ["ALP", "GGT"])
def test_alp_and_ggt_begin_at_twice_an_abnormal_baseline_inclusively(key: str) -> None:
    facts = {"uln": 100, "baseline_value": 150, "baseline_uln": 100}
    assert [grade(key, value, **facts) for value in (299, 300, 375, 376)] == ["0", "1", "1", "2"]


def test_a_baseline_at_the_limit_is_normal() -> None:
    assert grade("ALT", 41, uln=40, baseline_value=40, baseline_uln=40) == "1"


def test_the_baseline_is_judged_by_its_own_range_else_by_the_current_one() -> None:
    assert grade("ALT", 70, uln=40, baseline_value=50, baseline_uln=60) == "1"  # normal then: 1.75 x ULN now
    assert grade("ALT", 70, uln=40, baseline_value=50) == "0"  # abnormal by the current range: 1.4 x baseline


def test_without_a_current_limit_an_abnormal_baseline_still_grades() -> None:
    assert grade("ALT", 600, baseline_value=150, baseline_uln=40) == "2"
    assert grade("ALT", 600, baseline_value=30, baseline_uln=40) == "NA"


def test_creatinine_compares_with_any_baseline_in_grades_2_and_3_only() -> None:
    facts = {"uln": 1.2, "baseline_value": 0.6, "baseline_uln": 1.2}
    assert [grade("CREAT", value, **facts) for value in (0.9, 0.91, 1.8, 1.81)] == ["0", "2", "2", "3"]
    assert grade("CREAT", 0.7, "4.03", **facts) == "1"


@pytest.mark.parametrize(("multiple", "expected"), [(1.5, "1"), (3, "2"), (6, "3")])
@pytest.mark.parametrize("uln", [1.1, 0.7, 1.2, 1.3])
def test_a_value_at_a_multiple_does_not_slip_over_it_by_binary_rounding(
    uln: float, multiple: float, expected: str
) -> None:
    assert grade("CREAT", round(uln * multiple, 4), uln=uln) == expected
    assert grade("CREAT", round(uln * multiple, 4) + 0.0001, uln=uln) == str(int(expected) + 1)


def test_reported_values_are_not_rounded_to_the_cutoff() -> None:
    assert grade("HGB", 9.96, lln=12) == "2"


@pytest.mark.parametrize(
    ("key", "value", "unit", "expected"),
    [
        ("HGB", 4.93, "mmol/L", "2"), ("HGB", 7.94, "g/dL", "3"), ("GLUC", 30.3, "mg/dL", "3"),
        ("GLUC", 1.68, "mmol/L", "4"), ("CACORR", 11.6, "mg/dL", "2"), ("CACORR", 2.89, "mmol/L", "1"),
        ("MG", 0.91, "mg/dL", "2"), ("MG", 0.374, "mmol/L", "3"), ("TRIG", 301, "mg/dL", "2"),
        ("TRIG", 3.40, "mmol/L", "1"),
    ],
)  # fmt: skip
def test_a_value_is_graded_on_the_scale_on_which_it_was_reported(
    key: str, value: float, unit: str, expected: str
) -> None:
    limit = {"uln": value / 1.3} if TERMS[key][1] == "H" else {"lln": value * 3}
    assert grade(key, value, unit=unit, variant="corrected" if key == "CACORR" else "", **limit) == expected


def test_phosphate_of_v4_03_on_both_scales() -> None:
    assert grade("PHOS", 1.95, "4.03", lln=2.7) == "3"
    assert grade("PHOS", 0.63, "4.03", unit="mmol/L", lln=0.9) == "2"


@pytest.mark.parametrize("unit", ["10^9/L", "G/L", "GI/L", "x10⁹/L", "10^3/uL", "K/µL", "10^3/mm3", " k/mcl "])
def test_counts_are_known_by_many_names(unit: str) -> None:
    assert grade("PLAT", 49, unit=unit, lln=150) == "3"


def test_gram_and_giga_per_litre_are_told_apart_by_the_analyte() -> None:
    assert grade("HGB", 99, unit="G/L", lln=120) == "2"
    assert grade("PLAT", 49, unit="g/l", lln=150) == "3"


@pytest.mark.parametrize("unit", ["/mm3", "cells/µL", "10^6/L"])
def test_counts_per_cubic_millimetre(unit: str) -> None:
    assert [grade("PLAT", value, unit=unit, lln=150000) for value in (50000, 49999)] == ["2", "3"]


def test_a_unit_that_is_not_printed_is_converted_exactly() -> None:
    # 2.4 mmol/L of haemoglobin are 2.4 / 0.06206 = 38.7 g/L above the limit.
    assert grade("HGBH", 12.4, unit="mmol/L", uln=10) == "2"
    assert grade("HGBH", 12.5, unit="mmol/L", uln=10) == "3"  # 40.3 g/L
    assert grade("MG", 0.79, unit="mEq/L", lln=1.4) == "3"  # 0.395 mmol/L


@pytest.mark.parametrize("unit", ["", "furlong"])
def test_an_unknown_unit_stops_absolute_cutoffs_but_not_ratios(unit: str) -> None:
    assert grade("HGB", 7, unit=unit, lln=12) == "NA"
    assert grade("ALT", 151, unit=unit, uln=50) == "2"


def test_censored_results_lie_beyond_their_number() -> None:
    assert [grade("PLAT", value, lln=150) for value in ("25", "<25")] == ["3", "4"]
    assert [grade("ALT", value, uln=50) for value in ("150", ">150", "<150")] == ["1", "2", "1"]


@pytest.mark.parametrize("value", ["", "NEGATIVE", "12,3", "nan", "inf", "-"])
def test_a_result_without_a_number_is_not_graded(value: str) -> None:
    assert grade("ALT", value, uln=50) == "NA"


def test_a_missing_limit_is_no_grade_0() -> None:
    assert [grade("HGB", value) for value in (9, 7.9, 11)] == ["2", "3", "NA"]
    assert [grade("K", value) for value in (5.7, 5.2, 3.0)] == ["2", "NA", "NA"]
    assert grade("K", 3.0, lln=3.5) == "NA"  # the other limit is no help
    assert grade("K", 3.0, uln=5.0) == "0"


@pytest.mark.parametrize(
    ("key", "value", "facts", "yes", "no", "worst", "least"),
    [
        ("KL", 3.2, "symptomatic", "2", "2", "2", "1"),  # N alone leaves the intervention open
        ("SODIUM", 127, "symptomatic", "3", "2", "3", "2"),
        ("URATE", 500, "symptomatic", "3", "1", "3", "1"),
        ("LIPASE", 200, "symptomatic", "3", "2", "3", "2"),
        ("LIPASE", 401, "symptomatic", "4", "3", "4", "3"),
        ("BICARB", 20, "intervention", "0", "1", "1", "1"),
    ],
)
def test_clinical_facts_decide_and_the_policy_where_they_are_unknown(
    key: str, value: float, facts: str, yes: str, no: str, worst: str, least: str
) -> None:
    limits = {
        "lln": {"KL": 3.4, "SODIUM": 135, "BICARB": 22}.get(key, 0),
        "uln": {"URATE": 420, "LIPASE": 80}.get(key, 999),
    }
    assert grade(key, value, qualifiers=f"{facts}=Y", **limits) == yes
    assert grade(key, value, qualifiers=f"{facts}=N", **limits) == no
    assert grade(key, value, **limits) == worst
    assert grade(key, value, policy="lab_minimum", **limits) == least


def test_hypokalemia_needs_both_facts_to_be_absent() -> None:
    assert grade("KL", 3.2, lln=3.4, qualifiers="symptomatic=N;intervention=N") == "1"
    assert grade("KL", 3.2, lln=3.4, qualifiers="symptomatic=N;intervention=Y") == "2"
    assert grade("KL", 3.2, lln=3.4, policy="undecided") == "NA"


def test_long_fever_is_worse() -> None:
    assert [grade("TEMP", 40.5, qualifiers=text) for text in ("duration_h=24", "duration_h=25", "")] == ["3", "4", "4"]
    assert grade("TEMP", 40.5, policy="lab_minimum") == "3"
    assert [grade("TEMP", value) for value in (37.9, 38, 39, 39.1, 40)] == ["0", "1", "1", "2", "2"]


def test_inr_has_one_arm_where_anticoagulation_is_known() -> None:
    facts = {"uln": 1.2, "baseline_value": 2.0, "baseline_uln": 1.2}
    assert grade("INR", 2.6, qualifiers="on_anticoagulant=Y", **facts) == "1"  # 1.3 x baseline
    assert grade("INR", 2.6, qualifiers="on_anticoagulant=N", **facts) == "3"
    assert grade("INR", 2.6, **facts) == "3"
    assert grade("INR", 2.6, policy="lab_minimum", **facts) == "3"
    assert grade("INR", 2.6, qualifiers="on_anticoagulant=Y", uln=1.2) == "3"  # no baseline: the absolute arm
    assert grade("INR", 1.2) == "0"
    assert grade("INR", 1.3, "4.03") == "NA"  # v4.03 counts in multiples of the limit


def test_fibrinogen_by_baseline() -> None:
    low = {"lln": 2.0, "baseline_value": 1.6, "baseline_lln": 2.0}
    assert [grade("FIBRINO", value, **low) for value in (1.6, 1.59, 1.2, 0.8, 0.4)] == ["0", "1", "2", "3", "4"]
    normal = {"lln": 2.0, "baseline_value": 3.0, "baseline_lln": 2.0}
    assert [grade("FIBRINO", value, **normal) for value in (1.6, 1.5, 1.49, 0.49)] == ["1", "1", "2", "4"]
    assert grade("FIBRINO", 1.59, "4.03", **low) == "1"
    assert grade("FIBRINO", 1.2, "4.03", **normal) == "3"  # a fall by 60 % counts in v4.03 whatever the baseline


def test_haemoglobin_increased_is_above_the_limit_and_in_v4_03_above_a_high_baseline() -> None:
    facts = {"uln": 17, "baseline_value": 19, "baseline_uln": 17}
    assert grade("HGBH", 19.5, **facts) == "2"
    assert grade("HGBH", 19.5, "4.03", **facts) == "1"


def test_eosinophilia_needs_a_baseline() -> None:
    assert grade("EOS", 0.7, uln=0.45) == "NA"
    assert grade("EOS", 0.3, uln=0.45) == "NA"
    assert [grade("EOS", value, uln=0.45, baseline_value=0.6, baseline_uln=0.45) for value in (0.5, 0.6, 0.7)] == [
        "0",
        "0",
        "1",
    ]


def test_troponin_without_an_infarction_level() -> None:
    assert [grade("TROPONI", value, uln=20) for value in (20, 21, 5000)] == ["0", "1", "1"]
    assert [grade("TROPONI", value, uln=20, mi_cutoff=100) for value in (99.9, 100)] == ["1", "3"]


def test_weight_ejection_fraction_and_qtc() -> None:
    assert [grade("WEIGHT", value, baseline_value=100) for value in (95.1, 95, 90, 80)] == ["0", "1", "2", "3"]
    assert grade("WEIGHT", 80) == "NA"
    assert [grade("LVEF", value) for value in (51, 50, 40, 39.9, 19.9)] == ["0", "2", "2", "3", "4"]
    assert [grade("LVEF", value, baseline_value=80) for value in (71, 70, 60.1, 60)] == ["0", "2", "2", "3"]
    assert [grade("QTC", value, baseline_value=400) for value in (449, 450, 460, 461)] == ["0", "1", "1", "3"]


def test_dlco_leaves_the_limit_once_there_is_a_baseline() -> None:
    assert [grade("DLCO", value, lln=20, qualifiers="symptomatic=N") for value in (17.1, 17, 14.9, 11.9)] == [
        "0",
        "1",
        "2",
        "3",
    ]
    facts = {"lln": 20, "baseline_value": 30}
    assert [grade("DLCO", value, qualifiers="symptomatic=N", **facts) for value in (27.1, 27, 24, 21.9)] == [
        "0",
        "1",
        "2",
        "3",
    ]
    assert grade("DLCO", 24, **facts) == "3"  # symptoms unknown: the worst case


def test_hyperglycemia_by_version_and_fasting() -> None:
    assert grade("GLUCH", 600, uln=99) == "NA"  # clinical in v5.0
    fasting = {"uln": 99, "variant": "fasting"}
    assert [grade("GLUCH", value, "4.03", **fasting) for value in (99, 160, 161, 251, 501)] == ["0", "1", "2", "3", "4"]
    loose = {"uln": 99, "variant": "non-fasting"}
    assert [grade("GLUCH", value, "4.03", **loose) for value in (161, 251, 501)] == ["0", "3", "4"]


def test_dipstick_words() -> None:
    assert [grade("PROTUDIP", word) for word in ("NEGATIVE", "trace", "1+", "++", "3+", "4+")] == [
        "0",
        "0",
        "1",
        "2",
        "2",
        "3",
    ]


def test_grades_that_do_not_exist_are_never_given() -> None:
    assert grade("URATE", 100000, uln=420) == "3"
    assert [grade("CHOL", value, uln=200) for value in (200, 300, 301, 501)] == ["0", "1", "2", "4"]


# Frames ---------------------------------------------------------------------------------------------------------------


def labs(*rows: dict[str, Any]) -> pl.LazyFrame:
    schema = contracts.canonical_schema(contracts.TABLES["labs"])
    filled = [{"subject": "1", "unit": "U/L", "row": position, **row} for position, row in enumerate(rows, start=1)]
    return pl.LazyFrame(filled, schema=schema)


def graded(*rows: dict[str, Any], start: date | None = START, version: str = "5.0", **options: Any) -> pl.DataFrame:
    context = pl.LazyFrame(
        {"subject": ["1"], "treatment_start": [start]}, schema_overrides={"treatment_start": pl.Date}
    )
    return derive_lab_grades(labs(*rows), rules_of_version(version), LabOptions(**options), context).collect()


def alt(day: int, value: object, **more: Any) -> dict[str, Any]:
    return {"analyte": "ALT", "date": START + timedelta(days=day), "value": str(value), "lln": 5.0, "uln": 40.0, **more}


def test_the_baseline_is_the_last_result_up_to_the_day_of_treatment() -> None:
    out = graded(alt(-10, 30), alt(0, 150), alt(1, 600))
    assert out["base"].to_list() == [150.0] * 3
    assert out["is_baseline_record"].to_list() == [False, True, False]
    assert out["is_post_baseline"].to_list() == [False, False, True]
    # Up to the baseline the limits alone count: 3.75 x ULN; afterwards 4 x baseline.
    assert out["atoxgr"].to_list() == [0, 2, 2]
    assert out["btoxgr"].to_list() == [2, 2, 2]
    assert out["bnrind"].to_list() == ["HIGH"] * 3


def test_a_baseline_outside_the_look_back_window_does_not_count() -> None:
    assert graded(alt(-29, 150), alt(1, 600))["base"].to_list() == [None, None]
    assert graded(alt(-28, 150), alt(1, 600))["base"].to_list() == [150.0, 150.0]
    assert graded(alt(-400, 150), alt(1, 600), baseline_lookback_days=None)["base"].to_list() == [150.0, 150.0]


def test_of_two_results_of_one_day_the_higher_sequence_number_is_the_baseline_in_any_order_of_rows() -> None:
    rows = [alt(0, 100, seq=2), alt(0, 200, seq=1), alt(5, 600, seq=3)]
    for order in (rows, rows[::-1]):
        assert set(graded(*order)["base"]) == {100.0}


def test_a_result_without_a_number_is_no_baseline() -> None:
    assert graded(alt(-5, 100), alt(0, "HEMOLYZED"), alt(5, 600))["base"].to_list() == [100.0] * 3


def test_the_baseline_that_the_study_marks_goes_first() -> None:
    rows = (alt(-20, 100, is_baseline=True), alt(-1, 150), alt(5, 600))
    assert set(graded(*rows)["base"]) == {100.0}
    assert set(graded(*rows, baseline="derived")["base"]) == {150.0}
    assert set(graded(alt(-1, 150), alt(5, 600), baseline="flagged")["base"]) == {None}


def test_a_baseline_in_another_unit_is_converted_or_else_missing() -> None:
    def bilirubin(day: int, value: object, unit: str, uln: float) -> dict[str, Any]:
        return alt(day, value, analyte="BILI", unit=unit, uln=uln, lln=None)

    out = graded(bilirubin(0, 2.0, "mg/dL", 1.2), bilirubin(5, 51.4, "umol/L", 21))
    assert out["atoxgr"].to_list() == [2, 2]  # baseline 34.2 umol/L: more than 1.5 x
    out = graded(bilirubin(0, 2.0, "drops", 1.2), bilirubin(5, 51.4, "umol/L", 21))
    assert out["grade_flags"].to_list()[1] == "BASE_MISSING;BASE_UNIT_DIFFERS"


def test_every_result_without_a_grade_says_why() -> None:
    day = {"date": START + timedelta(days=3)}
    out = graded(
        {"analyte": "ALT", "value": None, "uln": 40.0, **day},
        {"analyte": "ALT", "value": "50", **day},
        {"analyte": "HGB", "value": "70", "unit": None, **day},
        {"analyte": "EOS", "value": "3", "unit": "G/L", "uln": 0.5, **day},
        {"analyte": "PHOS", "value": "1", "unit": "mg/dL", **day},
        {"analyte": "MCV", "value": "90", "unit": "fL", **day},
        {"analyte": "LYMLE", "value": "2", "unit": "%", **day},
        {"analyte": "GLUC", "value": "30", "unit": "mg/dL", "lln": 65.0, **day},
    )
    assert out["grade_reason"].to_list() == [
        "NO_VALUE", "NO_RANGE", "UNIT_UNKNOWN", "NO_BASELINE", "NOT_LAB_GRADABLE", "NO_TERM", "NO_TERM", None,
    ]  # fmt: skip
    assert out["atoxgr"].to_list() == [None] * 7 + [-3]


def test_both_directions_and_their_combination() -> None:
    def potassium(value: float, lln: float | None, uln: float | None) -> dict[str, Any]:
        return alt(1, value, analyte="K", unit="mmol/L", lln=lln, uln=uln)

    out = graded(potassium(2.4, 3.5, 5.0), potassium(6.5, 3.5, 5.0), potassium(4, 3.5, 5.0), potassium(4, 3.5, None))
    assert out["atoxdscl"].unique().to_list() == ["Hypokalemia"]
    assert out["atoxdsch"].unique().to_list() == ["Hyperkalemia"]
    assert out["atoxgrl"].to_list() == [4, 0, 0, 0]
    assert out["atoxgrh"].to_list() == [0, 3, 0, None]
    assert out["atoxgr"].to_list() == [-4, 3, 0, None]
    assert out["rule_row_id"].to_list() == [
        "5.0|hypokalemia|-|L4|mmol/L|any|A", "5.0|hyperkalemia|-|H3|mmol/L|any|A", None, None,
    ]  # fmt: skip
    assert set(out["ctcae_version"]) == {"5.0"}


def test_total_calcium_is_corrected_by_the_albumin_of_the_day() -> None:
    def calcium(day: int, value: float) -> dict[str, Any]:
        return alt(day, value, analyte="CA", unit="mg/dL", lln=8.5, uln=10.5)

    def albumin(day: int, value: float, unit: str) -> dict[str, Any]:
        return alt(day, value, analyte="ALB", unit=unit, lln=None, uln=None)

    out = graded(calcium(1, 10.3), albumin(1, 2.5, "g/dL"), calcium(2, 10.3), calcium(3, 10.3), albumin(3, 45, "g/L"))
    corrected = out.filter(pl.col("analyte") == "CA")
    assert corrected["value_number"].to_list() == pytest.approx([11.5, 10.3, 10.3])
    assert corrected["atoxgr"].to_list() == [1, 0, 0]
    assert corrected["grade_flags"].to_list() == ["CALCIUM_CORRECTED", "UNCORRECTED_CALCIUM", None]
    refused = graded(calcium(2, 10.3), uncorrected_calcium="na")
    assert refused["grade_reason"].to_list() == ["NO_ALBUMIN"]


def test_flags_say_what_a_grade_rests_on() -> None:
    out = graded(
        alt(1, 50),
        alt(2, ">50", analyte="AST"),
        alt(3, 127, analyte="SODIUM", unit="mmol/L", lln=135.0, uln=145.0),
        alt(4, 3, analyte="MG", unit="mEq/L", lln=1.4, uln=2.0),
        alt(5, 50, analyte="TROPONI", unit="ng/L", uln=20.0),
    )
    assert out["grade_flags"].to_list() == [
        "BASE_MISSING", "CENSORED;BASE_MISSING", "QUALIFIER_ASSUMED", "UNIT_CONVERTED", "PARTIAL_EVIDENCE",
    ]  # fmt: skip


def test_a_study_may_ask_for_the_current_range() -> None:
    rows = (alt(0, 150), alt(5, 600, uln=None, lln=None))
    assert graded(*rows)["atoxgr"].to_list() == [2, 2]
    assert graded(*rows, require_current_range=True)["grade_reason"].to_list() == [None, "NO_RANGE"]


def test_a_study_may_state_the_level_of_an_infarction() -> None:
    out = graded(alt(5, 150, analyte="TROPONI", unit="ng/L", uln=20.0), mi_cutoff={"TROPONI": 100})
    assert out["atoxgr"].to_list() == [3]


def test_no_results_give_no_rows() -> None:
    assert graded().height == 0


def test_the_worst_grade_after_baseline_and_whether_it_is_new() -> None:
    out = graded(alt(0, 150), alt(3, 700), alt(5, 500), alt(7, "n.d."), alt(3, 600, analyte="AST"))
    worst = derive_worst_grades(out.lazy()).sort("analyte_key").collect().to_dicts()
    assert [(row["analyte_key"], row["worst_grade"], row["baseline_grade"], row["is_emergent"]) for row in worst] == [
        ("ALT", 2, 2, False),
        ("AST", 3, None, True),
    ]
    assert worst[0]["date"] == START + timedelta(days=3)
    assert [row["not_gradable"] for row in worst] == [1, 0]
