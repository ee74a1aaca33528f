"""The lesions of a reading are sorted out once: whoever shares them gets the same answers, and nobody gets stale ones."""

from __future__ import annotations

import gc

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rules_engine import criteria
from rules_engine.contracts import LESION_ASSESSMENTS, canonical_schema
from rules_engine.criteria import lesion_records as records
from rules_engine.loading import load_criterion_rules
from rules_engine.pipeline import hold_reading
from rules_engine.registry import default_registry

from tests.strategies.criteria_engine import lesion_frame, random_subjects
from tests.strategies.lesions import CRITERIA
from tests.unit.test_criteria_rules import history, lesion

LESIONS = lesion_frame(random_subjects("records", 60).values()).collect()


def answers(criterion: str, lesions: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    registry = default_registry()
    rules, offered = load_criterion_rules(criterion, registry=registry), registry.criteria.require(criterion)
    timepoints = offered.assess(lesions, rules).collect().sort("subject", "visit_date")
    return timepoints, offered.validate(lesions, rules, timepoints.lazy()).collect().sort(pl.all())


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_reading_that_is_held_gives_what_its_rows_give(criterion: str) -> None:
    for alone, shared in zip(
        answers(criterion, LESIONS.lazy()), answers(criterion, hold_reading(LESIONS.lazy())), strict=True
    ):
        assert_frame_equal(alone, shared)


def test_a_reading_that_is_held_is_canonical_for_whoever_reads_its_rows() -> None:
    held = hold_reading(LESIONS.lazy()).collect()
    assert held.schema == canonical_schema(LESION_ASSESSMENTS)
    assert_frame_equal(held.sort("row"), LESIONS.sort("row"))


def test_rows_that_somebody_changed_are_sorted_out_anew() -> None:
    reading = hold_reading(LESIONS.lazy())
    doubled = reading.with_columns(mm_x100=pl.col("mm_x100") * 2)
    rules = load_criterion_rules("recist_1_1", registry=default_registry())
    plain, changed = (criteria.derive_visits(rows, rules).collect() for rows in (reading, doubled))
    both = plain.join(changed, on=["subject", "visit_date"], suffix="_doubled").drop_nulls("sum_x100_doubled")
    assert both.filter(pl.col("sum_x100_doubled") > pl.col("sum_x100")).height > 50


def test_what_was_shared_is_forgotten_with_its_frame() -> None:
    gc.collect()
    before = len(records._SHARED)
    reading = hold_reading(LESIONS.lazy())
    assert len(records._SHARED) == before + 1
    del reading
    gc.collect()
    assert len(records._SHARED) == before


def test_what_is_the_same_for_every_criterion_is_derived_once_of_a_reading_that_is_shared() -> None:
    asked = []

    def derive(of: records.LesionRecords) -> pl.LazyFrame:
        asked.append(of)
        return of.subjects.select("subject")

    reading = hold_reading(LESIONS.lazy())
    found = [records.derive_once(reading, derive).collect().height for _ in range(3)]
    assert found == [LESIONS["subject"].n_unique()] * 3
    assert len(asked) == 1
    records.derive_once(LESIONS.lazy(), derive).collect()
    assert len(asked) > 1


def test_names_outside_are_plain_text() -> None:
    rules = load_criterion_rules("irecist", registry=default_registry())
    lesions = history({0: [lesion("T", 20)], 42: [lesion("T", 20), lesion("N", 12, role="new", nl="target")]})
    assert criteria.derive_visits(lesions, rules).collect()["subject"].to_list() == ["A"]
    new = criteria.derive_new_lesions(lesions, rules).collect()
    assert new.select("subject", "lesion_id").schema == {"subject": pl.String(), "lesion_id": pl.String()}


def test_a_code_that_no_codelist_has_is_refused_and_named() -> None:
    lesions = history({0: [lesion("T", 20)], 42: [lesion("T", state="vanished")]})
    rules = load_criterion_rules("recist_1_1", registry=default_registry())
    with pytest.raises(pl.exceptions.InvalidOperationError, match="vanished"):
        criteria.derive_visits(lesions, rules).collect()


def test_a_visit_without_a_reason_is_a_scheduled_one_and_a_symptom_goes_before() -> None:
    def reasons(*of_rows: str | None) -> list[str]:
        rows = [lesion(f"T{number}", 20, reason=reason) for number, reason in enumerate(of_rows)]
        first = [lesion(f"T{number}", 20) for number in range(len(of_rows))]
        rules = load_criterion_rules("recist_1_1", registry=default_registry())
        visits = criteria.derive_visits(history({0: first, 42: rows}), rules)
        return visits.collect()["reason"].to_list()

    assert reasons(None, None) == ["scheduled"]
    assert reasons(None, "other") == ["other"]
    assert reasons("scheduled", "symptom", "other") == ["symptom"]
    assert reasons("other", "scheduled") == ["scheduled"]
