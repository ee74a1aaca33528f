"""Hazard ratios, their tests, and the check of proportional hazards against R's `survival`: 1e-8 and better.

The values stand in tests/data/survival/reference.csv; reference.R beside it made them (R 4.2.2, survival 3.5-3):

    coxph(Surv(time, status) ~ trt + karno + celltype, veteran, control = coxph.control(eps = 1e-11, iter.max = 60))
    coxph(Surv(karno, time, status) ~ trt + age + strata(prior), late, weights = w, robust = TRUE, cluster = id)
    cox.zph(fit, transform = "km")                                   score tests, multi-degree terms, GLOBAL
    anova(coxph(... ~ trt + celltype), coxph(... ~ trt * celltype))  interaction
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from rules_engine_plugins import estimators
from tests.reference import endpoint_rows, reference, statistics_of, table, value

EXACT = 1e-8
STATUS = pl.col("status") == 1
CELLS = pl.col("celltype").cast(pl.Enum(["squamous", "smallcell", "adeno", "large"]))


def lung() -> pl.DataFrame:
    return endpoint_rows(table("lung"), "time", STATUS)


def active() -> pl.DataFrame:
    """Subjects with a performance status below 3."""
    return lung().filter(pl.col("ph.ecog") < 3).with_columns(ecog=pl.col("ph.ecog").cast(pl.String))


def ovarian() -> pl.DataFrame:
    return endpoint_rows(table("ovarian"), "futime", pl.col("fustat") == 1)


def veteran() -> pl.DataFrame:
    subjects = table("veteran").with_columns(
        CELLS,
        weight=0.5 + (pl.col("age") % 7) / 4,
        weight_note=pl.lit(None, pl.String),
    )
    return endpoint_rows(subjects, "time", STATUS)


def late() -> pl.DataFrame:
    """The made-up delayed entry of reference.R: the day that is the performance score."""
    return veteran().filter(pl.col("days") > pl.col("karno")).with_columns(entry_days=pl.col("karno"))


def colon() -> pl.DataFrame:
    return endpoint_rows(table("colon"), "time", STATUS)


def pbc() -> pl.DataFrame:
    subjects = table("pbc").drop_nulls("trt").with_columns(log_bili=pl.col("bili").log())
    return endpoint_rows(subjects, "time", pl.col("status") == 2)


#: Case of the reference: rows, group, its reference, options, and where each of R's terms stands in the results.
Place = dict[str, Any]
GROUP: Place = {"variable": None}
CASES: dict[str, tuple[pl.DataFrame, str, str, dict[str, Any], dict[str, Place]]] = {
    "cox lung": (lung(), "sex", "1", {}, {"sex": GROUP}),
    "cox lung breslow": (lung(), "sex", "1", {"ties": "breslow"}, {"sex": GROUP}),
    "cox lung covariates": (
        active(), "sex", "1", {"covariates": ["age", "ecog"]},
        {
            "sex": GROUP,
            "age": {"variable": "age"},
            "factor(ph.ecog)1": {"variable": "ecog", "level": "1"},
            "factor(ph.ecog)2": {"variable": "ecog", "level": "2"},
        },
    ),
    "cox ovarian": (ovarian(), "rx", "1", {"covariates": ["age"]}, {"rx": GROUP, "age": {"variable": "age"}}),
    "cox ovarian strata": (ovarian(), "rx", "1", {"strata": ["resid.ds"]}, {"rx": GROUP}),
    "cox veteran": (
        veteran().drop("weight"), "trt", "1", {"covariates": ["karno", "celltype"]},
        {
            "trt": GROUP, "karno": {"variable": "karno"},
            **{f"celltype{cell}": {"variable": "celltype", "level": cell} for cell in ("smallcell", "adeno", "large")},
        },
    ),
    "cox veteran breslow": (
        veteran().drop("weight"), "trt", "1", {"covariates": ["karno", "celltype"], "ties": "breslow"},
        {"trt": GROUP, "karno": {"variable": "karno"}},
    ),
    "cox veteran strata": (
        veteran().drop("weight"), "trt", "1", {"covariates": ["karno"], "strata": ["celltype"]},
        {"trt": GROUP, "karno": {"variable": "karno"}},
    ),
    "cox veteran late": (
        late().drop("weight"), "trt", "1", {"covariates": ["age"]}, {"trt": GROUP, "age": {"variable": "age"}},
    ),
    "cox veteran late weighted": (
        late(), "trt", "1", {"covariates": ["age"], "strata": ["prior"]}, {"trt": GROUP, "age": {"variable": "age"}},
    ),
    "cox pbc": (
        pbc(), "trt", "1", {"covariates": ["age", "log_bili", "sex"]},
        {
            "trt": GROUP, "age": {"variable": "age"}, "log(bili)": {"variable": "log_bili"},
            # R's reference is the man, ours alphabetically the woman.
            "sexf": {"variable": "sex", "level": "m", "turned": True},
        },
    ),
    "cox pbc robust": (
        pbc(), "trt", "1", {"covariates": ["age"], "robust": True}, {"trt": GROUP, "age": {"variable": "age"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_coefficients_and_their_errors(case: str) -> None:
    rows, group, against, options, terms = CASES[case]
    estimates = estimators.COX.estimate(rows, group, {"reference_group": against, **options})
    for term, place in terms.items():
        where = {key: place[key] for key in ("variable", "level") if key in place}
        sign = -1 if place.get("turned") else 1
        expected, error = reference(case, f"coefficient {term}"), reference(case, f"std_error {term}")
        assert expected is not None
        assert value(estimates, "coefficient", **where) == pytest.approx(sign * expected, rel=EXACT)
        assert value(estimates, "std_error", **where) == pytest.approx(error, rel=EXACT)
        if f"naive_std_error {term}" in statistics_of(case):
            naive = reference(case, f"naive_std_error {term}")
            assert value(estimates, "naive_std_error", **where) == pytest.approx(naive, rel=EXACT)


#: What R calls the terms of the check.
ZPH = {"factor(ph.ecog)": "ecog", "log(bili)": "log_bili", "GLOBAL": None}


@pytest.mark.parametrize("case", [case for case in CASES if "weighted" not in case])
@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log"])
def test_the_check_of_proportional_hazards(case: str, transform: str) -> None:
    rows, group, against, options, _terms = CASES[case]
    told = statistics_of(case, f"zph {transform} ")
    estimates = estimators.COX.estimate(
        rows, group, {"reference_group": against, "proportional_hazards": transform, **options}
    )
    for statistic in told:
        term = statistic.removeprefix(f"zph {transform} ")
        where: dict[str, Any] = {"variable": "proportional_hazards", "level": ZPH.get(term, term)}
        if term == "GLOBAL" and len(told) == 2:
            continue  # one term alone: its test is the global one
        assert value(estimates, "chi_square", **where) == pytest.approx(reference(case, statistic), rel=EXACT), term
        freedom = reference(case, f"zph df {transform} {term}")
        assert value(estimates, "degrees_of_freedom", **where) == freedom


def test_three_groups_are_each_compared_in_a_model_of_two() -> None:
    # R's coxph(... ~ rx) fits the three together; the pairwise model of two groups is R's on the subset.
    subjects = colon().filter(pl.col("rx") != "Lev")
    together = estimators.COX.estimate(colon(), "rx", {"reference_group": "Obs"})
    apart = estimators.COX.estimate(subjects, "rx", {"reference_group": "Obs"})
    assert value(together, "coefficient", group="Lev_5FU") == value(apart, "coefficient", group="Lev_5FU")


def test_a_model_of_covariates_alone_needs_no_groups() -> None:
    rows = colon().with_columns(arm=pl.col("rx").cast(pl.Enum(["Obs", "Lev", "Lev_5FU"])))
    estimates = estimators.COX.estimate(rows, None, {"covariates": ["arm", "age", "sex"]})
    for term, where in (
        ("rxLev", {"variable": "arm", "level": "Lev"}), ("rxLev_5FU", {"variable": "arm", "level": "Lev_5FU"}),
        ("age", {"variable": "age"}), ("sex", {"variable": "sex"}),
    ):  # fmt: skip
        expected = reference("cox colon", f"coefficient {term}")
        assert value(estimates, "coefficient", **where) == pytest.approx(expected, rel=EXACT)
    found = value(estimates, "chi_square", variable="proportional_hazards", level="arm")
    assert found == pytest.approx(reference("cox colon", "zph km rx"), rel=EXACT)


def test_profile_likelihood_limits() -> None:
    for case, rows, group, options in (
        ("profile lung", lung(), "sex", {}),
        ("profile ovarian", ovarian(), "rx", {"covariates": ["age"]}),
    ):
        stated = {"limits": "profile_likelihood", "reference_group": "1", **options}
        estimates = estimators.COX.estimate(rows, group, stated)
        for statistic in ("lower", "upper"):
            assert value(estimates, statistic, variable=None) == pytest.approx(reference(case, statistic), rel=EXACT)


@pytest.mark.parametrize(
    ("case", "rows", "group", "subgroup"),
    [
        ("interaction lung sex ecog", active(), "sex", "ecog"),
        ("interaction veteran trt celltype", veteran().drop("weight"), "trt", "celltype"),
    ],
)
def test_the_interaction_of_group_and_subgroup(case: str, rows: pl.DataFrame, group: str, subgroup: str) -> None:
    assert estimators.COX.interaction is not None
    estimates = estimators.COX.interaction(rows, group, subgroup, {"reference_group": "1"})
    assert value(estimates, "chi_square") == pytest.approx(reference(case, "chi_square"), rel=1e-7)
    assert value(estimates, "degrees_of_freedom") == reference(case, "df")
