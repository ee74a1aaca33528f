"""Propensity scores, weights and weighted estimates against R: glm, survfit and coxph with weights, to 1e-8.

The values stand in tests/data/survival/reference.csv; reference.R beside it made them (R 4.2.2, survival 3.5-3):

    glm(I(trt == 1) ~ age + log(bili) + sex + factor(stage), binomial, pbc)
    survfit(Surv(time, status == 2) ~ trt, pbc, weights = w, robust = TRUE, conf.type = "log-log")
    coxph(Surv(time, status == 2) ~ trt, pbc, weights = w, robust = TRUE)
    the restricted mean's standard error: the area under each subject's influence on the curve (survfit, influence = 1)
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from rules_engine.analysis.propensity import derive_weights
from rules_engine.model import WeightsDefinition

from rules_engine_plugins import estimators
from tests.reference import endpoint_rows, reference, table, value

EXACT = 1e-8
METHODS = {
    "overlap": {"method": "overlap"},
    "inverse_probability": {"method": "inverse_probability", "stabilised": False},
    "stabilised": {"method": "inverse_probability"},
    "treated": {"method": "treated"},
}


def weighted(name: str) -> pl.DataFrame:
    """The trial's subjects with the weights of one method; treatment 2 is the reference."""
    subjects = (
        table("pbc")
        .drop_nulls(["trt", "stage"])
        .with_columns(log_bili=pl.col("bili").log(), stage=pl.col("stage").cast(pl.String))
    )
    rows = endpoint_rows(subjects, "time", pl.col("status") == 2)
    covariates = ("age", "log_bili", "sex", "stage")
    return derive_weights(rows, "trt", WeightsDefinition(name, covariates=covariates, **METHODS[name]), "2")  # type: ignore[arg-type]


def test_the_score_is_that_of_a_logistic_model() -> None:
    rows = weighted("overlap")
    for row in (1, 100, 312):
        assert rows["propensity_score"][row - 1] == pytest.approx(
            reference("propensity pbc", f"score {row}"), rel=EXACT
        )


@pytest.mark.parametrize("name", METHODS)
def test_weighted_curves(name: str) -> None:
    days = [365, 1095, 2190]
    options = {"days_per_month": 1, "landmarks_months": days, "conf_type": "log-log"}
    estimates = estimators.KAPLAN_MEIER.estimate(weighted(name), "trt", options)
    for arm in ("1", "2"):
        effective = reference(f"weighted pbc {name}", f"effective {arm}")
        assert value(estimates, "n_effective", group=arm) == pytest.approx(effective, rel=EXACT)
        for day in days:
            where: dict[str, Any] = {"group": arm, "variable": "time", "level": day}
            for statistic in ("survival", "std_error", "lower", "upper"):
                expected = reference(f"weighted pbc {name}/{arm}", f"{statistic} {day}")
                assert value(estimates, statistic, **where) == pytest.approx(expected, rel=EXACT), (arm, day, statistic)


@pytest.mark.parametrize("name", METHODS)
def test_weighted_restricted_means(name: str) -> None:
    estimates = estimators.RMST.estimate(weighted(name), "trt", {"days_per_month": 1, "tau_months": [2000]})
    for arm in ("1", "2"):
        for statistic, told in (("restricted_mean", "rmst"), ("std_error", "rmst std_error")):
            expected = reference(f"weighted pbc {name}", f"{told} {arm}")
            assert value(estimates, statistic, group=arm, comparison=None) == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize("name", METHODS)
def test_weighted_hazard_ratios(name: str) -> None:
    estimates = estimators.COX.estimate(weighted(name), "trt", {"reference_group": "1"})
    case = f"cox weighted pbc {name}"
    for statistic in ("coefficient", "std_error", "naive_std_error"):
        expected = reference(case, f"{statistic} trt")
        assert value(estimates, statistic) == pytest.approx(expected, rel=EXACT), statistic


def test_a_weighted_curve_under_delayed_entry() -> None:
    subjects = table("veteran").filter(pl.col("time") > pl.col("karno"))
    rows = endpoint_rows(subjects, "time", pl.col("status") == 1).with_columns(
        entry_days=pl.col("karno"), weight=0.5 + (pl.col("age") % 7) / 4, weight_note=pl.lit(None, pl.String)
    )
    days = [60, 90, 180]
    estimates = estimators.KAPLAN_MEIER.estimate(rows, None, {"days_per_month": 1, "landmarks_months": days})
    for day in days:
        for statistic in ("survival", "std_error"):
            expected = reference("km veteran late weighted", f"{statistic} {day}")
            assert value(estimates, statistic, variable="time", level=day) == pytest.approx(expected, rel=EXACT)
