"""Rows in order: the quick way sorts as Polars does by all columns."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules_engine.ordering import by_key, in_order, rank_of

ROW = st.tuples(
    st.sampled_from(["S1", "S10", "S2", "é", "", None]),
    st.sampled_from(["ALT", "AST", None]),
    st.sampled_from([-1, 0, 7, None]),
    st.sampled_from([0.5, -0.5, None]),
)
SCHEMA = {"subject": pl.String, "word": pl.Categorical, "number": pl.Int64, "value": pl.Float64}


@given(st.lists(ROW, max_size=12))
def test_rows_are_sorted_by_key_then_by_the_rest(rows: list[tuple[object, ...]]) -> None:
    frame = pl.DataFrame(rows, schema={**SCHEMA, "word": pl.String}, orient="row")
    expected = frame.sort("number", "subject", "word", "value", nulls_last=True)
    assert in_order(frame, ["number", "subject"]).equals(expected)
    assert in_order(expected, ["number", "subject"]).equals(expected)
    assert by_key(frame, ["number", "subject"])["number"].equals(expected["number"])


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical])
def test_texts_are_ranked_as_texts_whatever_holds_them(kind: pl.DataType) -> None:
    ranks = rank_of(pl.Series(["b", None, "a", "b"], dtype=kind))
    assert ranks.to_list() == [1, None, 0, 1]
