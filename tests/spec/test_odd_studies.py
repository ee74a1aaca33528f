"""Odd studies from the command line and from Python: shown as they are, run nowhere; and where each estimate on the page comes from.

One arm, missing strata, empty subgroups, constant or textual covariates, names that are markup or formulas.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import polars as pl
import pytest
from rules_engine import Engine
from rules_engine.cli import main
from rules_engine.engine import Result
from rules_engine.errors import StudyError
from rules_engine.report import table_file
from rules_engine.simulator import simulate

from tests.spec.printed import (
    NO_STATISTICS,
    PrintedPage,
    Results,
    statistics_of_figures,
    statistics_of_summary,
    statistics_of_tables,
)

CUTOFF = "2025-12-31"
MARKUP, FORMULA = "<script>alert(1)</script>", '=HYPERLINK("http://evil.example";"x")'


def study(subjects: int = 24) -> dict[str, pl.DataFrame]:
    """A made-up study in which two subjects are called like markup and like a formula."""
    tables = simulate(subjects, 4)
    first, second = tables["subjects"]["subject"][:2]
    names = {first: MARKUP, second: FORMULA}
    return {name: rows.with_columns(pl.col("subject").replace(names)) for name, rows in tables.items()}


@pytest.fixture(scope="module")
def result() -> Result:
    """Strata that most subjects lack, a level that nobody has, a constant covariate, and one that is text instead of a number."""
    tables = study()
    tables["subjects"] = tables["subjects"].with_columns(
        bclc=pl.when(pl.int_range(pl.len()) > 4).then(pl.lit("A")),
        vascular_invasion=pl.lit(value=False),
        ecog=pl.lit(FORMULA),
        aetiology=pl.lit(MARKUP),
    )
    return Engine("tace_ici_hcc").run(tables, data_cutoff=CUTOFF)


@pytest.fixture(scope="module")
def one_arm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a study whose only arm has a name that is a formula, run from the command line."""
    folder = tmp_path_factory.mktemp("one_arm")
    tables = study(16)
    (folder / "study").mkdir()
    tables["subjects"] = tables["subjects"].with_columns(arm=pl.lit(FORMULA))
    for name, rows in tables.items():
        rows.write_csv(folder / "study" / f"{name}.csv")
    with pytest.raises(SystemExit) as left:
        main(
            [
                "run",
                "tace_ici_hcc",
                "--data",
                str(folder / "study"),
                "--data-cutoff",
                CUTOFF,
                "--out",
                str(folder / "out"),
            ]
        )
    assert left.value.code == 0
    return folder / "out"


def test_a_number_is_missing_only_with_a_reason(result: Result, one_arm: Path) -> None:
    for ard in (result.ard, pl.read_parquet(one_arm / "ard.parquet")):
        missing = ard.filter(pl.col("value").is_null())
        assert missing.height > 0
        assert missing["note"].str.len_chars().min() > 0  # type: ignore[operator]


def test_a_covariate_that_says_nothing_has_no_coefficient_and_the_others_have(result: Result) -> None:
    adjusted = result.ard.filter(
        pl.col("analysis") == "hazard_adjusted", pl.col("paramcd") == "OS", pl.col("statistic") == "hazard_ratio"
    )
    why = {row["variable"]: row["note"] for row in adjusted.to_dicts() if row["value"] is None}
    assert why["vascular_invasion"] == why["ecog"] == "it has one value only"
    assert adjusted.filter(pl.col("variable").is_null())["value"][0] is not None


def test_a_level_that_nobody_is_in_has_its_lines(result: Result) -> None:
    empty = result.ard.filter(
        pl.col("analysis") == "subgroups", pl.col("subgroup_variable") == "bclc", pl.col("subgroup") == "C"
    )
    ratio = empty.filter(pl.col("statistic") == "hazard_ratio")
    assert ratio["value"].null_count() == ratio.height > 0


def test_subjects_without_a_stratum_are_a_stratum_of_their_own(result: Result) -> None:
    counted = result.ard.filter(
        pl.col("analysis") == "comparison_stratified", pl.col("paramcd") == "OS", pl.col("statistic") == "observed"
    )
    events = result.derived.time_to_event["OS"]["event"].sum()
    assert counted["value"].sum() == events


def test_text_where_a_number_is_to_be_is_told_with_its_place() -> None:
    tables = study(8)
    tables["subjects"] = tables["subjects"].with_columns(afp=pl.lit("high"))
    with pytest.raises(StudyError, match="log_afp") as failed:
        Engine("tace_ici_hcc").run(tables, data_cutoff=CUTOFF)
    assert "table subjects, column 'afp'" in str(failed.value)
    assert "ruleset.yaml:" in str(failed.value)


def test_names_are_shown_as_they_are_and_run_nowhere(result: Result, one_arm: Path, tmp_path: Path) -> None:
    pages = [
        result.report(tmp_path / "report.html").read_text(encoding="utf-8"),
        (one_arm / "report.html").read_text(encoding="utf-8"),
    ]
    for page in pages:
        assert MARKUP not in page
        assert page.count("<script") == 2  # the panel of subjects and its data
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "=HYPERLINK(&#34;http://evil.example" in page
        assert 'mso-number-format: "\\@"' in page


def test_no_cell_of_a_table_is_a_formula_or_markup(result: Result) -> None:
    shown = 0
    for table in result.tables().values():
        cells = [cell for line in csv.reader(io.StringIO(table_file(table, "csv"))) for cell in line]
        assert not [cell for cell in cells if cell.lstrip().startswith(("=", "@", "+")) and "HYPERLINK" in cell]
        shown += sum(FORMULA in cell for cell in cells)
        assert MARKUP not in table_file(table, "md").replace("\\<", "")
        latex = table_file(table, "tex")
        assert not re.search(
            r"(?<!\\)[&%$#_](?![^\n]*\\\\)", latex.replace(" & ", "").replace("$-$", "").replace(r"$\geq$", "")
        )
    assert shown > 0


# Every statistic on the page is in the analysis results data ----------------------------------------------------------------


def printed(result: Result, page: str) -> dict[str, int]:
    """How many statistics a report prints in tables and figures, and the run in its screenful; each is found in the results."""
    results, endpoints = Results(result.ard, result._report_view.arms), list(result.ruleset.endpoints)
    read = PrintedPage(page)
    found = {}
    for name, statistics in (
        ("tables", statistics_of_tables(read, results, endpoints)),
        ("figures", statistics_of_figures(read, results, endpoints)),
        ("summary", statistics_of_summary(str(result), results, endpoints)),
    ):
        told = list(statistics)
        assert [f"{number} [{where}]" for where, number, known in told if number not in known] == []
        found[name] = len(told)
    # Every table with numbers was looked at.
    seen = {table.caption for table in read.tables if table.section not in NO_STATISTICS}
    assert len(seen) > 50
    return found


def test_every_statistic_of_the_page_is_a_row_of_the_analysis_results(result: Result, tmp_path: Path) -> None:
    page = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    found = printed(result, page)
    print(found)
    assert found["tables"] > 3_000
    assert found["figures"] > 200
    assert found["summary"] > 100
