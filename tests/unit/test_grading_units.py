"""The table of units: published as it is used, every spelling understood, every factor held against chemistry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import rules_engine
from rules_engine.grading import grade_case, read_rules
from rules_engine.grading.unit_table import unit_rows, units_page
from rules_engine.loading import load_ruleset

ROOT = Path(rules_engine.__file__).resolve().parents[1]
DOCUMENT: dict[str, Any] = dict(load_ruleset("ctcae_v5").document)
RULES = read_rules(DOCUMENT)
ROWS = unit_rows(DOCUMENT)

#: Molar masses in g/mol (IUPAC atomic weights; haemoglobin per iron, ICSH), for amounts per litre out of mass per decilitre.
MOLAR_MASS = {
    "HGB": 16114.0, "BILI": 584.66, "CREAT": 113.12, "URATE": 168.11, "GLUC": 180.156, "CACORR": 40.078, "MG": 24.305,
    "CHOL": 386.65, "TRIG": 885.43, "PHOS": 30.974,
}  # fmt: skip
#: Charge of the ion, for milliequivalents.
CHARGE = {"K": 1, "SODIUM": 1, "BICARB": 1, "CACORR": 2, "MG": 2}
GRAM = {"g/dL": 1e0, "g/L": 1e1, "mg/dL": 1e3, "mg/L": 1e4}  # how much of each makes 1 g/dL


def test_the_page_in_the_docs_is_what_the_command_prints() -> None:
    assert (ROOT / "docs" / "units.md").read_text(encoding="utf-8") == units_page(DOCUMENT, RULES)


def test_every_unit_has_a_code_in_ucum() -> None:
    assert all(row["ucum"] for row in ROWS)
    assert len({row["ucum"] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row["unit"] for row in ROWS])
def test_every_spelling_is_understood_by_some_analyte_of_the_unit(row: dict[str, Any]) -> None:
    analytes = [None, *[analyte for analyte, amounts in RULES.conversions.items() if row["unit"] in amounts]]
    for text in (row["unit"], row["ucum"], *row["spellings"]):
        for written in (text, text.upper(), f" {text} "):
            assert row["unit"] in {RULES.unit_of(analyte, written) for analyte in analytes}, written


@pytest.mark.parametrize("analyte", MOLAR_MASS)
def test_amounts_follow_from_the_molar_mass(analyte: str) -> None:
    """Published factors are rounded to four digits; the molar mass must give them within 0.05 %."""
    mass = "g/dL" if analyte == "HGB" else "mg/dL"
    in_grams = 1 if mass == "g/dL" else 1e-3
    mole = "umol/L" if analyte in ("BILI", "CREAT", "URATE") else "mmol/L"
    per_litre = in_grams * 10 / MOLAR_MASS[analyte] * (1e6 if mole == "umol/L" else 1e3)
    assert RULES.factor(analyte, mass, mole) == pytest.approx(per_litre, rel=5e-4)


@pytest.mark.parametrize("analyte", CHARGE)
def test_equivalents_follow_from_the_charge(analyte: str) -> None:
    assert RULES.factor(analyte, "mmol/L", "mEq/L") == pytest.approx(CHARGE[analyte], rel=1e-12)


def test_mass_per_volume_differs_by_powers_of_ten_only() -> None:
    for analyte, amounts in RULES.conversions.items():
        masses = [unit for unit in amounts if unit in GRAM]
        for one in masses:
            for other in masses:
                assert RULES.factor(analyte, one, other) == pytest.approx(GRAM[other] / GRAM[one], rel=1e-12)


def test_catalytic_activity_counts_and_prefixes() -> None:
    assert RULES.factor("ALT", "ukat/L", "U/L") == pytest.approx(60, rel=1e-12)  # 1 U = 1 umol/min, 1 kat = 1 mol/s
    assert RULES.factor("PLAT", "10^9/L", "/mm3") == 1000
    assert RULES.factor("PLAT", "10^9/L", "10^3/uL") == 1
    assert RULES.factor("TROPONI", "ng/mL", "ng/L") == 1000
    assert RULES.factor("WEIGHT", "lb", "kg") == pytest.approx(0.45359237, rel=1e-15)
    assert RULES.factor("CREAT", "umol/L", "mmol/L") == pytest.approx(1e-3, rel=1e-12)


@pytest.mark.parametrize(
    ("analyte", "term", "direction", "value", "lln", "unit", "other", "factor"),
    [
        ("MG", "Hypomagnesemia", "L", 0.45, 0.7, "mmol/L", "mEq/L", 2.0),
        ("PLAT", "Platelet count decreased", "L", 49.0, 150.0, "10^9/L", "10*3/uL", 1.0),
        ("ALB", "Hypoalbuminemia", "L", 29.0, 35.0, "g/L", "mg/dL", 100.0),
        ("CACORR", "Hypocalcemia", "L", 1.9, 2.1, "mmol/L", "mEq/L", 2.0),
    ],
)
def test_a_grade_is_the_same_in_a_unit_that_the_term_does_not_print(
    analyte: str, term: str, direction: str, value: float, lln: float, unit: str, other: str, factor: float
) -> None:
    case = {"version": "5.0", "term": term, "analyte": analyte, "direction": direction, "policy": "worst_case"}
    case["variant"] = "corrected" if analyte == "CACORR" else ""
    printed = grade_case({**case, "value": value, "lln": lln, "unit": unit})
    assert printed in ("1", "2", "3")
    assert grade_case({**case, "value": value * factor, "lln": lln * factor, "unit": other}) == printed
