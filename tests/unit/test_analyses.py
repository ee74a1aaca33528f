"""Analyses of a ruleset over derived rows: covariates, subgroups, keys of the results, and where faults are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine.analyses import derive_estimates
from rules_engine.analysis.covariates import derive_covariates, label_of
from rules_engine.errors import PluginError, StudyError
from rules_engine.model import (
    AnalysisDefinition,
    CovariateDefinition,
    EndpointDefinition,
    Position,
    Ruleset,
    WeightsDefinition,
)
from rules_engine.registry import Registry, default_registry
from rules_engine.vocabulary import ARD_KEY, ARD_SCHEMA, Estimator

SUBJECTS = pl.DataFrame(
    {
        "subject": [f"S{number}" for number in range(8)],
        "arm": ["A", "B"] * 4,
        "sex": ["F", "F", "M", "M", "F", "F", "M", None],
        "afp": ["12", "400", "399.9", "<10", None, "1e4", "0", "77"],
        "stage": [0, 1, 2, 1, 1, 2, 0, 1],
    }
)
ROWS = pl.DataFrame(
    {
        "subject": SUBJECTS["subject"],
        "days": [10, 20, 30, 40, 50, 60, 70, 80],
        "event": [True, True, False, True, True, False, True, True],
        "event_type": [1, 1, 0, 1, 1, 0, 1, 1],
        "entry_days": pl.Series([None] * 8, dtype=pl.Int64),
    }
)


def ruleset(*analyses: AnalysisDefinition, **covariates: CovariateDefinition) -> Ruleset:
    return Ruleset(
        "trial",
        "protocol",
        "Trial",
        {"study": {"arms": ["A", "B"], "reference_arm": "B"}},
        endpoints={"OS": EndpointDefinition("OS", "time_to_event", "OS", None, {"days_per_month": 1.0})},
        analyses={analysis.name: analysis for analysis in analyses},
        covariates=covariates,
    )


def estimate(
    *analyses: AnalysisDefinition, registry: Registry | None = None, **covariates: CovariateDefinition
) -> pl.DataFrame:
    rules = ruleset(*analyses, **covariates)
    return derive_estimates(rules, {"OS": ROWS}, SUBJECTS, registry or default_registry()).ard


def analysis(estimator: str = "kaplan_meier", **more: Any) -> AnalysisDefinition:
    return AnalysisDefinition("one", estimator, ("OS",), "arm", more.pop("options", {}), **more)


def numbers(ard: pl.DataFrame, statistic: str) -> list[tuple[Any, ...]]:
    found = ard.filter(pl.col("statistic") == statistic)
    return found.select("subgroup_variable", "subgroup", "group", "value").rows()


# Records without a time


@pytest.mark.parametrize("estimator", ["kaplan_meier", "cox", "log_rank"])
def test_a_record_without_a_time_is_left_out_and_counted(estimator: str) -> None:
    unknown = ROWS.with_columns(days=pl.when(pl.col("subject") != "S3").then("days"))
    found, without = (
        derive_estimates(ruleset(analysis(estimator)), {"OS": rows}, SUBJECTS, default_registry()).ard
        for rows in (unknown, ROWS.filter(pl.col("subject") != "S3"))
    )
    left_out = pl.col("statistic") == "n_without_time"
    assert found.filter(~left_out).equals(without)
    assert found.filter(left_out).select("value", "note").rows() == [
        (1.0, "the record has no start, so that its time is not known")
    ]


# Covariates


def covariate(**more: Any) -> pl.Series:
    definition = CovariateDefinition("x", more.pop("column", "afp"), **more)
    return derive_covariates(SUBJECTS, ["x"], {"x": definition})[0]["x"]


def test_a_number_is_cut_at_the_cuts_exactly() -> None:
    cut = covariate(kind="category", cuts=(400.0,))
    assert cut.cast(pl.String).to_list() == ["<400", "≥400", "<400", "(missing)", "(missing)", "≥400", "<400", "<400"]
    lower = covariate(kind="category", cuts=(12.0, 400.0), cut_belongs_to="lower", missing="exclude")
    expected = ["≤12", ">12 ≤400", ">12 ≤400", None, None, ">400", "≤12", ">12 ≤400"]
    assert lower.cast(pl.String).to_list() == expected
    named = covariate(
        kind="category", cuts=(400.0,), intervals=("low", "high"), levels=("high", "low"), missing="exclude"
    )
    assert named.dtype == pl.Enum(["high", "low"])
    assert named.cast(pl.String).to_list()[:2] == ["low", "high"]


def test_text_that_is_no_number_is_missing_with_a_finding() -> None:
    frame, findings = derive_covariates(SUBJECTS, ["x"], {"x": CovariateDefinition("x", "afp", "number", per=100.0)})
    assert frame["x"].to_list() == [0.12, 4.0, pytest.approx(3.999), None, None, 100.0, 0.0, 0.77]
    found = findings.collect().select("rule_id", "subject", "field", "value").rows()
    assert found == [("analysis.covariate_number", "S3", "afp", "<10")]


def test_the_logarithm_of_nothing_is_missing_with_a_finding() -> None:
    frame, findings = derive_covariates(
        SUBJECTS, ["x"], {"x": CovariateDefinition("x", "afp", "number", transform="log")}
    )
    assert frame["x"].null_count() == 3
    assert findings.collect()["subject"].to_list() == ["S3", "S6"]


def test_a_column_without_any_number_is_the_wrong_column() -> None:
    place = Position("mine.yaml", 12, 3)
    with pytest.raises(StudyError, match=r"not one of 7 values is(.|\n)*mine.yaml:12:3"):
        covariate(column="sex", kind="number", position=place)


def test_levels_stand_as_stated_then_alphabetically_and_missing_last() -> None:
    stage = covariate(column="stage", kind="category", levels=("2", "3"))
    assert stage.dtype == pl.Enum(["2", "3", "0", "1"])
    pooled = covariate(column="stage", kind="category", pooled={"early": ("0", "1"), "late": ("2",)})
    assert pooled.dtype == pl.Enum(["early", "late"])
    assert pooled.cast(pl.String).to_list()[:3] == ["early", "early", "late"]
    sex = covariate(column="sex", kind="category")
    assert sex.dtype == pl.Enum(["F", "M", "(missing)"])


def test_an_age_is_the_years_from_a_partial_date() -> None:
    subjects = pl.DataFrame(
        {
            "subject": ["S1", "S2", "S3", "S4"],
            "birth_date": ["1960-01-01", "1960", None, "unknown"],
            "baseline_date": [date(2020, 1, 1), date(2020, 7, 1), date(2020, 1, 1), date(2020, 1, 1)],
        }
    )
    definition = CovariateDefinition("age", "birth_date", "number", years_to="baseline_date")
    ages = derive_covariates(subjects, ["age"], {"age": definition})[0]["age"]
    assert ages.to_list() == [pytest.approx(60, abs=0.01), pytest.approx(60, abs=0.01), None, None]
    cut = replace(definition, kind="category", cuts=(60.5,), missing="exclude")
    assert derive_covariates(subjects, ["age"], {"age": cut})[0]["age"].to_list() == ["<60.5", "<60.5", None, None]


def test_a_covariate_is_told_with_its_unit_and_step() -> None:
    age = CovariateDefinition("age", "age", "number", per=10.0, label="Age", unit="years")
    afp = CovariateDefinition("afp", "afp", "number", transform="log", label="AFP", unit="ng/mL")
    assert label_of("age", {"age": age}) == "Age (per 10 years)"
    assert label_of("afp", {"afp": afp}) == "log AFP (ng/mL)"
    assert label_of("other", {}) == "other"


# Subgroups


def test_each_level_of_a_subgroup_is_analysed_apart_also_one_that_nobody_is_in() -> None:
    ard = estimate(
        analysis(subgroups=("sex",)), sex=CovariateDefinition("sex", "sex", "category", levels=("F", "M", "X"))
    )
    assert numbers(ard, "n") == [
        (None, None, "A", 4), (None, None, "B", 4),
        ("sex", "F", "A", 2), ("sex", "F", "B", 2), ("sex", "M", "A", 2), ("sex", "M", "B", 1),
        ("sex", "X", "A", 0), ("sex", "X", "B", 0), ("sex", "(missing)", "A", 0), ("sex", "(missing)", "B", 1),
    ]  # fmt: skip
    nobody = ard.filter(pl.col("subgroup") == "X", pl.col("statistic") == "median")
    assert nobody["note"].unique().to_list() == ["no subjects"]


def test_subjects_in_no_subgroup_are_counted() -> None:
    ard = estimate(analysis(subgroups=("sex",)), sex=CovariateDefinition("sex", "sex", "category", missing="exclude"))
    assert numbers(ard, "n_without_subgroup") == [("sex", None, None, 1)]
    assert ard["subgroup"].unique().sort().to_list() == [None, "F", "M"]


@pytest.mark.parametrize("estimator", ["kaplan_meier", "log_rank", "cox", "rmst", "cumulative_incidence"])
def test_every_number_has_a_name_of_its_own_and_says_how_many_it_rests_on(estimator: str) -> None:
    options = {"tau_months": [12]} if estimator == "rmst" else {}
    ard = estimate(analysis(estimator, subgroups=("sex", "stage"), options=options))
    assert ard.schema == pl.Schema(ARD_SCHEMA)
    assert not ard.select(ARD_KEY).is_duplicated().any()
    assert ard["n"].null_count() == 0
    assert (
        ard.filter(pl.col("subgroup_variable").is_null(), pl.col("comparison").is_not_null())["n"].to_list().count(8)
        == ard.filter(pl.col("subgroup_variable").is_null(), pl.col("comparison").is_not_null()).height
    )


# Optional analyses, weights


def test_an_optional_analysis_is_left_out_aloud_where_a_column_lacks() -> None:
    rules = ruleset(analysis(subgroups=("ecog",), optional=True))
    estimated = derive_estimates(rules, {"OS": ROWS}, SUBJECTS, default_registry())
    row = estimated.ard.row(0, named=True)
    assert (estimated.ard.height, row["statistic"], row["value"]) == (1, "not_run", None)
    assert row["note"] == "the study has no column 'ecog' in the table subjects"
    assert estimated.findings["rule_id"].to_list() == ["analysis.not_run"]
    with pytest.raises(StudyError, match="it has no column 'ecog'"):
        estimate(analysis(subgroups=("ecog",)))


def test_weights_are_fitted_to_each_run_and_balance_shows_their_covariates() -> None:
    weights = {"w": WeightsDefinition("w", "overlap", ("stage",))}
    subjects = pl.concat([SUBJECTS] * 5).with_columns(subject=pl.format("S{}", pl.int_range(40)))
    rows = pl.concat([ROWS] * 5).with_columns(subject=subjects["subject"])
    for estimator in ("balance", "kaplan_meier", "cox", "rmst"):
        options = {"tau_months": [20]} if estimator == "rmst" else {}
        rules = replace(ruleset(analysis(estimator, subgroups=("sex",), weights="w", options=options)), weights=weights)
        ard = derive_estimates(rules, {"OS": rows}, subjects, default_registry()).ard
        assert ard["subgroup"].unique().sort().to_list() == [None, "(missing)", "F", "M"]
        assert ard.filter(pl.col("value").is_null() & pl.col("note").is_null()).is_empty()
        if estimator == "balance":
            assert ard.filter(pl.col("statistic") == "smd_weighted")["variable"].unique().to_list() == ["stage"]
        if estimator == "cox":
            assert "stage" not in ard["variable"].to_list()  # the covariates of the score are not those of the model


# Contracts


def _registry_with(estimates: pl.DataFrame) -> Registry:
    """The registry with an estimator that returns these rows."""
    odd = Estimator("odd", "1.0", "Odd", "none", "time_to_event", {}, lambda _rows, _group, _options: estimates)
    return replace(default_registry(), estimators=type(default_registry().estimators)("estimator", {"odd": odd}))


def _row(**more: Any) -> dict[str, Any]:
    blank = {name: None for name in ARD_SCHEMA if name not in ("analysis", "paramcd", "subgroup_variable", "subgroup")}
    return {**blank, "statistic": "x", "value": 1.0, "n": 1, **more}


def test_an_estimator_that_breaks_its_contract_is_named() -> None:
    schema = {
        name: kind
        for name, kind in ARD_SCHEMA.items()
        if name not in ("analysis", "paramcd", "subgroup_variable", "subgroup")
    }
    twice = pl.DataFrame([_row(), _row(value=2.0)], schema=schema)
    silent = pl.DataFrame([_row(value=None)], schema=schema)
    for rows, what in (
        (twice, "two numbers of one name: analysis 'one', paramcd 'OS', statistic 'x'"),
        (silent, "'x' without a value and without a reason"),
        (twice.drop("n"), "n: missing"),
    ):
        with pytest.raises(PluginError, match=what):
            estimate(analysis("odd"), registry=_registry_with(rows))


def test_what_the_data_do_not_allow_is_told_at_the_line_of_the_analysis() -> None:
    one = analysis("cox", options={"reference_group": "Z"}, position=Position("mine.yaml", 7, 3))
    with pytest.raises(StudyError) as caught:
        estimate(one)
    problem = caught.value.problems[0]
    assert (problem.where, problem.line) == ("mine.yaml:7:3 (analyses.one, OS)", 7)
    assert "the reference group 'Z' does not occur" in problem.what
