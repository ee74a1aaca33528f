"""What runs over whole tables of a study larger than memory is a stream: nothing waits for all of the rows, no row is held for another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from rules_engine.study import adam, canonical
from rules_engine.study.sources import find_tables
from rules_engine.study.study import contracts_of

#: Steps of a physical plan that hold rows, but for joins with the few rows of their other side.
HOLDS = {"multiplexer", "columnar-function", "in-memory-map", "sort"}


def steps(plan: pl.LazyFrame) -> set[str]:
    """The names of the steps in which Polars streams a plan."""
    drawn = plan.show_graph(raw_output=True, show=False, engine="streaming", plan_stage="physical")
    return {label.split("\\n")[0] for label in re.findall(r'\[label="([^"]*)"', str(drawn))}


def test_a_step_that_waits_for_all_rows_is_seen(tmp_path: Path) -> None:
    pl.DataFrame({"code": ["A", "B"]}).write_parquet(tmp_path / "rows.parquet")
    waiting = pl.scan_parquet(tmp_path / "rows.parquet").with_columns(name=pl.col("code").replace({"A": "a"}))
    assert steps(waiting) & HOLDS


def test_names_of_laboratory_tests_are_streamed(tmp_path: Path) -> None:
    pl.DataFrame({"PARAMCD": ["ALT", "AST", "X"]}).write_parquet(tmp_path / "adlb.parquet")
    codes = pl.DataFrame(
        {"analyte": ["ALT", "AST"], "name": ["Alanine aminotransferase", "Aspartate aminotransferase"]}
    )
    named = pl.scan_parquet(tmp_path / "adlb.parquet").with_columns(PARAM=adam.test_name(codes))
    assert not steps(named) & HOLDS
    assert named.collect()["PARAM"].to_list() == ["Alanine aminotransferase", "Aspartate aminotransferase", "X"]


def looked_at(study: Path, table: str, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[pl.LazyFrame]]:
    """The plans that are computed at a time while a table is held against its contract, and its rows."""
    contracts = contracts_of()
    raw = find_tables(study, None, frozenset(contracts)).tables[table]
    computed: list[Sequence[pl.LazyFrame]] = []
    collect, collect_all = pl.LazyFrame.collect, pl.collect_all
    with monkeypatch.context() as patched:
        patched.setattr(
            pl.LazyFrame, "collect", lambda plan, **more: (computed.append([plan]), collect(plan, **more))[1]
        )
        patched.setattr(
            pl, "collect_all", lambda plans, **more: (computed.append(plans), collect_all(plans, **more))[1]
        )
        found = canonical.derive_canonical(raw, contracts[table])
    return [*(plans for plans in computed if any("SCAN" in plan.explain() for plan in plans)), [found.rows]]


@pytest.mark.parametrize("table", ["lesion_assessments", "labs"])
def test_a_table_is_looked_at_and_read_in_streams(made_up: Path, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = looked_at(made_up, table, monkeypatch)
    assert len(plans) == 3
    assert [len(together) for together in plans] == [1, 1, 1]  # plans that share a source hold rows for each other
    for (plan,) in plans:
        assert not steps(plan) & HOLDS
