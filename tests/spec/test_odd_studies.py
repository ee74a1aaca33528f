"""Odd studies from the command line and from Python: shown as they are, run nowhere; and where each estimate on the page comes from.

One arm, missing strata, empty subgroups, constant or textual covariates, names that are markup or formulas.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from rules_engine import Engine
from rules_engine.cli import main
from rules_engine.engine import Result
from rules_engine.errors import StudyError
from rules_engine.pages import Row, Table
from rules_engine.report import table_file
from rules_engine.simulator import simulate

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


# Every estimate on the page is in the analysis results data -----------------------------------------------------------------

NUMBER = re.compile(r"<?−?\d[\d,]*(?:\.\d+)?%?")
AT_A_GLANCE = ("Times to event", "Rates of responders", "Hazard ratios by analysis", "Interaction with subgroups")


def spelled(value: float, form: str) -> str:
    """A number of the results as its own format says."""
    if form == "d":
        return f"{value:,.0f}"
    text = "<0.0001" if form == ".4f" and value < 0.0001 else format(value, form)
    return text.replace("-", "−") if float(text.strip("<%−-") or 0) else text.lstrip("-")


def estimates_of(result: Result) -> Iterator[tuple[str, Table, str, Row]]:
    """Every line with estimates: table, and the endpoint that it is about."""
    analyses = [name.replace("_", " ") for name in result.ruleset.analyses]
    for name, table in result.tables().items():
        before, _colon, rest = table.caption.partition(": ")
        of_endpoint = before in result.ruleset.endpoints and (rest == "estimates" or rest.split(", by ")[0] in analyses)
        paramcd = before if of_endpoint else ""
        if not of_endpoint and table.caption not in AT_A_GLANCE:
            continue
        for row in table.rows:
            if not of_endpoint:
                paramcd = row.heading.tag or row.heading.text.partition(":")[0] if not row.heading.indent else paramcd
            yield name, table, paramcd, row


def test_every_estimate_of_the_page_is_a_row_of_the_analysis_results(result: Result) -> None:
    known: dict[str, set[str]] = {}
    for row in result.ard.drop_nulls("value").iter_rows(named=True):
        of_endpoint = known.setdefault(row["paramcd"], set())
        of_endpoint |= {spelled(row["value"], row["format"] or "g"), f"{row['n']:,}"}
    found = 0
    for name, table, paramcd, row in estimates_of(result):
        for cell in row.cells:
            count = re.fullmatch(r"([\d,]+) \(([\d.]+)%\)", cell.text)
            # A share beside a count is that count of the group's subjects.
            text = count[1] if count and row.heading.text in ("Events", "Competing events") else cell.text
            if paramcd not in known:  # no analysis names the endpoint: its subjects and events are counted
                assert row.heading.text in ("Subjects", "Events")
                continue
            for number in NUMBER.findall(text):
                assert number in known[paramcd], f"{name}, {row.heading.text}: {cell.text} ({table.caption})"
                found += 1
    assert found > 500
