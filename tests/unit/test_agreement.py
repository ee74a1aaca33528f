"""Agreement of readers, assessors and criteria: kappa by an independent calculation, and the comparisons that a ruleset asks for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rules_engine.analysis.kappa import kappa
from rules_engine.engine import Result
from rules_engine.errors import RulesetError

from tests.strategies.small_studies import ORIGIN, run, write_tables

#: Ratings of a skin condition by two dermatologists (SAS/STAT User's Guide, PROC FREQ, "Agreement Study").
SKIN = [[10, 4, 1, 0], [5, 10, 12, 2], [2, 4, 12, 5], [0, 2, 6, 13]]
#: Marital pleasure as husbands and wives see it (data set SexualFun of R's vcd, after Agresti 1990).
COUPLES = [[7, 7, 2, 3], [2, 8, 3, 7], [1, 5, 4, 9], [2, 8, 9, 14]]
#: Mammograms by two radiologists (Penn State STAT 509, lesson on agreement; also the example of Stata's `kap`).
MAMMOGRAMS = [[21, 12, 0, 0], [4, 17, 1, 0], [3, 9, 15, 2], [0, 0, 0, 1]]
#: Diagnoses of 100 patients by two psychiatrists: 89 alike, margins 80, 10, 10 and 80, 5, 15 (after Fleiss 1981).
DIAGNOSES = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
TABLES = [SKIN, COUPLES, MAMMOGRAMS, DIAGNOSES]


def kappa_by_hand(counts: list[list[int]], weights: str) -> tuple[Fraction, Fraction, Fraction]:
    """Observed agreement, agreement by chance and kappa in exact fractions (Cohen 1960, 1968), cell by cell."""
    places = range(len(counts))
    n = sum(map(sum, counts))

    def agrees(i: int, j: int) -> Fraction:
        apart = Fraction(abs(i - j), len(counts) - 1)
        return {"none": Fraction(i == j), "linear": 1 - apart, "quadratic": 1 - apart**2}[weights]

    observed = sum((agrees(i, j) * counts[i][j] for i in places for j in places), Fraction(0)) / n
    of_row = [sum(row) for row in counts]
    of_column = [sum(row[j] for row in counts) for j in places]
    chance = sum((agrees(i, j) * of_row[i] * of_column[j] for i in places for j in places), Fraction(0)) / n**2
    return observed, chance, (observed - chance) / (1 - chance)


def standard_error_by_delta(counts: list[list[int]], weights: str) -> float:
    """The standard error by the delta method: how kappa answers to one more thing in each cell, with no formula for it."""
    n = sum(map(sum, counts))
    value = kappa_by_hand(counts, weights)[2]
    scale = 10**6  # one more thing among a million tables laid on top of each other
    many = [[cell * scale for cell in row] for row in counts]
    slopes: list[tuple[int, Fraction]] = []
    for i, row in enumerate(counts):
        for j, cell in enumerate(row):
            one_more = [list(there) for there in many]
            one_more[i][j] += 1
            slopes.append((cell, (kappa_by_hand(one_more, weights)[2] - value) * n * scale))
    mean = sum((cell * slope for cell, slope in slopes), Fraction(0)) / n
    variance = sum((cell * (slope - mean) ** 2 for cell, slope in slopes), Fraction(0)) / n
    return float(variance / n) ** 0.5


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
@pytest.mark.parametrize("counts", TABLES)
def test_kappa_is_the_one_of_an_independent_calculation(counts: list[list[int]], weights: str) -> None:
    found = kappa(np.array(counts), weights)
    observed, chance, value = kappa_by_hand(counts, weights)
    assert (found.observed, found.expected) == pytest.approx((float(observed), float(chance)), abs=1e-12)
    assert found.value == pytest.approx(float(value), abs=1e-12)
    assert found.std_error == pytest.approx(standard_error_by_delta(counts, weights), rel=1e-5)


def test_kappa_of_round_numbers_in_closed_form() -> None:
    """(0.89 - 0.66) / (1 - 0.66); and of a table of two by two: 2 (ad - bc) / (p1 q2 + p2 q1) (Fleiss 1981)."""
    assert kappa(np.array(DIAGNOSES)).value == pytest.approx(23 / 34)
    a, b, c, d = 40, 9, 6, 45
    closed = 2 * (a * d - b * c) / ((a + b) * (b + d) + (a + c) * (c + d))
    assert kappa(np.array([[a, b], [c, d]])).value == pytest.approx(closed)


def test_limits_are_symmetric_about_kappa() -> None:
    found = kappa(np.array(SKIN))
    assert found.limits(0.95) == pytest.approx(
        (found.value - 1.959963985 * found.std_error, found.value + 1.959963985 * found.std_error)
    )


def test_kappa_has_its_bounds_and_says_where_it_is_undefined() -> None:
    assert kappa(np.array([[3, 0], [0, 5]])).value == pytest.approx(1)
    assert kappa(np.array([[0, 4], [4, 0]])).value == pytest.approx(-1)
    assert "same one thing" in kappa(np.array([[7]])).reason
    assert "same one thing" in kappa(np.array([[7, 0], [0, 0]])).reason
    assert "nothing was read by both" in kappa(np.zeros((0, 0), dtype=np.int64)).reason


def test_kappa_does_not_depend_on_who_is_first_or_on_the_order_of_codes() -> None:
    counts = np.array(SKIN)
    shuffled = counts[[2, 0, 3, 1]][:, [2, 0, 3, 1]]
    assert kappa(counts).value == pytest.approx(kappa(counts.T).value)
    assert kappa(counts).std_error == pytest.approx(kappa(counts.T).std_error)
    assert kappa(counts).value == pytest.approx(kappa(shuffled).value)
    assert kappa(counts).std_error == pytest.approx(kappa(shuffled).std_error)


LESIONS = """
subject,visit_date,is_baseline,lesion_id,role,organ,mm,viable_mm,assessor,reader
"""
#: Sums of each subject by visit, as the investigator and two central readers measured them.
MEASURED: dict[str, dict[tuple[str, str], list[int]]] = {
    "A": {("investigator", ""): [50, 30, 20], ("independent", "R1"): [50, 34, 46], ("independent", "R2"): [50, 40, 45]},
    "B": {("investigator", ""): [40, 60, 70], ("independent", "R1"): [40, 60, 70], ("independent", "R2"): [40, 41, 60]},
    "C": {("investigator", ""): [30, 30], ("independent", "R1"): [30, 30, 30], ("independent", "R2"): [30, 30]},
}
DAYS = ("2024-01-08", "2024-03-04", "2024-04-29")
SUBJECTS = "subject,arm,randomisation_date,baseline_adequate,death_date\n" + "".join(
    f"{one},X,2024-01-10,Y,\n" for one in MEASURED
)
COLLECTED = """
subject,date,criterion,assessor,target,non_target,new_lesion,response
A,2024-03-04,RECIST 1.1,investigator,PR,NA,N,PR
A,2024-04-29,RECIST 1.1,investigator,PR,NA,Yes,PD
B,2024-03-04,recist-1.1,investigator,SD,na,no,SD
"""
RESPONSES: dict[str, Any] = {
    "site": {"criterion": "recist_1_1", "assessor": "investigator"},
    "r1": {"criterion": "recist_1_1", "assessor": "independent", "reader": "R1"},
    "r2": {"criterion": "recist_1_1", "assessor": "independent", "reader": "R2"},
    "immune": {"criterion": "irecist", "assessor": "investigator"},
    "viable": {"criterion": "mrecist", "assessor": "investigator"},
    "asked": {"collected_as": "RECIST 1.1", "assessor": "investigator"},
}


def compared(folder: Path, **agreement: Any) -> Result:
    rows = [
        f"{subject},{day},{'Y' if number == 0 else 'N'},T1,target,liver,{mm},{mm},{assessor},{reader}"
        for subject, readings in MEASURED.items()
        for (assessor, reader), sizes in readings.items()
        for number, (day, mm) in enumerate(zip(DAYS, sizes, strict=False))
    ]
    study = write_tables(
        folder, subjects=SUBJECTS, lesion_assessments=LESIONS + "\n".join(rows) + "\n", response_assessments=COLLECTED
    )
    best = {
        f"BOR{number}": {"like": "BOR", "response": name, "options": {**ORIGIN, "response": {"landmark": None}}}
        for number, name in enumerate(("site", "r1"), 1)
    }
    endpoints = {"PFS": {"like": "PFS", "response": "site", "options": ORIGIN}, **best}
    return run(study, RESPONSES, endpoints=endpoints, agreement=agreement)


def statistic(result: Result, name: str, first: str, second: str, what: str, part: str = "overall") -> Any:
    rows = result.ard.filter(analysis=name, group=first, comparison=second, statistic=what, variable=part)
    return rows["value"].item() if what != "count" else dict(rows.select("level", "value").iter_rows())


def test_every_pair_of_readers_is_compared_visit_by_visit(tmp_path: Path) -> None:
    result = compared(tmp_path, readers={"between": ["site", "r1", "r2"], "components": ["overall", "new_lesion"]})
    # A: PR PR by the site, PR PD by r1, SD SD by r2; B: PD PD, PD PD, SD PD; C: SD, and r1 alone read a second visit.
    assert statistic(result, "readers", "site", "r1", "pairs") == 5
    assert statistic(result, "readers", "site", "r1", "only_second") == 1
    assert statistic(result, "readers", "site", "r1", "agreement") == pytest.approx(4 / 5)
    table = statistic(result, "readers", "site", "r1", "count")
    assert {level: n for level, n in table.items() if n} == {"PR / PR": 1, "PR / PD": 1, "PD / PD": 2, "SD / SD": 1}
    assert statistic(result, "readers", "site", "r2", "agreement") == pytest.approx(2 / 5)
    assert statistic(result, "readers", "site", "r2", "expected") == pytest.approx(0.2 * 0.8 + 0.4 * 0.2)
    assert statistic(result, "readers", "site", "r2", "kappa") == pytest.approx(0.16 / 0.76)
    undefined = result.ard.filter(
        analysis="readers", comparison="r1", group="site", statistic="kappa", variable="new_lesion"
    ).row(0, named=True)
    assert undefined["value"] is None
    assert "same one thing" in undefined["note"]
    assert result.ard.filter(analysis="readers", statistic="kappa", variable="overall").height == 3


def test_criteria_are_compared_in_plain_codes_unless_asked_otherwise(tmp_path: Path) -> None:
    between = ["site", "immune"]
    result = compared(tmp_path, plain={"between": between}, told={"between": between, "codes": "as_recorded"})
    assert statistic(result, "plain", "site", "immune", "kappa") == pytest.approx(1)
    assert statistic(result, "told", "site", "immune", "agreement") == 0


def test_best_responses_of_two_readers_are_compared_subject_by_subject(tmp_path: Path) -> None:
    result = compared(tmp_path, best={"between": ["BOR1", "BOR2"]})
    assert statistic(result, "best", "BOR1", "BOR2", "pairs", "value") == 3
    assert statistic(result, "best", "BOR1", "BOR2", "kappa", "value") == pytest.approx(1)


def test_collected_responses_are_compared_with_derived_ones(tmp_path: Path) -> None:
    result = compared(tmp_path, collected={"between": ["site", "asked"], "components": ["overall", "new_lesion"]})
    assert statistic(result, "collected", "site", "asked", "pairs") == 2
    assert statistic(result, "collected", "site", "asked", "agreement") == 0.5
    assert statistic(result, "collected", "site", "asked", "agreement", "new_lesion") == 0.5
    found = result.discrepancies.filter(pl.col("response_name") == "site", pl.col("collected").is_not_null())
    assert set(found.select("subject", "component", "derived", "collected").iter_rows()) == {
        ("A", "overall", "PR", "PD"), ("A", "new_lesion", "no", "yes"), ("B", "overall", "PD", "SD"), ("B", "target", "PD", "SD"),
    }  # fmt: skip


def test_the_report_shows_the_comparison(tmp_path: Path) -> None:
    result = compared(tmp_path, readers={"between": ["site", "r1"], "label": "Readers <one> & two"})
    page = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Readers &lt;one&gt; &amp; two" in page
    assert "80.0%" in page


@pytest.mark.parametrize(
    ("agreement", "said"),
    [
        ({"between": ["site", "r3"]}, "'r3' cannot be compared with 'site'"),
        ({"between": ["sight", "r1"]}, "no response and no response endpoint 'sight'"),
        ({"between": ["site", "BOR1"]}, "'BOR1' cannot be compared"),
        ({"between": ["PFS", "BOR1"]}, "no response and no response endpoint 'PFS'"),
        ({"between": ["site"]}, "between"),
        ({"between": ["site", "r1"], "weights": "cubic"}, "cubic"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(tmp_path: Path, agreement: dict[str, Any], said: str) -> None:
    with pytest.raises(RulesetError, match=said):
        compared(tmp_path, wrong=agreement)
