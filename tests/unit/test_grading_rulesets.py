"""The grading rulesets hold together: rows, units, terms and grades agree with each other and with published counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
import rules_engine
from rules_engine.errors import RulesetError
from rules_engine.grading import grade_cases
from rules_engine.grading.dictionary import Dictionary, normalised
from rules_engine.grading.documents import rules_of_version
from rules_engine.grading.rules import GradingRules, read_rules

RULESETS = Path(rules_engine.__file__).resolve().parents[1] / "rulesets"
VERSIONS = ("6.0", "5.0", "4.03")


@pytest.fixture(params=VERSIONS)
def rules(request: pytest.FixtureRequest) -> GradingRules:
    return rules_of_version(request.param)


@pytest.mark.parametrize(("version", "rows"), [("5.0", 348), ("4.03", 324)])
def test_every_public_cutoff_is_there_once(version: str, rows: int) -> None:
    ids = {cutoff.row_id for cutoff in rules_of_version(version).cutoffs}
    assert len(ids) == rows
    assert all(row_id.startswith(f"{version}|") for row_id in ids)


def test_a_laboratory_grade_lies_between_1_and_4(rules: GradingRules) -> None:
    assert {cutoff.grade for cutoff in rules.cutoffs} <= {1, 2, 3, 4}


def test_every_graded_term_is_in_the_dictionary_and_has_the_grades_of_its_cutoffs(rules: GradingRules) -> None:
    for scales in rules.scales.values():
        for scale in scales:
            assert {cutoff.grade for cutoff in scale.cutoffs} <= set(rules.terms[scale.term].allowed), scale.term


def test_every_analyte_of_a_cutoff_has_a_code_and_every_unit_a_spelling(rules: GradingRules) -> None:
    for (analyte, _direction), scales in rules.scales.items():
        assert rules.analytes[analyte] == analyte
        for scale in scales:
            assert scale.unit is None or rules.unit_of(analyte, scale.unit) == scale.unit


def test_conversions_speak_of_known_units_and_analytes(rules: GradingRules) -> None:
    for analyte, amounts in rules.conversions.items():
        assert analyte in rules.analytes.values()
        assert all(rules.unit_of(analyte, unit) == unit for unit in amounts)


def test_other_units_are_converted_to_the_si_unit(rules: GradingRules) -> None:
    first = {scales[0].analyte: scales[0].unit for scales in rules.scales.values() if scales[0].unit is not None}
    expected = {
        "HGB": "g/L",
        "ALB": "g/L",
        "WBC": "10^9/L",
        "K": "mmol/L",
        "MG": "mmol/L",
        "CACORR": "mmol/L",
        "TEMP": "C",
    }
    if rules.version == "6.0":
        del expected["TEMP"]  # its numbers are not held
    assert {analyte: first[analyte] for analyte in expected} == expected


def test_the_cutoffs_of_one_scale_leave_no_gap_and_do_not_overlap(rules: GradingRules) -> None:
    """Absolute cut-offs without a clinical fact: each grade begins where the milder one ends, one side inclusive."""
    for scales in rules.scales.values():
        for scale in scales:
            if scale.term == "Proteinuria":
                continue  # whole plus signs, and a range printed with a gap
            plain = [
                cutoff for cutoff in scale.cutoffs if not cutoff.needs and cutoff.arm == "A" and cutoff.when == "any"
            ]
            inner = {
                cutoff.grade: (cutoff.upper, cutoff.lower)
                if scale.direction == "high"
                else (cutoff.lower, cutoff.upper)
                for cutoff in plain
            }
            for grade in sorted(inner):
                if grade + 1 in inner and inner[grade][0] is not None:
                    far, near = inner[grade][0], inner[grade + 1][1]
                    assert near is not None, scale
                    assert (far.reference, far.multiple, far.offset) == (near.reference, near.multiple, near.offset), (
                        scale
                    )
                    assert far.inclusive != near.inclusive, scale


def test_the_dictionary_of_v5_has_the_published_shape() -> None:
    terms = rules_of_version("5.0").terms
    assert len(terms) == 837
    assert len({grades.soc for grades in terms.values()}) == 26
    assert sum(5 in grades.grades for grades in terms.values()) == 494
    sets = Counter("".join(map(str, grades.grades)) for grades in terms.values())
    assert sets == {
        "12345": 330, "123": 196, "2345": 100, "1234": 49, "345": 45, "12": 42, "1": 18, "2": 11, "45": 10, "23": 9,
        "234": 7, "13": 4, "1345": 4, "34": 3, "5": 3, "4": 2, "3": 2, "145": 1, "1235": 1,
    }  # fmt: skip
    by_soc = Counter(grades.soc for grades in terms.values())
    assert (by_soc["Gastrointestinal disorders"], by_soc["Investigations"], by_soc["Cardiac disorders"]) == (
        122,
        42,
        34,
    )
    other = [term for term in terms if term.endswith("Other, specify")]
    assert len(other) == 26
    assert {terms[term].grades for term in other if terms[term].soc == "Eye disorders"} == {(1, 2, 3, 4)}


def test_the_terms_of_v4_03_are_those_that_v5_did_not_add() -> None:
    old, new = rules_of_version("4.03").terms, rules_of_version("5.0").terms
    assert len(old) == 837 - 60
    assert set(old) < set(new)
    assert 2 not in old["Hyponatremia"].allowed
    assert {1, 2} <= set(old["Acute kidney injury"].allowed)


def test_the_dictionary_of_v6_is_what_is_known_of_it() -> None:
    old, new = rules_of_version("5.0"), rules_of_version("6.0")
    gone = set(old.terms) - set(new.terms)
    assert len(gone) == 47
    assert set(new.successors) == gone
    assert {name for names in new.successors.values() for name in names} <= set(new.terms)
    held = {term for term, grades in new.terms.items() if grades.soc is not None}
    assert held - set(old.terms) == {"Thrombocytopenia", "HDL decreased", "LDL increased"}
    changed = {term for term in held & set(old.terms) if new.terms[term].grades != old.terms[term].grades}
    assert len(changed) == 15
    assert new.terms["Myocarditis"].grades == (1, 2, 3, 4, 5)
    assert new.terms["Alkaline phosphatase increased"].grades == (1,)


def test_every_value_that_v5_grades_is_graded_by_v6_or_its_gap_is_named() -> None:
    old, new = rules_of_version("5.0"), rules_of_version("6.0")
    retired = {("CK", "high"), ("TROPONI", "high"), ("TROPONT", "high")}  # terms that v6.0 no longer has
    assert set(old.scales) - set(new.scales) - set(new.not_encoded) == retired
    assert not set(new.scales) & set(new.not_encoded)
    assert {missing.term for missing in new.not_encoded.values()} <= set(new.terms)


def test_a_retired_name_leads_to_what_replaced_it_and_is_not_accepted() -> None:
    found = Dictionary(rules_of_version("6.0")).match("Platelet count decreased.")
    assert (found.term, found.nearest) == (None, ("Thrombocytopenia",))


def test_names_stay_distinct_after_spelling(rules: GradingRules) -> None:
    dictionary = Dictionary(rules)
    assert len({normalised(term) for term in rules.terms}) == len(rules.terms)
    assert len(dictionary._spelled) == len(rules.terms)


def test_every_term_matches_itself(rules: GradingRules) -> None:
    dictionary = Dictionary(rules)
    assert all(dictionary.match(term.upper()).term == term for term in rules.terms)


@pytest.mark.parametrize("name", ["ctcae_v6", "ctcae_v5", "ctcae_v4_03"])
def test_the_worked_cases_of_a_ruleset_hold(name: str) -> None:
    cases = pl.read_csv(RULESETS / name / "cases.csv", infer_schema=False)
    grades = grade_cases(cases)
    wrong = [
        (case["case_id"], case["why"], case["expected_grade"], grade)
        for case, grade in zip(cases.iter_rows(named=True), grades, strict=True)
        if case["expected_grade"] != grade
    ]
    assert wrong == []


@pytest.mark.parametrize(("multiple", "ends_at"), [(1, 150.0), (1.25, None)])
def test_a_range_contradicts_a_unit_only_where_grade_1_begins_at_the_limit_itself(
    multiple: float, ends_at: float | None
) -> None:
    entry = {
        "term": "Made up", "analyte": "X", "direction": "high",
        "cutoffs": {"mg/dL": [{"grade": 1, "from": {"uln": multiple}, "to": 150}, {"grade": 2, "above": 150}]},
    }  # fmt: skip
    rules = read_rules({"version": "9", "numerics": {"tolerance": 1e-9, "prolonged_hours": 24}, "thresholds": [entry]})
    assert rules.scales["X", "high"][0].mildest_number == ends_at


def test_words_that_grading_does_not_know_are_refused_together() -> None:
    rows = [{"grade": 1, "abov": {"uln": 1}}, {"grade": 2, "above": {"ulm": 3}, "and": "symptomatik", "when": "normal"}]
    entry = {"term": "ALT", "analyte": "ALT", "direction": "high", "cutoffs": {"any": rows}}
    with pytest.raises(RulesetError) as refused:
        read_rules({"version": "9", "numerics": {"tolerance": 1e-9, "prolonged_hours": 24}, "thresholds": [entry]})
    assert [problem.meant for problem in refused.value.problems] == ["above", "uln", "symptomatic"]
    with pytest.raises(RulesetError, match="it has no numerics"):
        read_rules({"version": "9"})
