"""What is not recorded, and edges that random histories do not reach: each answer follows from the specification of the criteria."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine import criteria
from rules_engine.criteria.numbers import has_fallen_by, has_risen_by, hundredths
from rules_engine.vocabulary import SumParameter

from tests.unit.test_criteria_rules import START, assessed, history, lesion, overall, sums

EFFUSION = {"role": "non-target", "kind": "effusion", "organ": "peritoneum"}


def test_an_effusion_without_a_word_on_cytology_proves_nothing() -> None:
    """No cytology recorded is none done: worse is present, and a new effusion is no new lesion (mRECIST); RECIST asks for none."""
    target = lesion("T", 40, viable=40)
    worse = {
        0: [target, lesion("E", status="present", **EFFUSION)],
        42: [target, lesion("E", status="unequivocal", **EFFUSION)],
    }
    new = {0: [target], 42: [target, lesion("N", status="present", **{**EFFUSION, "role": "new"})]}
    for visits in (worse, new):
        assert overall("mrecist", history(visits)) == ["SD"]
        assert overall("recist_1_1", history(visits)) == ["PD"]


def test_a_new_lesion_of_which_nobody_doubts_counts_although_its_certainty_is_not_recorded() -> None:
    visits = {0: [lesion("T", 40)], 42: [lesion("T", 40), lesion("N", 6, role="new", organ="lung", certainty=None)]}
    assert overall("recist_1_1", history(visits)) == ["PD"]


def test_a_new_lesion_is_certain_where_one_of_its_fragments_is() -> None:
    fragments = [
        lesion("N", 6, role="new", organ="lung", fragment_id=name, certainty=certainty)
        for name, certainty in (("a", "equivocal"), ("b", "unequivocal"))
    ]
    assert overall("recist_1_1", history({0: [lesion("T", 40)], 42: [lesion("T", 40), *fragments]})) == ["PD"]


def test_a_new_lesion_of_which_a_fragment_was_not_read_is_not_shown() -> None:
    def visits(second: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
        first = lesion("N", 6, role="new", organ="lung", fragment_id="a")
        return {
            0: [lesion("T", 40)],
            42: [lesion("T", 40), first, lesion("N", role="new", organ="lung", fragment_id="b", **second)],
        }

    assert overall("recist_1_1", history(visits({"state": "ne"}))) == ["SD"]
    assert overall("recist_1_1", history(visits({"status": "ne"}))) == ["SD"]
    assert overall("recist_1_1", history(visits({"state": "absent"}))) == ["PD"]


def test_a_target_treated_locally_twice_is_not_evaluable_from_the_first_time() -> None:
    lesions = history(sums(50, 50, 50, 50))
    treated = lesions.with_columns(
        local_therapy=pl.when(pl.col("visit_date") >= START + timedelta(days=84)).then(
            pl.lit(" Outside".strip().upper())
        )
    )
    assert overall("recist_1_1", treated) == ["SD", "NE", "NE"]


@pytest.mark.parametrize(("how", "expected"), [("keep", ["SD", "SD"]), ("exclude", ["SD", "NE"])])
def test_the_study_s_own_treatment_ends_the_evaluation_only_where_the_ruleset_excludes_it(
    how: str, expected: list[str]
) -> None:
    treated = pl.when(pl.col("visit_date") >= START + timedelta(days=84)).then(pl.lit("study"))
    lesions = history(sums(50, 50, 50)).with_columns(local_therapy=treated)
    assert overall("mrecist", lesions, **{"mrecist.on_study_local": how}) == expected


def test_local_therapy_of_one_lesion_says_nothing_of_another() -> None:
    def read(mm: float) -> dict[str, Any]:
        visits = {0: [lesion("T", 30), lesion("U", 30)], 42: [lesion("T", mm), lesion("U", 30)]}
        treated = (pl.col("lesion_id") == "U") & (pl.col("visit_date") > START)
        lesions = history(visits).with_columns(local_therapy=pl.when(treated).then(pl.lit("outside")))
        return assessed("recist_1_1", lesions)[0].row(0, named=True)

    assert (read(30)["overall"], read(30)["sum_complete"], read(30)["baseline_x100"]) == ("NE", False, 6000)
    assert read(72)["overall"] == "PD"  # T alone is 20 % more than both were
    assert read(71.99)["overall"] == "NE"


@pytest.mark.parametrize(("organ", "viable"), [("liver", True), (" Liver ", True), ("lung", False), (None, False)])
def test_the_viable_diameter_is_that_of_a_lesion_in_the_liver(organ: str | None, viable: bool) -> None:
    visits = {0: [lesion("T", 40, viable=40, organ=organ)], 42: [lesion("T", 40, viable=10, organ=organ)]}
    assert overall("mrecist", history(visits)) == ["PR" if viable else "SD"]


@pytest.mark.parametrize("site", ["porta_hepatis", "Porta hepatis", " porta-hepatis "])
def test_the_porta_hepatis_is_known_however_it_is_spelled(site: str) -> None:
    node = {"role": "new", "organ": "lymph_node", "node": True, "site": site}
    target = lesion("T", 40, viable=40)
    assert overall("mrecist", history({0: [target], 42: [target, lesion("N", 19.9, **node)]})) == ["SD"]
    assert overall("mrecist", history({0: [target], 42: [target, lesion("N", 20, **node)]})) == ["PD"]


def test_a_diameter_that_nobody_believes_is_none() -> None:
    assert overall("recist_1_1", history(sums(50, 500))) == ["PD"]
    assert overall("recist_1_1", history(sums(50, 500.01))) == ["NE"]
    assert overall("recist_1_1", history(sums(50, -1))) == ["NE"]


def test_a_lesion_of_one_hundredth_of_a_millimetre_is_there() -> None:
    assert overall("recist_1_1", history(sums(50, 0.01))) == ["PR"]
    assert overall("recist_1_1", history(sums(50, 0))) == ["CR"]


def test_the_visit_that_first_showed_a_lesion_says_by_which_rule_it_became_progression() -> None:
    doubtful = lesion("N", 6, role="new", organ="lung", certainty="equivocal")
    certain = lesion("N", 6, role="new", organ="lung")
    visits = {0: [lesion("T", 40)], 42: [lesion("T", 40), doubtful], 84: [lesion("T", 40), certain]}
    rules = assessed("recist_1_1", history(visits))[0]["rule_id"].to_list()
    assert rules == ["recist_1_1.new_lesion.backdated", "recist_1_1.new_lesion.pd"]
    grown = {**visits, 42: [lesion("T", 50), doubtful], 84: [lesion("T", 50), certain]}
    assert assessed("recist_1_1", history(grown))[0]["rule_id"].to_list()[0] == "recist_1_1.target.pd"
    hybrid = assessed("mrecist_irecist", history(visits))[0]["rule_id"].to_list()
    assert hybrid[0] == "mrecist.new_lesion.backdated"


@pytest.mark.parametrize(("now", "then"), [(70, True), (70.01, False), (69.99, True)])
def test_shrinkage_by_exactly_thirty_percent_suffices(now: float, then: bool) -> None:
    frame = pl.DataFrame({"now": [hundredths(now)], "before": [hundredths(100)]})
    assert frame.select(has_fallen_by(pl.col("now"), pl.col("before"), 30)).item() is then


def test_percentages_are_exact_to_a_millionth() -> None:
    frame = pl.DataFrame({"now": [133_333_333], "before": [100_000_000]})
    assert frame.select(has_risen_by(pl.col("now"), pl.col("before"), 33.333333, 0)).item() is True
    assert frame.select(has_risen_by(pl.col("now"), pl.col("before"), 33.333334, 0)).item() is False


def test_nothing_has_risen_from_itself_and_anything_has_risen_from_nothing() -> None:
    def risen(now: int, before: int, at_least: float) -> bool:
        frame = pl.DataFrame({"now": [now], "before": [before]})
        return bool(frame.select(has_risen_by(pl.col("now"), pl.col("before"), 20, at_least)).item())

    assert not risen(0, 0, 0)
    assert risen(1, 0, 0)
    assert not risen(499, 0, 5)
    assert risen(500, 0, 5)


def test_what_is_shown_of_a_visit_is_in_millimetres_and_percent() -> None:
    timepoints = assessed("recist_1_1", history(sums(30, 0, 0.29)))[0].lazy()
    rows = criteria.timepoint_responses(timepoints).collect().to_dicts()
    shown = [(row["sum_mm"], row["baseline_mm"], row["nadir_mm"], row["change_from_nadir_mm"]) for row in rows]
    assert shown == [(0.0, 30.0, 30.0, -30.0), (0.29, 30.0, 0.0, 0.29)]
    assert [row["change_from_baseline_pct"] for row in rows] == pytest.approx([-100, 100 * (0.29 - 30) / 30])
    assert [row["change_from_nadir_pct"] for row in rows] == [-100.0, None]
    assert rows[0]["trace"] == ["recist_1_1.target.cr", "recist_1_1.nontarget.na", "recist_1_1.overall.cr"]
    products = criteria.timepoint_responses(timepoints, SumParameter(per_unit=10_000)).collect()
    assert products["sum_mm"].to_list() == [0.0, 0.0029]


def test_a_subject_has_its_best_response_and_its_progression_in_one_row() -> None:
    timepoints, rules = assessed("recist_1_1", history(sums(50, 30, 60)))
    dates = pl.LazyFrame({"subject": ["A", "B"], "reference_date": [START, START]})
    first, second = criteria.subject_responses(timepoints.lazy(), dates, rules).collect().to_dicts()
    assert (first["bor"], first["progression_status"], first["progression_reasons"]) == (
        "PR",
        "progressed",
        ["recist_1_1.target.pd"],
    )
    assert (second["subject"], second["bor"], second["progression_status"], second["progression_date"]) == (
        "B",
        "NE",
        "none",
        None,
    )


def test_a_subject_of_either_frame_has_one_row_with_what_is_known() -> None:
    timepoints, rules = assessed("irecist", history(sums(50, 62, 68, 68)))
    dates = pl.LazyFrame({"subject": ["B"], "reference_date": [START]})
    first, second = criteria.subject_responses(timepoints.lazy(), dates, rules).collect().to_dicts()
    assert first == {
        "subject": "A", "reference_date": None, "bor": "iCPD", "bor_date": START + timedelta(days=84), "response_date": None,
        "progression_date": START + timedelta(days=42), "progression_status": "confirmed", "progression_reasons": ["C1"],
        "bor_rule_id": "irecist.bor.icpd",
    }  # fmt: skip
    assert (second["subject"], second["reference_date"], second["bor"], second["progression_status"]) == (
        "B",
        START,
        "NE",
        "none",
    )
    assert (second["bor_date"], second["progression_date"], second["progression_reasons"]) == (None, None, None)


@pytest.mark.parametrize("left_out", ["bor.confirmation", "bor.sd_min_days"])
def test_a_criterion_without_the_options_of_best_response_has_none(left_out: str) -> None:
    timepoints, rules = assessed("recist_1_1", history(sums(50, 62)))
    without = replace(rules, options={key: value for key, value in rules.options.items() if key != left_out})
    dates = pl.LazyFrame({"subject": ["A"], "reference_date": [START]})
    (found,) = criteria.subject_responses(timepoints.lazy(), dates, without).collect().to_dicts()
    assert (found["bor"], found["bor_date"], found["response_date"], found["bor_rule_id"]) == (None,) * 4
    assert (found["progression_date"], found["progression_status"]) == (START + timedelta(days=42), "progressed")


def test_a_disregarded_scan_names_no_day_that_first_showed_a_lesion() -> None:
    def nodule(mm: float, pattern: str) -> dict[str, Any]:
        return lesion("N", mm, role="new", pattern=pattern)

    grown = lesion("T", 50, viable=50)
    visits = {0: [lesion("T", 40, viable=40)], 42: [grown, nodule(7, "atypical")], 56: [grown, nodule(12, "typical")]}
    found = assessed("mrecist_irecist", history(visits, suspected=(42,)))[0]
    assert found.select("overall", "accepted").rows() == [("iUPD", True), ("iUPD", False)]
    assert "first_seen" not in found["trace"].str.join(" ").item()


def test_a_reading_of_whole_diameters_that_confirmed_before_the_suspicion_is_the_reason_itself() -> None:
    """By whole diameters (50, 62, 68) progression is confirmed before the viable part makes anybody suspect one."""
    sizes = {0: (50, 50), 42: (62, 40), 84: (68, 40), 126: (68, 50), 168: (68, 50)}
    visits = {day: [lesion("T", whole, viable=viable)] for day, (whole, viable) in sizes.items()}
    timepoints, rules = assessed("mrecist_irecist", history(visits, suspected=(126,)), **{"hybrid.basis": "whole"})
    assert timepoints["overall"].to_list() == ["SD", "SD", "iUPD", "iCPD"]
    assert timepoints["confirmation_reasons"].to_list() == [None] * 4
    dates = pl.LazyFrame({"subject": ["A"], "reference_date": [START]})
    (found,) = criteria.subject_responses(timepoints.lazy(), dates, rules).collect().to_dicts()
    assert found["progression_reasons"] == ["mrecist_irecist.whole_confirmed"]


def test_subjects_stand_in_the_order_of_their_names() -> None:
    timepoints, rules = assessed("recist_1_1", history(sums(50, 62), subject="D"))
    names = ["F", "B", "E", "A", "C"]
    dates = pl.LazyFrame({"subject": names, "reference_date": [START] * len(names)})
    assert criteria.subject_responses(timepoints.lazy(), dates, rules).collect()["subject"].to_list() == list("ABCDEF")


@pytest.mark.parametrize(("days", "late"), [(56, []), (57, ["irecist.icpd.late"])])
def test_what_confirms_is_told_in_the_trace_and_whether_it_came_late(days: int, late: list[str]) -> None:
    visits = {0: [lesion("T", 50)], 42: [lesion("T", 62)], 42 + days: [lesion("T", 68)]}
    found = assessed("irecist", history(visits))[0]
    assert found["overall"].to_list() == ["iUPD", "iCPD"]
    assert found["progression_date"].to_list() == found["visit_date"].to_list()
    told = [rule for rule in found["trace"][1].split(";") if rule.startswith("irecist.icpd")]
    assert told == ["irecist.icpd.c1", *late]
    assert "icpd" not in found["trace"][0]


def test_growth_on_a_scan_that_came_too_soon_confirms_nothing_beside_a_further_new_lesion() -> None:
    target = {0: 50, 42: 62, 56: 68}
    visits = {day: [lesion("T", mm)] for day, mm in target.items()}
    visits[56].append(lesion("X", 12, role="new", organ="lung", nl="target"))
    found = assessed("irecist", history(visits, reasons={56: "symptom"}))[0]
    assert found.select("overall", "accepted", "confirmation_reasons").row(1) == ("iCPD", True, "C5")
