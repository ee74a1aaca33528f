"""Curves, quantiles, log-rank tests, restricted means and incidences against R's `survival`, to 1e-8.

The values stand in tests/data/survival/reference.csv; reference.R beside it made them (R 4.2.2, survival 3.5-3):

    survfit(Surv(time, status) ~ sex, lung, conf.type = "log-log")      summary(fit, times), quantile(fit, 1:3 / 4)
    survfit(Surv(karno, time, status) ~ trt, late)                      delayed entry
    survdiff(Surv(time, status) ~ trt + strata(celltype, prior), veteran)
    summary(survfit(Surv(time, status) ~ sex, lung), rmean = 365)$table
    survfit(Surv(time, factor(status, 0:2)) ~ sex, pbc)                 multi-state: pstate, std.err

Three small data sets have their curve at exactly one half for a while.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from rules_engine.analysis.limits import CONF_TYPES

from rules_engine_plugins import estimators
from tests.reference import endpoint_rows, reference, table, value

EXACT = 1e-8
QUARTILES = {"q1": "0.25", "median": "0.5", "q3": "0.75"}
STATUS = pl.col("status") == 1


#: Under delayed entry the risk set of the first days is tiny and the lower limit rises again after it. The limit of a
#: quantile is then the first day on which the band reaches the level; R interpolates in a band that it takes to fall.
BAND_RISES = {
    ("km veteran late", "log-log", "1", "q1"),
    ("km veteran late", "log-log", "1", "median"),
    ("km veteran late", "logit", "1", "q1"),
}


def half(*times: tuple[int, int]) -> pl.DataFrame:
    return pl.DataFrame({"time": [day for day, _ in times], "status": [event for _, event in times]})


def late() -> pl.DataFrame:
    """The made-up delayed entry of reference.R: the day that is the performance score."""
    return table("veteran").filter(pl.col("time") > pl.col("karno"))


#: Case of the reference: rows, group, days.
CURVES: dict[str, tuple[pl.DataFrame, str | None, list[int]]] = {
    "km lung": (endpoint_rows(table("lung"), "time", STATUS), None, [5, 100, 365, 700]),
    "km lung sex": (endpoint_rows(table("lung"), "time", STATUS), "sex", [100, 365, 700]),
    "km ovarian": (endpoint_rows(table("ovarian"), "futime", pl.col("fustat") == 1), "rx", [100, 365, 700]),
    "km veteran": (endpoint_rows(table("veteran"), "time", STATUS), "celltype", [10, 90, 180, 365]),
    "km veteran late": (
        endpoint_rows(late(), "time", STATUS).with_columns(entry_days=pl.col("karno")), "trt", [60, 90, 180, 365],
    ),
    "km colon": (endpoint_rows(table("colon"), "time", STATUS), "rx", [365, 1095, 2190]),
    "km pbc": (endpoint_rows(table("pbc"), "time", pl.col("status") > 0), "sex", [365, 1095, 2190]),
    "km aml": (endpoint_rows(table("aml"), "time", STATUS), "x", [9, 13, 23, 45]),
    "km half": (endpoint_rows(half((10, 1), (20, 1), (31, 1), (40, 1)), "time", STATUS), None, [10, 20]),
    "km six": (endpoint_rows(half((1, 1), (2, 1), (3, 1), (8, 1), (9, 1), (10, 1)), "time", STATUS), None, [1, 2]),
    "km end": (endpoint_rows(half((10, 1), (20, 1), (31, 0), (40, 0)), "time", STATUS), None, [10, 20]),
}  # fmt: skip


def groups_of(rows: pl.DataFrame, group: str | None) -> list[tuple[str | None, str]]:
    """Each group as the engine and as the reference names it."""
    if group is None:
        return [(None, "all")]
    return [(name, name) for name in rows[group].cast(pl.String).unique().sort().to_list()]


def agree(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return found == pytest.approx(expected, rel=EXACT, abs=1e-14)


@pytest.mark.parametrize("case", CURVES)
def test_curves_and_their_limits(case: str) -> None:
    rows, group, days = CURVES[case]
    for conf_type in CONF_TYPES:
        options = {"conf_type": conf_type, "days_per_month": 1, "landmarks_months": days}
        estimates = estimators.KAPLAN_MEIER.estimate(rows, group, options)
        for name, told in groups_of(rows, group):
            last = rows.filter(pl.lit(value=True) if group is None else pl.col(group).cast(pl.String) == name)[
                "days"
            ].max()
            for day in days:
                where: dict[str, Any] = {"group": name, "variable": "time", "level": day}
                if isinstance(last, int) and day > last:
                    assert value(estimates, "survival", **where) is None
                    continue
                for statistic, told_as in (
                    ("survival", f"survival {day}"), ("std_error", f"std_error {day}"),
                    ("lower", f"{conf_type} lower {day}"), ("upper", f"{conf_type} upper {day}"),
                ):  # fmt: skip
                    expected = reference(f"{case}/{told}", told_as)
                    found = value(estimates, statistic, **where)
                    if statistic == "std_error" and expected == 0 and found is None:
                        continue  # where nobody is left R says 0, we that it is undefined
                    if value(estimates, "survival", **where) == 1 and statistic in ("lower", "upper"):
                        expected = 1.0  # before the first event R leaves some scales undefined
                    assert agree(found, expected), (conf_type, name, day, statistic, found, expected)


@pytest.mark.parametrize("case", CURVES)
def test_quartiles_and_their_limits(case: str) -> None:
    rows, group, _days = CURVES[case]
    for conf_type in CONF_TYPES:
        estimates = estimators.KAPLAN_MEIER.estimate(rows, group, {"conf_type": conf_type, "days_per_month": 1})
        for name, told in groups_of(rows, group):
            for quartile, level in QUARTILES.items():
                where: dict[str, Any] = {"group": name, "variable": "probability", "level": level}
                for statistic, told_as in (
                    (quartile, quartile), ("lower", f"{conf_type} {quartile} lower"),
                    ("upper", f"{conf_type} {quartile} upper"),
                ):  # fmt: skip
                    if statistic == "lower" and (case, conf_type, name, quartile) in BAND_RISES:
                        continue
                    found, expected = value(estimates, statistic, **where), reference(f"{case}/{told}", told_as)
                    assert agree(found, expected), (conf_type, name, quartile, statistic, found, expected)


def test_follow_up_is_the_curve_of_the_reversed_flag() -> None:
    rows = endpoint_rows(table("colon"), "time", STATUS)
    estimates = estimators.REVERSE_KAPLAN_MEIER.estimate(
        rows, "rx", {"days_per_month": 1, "landmarks_months": [365, 2190]}
    )
    for name in ("Obs", "Lev", "Lev_5FU"):
        where = {"group": name, "variable": "probability", "level": "0.5"}
        for statistic, told in (
            ("median", "median"),
            ("lower", "log-log median lower"),
            ("upper", "log-log median upper"),
        ):
            assert agree(value(estimates, statistic, **where), reference(f"reverse colon/{name}", told))
        for day in (365, 2190):
            found = value(estimates, "survival", group=name, variable="time", level=day)
            assert agree(found, reference(f"reverse colon/{name}", f"survival {day}"))


@pytest.mark.parametrize(
    ("case", "rows", "group", "strata"),
    [
        ("logrank lung", endpoint_rows(table("lung"), "time", STATUS), "sex", []),
        # R leaves out the one subject without a performance status.
        ("logrank lung strata", endpoint_rows(table("lung").drop_nulls("ph.ecog"), "time", STATUS), "sex", ["ph.ecog"]),
        ("logrank ovarian", endpoint_rows(table("ovarian"), "futime", pl.col("fustat") == 1), "rx", []),
        ("logrank ovarian strata", endpoint_rows(table("ovarian"), "futime", pl.col("fustat") == 1), "rx", ["resid.ds"]),
        ("logrank veteran", endpoint_rows(table("veteran"), "time", STATUS), "celltype", []),
        ("logrank veteran strata", endpoint_rows(table("veteran"), "time", STATUS), "trt", ["celltype", "prior"]),
        ("logrank colon", endpoint_rows(table("colon"), "time", STATUS), "rx", []),
        (
            "logrank colon strata",
            endpoint_rows(table("colon").drop_nulls("differ"), "time", STATUS), "rx", ["differ", "node4"],
        ),
        ("logrank pbc", endpoint_rows(table("pbc").drop_nulls("trt"), "time", pl.col("status") == 2), "trt", []),
    ],
)  # fmt: skip
def test_log_rank_tests(case: str, rows: pl.DataFrame, group: str, strata: list[str]) -> None:
    order = ["squamous", "smallcell", "adeno", "large", "Obs", "Lev", "Lev_5FU"]
    present = rows[group].cast(pl.String).unique().to_list()
    options = {"strata": strata, "group_order": [name for name in order if name in present]}
    estimates = estimators.LOG_RANK.estimate(rows, group, options)
    for statistic in ("observed", "expected"):
        found = estimates.filter(pl.col("statistic") == statistic)["value"].to_list()
        expected = [reference(case, f"{statistic} {number}") for number in range(1, len(found) + 1)]
        assert found == pytest.approx(expected, rel=EXACT)
    for statistic in ("chi_square", "p_value"):
        assert value(estimates, statistic) == pytest.approx(reference(case, statistic), rel=EXACT)


@pytest.mark.parametrize(
    ("case", "rows", "group", "order", "taus"),
    [
        ("rmst lung", endpoint_rows(table("lung"), "time", STATUS), "sex", ["1", "2"], [180, 365, 900]),
        (
            "rmst veteran", endpoint_rows(table("veteran"), "time", STATUS), "celltype",
            ["squamous", "smallcell", "adeno", "large"], [90, 150],
        ),
        ("rmst colon", endpoint_rows(table("colon"), "time", STATUS), "rx", ["Obs", "Lev", "Lev_5FU"], [1000, 2500]),
        ("rmst ovarian", endpoint_rows(table("ovarian"), "futime", pl.col("fustat") == 1), "rx", ["1", "2"], [365, 1000]),
    ],
)  # fmt: skip
def test_restricted_means(case: str, rows: pl.DataFrame, group: str, order: list[str], taus: list[int]) -> None:
    options = {"tau_months": taus, "days_per_month": 1, "group_order": order, "reference_group": order[0]}
    estimates = estimators.RMST.estimate(rows, group, options)
    for tau in taus:
        means, errors = (
            [reference(case, f"{statistic} {tau} {number}") or 0.0 for number in range(1, len(order) + 1)]
            for statistic in ("mean", "std_error")
        )
        for name, mean, error in zip(order, means, errors, strict=True):
            where: dict[str, Any] = {"group": name, "level": tau, "comparison": None}
            assert value(estimates, "restricted_mean", **where) == pytest.approx(mean, rel=EXACT)
            assert value(estimates, "std_error", **where) == pytest.approx(error, rel=EXACT)
            if name != order[0]:
                difference = value(estimates, "difference", group=name, level=tau)
                assert difference == pytest.approx(mean - means[0], rel=EXACT, abs=1e-9)


def test_cumulative_incidences() -> None:
    rows = endpoint_rows(
        table("pbc"), "time", pl.col("status") == 2, event_type=pl.col("status").replace_strict({0: 0, 1: 2, 2: 1})
    )
    days = [365, 1095, 2190, 3650]
    estimates = estimators.CUMULATIVE_INCIDENCE.estimate(rows, "sex", {"days_per_month": 1, "landmarks_months": days})
    for sex in ("m", "f"):
        for cause, variable in ((1, "time"), (2, "time_competing")):
            for day in days:
                where: dict[str, Any] = {"group": sex, "variable": variable, "level": day}
                for statistic, told in (
                    ("incidence", "incidence"), ("std_error", "std_error"), ("lower", "log-log lower"),
                    ("upper", "log-log upper"),
                ):  # fmt: skip
                    expected = reference(f"cif pbc/{sex}/{cause}", f"{told} {day}")
                    assert agree(value(estimates, statistic, **where), expected), (sex, cause, day, statistic)


def test_cumulative_incidences_where_everything_is_tied() -> None:
    times, kinds = [1, 2, 2, 3, 4, 4, 4, 6, 7, 7, 8, 9], [1, 2, 1, 0, 1, 2, 0, 1, 0, 2, 1, 0]
    rows = pl.DataFrame({"days": times, "event_type": kinds}).with_columns(event=pl.col("event_type") == 1)
    days = sorted(set(times))
    estimates = estimators.CUMULATIVE_INCIDENCE.estimate(rows, None, {"days_per_month": 1, "landmarks_months": days})
    for cause, variable in ((1, "time"), (2, "time_competing")):
        for day in days:
            for statistic in ("incidence", "std_error"):
                found = value(estimates, statistic, variable=variable, level=day)
                assert agree(found, reference("cif ties", f"{statistic} {cause} {day}")), (cause, day, statistic)
