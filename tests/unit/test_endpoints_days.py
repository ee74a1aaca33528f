"""Rows of numbered subjects and their days: put in order, told apart, joined; whatever order they come in."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rules_engine.endpoints import days
from rules_engine.records import in_memory

FIRST, SECOND, THIRD = date(1969, 12, 30), date(2024, 1, 1), date(2024, 1, 2)
SCHEMA = {"subject": pl.UInt32(), "date": pl.Date(), "code": pl.String()}
#: Subject 2 has two rows of one day; subject 4 has none.
ROWS = [(3, THIRD, "d"), (1, SECOND, "a"), (2, SECOND, "c"), (2, FIRST, "x"), (2, SECOND, "b"), (1, FIRST, "y")]


def frame(*rows: tuple[object, ...], schema: dict[str, pl.DataType] = SCHEMA) -> pl.LazyFrame:
    return pl.LazyFrame(rows, schema=schema, orient="row")


@pytest.fixture(params=[1, -1], ids=["as they come", "backwards"])
def rows(request: pytest.FixtureRequest) -> pl.LazyFrame:
    return frame(*ROWS[:: request.param])


def codes(found: pl.LazyFrame) -> list[str | None]:
    return found.collect()["code"].to_list()


def test_what_is_held_comes_in_the_order_of_subjects_and_says_so(rows: pl.LazyFrame) -> None:
    held = in_memory(rows).collect()
    assert held["subject"].to_list() == [1, 1, 2, 2, 2, 3]
    assert held["subject"].flags["SORTED_ASC"]
    came = rows.collect().filter(pl.col("subject") == 2)
    assert_frame_equal(held.filter(pl.col("subject") == 2), came)  # rows of one subject as they came


def test_what_has_no_numbers_of_subjects_is_held_as_it_is() -> None:
    names = pl.LazyFrame({"subject": ["b", "a"]})
    assert in_memory(names).collect()["subject"].to_list() == ["b", "a"]
    assert in_memory(names.select(number=pl.len())).collect().item() == 2


def test_moments_are_in_the_order_of_subjects_and_days_before_1970_too(rows: pl.LazyFrame) -> None:
    by_both = rows.sort("subject", "date").with_columns(_moment=days.moment()).collect()
    assert by_both["_moment"].is_sorted()
    assert by_both["_moment"].n_unique() == 5  # one day of subject 2 has two rows


def test_rows_in_the_order_of_a_number(rows: pl.LazyFrame) -> None:
    found = days.in_order_of("subject", rows).collect()
    assert found["subject"].to_list() == [1, 1, 2, 2, 2, 3]
    again = days.in_order_of("subject", found.lazy()).collect()
    assert_frame_equal(again, found)
    assert again["subject"].flags["SORTED_ASC"]


def test_the_first_of_each_subject(rows: pl.LazyFrame) -> None:
    assert codes(days.first_of_each(rows, "date", "code")) == ["y", "x", "d"]
    assert codes(days.first_of_each(rows, -pl.col("date").to_physical(), "code")) == ["a", "b", "d"]


def test_the_first_of_each_other_key(rows: pl.LazyFrame) -> None:
    by_moment = rows.with_columns(_moment=days.moment())
    assert codes(days.first_of_each(by_moment, "code", key="_moment")) == ["y", "a", "x", "b", "d"]


def test_the_first_of_each_of_no_rows_and_of_one_row_each() -> None:
    assert codes(days.first_of_each(frame(), "date")) == []
    assert codes(days.first_of_each(frame((2, FIRST, "b"), (1, FIRST, "a")), "date")) == ["a", "b"]


def test_the_first_of_each_subject_is_marked_where_it_stands(rows: pl.LazyFrame) -> None:
    marked = days.with_first_of_each(rows, "date", "code", among=pl.col("code") != "x")
    assert_frame_equal(marked.drop("is_first").collect(), rows.collect())
    assert sorted(codes(marked.filter("is_first"))) == ["b", "d", "y"]
    assert marked.collect_schema() == marked.collect().schema
    nobody = days.with_first_of_each(rows, "date", "code", among=pl.lit(value=False))
    assert codes(nobody.filter("is_first")) == []


def test_the_place_of_a_row_among_those_of_its_subject(rows: pl.LazyFrame) -> None:
    places = in_memory(rows).select(place=days.place_among_own()).collect()["place"]
    assert places.to_list() == [1, 2, 1, 2, 3, 1]


def test_the_least_of_each_subject(rows: pl.LazyFrame) -> None:
    least = days.least_of_each(rows.filter(pl.col("code") != "c"), pl.col("date").to_physical())
    assert sorted(codes(least)) == ["d", "x", "y"]  # type: ignore[type-var]
    assert least.collect_schema() == pl.Schema(SCHEMA)


def test_who_has_rows_is_flagged_once(rows: pl.LazyFrame) -> None:
    found = days.flagged(rows, "seen").sort("subject").collect()
    assert found.to_dict(as_series=False) == {"subject": [1, 2, 3], "seen": [True] * 3}


def test_rows_of_subjects_who_are_not_known_are_left_out(rows: pl.LazyFrame) -> None:
    known = frame((1, FIRST), (3, None), (4, FIRST), schema={"subject": pl.UInt32(), "t0": pl.Date()})
    found = days.of_known(rows, known).sort("subject", "date").collect()
    assert found["code"].to_list() == ["y", "a", "d"]
    assert found["t0"].to_list() == [FIRST, FIRST, None]  # known, though the fact itself is missing


def test_rows_of_others_that_another_number_names() -> None:
    numbered = pl.LazyFrame({"run": [0, 1, 2], "code": ["a", "b", "c"]})
    assert codes(days.of_known(numbered, pl.LazyFrame({"run": [2, 0]}), on="run")) == ["a", "c"]


def test_the_row_of_that_day(rows: pl.LazyFrame) -> None:
    wanted = frame((1, SECOND), (2, THIRD), (3, None), (4, FIRST), schema={"subject": pl.UInt32(), "date": pl.Date()})
    assert codes(days.on_that_day(wanted, rows)) == ["a"]
    assert codes(days.on_that_day(wanted, rows, how="left").sort("subject")) == ["a", None, None, None]


def test_the_assessment_of_each_row(rows: pl.LazyFrame) -> None:
    assessments = frame((2, SECOND, "b"), (1, FIRST, "y")).rename({"code": "kept"})
    found = days.with_assessment(rows, assessments).sort("subject", "date", "code").collect()
    assert found["kept"].to_list() == ["y", None, None, "b", "b", None]


def test_the_same_is_never_what_is_missing() -> None:
    frame = pl.LazyFrame({"a": [1, 1, None, None], "b": [1, 2, 1, None]}, schema={"a": pl.Int64(), "b": pl.Int64()})
    assert frame.select(days.is_same("a", "b")).collect().to_series().to_list() == [True, False, False, False]


def test_days_of_one_subject_and_of_the_next_never_meet() -> None:
    rows = pl.DataFrame({"subject": [1, 2], "date": [date.max, date.min]}, schema_overrides={"subject": pl.UInt32()})
    last, first = rows.select(days.moment()).to_series()
    assert last < first


def test_each_row_has_its_place_among_those_of_its_subject() -> None:
    rows = pl.LazyFrame({"subject": [1, 1, 1, 2, 4, 4]}, schema={"subject": pl.UInt32()})
    assert rows.select(place=days.place_among_own()).collect()["place"].to_list() == [1, 2, 3, 1, 1, 2]
    assert rows.clear().select(place=days.place_among_own()).collect()["place"].to_list() == []
