"""The screenful that a run prints: every endpoint and group with its main estimates, within the width of a terminal."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from rules_engine.descriptives import describe_quality
from rules_engine.pipeline import DISCREPANCY_SCHEMA
from rules_engine.report import summary_text

from tests.unit.test_report_page import view_of

SUBJECTS = [f"S{number:02}" for number in range(12)]


def test_each_endpoint_has_a_line_per_arm_with_its_estimates() -> None:
    view = view_of(SUBJECTS, ["A", "B"] * 6)
    lines = summary_text(view).splitlines()
    assert lines[:2] == ["A study", "12 subjects (A 6, B 6), data cut-off 2025-12-31"]
    ard = view.ard.filter(pl.col("paramcd") == "PFS", pl.col("group") == "A")
    hazard = dict(
        ard.filter(pl.col("analysis") == "hazard", pl.col("variable").is_null())["statistic", "value"].iter_rows()
    )
    first = next(line for line in lines if line.startswith("  PFS"))
    assert f"{hazard['hazard_ratio']:.2f} ({hazard['lower']:.2f} to {hazard['upper']:.2f})" in first
    assert sum(line.startswith(("  PFS", "  TTP", "  ORR")) for line in lines) == 3
    assert next(line for line in lines if line.startswith("Cumulative incidence")).endswith("incidence at 6 m")


def test_a_run_without_arms_has_one_line_per_endpoint() -> None:
    text = summary_text(view_of(SUBJECTS, [None] * 12))
    assert "HR to" not in text
    assert "12 subjects, data cut-off" in text


@pytest.mark.parametrize("title", ["=1+1", "A" * 300])
def test_no_line_is_wider_than_a_terminal(title: str) -> None:
    view = view_of(SUBJECTS, ["an arm with a very long name indeed", "B"] * 6, title)
    assert max(map(len, summary_text(view).splitlines())) <= 110


def test_findings_are_told_gravest_first() -> None:
    view = view_of(SUBJECTS, ["A", "B"] * 6)
    lines = summary_text(view).splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith("Findings: "))
    rank = {"error": 0, "warning": 1, "note": 2}
    severities = [rank[line.split()[0]] for line in lines[at + 1 :] if line.split()[0] in rank]
    assert severities == sorted(severities)
    none = describe_quality(view.findings.clear(), pl.DataFrame(schema=DISCREPANCY_SCHEMA))
    others = view.ard.filter(pl.col("analysis") != "findings")
    nothing = replace(view, findings=view.findings.clear(), ard=pl.concat([others, none]))
    assert "Findings: none" in summary_text(nothing)
