"""The tables of the toolbox, column by column: whoever builds a criterion of their own reads these."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine import criteria
from rules_engine.criteria.lesion_records import LesionRecords, derive_from_records, with_names
from rules_engine.criteria.lesions import Measure, baseline_lesions, nontarget_status, postbaseline_rows
from rules_engine.criteria.new_lesions import derive_new_lesion_visits
from rules_engine.criteria.numbers import (
    has_fallen_by,
    has_risen_by,
    least_that_has_risen_by,
    most_that_has_fallen_by,
)
from rules_engine.criteria.responses import has_target_return, lesion_response, target_response, trace
from rules_engine.criteria.timepoints import derive_established_response
from rules_engine.criteria.visits import derive_readings, subjects_without_sum, visits_of
from rules_engine.loading import load_criterion_rules
from rules_engine.registry import default_registry

from tests.unit.test_criteria_rules import START, Row, history, lesion

RECIST = load_criterion_rules("recist_1_1", registry=default_registry())
MRECIST = load_criterion_rules("mrecist", registry=default_registry())


def bone(name: str, status: str) -> Row:
    return lesion(name, role="non-target", organ="bone", status=status)


def node(mm: float) -> Row:
    return lesion("N", mm, organ="lymph_node", node=True)


def test_a_visit_says_of_its_targets_and_non_targets_what_is_known_of_them() -> None:
    visits = {
        0: [lesion("T", 30), node(15), bone("B", "present"), bone("C", "present")],
        42: [lesion("T", 20), node(12), bone("B", "present"), bone("C", "absent")],
        84: [bone("B", "unequivocal")],
        126: [lesion("T", state="absent"), node(9.99)],
        168: [lesion("T", 0.01), node(10), bone("B", "absent"), bone("C", "absent")],
    }
    found = criteria.derive_visits(history(visits), RECIST).collect().sort("number")
    expected = {
        "number": [1, 2, 3, 4],
        "baseline_x100": [4500] * 4,
        "sum_x100": [3200, None, 999, 1001],
        "sum_complete": [True, False, True, True],
        "partial_x100": [3200, 0, 999, 1001],
        "nodes_back": [1, 0, 0, 1],
        "others_back": [1, 0, 0, 1],
        "has_nontargets": [True] * 4,
        "nontarget_progressed": [False, True, False, False],
        "nontarget_unknown": [False, True, True, False],
        "nontarget_gone": [False, False, True, True],
        "nontarget_seen": [True, False, False, False],
    }
    assert found.select(*expected).to_dict(as_series=False) == expected


def test_a_baseline_stands_for_each_subject_that_has_one_with_its_sum_where_that_is_known() -> None:
    lesions = pl.concat(
        [
            history({0: [lesion("T", 30), node(15)], 42: [lesion("T", 20), node(12)]}, subject="complete"),
            history({0: [lesion("T", 30), lesion("S", state="ne")], 42: [lesion("T", 20)]}, subject="in part"),
            history({0: [bone("B", "present")], 42: [bone("B", "present")]}, subject="no target"),
            history({42: [lesion("T", 20)]}, subject="none").with_columns(is_baseline=pl.lit(value=False)),
        ]
    )
    found = criteria.derive_baselines(lesions, RECIST).collect().sort("subject")
    assert found.rows() == [("complete", START, 4500), ("in part", START, None), ("no target", START, None)]
    assert found.schema["subject"] == pl.String()


def test_the_first_of_two_baselines_is_the_one() -> None:
    visits = {0: [lesion("T", 30)], 14: [lesion("T", 50)], 42: [lesion("T", 30)]}
    twice = history(visits).with_columns(is_baseline=pl.col("visit_date") < START + timedelta(days=42))
    assert criteria.derive_baselines(twice, RECIST).collect()["sum_x100"].to_list() == [3000]
    found = criteria.derive_visits(twice, RECIST).collect()
    assert found.select("visit_date", "baseline_x100").rows() == [(START + timedelta(days=42), 3000)]


@pytest.mark.parametrize(
    ("reference", "percent", "at_least_mm", "least"),
    [
        (5000, 20, 5, 6000), (2000, 20, 5, 2500), (1001, 20, 0, 1202), (1001, 20, 5, 1501), (0, 20, 5, 500), (0, 20, 0, 1),
        (4, 20, 0, 5),
    ],
)  # fmt: skip
def test_the_least_length_that_has_risen_is_the_edge(
    reference: int, percent: int, at_least_mm: int, least: int
) -> None:
    assert least_that_has_risen_by(reference, percent, at_least_mm) == least
    risen = has_risen_by(pl.lit(pl.Series([least - 1, least])), pl.lit(reference), percent, at_least_mm)
    assert pl.select(risen).to_series().to_list() == [False, True]


@pytest.mark.parametrize(("reference", "most"), [(1000, 700), (1001, 700), (0, 0), (3, 2)])
def test_the_most_that_has_fallen_is_the_edge(reference: int, most: int) -> None:
    assert most_that_has_fallen_by(reference, 30) == most
    fallen = has_fallen_by(pl.lit(pl.Series([most, most + 1])), pl.lit(reference), 30)
    assert pl.select(fallen).to_series().to_list() == [True, False]


def test_a_trace_tells_each_rule_once_in_its_order_and_nothing_of_what_did_not_fire() -> None:
    rules = pl.DataFrame({"a": ["x", None, None], "b": ["y", "y", None], "c": ["x", None, None]})
    assert rules.select(trace("a", "b", "c"))["trace"].to_list() == ["x;y", "y", ""]


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"status": "present"}, "present"),
        ({"status": "absent"}, "absent"),
        ({"status": "ne"}, None),
        ({}, None),
        # Without a status, state and size tell.
        ({"state": "absent"}, "absent"),
        ({"state": "ne"}, None),
        ({"state": "ne", "mm": 12}, None),
        ({"state": "tstm"}, "present"),
        ({"state": "merged"}, "present"),
        ({"mm": 0}, "absent"),
        ({"mm": 0.01}, "present"),
        # A node is what its short axis says, from 10 mm on disease.
        ({"node": True, "status": "absent", "mm": 10}, "present"),
        ({"node": True, "status": "absent", "mm": 9.99}, "absent"),
        ({"node": True, "status": "present", "mm": 9.99}, "absent"),
        ({"node": True, "status": "present", "mm": 10}, "present"),
        ({"node": True, "status": "present"}, "present"),
        ({"node": True, "state": "tstm"}, "absent"),
        ({"status": "present", "mm": 4}, "present"),
        ({"status": "absent", "mm": 40}, "absent"),
        # An effusion has progressed only with positive cytology.
        ({"status": "unequivocal", "kind": "effusion", "cytology": "positive"}, "unequivocal"),
        ({"status": "unequivocal", "kind": "effusion", "cytology": "negative"}, "present"),
        ({"status": "unequivocal", "kind": "effusion"}, "present"),
        ({"status": "unequivocal", "kind": "pvt"}, "unequivocal"),
        ({"status": "unequivocal"}, "unequivocal"),
    ],
)
def test_a_non_target_lesion_is_absent_present_progressed_or_not_evaluated(
    row: dict[str, Any], status: str | None
) -> None:
    recorded = history({0: [lesion("B", row.get("mm"), role="non-target", **{k: row[k] for k in row if k != "mm"})]})
    assert recorded.select(status=nontarget_status(MRECIST)).collect().item() == status


def test_a_lesion_of_the_baseline_is_what_its_rows_there_say_and_of_several_the_last_by_name() -> None:
    fragments = [
        lesion("T", 20, viable=0, organ="liver", fragment_id="a"),
        lesion("T", 20, viable=15, organ="lung", role="non-target", fragment_id="b"),
    ]
    other_day = lesion("S", 20, is_baseline=False)
    later = lesion("U", 20, is_baseline=True)
    found = baseline_lesions(history({0: [*fragments, other_day], 42: [later]})).collect()
    assert found.select("lesion_id", "role", "organ", "enhanced", "intrahepatic").rows() == [
        ("T", "target", "lung", True, False)
    ]


def test_a_target_in_parts_that_are_merged_into_nothing_is_one_that_is_not_evaluated() -> None:
    lost = [lesion("U", state="merged", into="X", fragment_id=name) for name in "ab"]
    visits = {0: [lesion("T", 30), lesion("U", 30)], 42: [lesion("T", 72), *lost]}
    found = criteria.derive_visits(history(visits), RECIST).collect()
    assert found.select("sum_x100", "partial_x100", "sum_complete").row(0) == (None, 7200, False)


def test_a_carrier_has_the_whole_mass() -> None:
    visits = {0: [lesion("T", 20), lesion("U", 20)], 42: [lesion("T", 38), lesion("U", state="merged", into="T")]}
    assert criteria.derive_visits(history(visits), RECIST).collect()["sum_x100"].item() == 3800


def test_only_another_target_carries_a_lesion_that_is_merged_into_it() -> None:
    first = [lesion("T", 30), lesion("U", 30), bone("B", "present")]
    visits = {0: first, 42: [lesion("T", 30), lesion("U", state="merged", into="B"), bone("B", "present")]}
    assert criteria.derive_visits(history(visits), RECIST).collect()["sum_x100"].item() is None


@pytest.mark.parametrize(
    ("at_baseline", "is_new"),
    [({"state": "absent"}, True), ({"status": "absent"}, True), ({"mm": 12}, False), ({"status": "present"}, False)],
)
def test_a_row_of_the_baseline_that_says_new_and_absent_is_no_lesion(at_baseline: dict[str, Any], is_new: bool) -> None:
    mm, said = at_baseline.get("mm"), {key: value for key, value in at_baseline.items() if key != "mm"}
    visits = {0: [lesion("T", 30), new(mm, **said)], 42: [lesion("T", 30), new(12)]}
    found = criteria.derive_new_lesions(history(visits), RECIST).collect()
    assert found["lesion_id"].to_list() == (["X"] if is_new else [])


def test_a_target_that_is_absent_at_baseline_is_a_target() -> None:
    visits = {0: [lesion("T", 30), lesion("U", state="absent")], 42: [lesion("T", 30), lesion("U", 10)]}
    found = criteria.derive_visits(history(visits), RECIST).collect()
    assert found.select("baseline_x100", "sum_x100").row(0) == (3000, 4000)


def test_without_a_baseline_every_visit_counts_and_no_lesion_is_known() -> None:
    later = history({0: [lesion("T", 30), bone("B", "present")], 42: [lesion("T", 30), bone("B", "absent")]})
    found = criteria.derive_visits(later.with_columns(is_baseline=pl.lit(None, pl.Boolean)), RECIST).collect()
    shown = found.sort("visit_date").select("number", "has_targets", "baseline_x100", "sum_complete", "has_nontargets")
    assert shown.rows() == [(1, True, None, False, False), (2, True, None, False, False)]


def new(mm: float | None = None, **more: Any) -> Row:
    return lesion("X", mm, **{"role": "new", "organ": "lung", "nl": "target", **more})


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ([new(12)], {}, {"c": 1200, "shown": True, "resolved": False, "unread": False, "measured": True, "nodule": False}),
        ([new(12, status="present")], {}, {"increased": False, "unequivocal": False, "certain": True, "typical": False}),
        ([new(state="absent")], {}, {"c": 0, "shown": False, "resolved": True, "unread": False}),
        ([new(status="absent", mm=12)], {}, {"c": 0, "shown": False, "resolved": True}),
        ([new(0)], {}, {"c": 0, "shown": False, "resolved": True}),
        ([new(0.01)], {}, {"c": 1, "shown": True, "resolved": False}),
        ([new(12, status="ne")], {}, {"c": None, "shown": False, "resolved": False, "unread": True}),
        ([new(state="absent", status="ne")], {}, {"c": None, "shown": False, "resolved": False, "unread": True}),
        ([new(state="ne")], {}, {"measured": False}),
        ([new(status="present")], {}, {"measured": False, "c": None, "shown": True}),
        ([new(state="measured")], {}, {"measured": True, "c": None, "shown": True}),
        ([new(12, nl="non-target")], {}, {"measured": False}),
        ([new(12, nl=None)], {}, {"measured": True}),
        ([new(12, certainty=None)], {}, {"certain": True}),
        ([new(12, kind="cyst")], {}, {"shown": False, "resolved": False}),
        # In parts: unknown where one is, gone where all are, and else what one of them shows.
        ([new(7, fragment_id="a"), new(5, fragment_id="b")], {}, {"c": 1200}),
        ([new(7, fragment_id="a"), new(state="ne", fragment_id="b")], {}, {"c": None, "unread": True, "measured": True}),
        ([new(7, fragment_id="a"), new(state="absent", fragment_id="b")], {}, {"c": 700, "shown": True, "resolved": False}),
        ([new(7, fragment_id="a"), new(status="present", fragment_id="b")], {}, {"c": None, "shown": True}),
        (
            [
                new(7, fragment_id="a", certainty="equivocal", status="present"),
                new(5, fragment_id="b", vs_last="increased", status="unequivocal"),
            ],
            {}, {"certain": True, "increased": True, "unequivocal": True, "typical": False},
        ),
        ([new(7, fragment_id="a", pattern="typical"), new(5, fragment_id="b", pattern="atypical")], {}, {"typical": True}),
        # A node counts from 10 mm on and has gone below it; where smaller ones count, it has gone below those.
        ([new(10, node=True)], {}, {"shown": True, "resolved": False}),
        ([new(9.99, node=True)], {}, {"shown": False, "resolved": True}),
        ([new(12, node=True)], {"new.node_min_short_mm": 15}, {"shown": False, "resolved": False}),
        ([new(8.5, node=True)], {"new.node_min_short_mm": 8}, {"shown": True, "resolved": False}),
        ([new(state="tstm", node=True)], {"tstm.default_mm": 12}, {"c": 1200, "shown": False, "resolved": True}),
        ([new(node=True, status="present")], {}, {"shown": True, "resolved": False}),
        (
            [new(state="tstm", node=True, fragment_id="a"), new(12, node=True, fragment_id="b")],
            {}, {"shown": True, "resolved": False},
        ),
    ],
)  # fmt: skip
def test_a_new_lesion_at_a_visit(rows: list[Row], options: dict[str, Any], expected: dict[str, Any]) -> None:
    rules = load_criterion_rules("irecist", overrides=options, registry=default_registry())
    found = criteria.derive_new_lesions(history({0: [lesion("T", 30)], 42: rows}), rules).collect()
    assert found.select(*expected).row(0, named=True) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"kind": "effusion", "cytology": "positive"}, {"shown": True, "increased": True, "unequivocal": True}),
        ({"kind": "effusion", "cytology": "negative"}, {"shown": False, "increased": False, "unequivocal": False}),
        ({"organ": "liver"}, {"nodule": True}), ({"organ": "liver", "node": None}, {"nodule": True}),
        ({"organ": "liver", "kind": "pvt"}, {"nodule": False}), ({"organ": "liver", "node": True}, {"nodule": False}),
        ({"organ": None}, {"nodule": False}),
    ],
)  # fmt: skip
def test_a_new_lesion_under_mrecist(row: dict[str, Any], expected: dict[str, Any]) -> None:
    visits = {0: [lesion("T", 30)], 42: [new(12, vs_last="increased", status="unequivocal", **row)]}
    found = criteria.derive_new_lesions(history(visits), MRECIST).collect()
    assert found.select(*expected).row(0, named=True) == expected


def test_an_effusion_in_parts_is_proven_where_one_of_them_is() -> None:
    parts = [
        new(kind="effusion", organ="pleura", status="present", cytology=of, fragment_id=of)
        for of in ("negative", "positive")
    ]
    found = criteria.derive_new_lesions(history({0: [lesion("T", 30)], 42: parts}), MRECIST).collect()
    assert found["shown"].to_list() == [True]


def test_progression_is_dated_back_to_the_earliest_first_sight_and_not_to_the_visit_itself() -> None:
    def seen(name: str, certainty: str) -> Row:
        return lesion(name, 12, role="new", organ="lung", certainty=certainty)

    visits = {
        0: [lesion("T", 30)],
        42: [seen("X", "equivocal")],
        84: [seen("X", "equivocal"), seen("Y", "equivocal")],
        126: [seen("X", "unequivocal"), seen("Y", "unequivocal"), seen("Z", "unequivocal")],
        168: [seen("X", "unequivocal"), seen("W", "unequivocal")],
    }
    found = derive_new_lesion_visits(criteria.derive_new_lesions(history(visits), RECIST), RECIST).collect()
    first, second = START + timedelta(days=42), START + timedelta(days=84)
    shown = found.sort("visit_date").with_columns(pl.col("first_sights").list.sort())
    assert shown.select("new_lesion", "backdated_to", "first_sights").rows() == [
        (False, None, []),
        (False, None, []),
        (True, first, [first, second]),
        (True, None, []),
    ]


def test_a_measure_may_read_columns_beyond_the_contract() -> None:
    lesions = history({0: [lesion("T", 30)], 42: [lesion("T", 20)]}).with_columns(weight=pl.lit(7))
    measure = Measure(pl.col("weight") * 2, too_small=1)
    found = derive_readings(lesions, lesions, baseline_lesions(lesions), RECIST, measure).collect()
    assert found["c"].to_list() == [14, 14]
    assert criteria.derive_visits(lesions, RECIST, measure=measure).collect()["sum_x100"].to_list() == [14]


def test_a_reading_has_the_size_of_a_target_and_the_status_of_a_non_target() -> None:
    lesions = history({0: [lesion("T", 30, status="present"), bone("B", "present"), new(12, status="present")]})
    lesions = pl.concat(
        [lesions, history({42: [new(12, status="present")]}).with_columns(is_baseline=pl.lit(value=False))]
    )
    known = baseline_lesions(lesions.filter(pl.col("role") != "new"))
    found = derive_readings(lesions, lesions, known, RECIST).collect()
    assert found.select("lesion_id", "c", "status").rows() == [
        ("T", 3000, None), ("B", None, "present"), ("X", None, None), ("X", None, None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "counted"),
    [
        (new(10, organ="liver", pattern="typical"), {}, [True, True]),
        (new(9.99, organ="liver", pattern="typical"), {}, [False, False]),
        (new(10, organ="liver", pattern="atypical"), {"mm_x100": 2000}, [False, True]),
        (new(10, organ="liver", pattern="atypical"), {"mm_x100": 1999}, [False, False]),
        (new(10, organ="liver"), {}, [False, False]),
        (new(10, organ="lung"), {}, [True, True]),
        (new(10, organ="liver", pattern="typical", certainty="equivocal"), {"certainty": "unequivocal"}, [False, True]),
    ],
)
def test_under_mrecist_a_nodule_counts_once_it_is_large_and_typical_or_has_grown(
    first: Row, second: Row, counted: list[bool]
) -> None:
    lesions = history({0: [lesion("T", 30)], 42: [first], 84: [{**first, **second}]})
    found = derive_new_lesion_visits(criteria.derive_new_lesions(lesions, MRECIST), MRECIST).collect()
    assert found.sort("visit_date")["new_lesion"].to_list() == counted


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("CR", ["CR", "PR", "PD", "PR", "CR"]), ("PR", ["PR", "PR", "PD", "PR", "PR"]), ("SD", ["SD", "SD", "PD", "SD", "SD"]),
        ("PD", ["PD", "PD", "PD", "PD", "PD"]), ("NE", ["NE", "NE", "PD", "NE", "NE"]),
        ("NA", ["CR", "NON-CR/NON-PD", "PD", "NE", "NED"]),
    ],
)  # fmt: skip
def test_target_and_non_target_response_together_are_those_of_the_tables(target: str, expected: list[str]) -> None:
    nontargets = pl.DataFrame({"nontarget": ["CR", "NON-CR/NON-PD", "PD", "NE", "NA"]})
    assert nontargets.select(lesion_response(pl.lit(target), pl.col("nontarget"))).to_series().to_list() == expected


def test_lesions_are_numbered_in_the_order_of_their_visits_whatever_the_order_of_the_rows() -> None:
    visits = {
        0: [lesion("T", 30), lesion("U", 20)],
        42: [lesion("T", 30), lesion("U", 20)],
        84: [lesion("T", 31), lesion("U", 20)],
    }
    both = pl.concat([history(visits, subject="A"), history(visits, subject="B")]).collect().reverse().lazy()
    found = criteria.derive_visits(both, RECIST).collect().sort("subject", "number")
    assert found.select("subject", "number", "sum_x100").rows() == [
        ("A", 1, 5000), ("A", 2, 5100), ("B", 1, 5000), ("B", 2, 5100)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "complete"),
    [
        ([("a", 10), ("b", 10)], True), ([("a", 10), ("a", 10)], False), ([(None, 10), (None, 10)], False),
        ([(None, 10), ("a", 10)], False), ([("b", 10), ("a", 10), ("c", 10)], True),
    ],
)  # fmt: skip
def test_a_target_that_is_recorded_twice_has_no_sum(rows: list[tuple[str | None, float]], complete: bool) -> None:
    parts = [lesion("T", mm, fragment_id=name) for name, mm in rows]
    fine = lesion("U", 10)
    found = (
        criteria.derive_visits(history({0: [lesion("T", 30), fine], 42: [fine, *parts]}), RECIST)
        .collect()
        .row(0, named=True)
    )
    assert found["sum_complete"] is complete
    assert found["sum_x100"] == (1000 * (1 + len(rows)) if complete else None)


def test_a_lesion_that_is_no_target_may_be_recorded_twice() -> None:
    twice = [bone("B", "present"), bone("B", "present")]
    found = criteria.derive_visits(
        history({0: [lesion("T", 30), bone("B", "present")], 42: [lesion("T", 30), *twice]}), RECIST
    ).collect()
    assert found.select("sum_x100", "nontarget_unknown").row(0) == (3000, False)


def test_a_lesion_in_parts_is_one_lesion_of_those_that_must_be_read() -> None:
    first = [lesion("T", 30), lesion("U", 10), bone("B", "present"), bone("C", "present")]
    parts = [lesion("T", 10, fragment_id=name) for name in "ab"] + [
        bone("B", "present") | {"fragment_id": name} for name in "ab"
    ]
    found = criteria.derive_visits(history({0: first, 42: parts}), RECIST).collect()
    assert found.select("sum_complete", "partial_x100", "nontarget_unknown").row(0) == (False, 2000, True)


def test_a_lesion_is_new_by_its_first_record_and_keeps_what_that_says() -> None:
    visits = {
        0: [lesion("T", 30)],
        42: [
            new(6, organ="bone", fragment_id="a"),
            new(6, organ="lung", fragment_id="b"),
            lesion("L", 12, role="target"),
            bone("M", "present"),
        ],
        84: [new(12, organ="bone", role="target"), lesion("L", 12, role="new"), lesion("M", 12, role="new")],
    }
    found = criteria.derive_new_lesions(history(visits), RECIST).collect().sort("visit_date")
    assert found.select("lesion_id", "organ").rows() == [("X", "lung"), ("X", "lung")]


def test_a_visit_is_suspected_where_any_of_its_rows_says_so() -> None:
    rows = [lesion("T", 30, suspected_pseudoprogression=said) for said in (None, True, False)]
    rows = [row | {"lesion_id": f"T{number}"} for number, row in enumerate(rows)]
    found = criteria.derive_visits(
        history({0: rows, 42: rows, 84: [lesion("T0", 30, suspected_pseudoprogression=None)]}), RECIST
    )
    assert found.collect().sort("number")["suspected_pseudoprogression"].to_list() == [True, False]


def test_subjects_with_targets_and_no_sum_at_baseline_are_known() -> None:
    lesions = pl.concat(
        [
            history({0: [lesion("T", 30)], 42: [lesion("T", 20)]}, subject="complete"),
            history({0: [lesion("T", 30), lesion("S", state="ne")]}, subject="in part"),
            history({0: [bone("B", "present")]}, subject="no target"),
            history({0: [bone("B", "present")], 42: [lesion("T", 30)]}, subject="later"),
        ]
    )
    found = derive_from_records(lesions, lambda records: with_names(subjects_without_sum(records, RECIST))).collect()
    assert sorted(found["subject"]) == ["in part", "later"]


def lists(visits: dict[int, list[Row]], rules: Any = MRECIST) -> list[tuple[Any, ...]]:
    """For each visit how many non-targets progressed, have grown, and have grown and are seen; and the targets that are known."""
    names = ("progressed_ids", "increased_ids", "increased_seen_ids")

    def derive(records: LesionRecords) -> pl.LazyFrame:
        found = visits_of(records, rules, per_lesion=True).sort("number")
        of_targets = pl.col("targets").list.eval(pl.element().struct.field("c")).list.sort()
        return found.select(*(pl.col(name).list.len().fill_null(0) for name in names), of_targets)

    return derive_from_records(history(visits), derive).collect().rows()


def test_non_targets_are_listed_that_progressed_or_have_grown() -> None:
    effusion = lesion("E", role="non-target", kind="effusion", organ="pleura", status="present")
    gland = lesion("G", 12, role="non-target", organ="lymph_node", node=True, status="present")
    target, worse, still = lesion("T", 30, viable=30), {"vs_last": "increased"}, bone("C", "present")
    visits = {
        0: [target, still, bone("B", "present"), effusion, gland],
        42: [target, still, bone("B", "unequivocal"), effusion | worse, gland],
        84: [target, still, bone("B", "present") | worse, effusion | worse | {"cytology": "positive"}, gland | worse],
        126: [target, still, bone("B", "absent") | worse, effusion, gland],
    }
    assert [counts[:3] for counts in lists(visits)] == [(1, 0, 0), (0, 3, 2), (0, 0, 0)]


def test_targets_are_listed_one_by_one_where_a_sum_is_missing() -> None:
    first, known = [lesion("T", 30), lesion("U", 20)], [lesion("T", 25), lesion("U", 20)]
    parts = [lesion("T", 10, fragment_id="a"), lesion("T", state="ne", fragment_id="b"), lesion("U", 20)]
    assert [found[3] for found in lists({0: first, 42: known, 84: known}, RECIST)] == [None, None]
    assert [found[3] for found in lists({0: first, 42: known, 84: parts}, RECIST)] == [[2000, 2500], [2000]]


def test_rows_after_the_baseline_are_those_of_later_visits_and_without_a_baseline_all() -> None:
    late = history({0: [lesion("T", 30), lesion("S", 20, is_baseline=False)], 42: [lesion("T", 20)]})
    none = history({0: [lesion("T", 30)], 42: [lesion("T", 20)]}, subject="B").with_columns(
        is_baseline=pl.lit(value=False)
    )
    lesions = pl.concat([late, none])
    found = postbaseline_rows(lesions, lesions).collect().sort("subject", "visit_date")
    assert found.select("subject", "lesion_id", "mm_x100").rows() == [
        ("A", "T", 2000),
        ("B", "T", 3000),
        ("B", "T", 2000),
    ]


@pytest.mark.parametrize(
    ("reappearance", "target_only", "after_cr", "after_target_cr"),
    [("pd", "arithmetic", True, False), ("pd", "pd", True, True), ("arithmetic", "pd", False, True),
     ("arithmetic", "arithmetic", False, False)],
)  # fmt: skip
def test_what_is_back_after_a_complete_response_is_progression_where_the_ruleset_says_so(
    reappearance: str, target_only: str, after_cr: bool, after_target_cr: bool
) -> None:
    chosen = {"cr.reappearance": reappearance, "cr.target_only_return": target_only}
    rules = load_criterion_rules("recist_1_1", overrides=chosen, registry=default_registry())
    history_of = {"cr_before": [True, False, False, True], "target_cr_before": [True, True, False, True]}
    rows = pl.DataFrame({**history_of, "nodes_back": [1, 0, 1, 0], "others_back": [0, 1, 1, 0]})
    found = rows.select(has_target_return(rules)).to_series().to_list()
    assert found == [after_cr, after_target_cr, False, False]


@pytest.mark.parametrize(("persistence", "expected"), [("after_established", "PR"), ("memoryless", "SD")])
def test_an_established_response_persists_only_where_the_ruleset_says_so(persistence: str, expected: str) -> None:
    rules = load_criterion_rules("recist_1_1", overrides={"pr.persistence": persistence}, registry=default_registry())
    row = {
        "has_targets": True, "baseline_x100": 10000, "sum_x100": 8000, "partial_x100": 8000, "nadir_x100": 7000, "sum_complete": True,
        "nodes_back": 0, "others_back": 1, "cr_before": False, "target_cr_before": False, "pr_established": True,
    }  # fmt: skip
    found = pl.DataFrame([row]).select(target_response(rules, criteria.RuleNames("t", "n", "l", "o")))
    assert found["target"].to_list() == [expected]


def test_a_lesion_that_is_no_target_may_be_merged_into_one_that_is_not_measured() -> None:
    """Its mass is in no sum of targets: a non-target is there, and a new lesion is shown and adds nothing."""
    gone = {"state": "merged", "into": "Q"}
    visits = {
        0: [lesion("T", 30), bone("B", "present")],
        42: [lesion("T", 30), lesion("B", role="non-target", organ="bone", **gone), new(**gone)],
    }
    found = criteria.derive_visits(history(visits), RECIST).collect()
    assert found.select("nontarget_unknown", "nontarget_gone").row(0) == (False, False)
    shown = criteria.derive_new_lesions(history(visits), RECIST).collect()
    assert shown.select("c", "shown", "unread").row(0) == (0, True, False)


def test_a_confirmed_response_is_that_of_its_subject_whatever_the_order_of_the_rows() -> None:
    rules = load_criterion_rules("recist_1_1", overrides={"bor.confirmation": "required"}, registry=default_registry())
    rows = [("A", 1, "PR"), ("B", 1, "PD"), ("A", 2, "PR"), ("B", 2, "SD"), ("A", 3, "SD"), ("B", 3, "PR")]
    visits = pl.LazyFrame(rows, schema=["subject", "number", "target"], orient="row").with_columns(
        visit_date=pl.lit(START) + pl.duration(days=42 * pl.col("number"))
    )
    found = derive_established_response(visits, rules).collect().sort("subject", "number")
    assert found["pr_established"].to_list() == [False, False, True, False, False, False]
