"""The criteria on small histories: each table is a history, each expectation follows from the paper or a stated option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine import criteria
from rules_engine.contracts import LESION_ASSESSMENTS, canonical_schema
from rules_engine.loading import load_criterion_rules
from rules_engine.registry import default_registry

START = date(2024, 1, 1)
Row = dict[str, Any]


def lesion(name: str, mm: float | None = None, **more: Any) -> Row:
    """One row; `mm` and `viable` in mm."""
    viable = more.pop("viable", None)
    row = {
        "lesion_id": name,
        "role": "target",
        "organ": "liver",
        "node": False,
        "certainty": "unequivocal",
        "vs_last": "same",
        **more,
    }
    row["mm_x100"] = None if mm is None else round(mm * 100)
    row["viable_mm_x100"] = None if viable is None else round(viable * 100)
    return row


def history(visits: Mapping[int, Sequence[Row]], *, subject: str = "A", **of_visit: Any) -> pl.LazyFrame:
    """Rows of visits by day; the first is the baseline."""
    first = min(visits)
    rows = [
        {
            "subject": subject,
            "visit_date": START + timedelta(days=day),
            "is_baseline": day == first,
            "reason": of_visit.get("reasons", {}).get(day, "scheduled"),
            "suspected_pseudoprogression": day in of_visit.get("suspected", ()),
            **row,
        }
        for day, its_rows in visits.items()
        for row in its_rows
    ]
    schema = canonical_schema(LESION_ASSESSMENTS)
    return pl.LazyFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def assessed(criterion: str, lesions: pl.LazyFrame, **options: Any) -> tuple[pl.DataFrame, Any]:
    rules = load_criterion_rules(criterion, overrides=options, registry=default_registry())
    return default_registry().criteria.require(criterion).assess(lesions, rules).collect().sort("visit_date"), rules


def overall(criterion: str, lesions: pl.LazyFrame, **options: Any) -> list[str]:
    return assessed(criterion, lesions, **options)[0]["overall"].to_list()


def sums(*mm: float, every: int = 42) -> dict[int, list[Row]]:
    return {number * every: [lesion("T", size, viable=size)] for number, size in enumerate(mm)}


@pytest.mark.parametrize(
    ("mm", "expected"),
    [
        ((50, 35), "PR"), ((50, 35.01), "SD"), ((50, 60), "PD"), ((50, 59.99), "SD"),
        ((24, 28.99), "SD"), ((25, 30), "PD"), ((20, 24.99), "SD"),
    ],
)  # fmt: skip
def test_the_edges_of_shrinkage_and_growth_are_inclusive_and_exact(mm: tuple[float, ...], expected: str) -> None:
    assert overall("recist_1_1", history(sums(*mm))) == [expected]


def test_growth_is_measured_from_the_nadir_and_asked_before_shrinkage() -> None:
    assert overall("recist_1_1", history(sums(100, 40, 50))) == ["PR", "PD"]


def test_the_nadir_may_leave_the_baseline_out() -> None:
    assert overall("recist_1_1", history(sums(50, 70, 72))) == ["PD", "PD"]
    assert overall("recist_1_1", history(sums(50, 70, 72)), **{"nadir.includes_baseline": False}) == ["SD", "SD"]


@pytest.mark.parametrize(("persistence", "expected"), [("after_established", "PR"), ("memoryless", "SD")])
def test_a_response_persists_or_is_judged_anew(persistence: str, expected: str) -> None:
    assert overall("recist_1_1", history(sums(90, 60, 66)), **{"pr.persistence": persistence}) == ["PR", expected]


def test_with_mandatory_confirmation_a_response_persists_once_it_is_confirmed() -> None:
    options = {"bor.confirmation": "required"}
    assert overall("recist_1_1", history(sums(90, 60, 66)), **options) == ["PR", "SD"]
    assert overall("recist_1_1", history(sums(90, 60, 62, 66)), **options) == ["PR", "PR", "PR"]


def test_progression_ends_an_established_response() -> None:
    assert overall("recist_1_1", history(sums(100, 60, 73, 71))) == ["PR", "PD", "SD"]


def test_normal_nodes_that_grow_are_complete_response_unless_the_sum_goes_first() -> None:
    nodes = {
        0: [lesion("N", 20, organ="lymph_node", node=True), lesion("M", 16, organ="lymph_node", node=True)],
        42: [lesion("N", 4, organ="lymph_node", node=True), lesion("M", 4, organ="lymph_node", node=True)],
        84: [lesion("N", 9, organ="lymph_node", node=True), lesion("M", 9, organ="lymph_node", node=True)],
    }
    assert overall("recist_1_1", history(nodes)) == ["CR", "CR"]
    assert overall("recist_1_1", history(nodes), **{"cr.before_pd": False}) == ["CR", "PD"]


def test_disease_that_is_back_after_an_overall_complete_response_is_progression() -> None:
    assert overall("recist_1_1", history(sums(60, 0, 3))) == ["CR", "PD"]
    assert overall("recist_1_1", history(sums(60, 0, 3)), **{"cr.reappearance": "arithmetic"}) == ["CR", "PR"]


def test_a_target_that_returns_while_other_disease_persisted_is_judged_by_the_sum() -> None:
    left = {"role": "non-target", "status": "present"}
    visits = {day: [*rows, lesion("X", **left)] for day, rows in sums(60, 0, 4, 5).items()}
    assert overall("recist_1_1", history(visits)) == ["PR", "PR", "PD"]
    assert overall("recist_1_1", history(visits), **{"cr.target_only_return": "pd"}) == ["PR", "PD", "PD"]


def test_a_missing_row_is_not_evaluated_and_never_absent() -> None:
    visits = {0: [lesion("T", 20), lesion("U", 20)], 42: [lesion("T", state="absent")]}
    row = assessed("recist_1_1", history(visits))[0].row(0, named=True)
    assert (row["target"], row["overall"], row["sum_x100"], row["sum_complete"]) == ("NE", "NE", None, False)


def test_a_merged_lesion_counts_with_its_carrier_and_not_without() -> None:
    merged = lesion("U", state="merged", into="T")
    assert overall("recist_1_1", history({0: [lesion("T", 20), lesion("U", 20)], 42: [lesion("T", 38), merged]})) == [
        "SD"
    ]
    orphan = lesion("U", state="merged", into="V")
    both = {0: [lesion("T", 20), lesion("U", 20)], 42: [lesion("T", 0), orphan]}
    assert overall("recist_1_1", history(both)) == ["NE"]


def test_two_lesions_merged_into_each_other_are_measured_nowhere() -> None:
    circle = [lesion("T", state="merged", into="U"), lesion("U", state="merged", into="T")]
    assert overall("recist_1_1", history({0: [lesion("T", 20), lesion("U", 20)], 42: circle})) == ["NE"]


def test_without_a_baseline_sum_nothing_is_a_target_response() -> None:
    visits = {0: [lesion("T", state="ne")], 42: [lesion("T", 30)]}
    assert assessed("recist_1_1", history(visits))[0]["target"].to_list() == ["NE"]


@pytest.mark.parametrize(
    ("backdate", "codes", "dates"),
    [
        ("restate", ["PD", "SD", "PD"], [42, None, 42]),
        ("date_only", ["SD", "SD", "PD"], [None, None, 42]),
        ("none", ["SD", "SD", "PD"], [None, None, 126]),
    ],
)
def test_a_lesion_made_certain_later_dates_progression_back(
    backdate: str, codes: list[str], dates: list[int | None]
) -> None:
    def new(certainty: str) -> Row:
        return lesion("N", 8, role="new", organ="lung", certainty=certainty)

    visits = sums(40, 40, 40, 40)
    visits[42].append(new("equivocal"))
    visits[84].append(new("equivocal"))
    visits[126].append(new("unequivocal"))
    timepoints, rules = assessed("recist_1_1", history(visits), **{"equivocal.backdate": backdate})
    assert timepoints["overall"].to_list() == codes
    assert timepoints["overall_as_read"].to_list() == ["SD", "SD", "PD"]
    expected = [None if day is None else START + timedelta(days=day) for day in dates]
    assert timepoints["progression_date"].to_list() == expected
    assert criteria.progression(timepoints.lazy(), rules).collect()["progression_date"].to_list() == [
        min(d for d in expected if d)
    ]


@pytest.mark.parametrize(("short_axis", "criterion", "seen"), [(9.9, "recist_1_1", False), (10, "recist_1_1", True),
                                                               (19.9, "mrecist", False), (20, "mrecist", True)])  # fmt: skip
def test_a_new_node_must_be_large_enough(short_axis: float, criterion: str, seen: bool) -> None:
    visits = sums(40, 40)
    visits[42].append(lesion("N", short_axis, role="new", node=True, organ="lymph_node", site="porta_hepatis"))
    assert assessed(criterion, history(visits))[0]["new_lesion"].to_list() == [seen]


def test_an_effusion_needs_cytology_unless_the_ruleset_says_otherwise() -> None:
    visits = sums(40, 40)
    visits[42].append(lesion("E", role="new", kind="effusion", status="present", cytology="negative"))
    assert overall("mrecist", history(visits)) == ["SD"]
    assert overall("mrecist", history(visits), **{"mrecist.effusion_needs_cytology": False}) == ["PD"]
    assert overall("recist_1_1", history(visits)) == ["PD"]


def test_lesions_that_did_not_enhance_at_baseline_go_by_their_whole_diameter() -> None:
    visits = {0: [lesion("T", 50, viable=0)], 42: [lesion("T", 30, viable=0)]}
    assert overall("mrecist", history(visits)) == ["PR"]


def test_the_whole_diameter_may_be_asked_for() -> None:
    visits = {0: [lesion("T", 50, viable=50)], 42: [lesion("T", 50, viable=10)]}
    assert overall("mrecist", history(visits)) == ["PR"]
    assert overall("mrecist", history(visits), **{"mrecist.measure": "whole"}) == ["SD"]


def test_local_therapy_outside_the_protocol_ends_the_evaluation_of_a_target() -> None:
    lesions = history(sums(50, 40, 40))
    marked = pl.when(pl.col("visit_date") == START + timedelta(days=84)).then(pl.lit("outside"))
    assert overall("mrecist", lesions.with_columns(local_therapy=marked)) == ["SD", "NE"]
    study = lesions.with_columns(local_therapy=marked.replace({"outside": "study"}))
    assert overall("mrecist", study) == ["SD", "SD"]
    assert overall("mrecist", study, **{"mrecist.on_study_local": "exclude"}) == ["SD", "NE"]


# iRECIST


def test_progression_is_confirmed_by_five_millimetres_since_the_anchor() -> None:
    assert overall("irecist", history(sums(50, 62, 66, 67))) == ["iUPD", "iUPD", "iCPD"]
    assert overall("irecist", history(sums(50, 62, 66, 70)), **{"irecist.further_from": "previous"}) == [
        "iUPD",
        "iUPD",
        "iUPD",
    ]


def test_the_bar_is_reset_and_the_next_progression_needs_its_own_confirmation() -> None:
    timepoints, rules = assessed("irecist", history(sums(50, 62, 50, 61, 67)))
    assert timepoints["overall"].to_list() == ["iUPD", "iSD", "iUPD", "iCPD"]
    assert timepoints["state"].to_list() == ["PENDING", "OPEN", "PENDING", "CONFIRMED"]
    assert criteria.progression(timepoints.lazy(), rules).collect()["progression_date"].item() == START + timedelta(
        days=126
    )


@pytest.mark.parametrize(
    ("early_scan", "codes"), [("ignore", ["iUPD", "iUPD", "iUPD"]), ("use", ["iUPD", "iCPD", "iCPD"])]
)
def test_a_scan_too_soon_is_disregarded(early_scan: str, codes: list[str]) -> None:
    visits = {0: [lesion("T", 50)], 42: [lesion("T", 62)], 69: [lesion("T", 67)], 84: [lesion("T", 62)]}
    assert overall("irecist", history(visits), **{"irecist.early_scan": early_scan}) == codes


def test_a_scan_for_symptoms_with_a_further_new_lesion_confirms_at_once() -> None:
    visits = {
        0: [lesion("T", 50)],
        42: [lesion("T", 62)],
        56: [lesion("T", 62), lesion("N", 12, role="new", organ="lung")],
    }
    assert overall("irecist", history(visits)) == ["iUPD", "iUPD"]
    timepoints = assessed("irecist", history(visits, reasons={56: "symptom"}))[0]
    assert timepoints["overall"].to_list() == ["iUPD", "iCPD"]
    assert timepoints["confirmation_reasons"].to_list() == [None, "C5"]


@pytest.mark.parametrize(
    ("late", "codes"), [("accept", ["iUPD", "iCPD", "iCPD"]), ("new_iupd", ["iUPD", "iUPD", "iCPD"])]
)
def test_late_confirmation(late: str, codes: list[str]) -> None:
    visits = {0: [lesion("T", 50)], 42: [lesion("T", 62)], 99: [lesion("T", 67)], 130: [lesion("T", 72)]}
    assert overall("irecist", history(visits), **{"irecist.late_confirmation": late}) == codes


@pytest.mark.parametrize(
    ("persisting", "codes"),
    [
        ("category_improved", ["iUPD", "iUPD", "iPR"]),
        ("never", ["iUPD", "iUPD", "iUPD"]),
        ("any_non_pd", ["iUPD", "iSD", "iPR"]),
    ],
)
def test_new_lesions_that_persist(persisting: str, codes: list[str]) -> None:
    visits = sums(50, 50, 48, 30)
    for day in (42, 84, 126):
        visits[day].append(lesion("N", 12, role="new", organ="lung"))
    assert overall("irecist", history(visits), **{"irecist.persisting_new": persisting}) == codes


def test_no_complete_response_while_a_new_lesion_is_left() -> None:
    visits = sums(50, 50, 0)
    for day in (42, 84):
        visits[day].append(lesion("N", 12, role="new", organ="lung"))
    assert overall("irecist", history(visits)) == ["iUPD", "iPR"]
    assert overall("irecist", history(visits), **{"irecist.icr_requires_new_resolved": False}) == ["iUPD", "iCR"]


def test_a_lesion_left_from_a_void_block_makes_progression_only_by_growing() -> None:
    visits = sums(50, 50, 30, 30, 30)
    for day, size in zip((42, 84, 126, 168), (12, 12, 12, 17), strict=True):
        visits[day].append(lesion("N", size, role="new", organ="lung"))
    assert overall("irecist", history(visits)) == ["iUPD", "iPR", "iPR", "iUPD"]


@pytest.mark.parametrize(
    ("between", "codes"), [("keep_pending", ["iUPD", "NE", "iCPD"]), ("clear", ["iUPD", "NE", "iUPD"])]
)
def test_a_not_evaluable_scan_between(between: str, codes: list[str]) -> None:
    visits = {0: [lesion("T", 50)], 42: [lesion("T", 62)], 84: [lesion("T", state="ne")], 126: [lesion("T", 70)]}
    assert overall("irecist", history(visits), **{"irecist.ne_between": between}) == codes


@pytest.mark.parametrize(("at_end", "day"), [("event", 42), ("censor", None)])
def test_an_iupd_still_open_at_the_end(at_end: str, day: int | None) -> None:
    timepoints, rules = assessed("irecist", history(sums(50, 62)), **{"irecist.pending_at_end": at_end})
    found = criteria.progression(timepoints.lazy(), rules).collect().row(0, named=True)
    assert found["progression_date"] == (None if day is None else START + timedelta(days=day))
    assert found["progression_status"] == "unconfirmed"


def test_a_disregarded_scan_is_no_nadir() -> None:
    visits = {
        0: [lesion("T", 50)],
        42: [lesion("T", 62)],
        56: [lesion("T", 30)],
        84: [lesion("T", 52)],
        126: [lesion("T", 55)],
    }
    timepoints = assessed("irecist", history(visits))[0]
    assert timepoints["overall"].to_list() == ["iUPD", "iUPD", "iSD", "iSD"]
    assert timepoints["nadir_x100"].to_list() == [5000, 5000, 5000, 5000]


# The hybrid


def suspected_course(*, third: float, whole_third: float) -> pl.LazyFrame:
    visits = {
        0: [lesion("T", 60, viable=50)],
        42: [lesion("T", 62, viable=63)],
        84: [lesion("T", whole_third, viable=third)],
    }
    return history(visits, suspected=(42,))


def test_the_viable_part_confirms_by_default_and_the_whole_lesion_on_request() -> None:
    lesions = suspected_course(third=70, whole_third=62)
    assert overall("mrecist_irecist", lesions) == ["iUPD", "iCPD"]
    assert overall("mrecist_irecist", lesions, **{"hybrid.basis": "whole"}) == ["iUPD", "iSD"]


def test_a_suspected_progression_by_a_nodule_keeps_the_day_that_first_showed_it_in_the_trace() -> None:
    """The iUPD stands at the visit at which the nodule qualifies; neither visit is dated back to its first sight."""
    target = lesion("T", 40, viable=40)
    visits = {
        0: [target],
        42: [target, lesion("N", 7, role="new", pattern="atypical")],
        84: [target, lesion("N", 12, role="new", pattern="typical")],
    }
    timepoints = assessed("mrecist_irecist", history(visits, suspected=(84,)))[0]
    assert timepoints["overall"].to_list() == ["SD", "iUPD"]
    assert timepoints["progression_date"].to_list() == [None, START + timedelta(days=84)]
    seen = [rule for rule in timepoints["trace"][1].split(";") if rule.startswith("irecist.iupd.first_seen")]
    assert seen == ["irecist.iupd.first_seen 2024-02-12"]
    unsuspected = assessed("mrecist_irecist", history(visits))[0]
    assert unsuspected["overall"].to_list() == ["PD", "PD"]
    assert "first_seen" not in unsuspected["trace"].str.join(" ").item()


@pytest.mark.parametrize(("how", "day"), [("first_iupd", 42), ("confirmation", 84), ("first_mrecist_pd", 42)])
def test_the_day_of_a_suspected_progression(how: str, day: int) -> None:
    timepoints, rules = assessed(
        "mrecist_irecist", suspected_course(third=70, whole_third=70), **{"hybrid.progression_date": how}
    )
    assert criteria.progression(timepoints.lazy(), rules).collect()["progression_date"].item() == START + timedelta(
        days=day
    )


@pytest.mark.parametrize(
    ("unconfirmed", "how", "day"),
    [("event", "first_iupd", 42), ("censor", "first_iupd", None), ("event", "confirmation", None)],
)
def test_a_suspected_progression_at_the_last_scan(unconfirmed: str, how: str, day: int | None) -> None:
    lesions = history({0: [lesion("T", 60, viable=50)], 42: [lesion("T", 62, viable=63)]}, suspected=(42,))
    options = {"hybrid.unconfirmed_last": unconfirmed, "hybrid.progression_date": how}
    timepoints, rules = assessed("mrecist_irecist", lesions, **options)
    found = criteria.progression(timepoints.lazy(), rules).collect()["progression_date"].item()
    assert found == (None if day is None else START + timedelta(days=day))


def test_a_void_suspicion_does_not_end_the_search_for_the_best_response() -> None:
    visits = {0: [lesion("T", 60, viable=50)], 42: [lesion("T", 60, viable=63)], 84: [lesion("T", 60, viable=20)]}
    timepoints, rules = assessed("mrecist_irecist", history(visits, suspected=(42,)))
    best = criteria.best_overall_response(timepoints.lazy(), reference(), rules).collect().row(0, named=True)
    assert (best["bor"], best["response_date"]) == ("PR", START + timedelta(days=84))


# Best response


def reference(**more: Any) -> pl.LazyFrame:
    return pl.LazyFrame({"subject": ["A"], "reference_date": [START], **more})


def best(lesions: pl.LazyFrame, **options: Any) -> str:
    timepoints, rules = assessed("recist_1_1", lesions, **options)
    found: str = criteria.best_overall_response(timepoints.lazy(), reference(), rules).collect()["bor"].item()
    return found


def test_stable_disease_counts_from_its_least_duration() -> None:
    assert best(history({0: [lesion("T", 40)], 42: [lesion("T", 40)]})) == "SD"
    assert best(history({0: [lesion("T", 40)], 41: [lesion("T", 40)]})) == "NE"


@pytest.mark.parametrize(("max_sd", "expected"), [(1, "PR"), (0, "SD"), ("any", "PR")])
def test_stable_disease_between_two_partial_responses(max_sd: int | str, expected: str) -> None:
    course = history(sums(100, 68, 72, 67))
    assert best(course, **{"bor.confirmation": "required", "bor.confirm_max_sd": max_sd}) == expected


def test_a_confirmation_comes_no_sooner_than_stated() -> None:
    options = {"bor.confirmation": "required"}
    assert best(history({0: [lesion("T", 50)], 42: [lesion("T", 30)], 69: [lesion("T", 30)]}), **options) == "SD"
    assert best(history({0: [lesion("T", 50)], 42: [lesion("T", 30)], 70: [lesion("T", 30)]}), **options) == "PR"


def test_responses_after_new_therapy_do_not_count_where_its_date_is_given() -> None:
    timepoints, rules = assessed("recist_1_1", history(sums(50, 50, 20)))
    until = reference(new_therapy_date=[START + timedelta(days=84)])
    assert criteria.best_overall_response(timepoints.lazy(), until, rules).collect()["bor"].item() == "SD"


def test_progression_free_survival_takes_the_earlier_of_progression_and_death() -> None:
    timepoints, rules = assessed("recist_1_1", history(sums(50, 50, 70)))

    def pfs(death: int | None) -> tuple[Any, ...]:
        deaths = pl.LazyFrame(
            {"subject": ["A"], "death_date": [None if death is None else START + timedelta(days=death)]},
            schema={"subject": pl.String, "death_date": pl.Date},
        )
        return criteria.first_trial_pfs(timepoints.lazy(), reference(), deaths, rules).collect().row(0)[1:]

    assert pfs(None) == (True, START + timedelta(days=84), "progression")
    assert pfs(84) == (True, START + timedelta(days=84), "progression")
    assert pfs(60) == (True, START + timedelta(days=60), "death")


# What is odd


def findings(criterion: str, lesions: pl.LazyFrame, **options: Any) -> set[str]:
    rules = load_criterion_rules(criterion, overrides=options, registry=default_registry())
    chosen = default_registry().criteria.require(criterion)
    found = chosen.validate(lesions, rules, chosen.assess(lesions, rules)).collect()
    return set(found["rule_id"])


def test_a_sound_history_has_no_findings() -> None:
    assert findings("recist_1_1", history(sums(50, 40, 60))) == set()


@pytest.mark.parametrize(
    ("baseline", "later", "rule"),
    [
        ([lesion("T", 9)], [lesion("T", 9)], "lesions.target.too_small"),
        ([lesion("T", 14, node=True)], [lesion("T", 14, node=True)], "lesions.target.too_small"),
        ([lesion("T", 30, kind="pvt")], [lesion("T", 30, kind="pvt")], "lesions.target.not_measurable"),
        ([lesion(name, 30) for name in "TUV"], [lesion(name, 30) for name in "TUV"], "lesions.target.too_many_per_organ"),
        (
            [lesion(name, 30, organ=name) for name in "TUVWXY"], [lesion(name, 30, organ=name) for name in "TUVWXY"],
            "lesions.target.too_many",
        ),
        ([lesion("T", state="ne")], [lesion("T", 30)], "lesions.baseline.no_sum"),
        ([lesion("T", 30)], [lesion("T", 501)], "lesions.diameter.absurd"),
        ([lesion("T", 30)], [lesion("T", 30, role="non-target")], "lesions.role.changes"),
        ([lesion("T", 30)], [lesion("T", 30), lesion("U", 20)], "lesions.role.not_at_baseline"),
        ([lesion("T", 30), lesion("N", 20, role="new")], [lesion("T", 30)], "lesions.role.new_at_baseline"),
        ([lesion("T", 30)], [lesion("T", 30), lesion("T", 31)], "lesions.record.repeated"),
        ([lesion("T", 30)], [lesion("T", state="merged", into="T")], "lesions.merged.without_carrier"),
        ([lesion("T", 30)], [lesion("T", 30, state="ne")], "lesions.state.contradicts_number"),
    ],
)  # fmt: skip
def test_odd_data_is_said_aloud(baseline: list[Row], later: list[Row], rule: str) -> None:
    assert rule in findings("recist_1_1", history({0: baseline, 42: later}))


def test_two_baselines_are_an_error() -> None:
    lesions = history(sums(50, 40, 60)).with_columns(is_baseline=pl.col("visit_date") <= START + timedelta(days=42))
    assert "lesions.baseline.several" in findings("recist_1_1", lesions)


def test_a_relapse_that_needs_a_second_look_is_pointed_out() -> None:
    def node(mm: float) -> list[Row]:
        return [lesion("N", mm, organ="lymph_node", node=True)]

    assert "lesions.node_only_relapse" in findings("recist_1_1", history({0: node(18), 42: node(8), 84: node(11)}))
    left = lesion("X", role="non-target", status="present")
    small = {0: [lesion("T", 30), left], 42: [lesion("T", 0), left], 84: [lesion("T", state="tstm"), left]}
    assert "lesions.tstm_reappearance" in findings("recist_1_1", history(small))
    assert "lesions.late_confirmation" in findings("irecist", history(sums(50, 62, 70, every=60)))


# The rulesets


@pytest.mark.parametrize("criterion", ["recist_1_1", "mrecist", "irecist", "mrecist_irecist"])
def test_every_rule_that_a_criterion_names_stands_in_its_ruleset(criterion: str) -> None:
    from rules_engine.loading import load_ruleset

    document = load_ruleset(criterion, registry=default_registry()).document
    parts = [
        history(visits, subject=str(number), suspected=flagged)
        for number, (visits, flagged) in enumerate(
            [
                (sums(50, 30, 33, 0, 4), ()), (sums(50, 62, 63, 50, 61, 67), (42, 168)), (sums(50, 49, 70, 80, 20), ()),
                ({0: [lesion("T", state="ne")], 42: [lesion("T", 30)]}, ()),
                ({0: [lesion("X", role="non-target", status="present")], 42: [lesion("X", role="non-target", status="absent")],
                  84: [lesion("X", role="non-target", status="unequivocal", vs_last="increased")],
                  126: [lesion("X", role="non-target", status="present", vs_last="increased")]}, (84,)),
                ({0: [lesion("T", 30, viable=30)], 42: [lesion("T", 30, viable=30), lesion("N", 12, role="new", pattern="typical")],
                  84: [lesion("T", 30, viable=30), lesion("N", 18, role="new", pattern="typical")]}, (42,)),
            ]
        )
    ]  # fmt: skip
    lesions = pl.concat(parts)
    timepoints, rules = assessed(criterion, lesions)
    traced = timepoints["trace"].str.split(";").explode().str.split(" ").list.first()
    subjects = lesions.select("subject").unique().with_columns(reference_date=pl.lit(START))
    best_rules = criteria.best_overall_response(timepoints.lazy(), subjects, rules).collect()["rule_id"]
    named = {*traced, *timepoints["rule_id"], *best_rules}
    assert None not in named
    assert named <= set(document["rules"])


@pytest.mark.parametrize("criterion", ["recist_1_1", "mrecist", "irecist", "mrecist_irecist"])
def test_every_value_has_words_and_a_source(criterion: str) -> None:
    from rules_engine.loading import load_ruleset

    document = load_ruleset(criterion, registry=default_registry()).document
    schema = default_registry().criteria.require(criterion).options_schema
    assert set(document["values"]) == set(schema["properties"])
    for key, entry in document["values"].items():
        assert entry["text"], key
        assert entry["reference"], key
    for rule, told in document["rules"].items():
        assert told["text"], rule
        assert told["reference"], rule
