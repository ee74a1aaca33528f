"""Rows in order: the quick way sorts as Polars does by all columns."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules_engine.ordering import by_key, in_order, in_order_of_ties, number_of, order_of, rank_of

ROW = st.tuples(
    st.sampled_from(["S1", "S10", "S2", "é", "", None]),
    st.sampled_from(["ALT", "AST", None]),
    st.sampled_from([-1, 0, 7, None, -(2**63), 2**63 - 1]),
    st.sampled_from([0.5, -0.5, None]),
)
SCHEMA = {"subject": pl.String, "word": pl.Categorical, "number": pl.Int64, "value": pl.Float64}


@given(st.lists(ROW, max_size=12))
def test_rows_are_sorted_by_key_then_by_the_rest(rows: list[tuple[object, ...]]) -> None:
    frame = pl.DataFrame(rows, schema={**SCHEMA, "word": pl.String}, orient="row")
    expected = frame.sort("number", "subject", "word", "value", nulls_last=True)
    assert in_order(frame, ["number", "subject"]).equals(expected)
    assert in_order(expected, ["number", "subject"]).equals(expected)
    assert frame[order_of(frame, ["number", "subject"])]["number"].equals(expected["number"])
    by_number, tied = by_key(frame, ["number"])
    assert by_number["number"].equals(expected["number"])
    assert tied.to_list() == expected.select(pl.col("number").is_duplicated().arg_true()).to_series().to_list()
    assert in_order_of_ties(by_number, ["number", "subject"], tied).equals(expected)


@given(st.lists(ROW, max_size=12))
def test_rows_have_one_number_where_they_have_one_key(rows: list[tuple[object, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    key = ["subject", "word", "number"]
    numbers = number_of(frame, key).to_list()
    keys = frame.select(key).rows()
    assert [[one == other for other in numbers] for one in numbers] == [
        [one == other for other in keys] for one in keys
    ]


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical])
def test_texts_are_ranked_as_texts_whatever_holds_them(kind: pl.DataType) -> None:
    ranks = rank_of(pl.Series(["b", None, "a", "b"], dtype=kind))
    assert ranks.to_list() == [1, None, 0, 1]
    assert rank_of(pl.Series(["a", "a", "c"], dtype=kind)).to_list() == [0, 0, 1]
