"""Odd lesion data that could be counted twice, or that makes progression out of little, is said aloud."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine.criteria.validation.of_records import local_therapy_findings
from rules_engine.loading import load_criterion_rules
from rules_engine.registry import default_registry

from tests.unit.test_criteria_rules import START, findings, history, lesion, overall


def collected(criterion: str, lesions: pl.LazyFrame) -> pl.DataFrame:
    rules = load_criterion_rules(criterion, registry=default_registry())
    chosen = default_registry().criteria.require(criterion)
    return chosen.validate(lesions, rules, chosen.assess(lesions, rules)).collect()


def records_of(criterion: str, lesions: pl.LazyFrame) -> dict[str, set[str | None]]:
    """The records that each finding names."""
    found = collected(criterion, lesions)
    return {str(rule): set(rows["record"]) for (rule,), rows in found.partition_by("rule_id", as_dict=True).items()}


def test_a_lesion_recorded_as_a_whole_and_in_fragments_is_not_counted_twice() -> None:
    both = history({0: [lesion("T", 30)], 42: [lesion("T", 30), lesion("T", 10, fragment_id="a")]})
    assert overall("recist_1_1", both) == ["NE"]
    assert "lesions.record.whole_and_fragments" in findings("recist_1_1", both)


def test_one_fragment_recorded_twice_is_not_counted_twice() -> None:
    fragment = lesion("T", 10, fragment_id="a")
    twice = history({0: [lesion("T", 30)], 42: [fragment, fragment]})
    assert overall("recist_1_1", twice) == ["NE"]
    assert "lesions.record.repeated" in findings("recist_1_1", twice)


def test_the_fragments_of_a_split_lesion_add_up_without_a_finding() -> None:
    split = [lesion("T", 10, fragment_id="a"), lesion("T", 11, fragment_id="b"), lesion("U", 9)]
    sound = history({0: [lesion("T", 20), lesion("U", 10)], 42: split})
    assert overall("recist_1_1", sound) == ["SD"]  # 30 mm as at baseline
    assert findings("recist_1_1", sound) == set()


def test_a_lesion_that_comes_back_too_small_to_measure_is_pointed_out_beside_others() -> None:
    def returns(size_before: float) -> set[str]:
        visits = {
            0: [lesion("T", 20), lesion("U", 20)],
            42: [lesion("T", 20), lesion("U", size_before)],
            84: [lesion("T", 30), lesion("U", state="tstm")],
        }
        return findings("recist_1_1", history(visits))

    assert "lesions.tstm_reappearance" in returns(0)
    assert "lesions.tstm_reappearance" not in returns(4)


def test_a_lesion_that_comes_back_too_small_to_measure_is_pointed_out_where_another_could_not_be_read() -> None:
    """45 mm and the 5 mm of what is too small are 25 % above 40 mm, whatever V has."""
    visits = {
        0: [lesion("T", 20), lesion("U", 20), lesion("V", 20)],
        42: [lesion("T", 20), lesion("U", 0), lesion("V", 20)],
        84: [lesion("T", 45), lesion("U", state="tstm"), lesion("V", state="ne")],
    }
    assert overall("recist_1_1", history(visits)) == ["PR", "PD"]
    assert "lesions.tstm_reappearance" in findings("recist_1_1", history(visits))


def test_a_target_that_was_not_there_at_baseline_has_not_come_back() -> None:
    def returns(at_baseline: float, *after: float) -> set[str]:
        visits = {0: [lesion("T", 20), lesion("U", at_baseline)]}
        visits |= {42 * (k + 1): [lesion("T", 20), lesion("U", size)] for k, size in enumerate(after)}
        return findings("recist_1_1", history({**visits, 168: [lesion("T", 40), lesion("U", state="tstm")]}))

    assert "lesions.tstm_reappearance" not in returns(0)
    assert "lesions.tstm_reappearance" in returns(0, 0)


@pytest.mark.parametrize(("default_mm", "expected"), [(0, False), (0.01, True), (5, True)])
def test_a_lesion_that_comes_back_is_pointed_out_only_where_it_adds_to_the_sum(
    default_mm: float, *, expected: bool
) -> None:
    visits = {
        0: [lesion("T", 20), lesion("U", 20)],
        42: [lesion("T", 20), lesion("U", 0)],
        84: [lesion("T", 30), lesion("U", state="tstm")],
    }
    found = findings("recist_1_1", history(visits), **{"tstm.default_mm": default_mm})
    assert ("lesions.tstm_reappearance" in found) is expected


@pytest.mark.parametrize(
    ("on_study_local", "recorded", "expected"),
    [("exclude", False, True), ("exclude", True, False), ("keep", False, False), ("keep", True, False)],
)
def test_an_exclusion_of_treated_targets_asks_for_the_column_that_names_them(
    on_study_local: str, *, recorded: bool, expected: bool
) -> None:
    lesions = history({0: [lesion("T", 30, viable_mm=30)], 42: [lesion("T", 30, viable_mm=30)]})
    if recorded:
        lesions = lesions.with_columns(local_therapy=pl.lit(None, pl.String))
    found = findings("mrecist", lesions, **{"mrecist.on_study_local": on_study_local})
    assert ("lesions.local_therapy.not_recorded" in found) is expected


def test_of_several_lesions_that_one_is_said_to_be_merged_into_the_first_by_name_is_shown() -> None:
    """What a fragment says that is not merged is not among them."""
    parts = [lesion("U", state="merged", into=into, fragment_id=into) for into in ("R", "Q")]
    parts.append(lesion("U", 5, into="A", fragment_id="c"))
    found = collected("recist_1_1", history({0: [lesion("T", 30), lesion("U", 20)], 42: [lesion("T", 30), *parts]}))
    assert found.filter(pl.col("rule_id") == "lesions.merged.without_carrier")["value"].to_list() == ["Q"]


def test_a_change_of_role_is_said_where_it_is_first_seen() -> None:
    beside = lesion("T", 30)
    visits = {
        day: [beside, lesion("U", 20, role=role)] for day, role in enumerate(("target", "non-target", "non-target"))
    }
    (named,) = records_of("recist_1_1", history(visits))["lesions.role.changes"]
    assert named == f"visit {START + timedelta(days=1)}, lesion U"


def test_a_column_that_is_not_recorded_is_said_once() -> None:
    rules = load_criterion_rules(
        "mrecist", overrides={"mrecist.on_study_local": "exclude"}, registry=default_registry()
    )
    lesions = history({0: [lesion("T", 30, viable_mm=30), lesion("U", 30, viable_mm=30)]})
    (found,) = local_therapy_findings(lesions, rules)
    assert found.collect().height == 1


def test_a_scan_that_is_disregarded_compares_no_incomplete_sum() -> None:
    """The progression of day 42 rests on T alone; day 56 is too soon after it, day 84 is not."""
    visits = {
        0: [lesion("T", 20), lesion("U", 10)],
        42: [lesion("T", 40), lesion("U", state="ne")],
        56: [lesion("T", 40), lesion("U", 10)],
        84: [lesion("T", 41), lesion("U", 10)],
    }
    named = records_of("irecist", history(visits))
    first = min(named["lesions.early_scan"] | named["lesions.incomplete_growth"], key=str)
    assert named["lesions.early_scan"] == {first}
    assert first not in named["lesions.incomplete_growth"]


def test_a_baseline_without_a_sum_is_an_error_before_any_other_visit() -> None:
    assert findings("recist_1_1", history({0: [lesion("T", state="ne")]})) == {"lesions.baseline.no_sum"}
    nothing_measured = history({0: [lesion("X", role="non-target", status="present")]})
    assert findings("recist_1_1", nothing_measured) == set()


def test_growth_from_an_incomplete_sum_is_pointed_out() -> None:
    at_anchor = [lesion("T", 90), lesion("U", state="ne")]
    lesions = history({0: [lesion("T", 50), lesion("U", 10)], 42: at_anchor, 84: [lesion("T", 96), lesion("U", 10)]})
    assert overall("irecist", lesions) == ["iUPD", "iCPD"]  # T alone: 96 - 90 = 6 mm
    assert "lesions.incomplete_growth" in findings("irecist", lesions)


def test_a_new_lesion_merged_into_one_that_is_not_there_is_pointed_out() -> None:
    def merged(into: str) -> set[str]:
        new = lesion("N", 20, role="new", nl="target")
        gone = lesion("N", role="new", nl="target", state="merged", into=into)
        return findings(
            "irecist", history({0: [lesion("T", 20)], 42: [lesion("T", 20), new], 84: [lesion("T", 20), gone]})
        )

    assert "lesions.merged.new_without_carrier" in merged("N")
    assert "lesions.merged.new_without_carrier" in merged("Q")
    assert "lesions.merged.new_without_carrier" not in merged("T")


def test_infiltrative_liver_cancer_is_no_target_of_mrecist() -> None:
    lesions = history({0: [lesion("T", 60, viable=60, kind="infiltrative")]})
    assert "lesions.target.infiltrative" in findings("mrecist", lesions)
    assert "lesions.target.infiltrative" not in findings("recist_1_1", lesions)


def test_a_measured_new_lesion_is_held_against_the_limit_of_what_its_first_record_calls_it() -> None:
    """A node must have 15 mm, any other lesion 10 mm; that a later record calls it otherwise changes nothing."""

    def called(*nodes: bool) -> set[str]:
        known = [lesion("T", 30)]
        visits = {0: known} | {
            42 * (k + 1): [*known, lesion("N", 12, role="new", nl="target", organ="lung", node=node)]
            for k, node in enumerate(nodes)
        }
        return findings("irecist", history(visits))

    assert "lesions.new_target.too_small" in called(True, False)
    assert "lesions.new_target.too_small" not in called(False, True)


def test_a_target_of_which_one_fragment_is_called_a_node_is_held_against_the_larger_limit() -> None:
    """A node must have 15 mm, any other lesion 10 mm; where its fragments disagree, a size between them is pointed out."""

    def called(*nodes: bool) -> set[str]:
        parts = [lesion("T", 6, organ="lung", node=node, fragment_id=str(k)) for k, node in enumerate(nodes)]
        return findings("recist_1_1", history({0: parts}))

    assert "lesions.target.too_small" in called(True, False)
    assert "lesions.target.too_small" in called(False, True)
    assert "lesions.target.too_small" not in called(False, False)


def test_new_lesions_that_are_not_measured_are_not_too_many() -> None:
    """At most five new lesions are measured, two of an organ (Seymour 2017); any number more are followed as non-targets."""

    def called(*organs: str, others: int) -> set[str]:
        measured = [lesion(f"N{k}", 20, role="new", nl="target", organ=organ) for k, organ in enumerate(organs)]
        more = [lesion(f"X{k}", 20, role="new", nl="non-target", organ="lung") for k in range(others)]
        visits = {0: [lesion("T", 30)], 42: [lesion("T", 30), *measured, *more]}
        return {found for found in findings("irecist", history(visits)) if "new_target" in found}

    organs = ("lung", "liver", "spleen", "bone", "kidney")
    assert called(*organs, others=3) == set()
    assert called(*organs, "adrenal", others=0) == {"lesions.new_target.too_many"}
    assert called("lung", "lung", others=3) == set()
    assert called("lung", "lung", "lung", others=0) == {"lesions.new_target.too_many_per_organ"}


def test_a_measured_new_lesion_has_10_mm_and_one_first_recorded_as_absent_is_not_too_small() -> None:
    def called(**first: Any) -> set[str]:
        known = lesion("T", 30)
        seen = [lesion("N", role="new", nl="target", organ="lung", **more) for more in (first, {"mm": 20})]
        return findings("irecist", history({0: [known], 42: [known, seen[0]], 84: [known, seen[1]]}))

    assert "lesions.new_target.too_small" not in called(state="absent")
    assert "lesions.new_target.too_small" in called(mm=9.99)
    assert "lesions.new_target.too_small" not in called(mm=10)


def test_new_lesions_are_counted_whenever_each_was_first_seen() -> None:
    def new(*names: str) -> list[dict[str, Any]]:
        return [lesion(name, 20, role="new", nl="target", organ="lung") for name in names]

    known = [lesion("T", 30)]
    two = {0: known, 42: [*known, *new("A")], 84: [*known, *new("A", "B")]}
    assert "lesions.new_target.too_many_per_organ" not in findings("irecist", history(two))
    three = {**two, 126: [*known, *new("A", "B", "C")]}
    assert "lesions.new_target.too_many_per_organ" in findings("irecist", history(three))


def test_a_new_lesion_of_which_one_fragment_is_called_a_node_is_held_against_the_larger_limit() -> None:
    def called(*nodes: bool) -> set[str]:
        known = lesion("T", 30)
        parts = [
            lesion("N", 6, role="new", nl="target", organ="lung", node=node, fragment_id=str(k))
            for k, node in enumerate(nodes)
        ]
        return findings("irecist", history({0: [known], 42: [known, *parts]}))

    assert "lesions.new_target.too_small" in called(True, False)
    assert "lesions.new_target.too_small" in called(False, True)
    assert "lesions.new_target.too_small" not in called(False, False)


def test_a_row_that_is_not_used_does_not_spoil_the_baseline() -> None:
    """A second row of the day of the baseline that is not called baseline is said to be left out; so is what it says of a merge."""
    lesions = history({0: [lesion("T", 30)], 42: [lesion("T", 20)]})
    beside = history({0: [lesion("T", state="merged", into="Q")]}).with_columns(is_baseline=False)
    both = pl.concat([lesions, beside])
    assert overall("recist_1_1", both) == ["PR"]
    assert findings("recist_1_1", both) == {"lesions.visit.before_baseline", "lesions.record.repeated"}


def test_a_target_merged_into_none_at_baseline_has_no_size_that_could_be_too_small() -> None:
    lesions = history({0: [lesion("T", 30), lesion("U", state="merged", into="Q")]})
    assert findings("recist_1_1", lesions) == {"lesions.merged.without_carrier", "lesions.baseline.no_sum"}


def test_a_finding_without_a_visit_names_none() -> None:
    without = history({42: [lesion("T", 30)]}).with_columns(is_baseline=False)
    assert records_of("recist_1_1", without)["lesions.baseline.no_sum"] == {None}


def test_a_length_is_shown_as_it_was_recorded_whatever_stands_beside_it() -> None:
    """A division of whole hundredths may miss the decimal by a bit where there are several of them: 19.900000000000002."""
    small = [lesion(name, 19.9, role="target", node=True, organ="lymph_node", site="porta_hepatis") for name in "TUVW"]
    found = collected("mrecist", history({0: small})).filter(pl.col("rule_id") == "lesions.target.too_small")
    assert found["value"].to_list() == ["19.9"] * 4


def test_what_a_disregarded_scan_shows_is_no_relapse() -> None:
    """After a complete response a node of 10 mm is an unconfirmed progression; a scan two weeks later is disregarded."""
    node = {"node": True, "organ": "lymph_node"}
    sizes = {0: 16, 42: 9, 84: 10, 98: 10}
    lesions = history({day: [lesion("T", mm, **node)] for day, mm in sizes.items()})
    assert overall("irecist", lesions) == ["iCR", "iUPD", "iUPD"]
    records = records_of("irecist", lesions)
    assert records["lesions.early_scan"] == {"visit 2024-04-08"}
    assert records["lesions.node_only_relapse"] == {"visit 2024-03-25"}


def test_a_target_recorded_twice_confirms_no_progression() -> None:
    """The two records together are 70 mm more than the anchor, the lesion is not; an incomplete subject is looked at lesion by lesion."""
    grown = [lesion("T", 70), lesion("U", 20)]
    lesions = history(
        {
            0: [lesion("T", 50), lesion("U", 20)],
            42: grown,
            84: [lesion("T", 70), lesion("T", 70), lesion("U", 20)],
            126: grown,
        }
    )
    assert overall("irecist", lesions) == ["iUPD", "NE", "iUPD"]
    assert "lesions.record.repeated" in findings("irecist", lesions)
