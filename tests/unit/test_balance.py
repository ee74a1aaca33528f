"""Balance of groups before and after weighting: against R (reference.R, `smd before` and `smd after`) and by hand."""

from __future__ import annotations

import polars as pl
import pytest

from rules_engine_plugins import estimators
from tests.reference import reference, value
from tests.unit.test_reference_weights import METHODS, weighted


@pytest.mark.parametrize("name", METHODS)
def test_differences_of_means_as_in_r(name: str) -> None:
    estimates = estimators.BALANCE.estimate(
        weighted(name), "trt", {"covariates": ["age", "albumin"], "reference_group": "2"}
    )
    for covariate in ("age", "albumin"):
        for statistic, told in (("smd", "before"), ("smd_weighted", "after")):
            expected = reference(f"weighted pbc {name}", f"smd {told} {covariate}")
            found = value(estimates, statistic, variable=covariate)
            # Overlap weights balance the covariates of their model exactly: what is left there is rounding.
            assert found == pytest.approx(expected, rel=1e-8, abs=1e-10), (covariate, told)
    for arm in ("1", "2"):
        expected = reference(f"weighted pbc {name}", f"effective {arm}")
        assert value(estimates, "n_effective", group=arm) == pytest.approx(expected, rel=1e-8)


def rows() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "arm": ["A", "A", "A", "B", "B"],
            "age": [50.0, 60.0, 70.0, 65.0, None],
            "stage": pl.Series(["I", "II", None, "II", "II"], dtype=pl.Enum(["I", "II", "III"])),
            "one": [1, 1, 1, 1, 1],
        }
    )


def test_levels_missing_values_and_constants() -> None:
    estimates = estimators.BALANCE.estimate(rows(), "arm", {"covariates": ["age", "stage", "one"]})
    assert value(estimates, "mean", group="A", variable="age") == 60
    assert value(estimates, "missing", group="B", variable="age") == 1
    # One value has no variance, so that nothing stands to compare the difference with.
    assert value(estimates, "smd", variable="age") is None
    # Stage II: 1 of 2 against 2 of 2: (0.5 - 1) / sqrt((0.25 + 0) / 2).
    assert value(estimates, "share", group="A", variable="stage", level="II") == 0.5
    assert value(estimates, "smd", variable="stage", level="II") == pytest.approx(-0.5 / 0.125**0.5)
    assert value(estimates, "smd", variable="stage", level="III") == 0
    assert value(estimates, "smd", variable="one") == 0
    assert value(estimates, "largest_smd") == pytest.approx(0.5 / 0.125**0.5)
    assert estimates.filter(pl.col("value").is_null() & pl.col("note").is_null()).is_empty()


@pytest.mark.parametrize("chosen", [rows().clear(), rows().filter(pl.col("arm") == "A")])
def test_one_group_or_nobody_has_no_difference(chosen: pl.DataFrame) -> None:
    for group in ("arm", None):
        estimates = estimators.BALANCE.estimate(
            chosen, group, {"covariates": ["age", "stage"], "group_order": ["A"] if group else []}
        )
        assert estimates["note"].to_list()[-1] == "there is only one group"
        assert estimates.filter(pl.col("value").is_null() & pl.col("note").is_null()).is_empty()
