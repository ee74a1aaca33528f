"""Odd lesion data that could be counted twice, or that makes progression out of little, is said aloud."""

from __future__ import annotations

from tests.unit.test_criteria_rules import findings, history, lesion, overall


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
