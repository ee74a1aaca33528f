"""Defects on request: each stands where its placement says, and nothing else has changed."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rules_engine.errors import UsageError
from rules_engine.simulator import simulate, simulate_to
from rules_engine.simulator.defects import DEFECTS

SUBJECTS, SEED = 150, 4


@pytest.fixture(scope="module")
def clean() -> dict[str, pl.DataFrame]:
    return simulate(SUBJECTS, SEED)


@cache
def with_defect(name: str) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    placed: list[dict[str, Any]] = []
    study = simulate(SUBJECTS, SEED, defects=[name], placed=placed)
    assert len(placed) == 1
    return study, placed[0]


def rows_of(study: dict[str, pl.DataFrame], placement: dict[str, Any]) -> pl.DataFrame:
    return study[placement["table"]][[row - 1 for row in placement["rows"]]]


@pytest.mark.parametrize("name", list(DEFECTS))
def test_other_subjects_are_untouched(name: str, clean: dict[str, pl.DataFrame]) -> None:
    study, placement = with_defect(name)
    changed = 0
    for table, rows in study.items():
        original = clean[table].with_columns(pl.col(column).cast(kind) for column, kind in rows.schema.items())
        if rows.equals(original):
            continue
        changed += 1
        by_subject = {key: group for (key,), group in rows.group_by("subject", maintain_order=True)}
        before = {key: group for (key,), group in original.group_by("subject", maintain_order=True)}
        different = [key for key, group in before.items() if key not in by_subject or not group.equals(by_subject[key])]
        if name == "orphan_record":
            assert different == []
        else:
            assert len(different) == 1
            assert placement["subject"] in (different[0], None)
        assert set(by_subject) - set(before) <= {"HCC-NOBODY", None}
    assert changed == 1


@pytest.mark.parametrize("name", [name for name in DEFECTS if name != "no_baseline"])
def test_a_placement_names_the_record(name: str) -> None:
    study, placement = with_defect(name)
    found = rows_of(study, placement)
    assert not found.is_empty()
    assert set(found["subject"]) == {placement["subject"]}
    assert placement["column"] in found.columns


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("missing_arm", None),
        ("negative_diameter", -12.0),
        ("huge_diameter", 1612.0),
        ("diameter_with_comma", "23,5"),
        ("small_target", 7.0),
        ("effusion_as_target", "effusion"),
        ("unknown_code", "gone"),
        ("merged_into_unknown", "T99"),
        ("therapy_without_kind", None),
        ("therapy_of_unknown_kind", "herbal"),
        ("grade_roman", "III"),
        ("grade_seven", "7"),
        ("grade_not_defined", "4"),
        ("grade_5_not_fatal", "5"),
        ("unknown_term", "Feeling odd"),
        ("impossible_partial_date", "2023-13"),
        ("impossible_date", "2023-02-30"),
        ("missing_unit", None),
        ("unknown_unit", "g/furlong"),
        ("text_result", "haemolysed"),
        ("component_partial_start", "2023-05"),
        ("role_change", "new"),
    ],
)
def test_the_value_stands_in_its_column(name: str, value: object) -> None:
    study, placement = with_defect(name)
    assert placement["value"] == value
    assert set(rows_of(study, placement)[placement["column"]]) == {value}


def test_duplicate_subject() -> None:
    study, placement = with_defect("duplicate_subject")
    assert study["subjects"].filter(subject=placement["subject"]).height == 2


def test_death_before_treatment() -> None:
    study, placement = with_defect("death_before_treatment")
    starts = study["treatments"].filter(pl.col("component").is_not_null(), subject=placement["subject"])
    assert date.fromisoformat(placement["value"]) < date.fromisoformat(str(starts["start_date"].min()))
    assert rows_of(study, placement)["death_date"].to_list() == [placement["value"]]


def test_baselines() -> None:
    study, placement = with_defect("two_baselines")
    theirs = study["lesion_assessments"].filter("is_baseline", subject=placement["subject"])
    assert theirs["visit_date"].n_unique() == 2
    study, placement = with_defect("no_baseline")
    theirs = study["lesion_assessments"].filter(subject=placement["subject"])
    assert not theirs.is_empty()
    assert not theirs["is_baseline"].any()
    study, placement = with_defect("baseline_after_treatment")
    starts = study["treatments"].filter(pl.col("component").is_not_null(), subject=placement["subject"])
    assert placement["value"] > str(starts["start_date"].min())


def test_scan_after_death() -> None:
    study, placement = with_defect("scan_after_death")
    death = study["subjects"].filter(subject=placement["subject"])["death_date"].item()
    assert (rows_of(study, placement)["visit_date"] > date.fromisoformat(death)).all()


def test_lesions() -> None:
    study, placement = with_defect("merged_into_itself")
    record = rows_of(study, placement)
    assert record["into"].item() == record["lesion_id"].item()
    study, placement = with_defect("three_targets_in_liver")
    liver = study["lesion_assessments"].filter(
        "is_baseline", subject=placement["subject"], role="target", organ="liver"
    )
    assert liver["lesion_id"].n_unique() > 2
    study, placement = with_defect("duplicate_lesion_row")
    key = ["subject", "visit_date", "lesion_id", "fragment_id"]
    assert (
        study["lesion_assessments"].filter(pl.struct(key).is_duplicated())["subject"].to_list()
        == [placement["subject"]] * 2
    )


def test_events_and_ranges() -> None:
    study, placement = with_defect("end_before_start")
    record = rows_of(study, placement)
    assert record["end_date"].item() < record["start_date"].item()
    study, placement = with_defect("swapped_range")
    record = rows_of(study, placement)
    assert record["lln"].item() > record["uln"].item()
    study, placement = with_defect("grade_5_not_fatal")
    assert not rows_of(study, placement)["fatal"].item()
    study, placement = with_defect("grade_not_defined")
    assert rows_of(study, placement)["decoded_term"].item() == "Nausea"


def test_all_defects_in_one_study(tmp_path: Path) -> None:
    summary = simulate_to(tmp_path / "out", 300, 1, format="csv", defects=True)
    placed = json.loads((tmp_path / "out" / "defects.json").read_text(encoding="utf-8"))
    assert [one["defect"] for one in sorted(placed, key=lambda one: list(DEFECTS).index(one["defect"]))] == list(
        DEFECTS
    )
    assert summary["defects"] == sorted(DEFECTS)
    assert len({one["subject"] for one in placed}) == len(placed)
    for one in placed:
        rows = pl.read_csv(tmp_path / "out" / f"{one['table']}.csv", infer_schema=False)
        for row in one["rows"]:
            assert rows["subject"][row - 1] == one["subject"]


def test_unknown_and_impossible_requests() -> None:
    with pytest.raises(UsageError, match="missing_unit") as caught:
        simulate(50, 1, defects=["missing_unt", "nonsense"])
    assert len(caught.value.problems) == 2
    with pytest.raises(UsageError, match="more subjects"):
        simulate(3, 1, defects=True)
